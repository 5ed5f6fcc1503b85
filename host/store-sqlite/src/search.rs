//! Full text: words of one user's items, and only that user's.
//!
//! The index has no notion of users or places, so each word is stored with the user's number and a letter for the place in
//! front: `7xhello` stands anywhere in an item of user 7, and `7shello` in its subject. A search then never reads another
//! user's part. Items wait in `search_queue` until the writer has nothing else to do; a search
//! looks through what waits by itself, so that it always sees its snapshot, whole.

use std::collections::{HashMap, HashSet};

use easel_protocol::{Class, CollectionId, Facts, FolderType, ServerId};
use easel_store::{Modseq, Place, Query, Term, UserId, begins_a_word};
use rusqlite::{Connection, params};

use crate::sql::{int, limit as bound, number, unknown};

/// Characters of a word that count.
const WORD_MAX: usize = 64;

/// Bytes of an item's text that are searched.
const TEXT_MAX: usize = 256 * 1024;

/// Items indexed in one turn of the writer.
const TURN: usize = 32;

/// Bytes of subject, writers or readers of an item that are searched by themselves.
const PLACE_MAX: usize = 16 * 1024;

/// Stands between the parts of a text that waits to be indexed, and nowhere inside them.
const BETWEEN: char = '\u{1e}';

/// What an item is found by: subject, writers and readers, each by itself, and all of it.
pub(crate) fn text_of(facts: &Facts) -> String {
    let mut text = String::new();
    for place in [&facts.subject, &facts.from, &facts.to] {
        text.extend(place[..place.floor_char_boundary(PLACE_MAX)].chars().map(|c| if c == BETWEEN { ' ' } else { c }));
        text.push(BETWEEN);
    }
    text.extend([facts.subject.as_str(), "\n", &facts.people, "\n", &facts.search_text]);
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    text
}

/// The parts of such a text.
struct Parts<'a> {
    subject: &'a str,
    from: &'a str,
    to: &'a str,
    all: &'a str,
}

impl<'a> Parts<'a> {
    /// A text that waits since before its parts were kept apart has only the last of them.
    fn of(text: &'a str) -> Self {
        let mut parts = text.splitn(4, BETWEEN);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(subject), Some(from), Some(to), Some(all)) => Self { subject, from, to, all },
            _ => Self { subject: "", from: "", to: "", all: text },
        }
    }

    fn at(&self, place: Place) -> &'a str {
        match place {
            Place::Anywhere => self.all,
            Place::From => self.from,
            Place::Subject => self.subject,
            Place::To => self.to,
        }
    }

    /// The words of all parts, each marked with the user and the place where it stands.
    fn marked(&self, user: UserId) -> String {
        let places = [Place::Anywhere, Place::Subject, Place::From, Place::To];
        let marked = places.into_iter().flat_map(|place| {
            let mark = mark(user, place);
            words(self.at(place)).into_iter().map(move |word| format!("{mark}{word}"))
        });
        marked.collect::<Vec<_>>().join(" ")
    }
}

/// What stands before the words of a user in one place: a number in hexadecimal, and a letter that is no digit of one.
fn mark(user: UserId, place: Place) -> String {
    let place = match place {
        Place::Anywhere => 'x',
        Place::From => 'w',
        Place::Subject => 's',
        Place::To => 'r',
    };
    format!("{:x}{place}", user.0)
}

/// A run of characters of one kind.
enum Run<'a> {
    Word(&'a str),
    /// Of characters that begin a word each.
    Characters(&'a str),
}

/// The runs of letters and digits of a text in lower case.
fn runs(lower: &str) -> impl Iterator<Item = Run<'_>> {
    let whole = lower.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty());
    whole.flat_map(|mut rest| {
        std::iter::from_fn(move || {
            let kind = begins_a_word(rest.chars().next()?);
            let end = rest.find(|c| begins_a_word(c) != kind).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(end);
            rest = behind;
            Some(if kind { Run::Characters(run) } else { Run::Word(run) })
        })
    })
}

/// Two characters in a row, from each character on; the last one stands alone.
fn pairs(run: &str) -> impl Iterator<Item = String> {
    let starts: Vec<usize> = run.char_indices().map(|(at, _)| at).collect();
    (0..starts.len()).map(move |nth| run[starts[nth]..starts.get(nth + 2).copied().unwrap_or(run.len())].to_owned())
}

fn cut(word: &str) -> String {
    word.chars().take(WORD_MAX).collect()
}

/// The words of a text, in lower case and cut to [`WORD_MAX`]. A run of characters that begin a word each becomes a word
/// for each of them, so that what stands inside is found: `東京都` is `東京`, `京都`, `都`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in runs(&text.to_lowercase()) {
        match run {
            Run::Word(word) => words.push(cut(word)),
            Run::Characters(run) => words.extend(pairs(run)),
        }
    }
    words
}

/// The words that what was asked for must be made of, one behind the other, and whether it ends in a character that
/// begins a word by itself. The text may go on behind such a one: so it does not stand alone, unless it is the only one.
fn words_asked(text: &str) -> (Vec<String>, bool) {
    let mut words = words(text);
    let lower = text.to_lowercase();
    let Some(Run::Characters(run)) = runs(&lower).last() else { return (words, false) };
    if run.chars().nth(1).is_some() {
        words.pop();
    }
    (words, true)
}

/// The words as they were before characters began a word each; what waits to be indexed again has these.
fn words_before(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(cut).collect()
}

/// Puts an object into the queue, in the place of what it was before.
pub(crate) fn enqueue(connection: &Connection, user: UserId, object: i64, text: &str) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO search_queue (object, user, text) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![object, int(user.0), text])?;
    Ok(())
}

/// Items whose words were made by the older rule and do not wait to be made anew.
pub(crate) fn outdated(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<(UserId, ServerId)>> {
    let sql = "SELECT user, id FROM search_again CROSS JOIN item USING (object)
               WHERE NOT EXISTS (SELECT 1 FROM search_queue WHERE search_queue.object = search_again.object)
               ORDER BY object LIMIT ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((UserId(number(row, 0)?), ServerId::new(number(row, 1)?)));
    connection.prepare_cached(sql)?.query_map(params![bound(limit)], read)?.collect()
}

/// All items are outdated; how many.
pub(crate) fn renew_all(connection: &Connection) -> rusqlite::Result<u64> {
    connection.execute("INSERT OR IGNORE INTO search_again (object) SELECT object FROM item", [])?;
    connection.query_row("SELECT count(*) FROM search_again", [], |row| number(row, 0))
}

/// Puts an item into the queue again, unless it changed since it was seen; how many were put.
pub(crate) fn enqueue_again(
    connection: &Connection,
    user: UserId,
    (item, seen): (ServerId, Modseq),
    text: &str,
) -> rusqlite::Result<usize> {
    let sql = "INSERT OR REPLACE INTO search_queue (object, user, text)
               SELECT object, user, ?4 FROM item WHERE user = ?1 AND id = ?2 AND changed <= ?3";
    connection.prepare_cached(sql)?.execute(params![int(user.0), int(item.number()), int(seen.0), text])
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
    let mut renewed = connection.prepare_cached("DELETE FROM search_again WHERE object = ?1")?;
    for (object, user, text) in &waiting {
        forget(connection, *object)?;
        insert.execute(params![object, Parts::of(text).marked(UserId(*user))])?;
        done.execute(params![object])?;
        // What waited since before its parts were kept apart is made once more.
        if text.contains(BETWEEN) {
            renewed.execute(params![object])?;
        }
    }
    Ok(waiting.len())
}

/// How many objects wait to be indexed.
pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<usize> {
    let count = connection.query_row("SELECT count(*) FROM search_queue", [], |row| number(row, 0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Words to be found.
struct Wanted(Vec<Asked>);

/// One of them, as the words it is made of: all but the last whole, the last too if `whole`, else as a beginning.
struct Asked {
    place: Place,
    words: Vec<String>,
    whole: bool,
    /// By the older rule, where that makes a difference; it knew no places.
    before: Option<Vec<String>>,
}

impl Asked {
    fn new(term: &Term) -> Self {
        let ((words, open), before) = (words_asked(&term.text), words_before(&term.text));
        let differs = before != words && term.place == Place::Anywhere;
        Self { place: term.place, whole: term.whole && !open, before: differs.then_some(before), words }
    }
}

impl Wanted {
    /// `None` when something without a letter or digit is asked for, which nothing has.
    fn new(query: &Query) -> Option<Self> {
        let asked: Vec<Asked> = query.words.iter().filter(|term| !term.text.is_empty()).map(Asked::new).collect();
        asked.iter().all(|asked| !asked.words.is_empty()).then_some(Self(asked))
    }

    /// <https://www.sqlite.org/fts5.html>, section 3 "Full-text Query Syntax".
    fn expression(&self, user: UserId) -> String {
        // Words hold letters and digits only: nothing in them ends the quotation.
        let phrase = |mark: &str, asked: &Asked, parts: &[String]| {
            let parts: Vec<String> = parts.iter().map(|part| format!("{mark}{part}")).collect();
            format!("\"{}\"{}", parts.join(" "), if asked.whole { "" } else { " *" })
        };
        let either = |asked: &Asked| {
            let new = phrase(&mark(user, asked.place), asked, &asked.words);
            if asked.place != Place::Anywhere {
                return new;
            }
            // What is not indexed anew yet has the marks of before, which no new words have.
            let marked = format!("{:x}u", user.0);
            let old = phrase(&marked, asked, &asked.words);
            match &asked.before {
                Some(before) => format!("({new} OR {old} OR {})", phrase(&marked, asked, before)),
                None => format!("({new} OR {old})"),
            }
        };
        self.0.iter().map(either).collect::<Vec<_>>().join(" AND ")
    }

    fn found_in(&self, text: &str) -> bool {
        let parts = Parts::of(text);
        let at = |place: &[String], asked: &Asked| {
            let (last, first) = asked.words.split_last().expect("never empty");
            let there = &place[first.len()];
            place[..first.len()] == *first && if asked.whole { there == last } else { there.starts_with(last.as_str()) }
        };
        self.0.iter().all(|asked| words(parts.at(asked.place)).windows(asked.words.len()).any(|place| at(place, asked)))
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
        let words = words.iter().copied().map(Term::from).collect();
        Wanted::new(&Query { words, ..Query::default() }).unwrap()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("Grüße, O'Neil! 2nd\u{1F600}会議"), ["grüße", "o", "neil", "2nd", "会議", "議"]);
        assert_eq!(words(&"x".repeat(1000))[0].len(), WORD_MAX);
    }

    #[test]
    fn in_scripts_without_spaces_every_character_begins_a_word() {
        assert_eq!(words("東京都のPC1台"), ["東京", "京都", "都の", "の", "pc1", "台"]);
        assert_eq!(words_asked("東京都"), (vec!["東京".into(), "京都".into()], true));
        assert_eq!(words_asked("東"), (vec!["東".into()], true));
        assert_eq!(words_asked("東京pc"), (vec!["東京".into(), "京".into(), "pc".into()], false));
        assert_eq!(
            wanted(&["東京都"]).expression(UserId(1)),
            r#"("1x東京 1x京都" * OR "1u東京 1u京都" * OR "1u東京都" *)"#
        );
        assert_eq!(wanted(&["東京"]).expression(UserId(1)), r#"("1x東京" * OR "1u東京" *)"#);
    }

    #[test]
    fn a_word_with_marks_inside_is_found_as_the_words_it_is_made_of() {
        let text = "From anna.berg@example.com to you";
        assert!(wanted(&["anna.berg@exam"]).found_in(text));
        assert!(!wanted(&["anna@example"]).found_in(text));
        assert_eq!(
            wanted(&["Anna.B", "you"]).expression(UserId(26)),
            r#"("1axanna 1axb" * OR "1auanna 1aub" *) AND ("1axyou" * OR "1auyou" *)"#
        );
    }

    #[test]
    fn a_place_is_a_mark_of_its_own_and_a_whole_phrase_has_no_star() {
        let term = |place, text: &str| Term { text: text.into(), place, whole: true };
        let words = vec![term(Place::From, "Anna \" OR *"), term(Place::To, "bob@x"), term(Place::Subject, "東京")];
        let wanted = Wanted::new(&Query { words, ..Query::default() }).unwrap();
        assert_eq!(wanted.expression(UserId(26)), r#""1awanna 1awor" AND "1arbob 1arx" AND "1as東京" *"#);
        let facts = Facts { from: "Eve\u{1e}".into(), ..Facts::of(easel_protocol::WindowKey(0)) };
        let text = text_of(&Facts { subject: "東京 \u{1e}Plan".into(), to: "Bob x".into(), ..facts });
        let parts = Parts::of(&text);
        assert_eq!((parts.subject, parts.from, parts.to), ("東京  Plan", "Eve ", "Bob x"));
        assert_eq!(parts.marked(UserId(1)), "1x東京 1x京 1xplan 1s東京 1s京 1splan 1weve 1rbob 1rx");
        assert_eq!(Parts::of("waits since before").all, "waits since before");
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
