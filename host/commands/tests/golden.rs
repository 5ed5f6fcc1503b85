//! Golden cases: a request as bytes, a mailbox before, the answer as bytes, the mailbox after.
//!
//! A case is a folder `tests/fixtures/<command>/<case>`; `golden/case.rs` says what lies in it. Requests are evidence
//! and are never written from here: `tests/fixtures/make-request.py` makes their bytes from the published tables, and
//! `tests/spec-differential/run.sh` shows them to libwbxml. `UPDATE_GOLDEN=1` writes answers, and nothing else: read
//! that difference as code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "golden/case.rs"]
mod case;
#[path = "golden/check.rs"]
mod check;
#[path = "golden/statuses.rs"]
mod statuses;
#[path = "golden/unwell.rs"]
mod unwell;
#[path = "golden/world.rs"]
mod world;

use case::Case;

#[test]
fn every_case_is_answered_as_it_is_written() {
    let cases = Case::all();
    assert!(!cases.is_empty(), "no case was found");
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check::check(case).err().map(|error| format!("{}: {error:#}", case.name())))
        .collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn every_published_status_of_every_command_has_a_case() {
    let unseen = statuses::unseen(&Case::all());
    assert!(unseen.is_empty(), "no answer holds {}", unseen.join(", "));
}

#[test]
fn every_status_that_a_command_gives_has_a_case() {
    let missing = statuses::missing(&Case::all());
    assert!(missing.is_empty(), "no case shows {}", missing.join(", "));
}
