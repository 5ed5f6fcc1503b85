//! Small texts of the server's own.

use super::Subject;

pub fn a_note_is_written_over_listed_by_prefix_and_removed(subject: &Subject<'_>) {
    let store = subject.store;
    let under = |prefix| store.notes(prefix).unwrap();
    assert!(under("").is_empty());
    for (key, text) in [("pin/b", "x"), ("pin/a", "1"), ("pin%", "other"), ("pin/a", "2"), ("high/a", "3")] {
        store.put_note(key, Some(text)).unwrap();
    }
    let pair = |key: &str, text: &str| (key.to_owned(), text.to_owned());
    assert_eq!(under("pin/"), [pair("pin/a", "2"), pair("pin/b", "x")]);
    store.put_note("pin/a", None).unwrap();
    store.put_note("never", None).unwrap();
    assert_eq!(under("pin/"), [pair("pin/b", "x")]);
    assert_eq!(under("").len(), 3);
}
