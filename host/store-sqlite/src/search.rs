//! Full text: words of one user's items, and only that user's.
//!
//! The index has no notion of users, so each word is stored with the user's number in front: `7uhello`. A search then
//! never reads another user's part. Items wait in `search_queue` until the writer has nothing else to do; a search
//! looks through what waits by itself, so that it always sees its snapshot, whole.

use std::collections::{HashMap, HashSet};

use easel_protocol::{Class, CollectionId, Facts, FolderType, ServerId};
use easel_store::{Query, UserId};
use rusqlite::{Connection, params};

use crate::sql::{int, number, unknown};

/// Characters of a word that count.
const WORD_MAX: usize = 64;

/// Bytes of an item's text that are searched.
const TEXT_MAX: usize = 256 * 1024;

/// Items indexed in one turn of the writer.
const TURN: usize = 32;

/// What an item is found by.
pub(crate) fn text_of(facts: &Facts) -> String {
    let mut text = format!("{}\n{}\n{}", facts.subject, facts.people, facts.search_text);
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    text
}

/// Words in lower case, cut to [`WORD_MAX`].
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.chars().take(WORD_MAX).collect()).collect()
}

/// Puts an object into the queue, in the place of what it was before.
pub(crate) fn enqueue(connection: &Connection, user: UserId, object: i64, text: &str) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO search_queue (object, user, text) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![object, int(user.0), text])?;
    Ok(())
}

/// The object is gone; the queue's row goes with the item.
pub(crate) fn forget(connection: &Connection, object: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute(params![object])?;
    Ok(())
}

/// Indexes some of what waits; how much.
pub(crate) fn drain(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "SELECT object, user, text FROM search_queue ORDER BY object LIMIT ?1";
    let mut waiting = connection.prepare_cached(sql)?;
    let waiting: Vec<(i64, u64, String)> = waiting
        .query_map(params![i64::try_from(TURN).expect("small")], |row| Ok((row.get(0)?, number(row, 1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut insert = connection.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    let mut done = connection.prepare_cached("DELETE FROM search_queue WHERE object = ?1")?;
    for (object, user, text) in &waiting {
        forget(connection, *object)?;
        let marked: Vec<String> = words(text).into_iter().map(|word| format!("{user:x}u{word}")).collect();
        insert.execute(params![object, marked.join(" ")])?;
        done.execute(params![object])?;
    }
    Ok(waiting.len())
}

/// How many objects wait to be indexed.
pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<usize> {
    let count = connection.query_row("SELECT count(*) FROM search_queue", [], |row| number(row, 0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Words to be found, each as the words it is made of: all but the last whole, the last as a beginning.
struct Wanted(Vec<Vec<String>>);

impl Wanted {
    /// `None` when something without a letter or digit is asked for, which nothing has.
    fn new(query: &Query) -> Option<Self> {
        let asked: Vec<Vec<String>> =
            query.words.iter().filter(|word| !word.is_empty()).map(|word| words(word)).collect();
        asked.iter().all(|parts| !parts.is_empty()).then_some(Self(asked))
    }

    /// <https://www.sqlite.org/fts5.html>, section 3 "Full-text Query Syntax".
    fn expression(&self, user: UserId) -> String {
        let phrase = |parts: &Vec<String>| {
            let parts: Vec<String> = parts.iter().map(|part| format!("{:x}u{part}", user.0)).collect();
            format!("\"{}\" *", parts.join(" "))
        };
        self.0.iter().map(phrase).collect::<Vec<_>>().join(" AND ")
    }

    fn found_in(&self, text: &str) -> bool {
        let words = words(text);
        let at = |place: &[String], parts: &[String]| {
            let (last, whole) = parts.split_last().expect("never empty");
            place[..whole.len()] == *whole && place[whole.len()].starts_with(last.as_str())
        };
        self.0.iter().all(|parts| words.windows(parts.len()).any(|place| at(place, parts)))
    }
}

/// One item that may be found.
struct Candidate {
    id: ServerId,
    folder: CollectionId,
    window: i64,
}

/// The items of a mailbox that a query finds, newest first; none of those in a folder that is `hidden`.
pub(crate) fn search(
    connection: &Connection,
    user: UserId,
    query: &Query,
    hidden: impl Fn(CollectionId) -> bool,
) -> rusqlite::Result<Vec<ServerId>> {
    let Some(wanted) = Wanted::new(query) else { return Ok(Vec::new()) };
    let classes = classes(connection, user)?;
    let folders: HashSet<CollectionId> = query.folders.iter().copied().collect();
    let fits = |candidate: &Candidate| {
        !hidden(candidate.folder)
            && (folders.is_empty() || folders.contains(&candidate.folder))
            && (query.classes.is_empty()
                || classes.get(&candidate.folder).is_some_and(|class| query.classes.contains(class)))
    };
    let mut found = if wanted.0.is_empty() {
        by_facts(connection, user, query)?
    } else {
        let mut found = indexed(connection, user, query, &wanted)?;
        found.append(&mut queued(connection, user, query, &wanted)?);
        found
    };
    found.retain(fits);
    found.sort_unstable_by_key(|candidate| std::cmp::Reverse((candidate.window, candidate.id)));
    Ok(found.into_iter().take(query.limit).map(|candidate| candidate.id).collect())
}

fn classes(connection: &Connection, user: UserId) -> rusqlite::Result<HashMap<CollectionId, Class>> {
    let mut classes = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT id, kind FROM folder WHERE user = ?1")?;
    for row in statement.query_map(params![int(user.0)], |row| Ok((number(row, 0)?, row.get::<_, u8>(1)?)))? {
        let (id, kind) = row?;
        let kind = FolderType::from_number(kind).ok_or_else(|| unknown(1, kind.into()))?;
        classes.extend(kind.class().map(|class| (CollectionId::new(id), class)));
    }
    Ok(classes)
}

/// What every search asks of an item.
const HELD: &str = "item.user = ?1 AND (?2 IS NULL OR item.window > ?2) AND (?3 IS NULL OR item.window < ?3)";

/// Of one conversation; one that is not asked for must not stand in the question, or no index fits it.
const THREAD: &str = "AND item.conversation = ?4";

fn collect(
    connection: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
    mut keep: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<Vec<Candidate>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if keep(row)? {
            let (id, folder) = (ServerId::new(number(row, 0)?), CollectionId::new(number(row, 1)?));
            found.push(Candidate { id, folder, window: row.get(2)? });
        }
    }
    Ok(found)
}

/// The question for items of which nothing but facts is asked.
fn facts_question(thread: bool) -> String {
    let thread = if thread { THREAD } else { "AND ?4 IS NULL" };
    format!("SELECT item.id, item.folder, item.window FROM item WHERE {HELD} {thread}")
}

fn by_facts(connection: &Connection, user: UserId, query: &Query) -> rusqlite::Result<Vec<Candidate>> {
    let values: [&dyn rusqlite::ToSql; 4] = [&int(user.0), &query.after, &query.before, &query.conversation];
    collect(connection, &facts_question(query.conversation.is_some()), &values, |_| Ok(true))
}

fn indexed(connection: &Connection, user: UserId, query: &Query, wanted: &Wanted) -> rusqlite::Result<Vec<Candidate>> {
    let sql = format!(
        "SELECT item.id, item.folder, item.window FROM search CROSS JOIN item ON item.object = search.rowid
         WHERE search MATCH ?5 AND {HELD} AND (?4 IS NULL OR item.conversation = ?4)
             AND NOT EXISTS (SELECT 1 FROM search_queue WHERE search_queue.object = item.object)"
    );
    let expression = wanted.expression(user);
    let values: [&dyn rusqlite::ToSql; 5] =
        [&int(user.0), &query.after, &query.before, &query.conversation, &expression];
    collect(connection, &sql, &values, |_| Ok(true))
}

fn queued(connection: &Connection, user: UserId, query: &Query, wanted: &Wanted) -> rusqlite::Result<Vec<Candidate>> {
    let sql = format!(
        "SELECT item.id, item.folder, item.window, search_queue.text FROM search_queue
             CROSS JOIN item ON item.object = search_queue.object
         WHERE search_queue.user = ?1 AND {HELD} AND (?4 IS NULL OR item.conversation = ?4)"
    );
    let values: [&dyn rusqlite::ToSql; 4] = [&int(user.0), &query.after, &query.before, &query.conversation];
    collect(connection, &sql, &values, |row| Ok(wanted.found_in(row.get_ref(3)?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(words: &[&str]) -> Wanted {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Wanted::new(&Query { words, ..Query::default() }).unwrap()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("Grüße, O'Neil! 2nd\u{1F600}会議"), ["grüße", "o", "neil", "2nd", "会議"]);
        assert_eq!(words(&"x".repeat(1000))[0].len(), WORD_MAX);
    }

    #[test]
    fn a_word_with_marks_inside_is_found_as_the_words_it_is_made_of() {
        let text = "From anna.berg@example.com to you";
        assert!(wanted(&["anna.berg@exam"]).found_in(text));
        assert!(!wanted(&["anna@example"]).found_in(text));
        assert_eq!(wanted(&["Anna.B", "you"]).expression(UserId(26)), r#""1auanna 1aub" * AND "1auyou" *"#);
    }

    #[test]
    fn what_has_no_letter_is_in_no_text() {
        assert!(Wanted::new(&Query { words: vec!["\" OR *".into(), "?!".into()], ..Query::default() }).is_none());
    }

    #[test]
    fn facts_are_read_from_an_index_that_holds_them_all() {
        let (all, thread) = (crate::sql::plan(&facts_question(false), 4), crate::sql::plan(&facts_question(true), 4));
        assert_eq!(all, "SEARCH item USING COVERING INDEX item_position (user=?)");
        assert_eq!(thread, "SEARCH item USING INDEX item_conversation (user=? AND conversation=?)");
    }
}
