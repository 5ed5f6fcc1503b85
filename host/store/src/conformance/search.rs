//! Searching a mailbox.

use easel_protocol::{Class, Facts, ServerId};

use super::Subject;
use super::subject::{CALENDAR, CONTACTS, INBOX, TRASH, facts};
use crate::{Place, Query, Snapshot, Term, UserId, Write};

fn words(words: &[&str]) -> Query {
    Query { words: words.iter().copied().map(Term::from).collect(), limit: 99, ..Query::default() }
}

fn find(subject: &Subject<'_>, user: UserId, query: &Query) -> Vec<ServerId> {
    subject.snapshot(user).search(query).unwrap()
}

pub fn every_word_must_begin_some_word(subject: &Subject<'_>) {
    let user = subject.anna();
    let lunch = subject.add_mail(user, INBOX, b"x", facts(1, "Mittagessen am Großen Platz"));
    let dinner = subject.add_mail(user, INBOX, b"x", facts(2, "Abendessen im GROSSEN Saal, 2. Stock"));
    let cases: [(&[&str], &[ServerId]); 12] = [
        (&["mittag"], &[lunch]),
        (&["MITTAGESSEN"], &[lunch]),
        (&["gro"], &[dinner, lunch]),
        (&["großen"], &[lunch]),
        (&["gro", "am"], &[lunch]),
        (&["saal", "2"], &[dinner]),
        (&["stock"], &[dinner]),
        (&["essen"], &[]),
        (&["mittag", "saal"], &[]),
        (&["platzes"], &[]),
        (&["a"], &[dinner, lunch]),
        (&["*"], &[]),
    ];
    for (asked, expected) in cases {
        assert_eq!(find(subject, user, &words(asked)), expected, "{asked:?}");
    }
}

pub fn a_word_with_marks_inside_is_found_where_its_parts_follow_one_another(subject: &Subject<'_>) {
    let user = subject.anna();
    let known = Facts { people: "Anna Berg <anna.berg@one.example>".into(), ..facts(1, "Straßen-Fest") };
    let id = subject.add_mail(user, INBOX, b"x", known);
    for asked in ["anna.berg@one.example", "ANNA.B", "straßen-f", "<anna", "berg@", "'fest'"] {
        assert_eq!(find(subject, user, &words(&[asked])), [id], "{asked}");
    }
    for asked in ["anna.one", "fest-straßen", "ann.berg", "@", "\" OR \"anna"] {
        assert!(find(subject, user, &words(&[asked])).is_empty(), "{asked}");
    }
    assert_eq!(find(subject, user, &words(&["", "berg"])), [id], "an empty word asks for nothing");
}

fn term(place: Place, whole: bool, text: &str) -> Query {
    Query { words: vec![Term { text: text.into(), place, whole }], limit: 99, ..Query::default() }
}

pub fn a_whole_phrase_does_not_end_within_a_word(subject: &Subject<'_>) {
    let user = subject.anna();
    let add =
        |text: &str| subject.add_mail(user, INBOX, b"x", Facts { search_text: text.into(), ..facts(1, "Minutes") });
    let (plan, planet) = (add("We like the big, BIG plan."), add("A big planet"));
    let other = add("The plan is big; 会議室で会議");
    let cases: [(bool, &str, &[ServerId]); 9] = [
        (true, "big plan", &[plan]),
        (false, "big plan", &[planet, plan]),
        (true, "Big-Planet", &[planet]),
        (true, "plan big", &[]),
        (true, "plan", &[other, plan]),
        (true, "minute", &[]),
        (true, "会議", &[other]),
        (true, "big 会議", &[other]),
        (true, "?!", &[]),
    ];
    for (whole, asked, expected) in cases {
        assert_eq!(find(subject, user, &term(Place::Anywhere, whole, asked)), expected, "{asked} {whole}");
    }
}

pub fn words_are_found_where_they_must_stand(subject: &Subject<'_>) {
    let user = subject.anna();
    let mail = |from: &str, to: &str, subject_line: &str| {
        let people = format!("{from} {to}");
        let known =
            Facts { people, from: from.into(), to: to.into(), search_text: "anna".into(), ..facts(1, subject_line) };
        subject.add_mail(user, INBOX, b"x", known)
    };
    let received = mail("Bob Berg bob@two.example", "Anna anna@one.example", "Großer Plan");
    let sent = mail("Anna anna@one.example", "Bob Berg bob@two.example 東京支店", "Re: Plan of Bob");
    let event = subject.add_object(user, CALENDAR, "x", Facts { people: "Bob".into(), ..facts(9, "bob") });
    let cases: [(Place, &str, &[ServerId]); 12] = [
        (Place::From, "bob", &[received]),
        (Place::From, "BOB@two.ex", &[received]),
        (Place::From, "berg bob", &[received]),
        (Place::From, "anna", &[sent]),
        (Place::From, "plan", &[]),
        (Place::To, "bob", &[sent]),
        (Place::To, "京支", &[sent]),
        (Place::To, "anna", &[received]),
        (Place::Subject, "plan", &[sent, received]),
        (Place::Subject, "bob", &[event, sent]),
        (Place::Subject, "anna", &[]),
        (Place::Anywhere, "bob", &[event, sent, received]),
    ];
    let check = |when: &str| {
        for (place, asked, expected) in cases {
            assert_eq!(find(subject, user, &term(place, false, asked)), expected, "{when}: {place:?} {asked}");
        }
    };
    check("new");
    // What one word is asked to be does not move another one's place.
    let both = |from: &str, to: &str| Query {
        words: [(Place::From, from), (Place::To, to)]
            .map(|(place, text)| Term { text: text.into(), place, whole: true })
            .into(),
        limit: 99,
        ..Query::default()
    };
    assert_eq!(find(subject, user, &both("bob", "anna")), [received]);
    assert!(find(subject, user, &both("bob", "bob")).is_empty());
    for hostile in ["\" OR words:anna", "bob\" *", "bob NOT anna", "{words}: anna", "\u{1e}bob\u{1e}anna"] {
        let found = find(subject, user, &term(Place::From, false, hostile));
        assert!(found.is_empty() || hostile.starts_with("bob\""), "{hostile}: {found:?}");
    }
    subject.add_mail(
        user,
        INBOX,
        b"x",
        Facts { from: "a\u{1e}eve\u{1e}mallory".into(), ..facts(0, "\u{1e}\u{1e}\u{1e}x") },
    );
    for asked in ["eve", "mallory"] {
        assert!(find(subject, user, &term(Place::To, false, asked)).is_empty(), "{asked}");
    }
}

pub fn words_are_found_inside_a_run_of_a_script_without_spaces(subject: &Subject<'_>) {
    let user = subject.anna();
    let add = |subject_line: &str, text: &str| {
        let known = Facts { search_text: text.into(), ..facts(1, subject_line) };
        subject.add_mail(user, INBOX, b"x", known)
    };
    let chinese =
        add("关于下周项目会议的安排", "您好！明天下午三点在北京总部的第二会议室召开项目进度会议，请准时参加。谢谢。");
    let japanese = add(
        "来週の打ち合わせについて",
        "お疲れ様です。東京都庁前のカフェでプロジェクトの打ち合わせをしたいのですが、ご都合いかがでしょうか。",
    );
    let korean = add(
        "주간회의 일정 안내",
        "안녕하세요. 다음 주 월요일 오전 열 시에 서울 본사 대회의실에서 프로젝트 회의를 진행합니다.",
    );
    let mixed = add("IT部のABC会議2024年度", "Zoomリンクは後で送ります");
    let cases: [(&[&str], &[ServerId]); 34] = [
        (&["会议"], &[chinese]),
        (&["会议室"], &[chinese]),
        (&["北京总部"], &[chinese]),
        (&["总部"], &[chinese]),
        (&["项目", "准时"], &[chinese]),
        (&["下周项目会议的安排"], &[chinese]),
        (&["排"], &[chinese]),
        (&["三点在北"], &[chinese]),
        (&["参加谢谢"], &[]),
        (&["京北"], &[]),
        (&["会室"], &[]),
        (&["項目"], &[]),
        (&["打ち合わせ"], &[japanese]),
        (&["京都"], &[japanese]),
        (&["都庁"], &[japanese]),
        (&["東京都庁前"], &[japanese]),
        (&["カフェ"], &[japanese]),
        (&["ジェクト"], &[japanese]),
        (&["プロジェクトの打ち合わせ", "都合"], &[japanese]),
        (&["です東京"], &[]),
        (&["회의"], &[korean]),
        (&["회의실"], &[korean]),
        (&["프로젝트", "서울"], &[korean]),
        (&["주간회의"], &[korean]),
        (&["의를"], &[korean]),
        (&["회의 일정"], &[korean]),
        (&["월요오전"], &[]),
        (&["会議"], &[mixed]),
        (&["abc会議"], &[mixed]),
        (&["会議2024"], &[mixed]),
        (&["it部のAB"], &[mixed]),
        (&["024"], &[]),
        (&["zoomリンク"], &[mixed]),
        (&["会議-2024"], &[mixed]),
    ];
    for (asked, expected) in cases {
        assert_eq!(find(subject, user, &words(asked)), expected, "{asked:?}");
    }
}

pub fn an_item_is_indexed_again_as_it_was_seen(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "x", facts(1, "apples"));
    let before = subject.item(user, id).unwrap();
    let again = Facts { search_text: "pears".into(), ..facts(1, "apples") };
    subject.store.index_again(user, id, &again, before.changed).unwrap();
    assert_eq!(find(subject, user, &words(&["pears", "apples"])), [id]);
    assert_eq!((subject.item(user, id), subject.store.modseq(user)), (Some(before.clone()), before.changed));
    subject.change(user, id, "y", facts(1, "plums"));
    subject.store.index_again(user, id, &again, before.changed).unwrap();
    assert!(find(subject, user, &words(&["pears"])).is_empty());
    assert_eq!(find(subject, user, &words(&["plums"])), [id]);
    subject.store.index_again(user, ServerId::new(999), &again, before.changed).unwrap();
    assert!(subject.store.to_index_again(9).unwrap().is_empty(), "what was written by this version needs nothing");
}

pub fn subject_people_and_text_are_searched(subject: &Subject<'_>) {
    let user = subject.anna();
    let known = Facts {
        people: "Anna Berg anna@one.example".into(),
        search_text: "kommt\nmorgen\u{0}früh 会議".into(),
        ..facts(1, "Besuch")
    };
    let id = subject.add_object(user, CALENDAR, "not searched: BEGIN:VCALENDAR", known);
    for asked in [&["besuch"][..], &["berg"], &["example"], &["morgen", "anna"], &["früh"], &["会議"], &["会"]] {
        assert_eq!(find(subject, user, &words(asked)), [id], "{asked:?}");
    }
    assert!(find(subject, user, &words(&["begin"])).is_empty());
}

pub fn what_is_found_comes_newest_first_and_bounded(subject: &Subject<'_>) {
    let user = subject.anna();
    let ids: Vec<ServerId> =
        [5, 9, 7, 9].iter().map(|key| subject.add_mail(user, INBOX, b"x", facts(*key, "hello"))).collect();
    let newest = [ids[3], ids[1], ids[2], ids[0]];
    for asked in [&["hello"][..], &[]] {
        assert_eq!(find(subject, user, &words(asked)), newest, "{asked:?}");
        assert_eq!(find(subject, user, &Query { limit: 2, ..words(asked) }), newest[..2], "{asked:?}");
        assert!(find(subject, user, &Query { limit: 0, ..words(asked) }).is_empty(), "{asked:?}");
    }
}

pub fn what_is_found_lies_in_the_folders_and_classes_asked_for(subject: &Subject<'_>) {
    let user = subject.anna();
    let mail = subject.add_mail(user, INBOX, b"x", facts(1, "anna"));
    let trash = subject.add_mail(user, TRASH, b"x", facts(2, "anna"));
    let event = subject.add_object(user, CALENDAR, "x", facts(3, "anna"));
    let contact = subject.add_object(user, CONTACTS, "x", facts(i64::MAX, "anna"));
    for asked in [&["anna"][..], &[]] {
        let base = words(asked);
        let folders = |folders: &[_]| Query { folders: folders.to_vec(), ..base.clone() };
        let classes = |classes: &[_]| Query { classes: classes.to_vec(), ..base.clone() };
        assert_eq!(find(subject, user, &base), [contact, event, trash, mail]);
        assert_eq!(find(subject, user, &folders(&[INBOX])), [mail]);
        assert_eq!(find(subject, user, &folders(&[INBOX, CALENDAR])), [event, mail]);
        assert_eq!(find(subject, user, &classes(&[Class::Email])), [trash, mail]);
        assert_eq!(find(subject, user, &classes(&[Class::Contacts, Class::Calendar])), [contact, event]);
        let both = Query { classes: vec![Class::Email], ..folders(&[TRASH, CALENDAR]) };
        assert_eq!(find(subject, user, &both), [trash]);
        assert!(find(subject, user, &classes(&[Class::Notes])).is_empty());
    }
}

pub fn what_is_found_lies_in_the_time_and_conversation_asked_for(subject: &Subject<'_>) {
    let user = subject.anna();
    let ids: Vec<ServerId> = [(1, 1), (2, 2), (3, 1), (4, 2)]
        .iter()
        .map(|(key, conversation)| {
            let known = Facts { conversation: Some([*conversation; 16]), ..facts(*key, "hello") };
            subject.add_mail(user, INBOX, b"x", known)
        })
        .collect();
    subject.add_mail(user, INBOX, b"x", facts(5, "hello"));
    for asked in [&["hello"][..], &[]] {
        let base = words(asked);
        let thread = Query { conversation: Some([1; 16]), ..base.clone() };
        assert_eq!(find(subject, user, &thread), [ids[2], ids[0]]);
        assert_eq!(find(subject, user, &Query { after: Some(1), ..thread.clone() }), [ids[2]]);
        assert!(find(subject, user, &Query { conversation: Some([9; 16]), ..base.clone() }).is_empty());
        let between = Query { after: Some(1), before: Some(4), ..base.clone() };
        assert_eq!(find(subject, user, &between), [ids[2], ids[1]]);
        assert_eq!(find(subject, user, &Query { before: Some(2), ..base }), [ids[0]]);
    }
}

pub fn a_changed_text_is_found_by_its_new_words_only(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "x", facts(1, "apples"));
    assert_eq!(find(subject, user, &words(&["apples"])), [id]);
    subject.change(user, id, "x", facts(1, "pears"));
    assert!(find(subject, user, &words(&["apples"])).is_empty());
    assert_eq!(find(subject, user, &words(&["pears"])), [id]);
}

pub fn a_moved_item_is_found_under_its_new_id(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_mail(user, INBOX, b"x", facts(1, "hello"));
    let moved = subject.move_to(user, id, TRASH);
    assert_eq!(find(subject, user, &words(&["hello"])), [moved]);
    assert_eq!(find(subject, user, &Query { folders: vec![TRASH], ..words(&["hello"]) }), [moved]);
}

pub fn a_removed_item_is_not_found(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_mail(user, INBOX, b"x", facts(1, "hello"));
    let folder = subject.add_folder(user, None, "folder");
    subject.add_mail(user, folder, b"x", facts(1, "hello"));
    subject.commit(user, vec![Write::RemoveItem { id }, Write::RemoveFolder { id: folder }]);
    assert!(find(subject, user, &words(&["hello"])).is_empty());
    assert!(find(subject, user, &words(&[])).is_empty());
}

pub fn only_the_own_mailbox_is_searched(subject: &Subject<'_>) {
    let users = [subject.anna(), subject.user_of("two", "berta").id];
    let ids = users.map(|user| {
        subject.add_mail(user, INBOX, b"x", facts(1, "filler"));
        for _ in 1..user.0 {
            subject.add_mail(user, INBOX, b"x", facts(1, "hello"));
        }
        subject.add_mail(user, INBOX, b"x", facts(1, "hello"))
    });
    for (user, newest) in users.into_iter().zip(ids) {
        let found = find(subject, user, &words(&["hello"]));
        assert_eq!((found.len() as u64, found[0]), (user.0, newest));
    }
}

pub fn a_uid_finds_the_items_that_are_there(subject: &Subject<'_>) {
    let user = subject.anna();
    let with = |uid: &str, key| Facts { uid: Some(uid.into()), ..facts(key, "x") };
    let first = subject.add_object(user, CALENDAR, "x", with("a", 9));
    let second = subject.add_mail(user, INBOX, b"x", with("a", 1));
    let other = subject.add_object(user, CALENDAR, "x", with("A", 1));
    subject.add_object(user, CALENDAR, "x", facts(1, "no uid"));
    let by = |snapshot: &dyn Snapshot, uid: &str| snapshot.by_uid(uid).unwrap();
    let snapshot = subject.snapshot(user);
    assert_eq!(by(&*snapshot, "a"), [first, second]);
    assert_eq!(by(&*snapshot, "A"), [other]);
    assert!(by(&*snapshot, "").is_empty());
    drop(snapshot);
    let moved = subject.move_to(user, first, TRASH);
    subject.change(user, other, "y", with("b", 1));
    subject.commit(user, vec![Write::RemoveItem { id: second }]);
    let snapshot = subject.snapshot(user);
    assert_eq!(by(&*snapshot, "a"), [moved]);
    assert_eq!(by(&*snapshot, "b"), [other]);
    assert!(by(&*snapshot, "A").is_empty());
}
