//! Conversations of which what comes later goes into a folder.

use easel_protocol::{CollectionId, Facts, MailRecord};

use super::Subject;
use super::subject::{INBOX, TRASH, assert_missing, facts};
use crate::{FOLLOWED_MAX, Missing, NewContent, UserId, Write};

const SENT: CollectionId = CollectionId::new(4);

/// Delivers a mail of a conversation into a folder; where it came.
fn delivered(subject: &Subject<'_>, user: UserId, folder: CollectionId, conversation: Option<u8>) -> CollectionId {
    let blob = subject.store.put_blob(b"x").unwrap();
    let id = subject.store.reserve_items(user, 1).unwrap();
    let content = NewContent::Mail { blob, size: 1, index: Vec::new(), record: MailRecord::arrived(1) };
    let facts = Facts { conversation: conversation.map(|number| [number; 16]), ..facts(1, "x") };
    subject.commit(user, vec![Write::DeliverItem { id, folder, content, facts }]);
    subject.item(user, id).unwrap().folder
}

fn follow(subject: &Subject<'_>, user: UserId, conversation: u8, to: Option<CollectionId>) {
    subject.commit(user, vec![Write::FollowConversation { conversation: [conversation; 16], to }]);
}

pub fn what_is_delivered_of_a_followed_conversation_goes_where_it_goes(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("two", "berta").id);
    let folder = subject.add_folder(user, None, "project");
    let before = subject.store.modseq(user);
    follow(subject, user, 1, Some(folder));
    assert_eq!(subject.store.modseq(user), before, "no item changes by that");
    let woken = subject.watch(user, subject.device(user, "phone"), &[folder]);
    assert_eq!(delivered(subject, user, INBOX, Some(1)), folder);
    assert!(woken.try_recv().is_ok(), "who watches that folder is woken");
    assert_eq!(delivered(subject, user, TRASH, Some(1)), folder);
    assert_eq!(delivered(subject, user, SENT, Some(1)), SENT, "what the owner sent stays");
    assert_eq!(delivered(subject, user, INBOX, Some(2)), INBOX);
    assert_eq!(delivered(subject, user, INBOX, None), INBOX);
    assert_eq!(delivered(subject, other, INBOX, Some(1)), INBOX, "another mailbox follows nothing");
    let known = Facts { conversation: Some([1; 16]), ..facts(1, "x") };
    let put = subject.add_mail(user, INBOX, b"x", known);
    assert_eq!(subject.item(user, put).unwrap().folder, INBOX, "what is put somewhere stays there");
    follow(subject, user, 1, Some(TRASH));
    assert_eq!(delivered(subject, user, INBOX, Some(1)), TRASH);
    assert_eq!(subject.snapshot(user).followed([1; 16]).unwrap(), Some(TRASH));
    follow(subject, user, 1, None);
    assert_eq!(delivered(subject, user, INBOX, Some(1)), INBOX);
    assert_eq!(subject.snapshot(user).followed([1; 16]).unwrap(), None);
}

pub fn a_conversation_is_followed_as_long_as_its_folder_is_there(subject: &Subject<'_>) {
    let user = subject.anna();
    let parent = subject.add_folder(user, None, "parent");
    let (small, large) = (subject.add_folder(user, Some(parent), "small"), subject.add_folder(user, None, "large"));
    follow(subject, user, 1, Some(small));
    follow(subject, user, 2, Some(large));
    let content: Vec<Write> = (0..200).map(|_| subject.adding_object(user, large, "x", facts(1, "x")).1).collect();
    subject.commit(user, content);
    subject.commit(user, vec![Write::RemoveFolder { id: parent }, Write::RemoveFolder { id: large }]);
    for conversation in [1, 2] {
        assert_eq!(delivered(subject, user, INBOX, Some(conversation)), INBOX);
    }
    let gone = Write::FollowConversation { conversation: [3; 16], to: Some(small) };
    assert_missing(subject.try_commit(user, vec![gone]), Missing::Folder);
}

pub fn so_many_conversations_are_followed_and_the_oldest_make_room(subject: &Subject<'_>) {
    let user = subject.anna();
    let name = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
    let write = |number: usize| Write::FollowConversation { conversation: name(number), to: Some(TRASH) };
    subject.commit(user, (0..FOLLOWED_MAX).map(write).collect());
    // Named once more, the first is the newest.
    subject.commit(user, vec![write(0), write(FOLLOWED_MAX)]);
    let snapshot = subject.snapshot(user);
    let followed = |number: usize| snapshot.followed(name(number)).unwrap().is_some();
    assert_eq!([0, 1, 2, FOLLOWED_MAX].map(followed), [true, false, true, true]);
    assert_eq!((0..=FOLLOWED_MAX).filter(|number| followed(*number)).count(), FOLLOWED_MAX);
}
