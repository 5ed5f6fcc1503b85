//! The load program against the binary as it is built for tests, with little of everything: its answers are right, and it
//! measures what it says it measures. The numbers are none that anybody should quote.

use std::path::Path;

use easel_load::{Options, Scale, Verdict, Work, run};

#[test]
fn phones_synchronise_wait_and_are_told_under_the_load_program() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        easel: Path::new(env!("CARGO_BIN_EXE_easel")).to_owned(),
        dir: dir.path().to_owned(),
        works: vec![Work::NoChange, Work::FirstMail, Work::Push],
        scale: Scale::TEST,
        command: "the test".to_owned(),
    };
    let outcome = run(&options).unwrap();
    let report = &outcome.report;
    assert!(report.failures.is_empty(), "{:#?}\n{}", report.failures, log(dir.path()));
    let works: Vec<&str> = report.rows.iter().map(|row| row.work.as_str()).collect();
    let begin =
        ["no-change Sync", "first sync of 200 mails", "first sync of 200 mails", "LMTP end of DATA", "the same, 10"];
    assert_eq!(works.len(), begin.len(), "{works:?}");
    for (row, begin) in report.rows.iter().zip(begin) {
        assert!(row.work.starts_with(begin), "{} is not {begin}", row.work);
        assert!(!row.reached.is_empty() && row.verdict == Some(Verdict::Measured), "{row:?}");
        let line = outcome.page.lines().find(|line| line.contains(&row.work)).unwrap();
        assert!(!line.ends_with("| - |"), "everything was measured: {line}");
    }
}

#[test]
fn phones_come_back_after_a_restart_under_the_load_program() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        easel: Path::new(env!("CARGO_BIN_EXE_easel")).to_owned(),
        dir: dir.path().to_owned(),
        works: vec![Work::Restart],
        scale: Scale::TEST,
        command: "the test".to_owned(),
    };
    let report = run(&options).unwrap().report;
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    let works: Vec<&str> = report.rows.iter().map(|row| row.work.as_str()).collect();
    let with = ["the first answer", "app passwords", "Argon2id", "cost nothing"];
    assert_eq!(works.len(), with.len(), "{works:?}");
    assert!(works.iter().zip(with).all(|(work, with)| work.contains(with)), "{works:?}");
    assert!(report.rows.iter().all(|row| row.verdict == Some(Verdict::Measured)), "{report:?}");
}

#[test]
fn a_pack_is_replaced_under_the_load_program() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        easel: Path::new(env!("CARGO_BIN_EXE_easel")).to_owned(),
        dir: dir.path().to_owned(),
        works: vec![Work::Reloads],
        scale: Scale::TEST,
        command: "the test".to_owned(),
    };
    let outcome = run(&options).unwrap();
    let report = &outcome.report;
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    let reached: Vec<(&str, &str)> = report.rows.iter().map(|row| (row.work.as_str(), row.reached.as_str())).collect();
    let [(replaced, requests), (_, cached), (_, compiled)] = reached.as_slice() else { panic!("{reached:?}") };
    assert!(replaced.starts_with("4 times") && requests.starts_with("0 of "), "{replaced}: {requests}");
    assert!(cached.ends_with(" ms") && compiled.ends_with(" ms"), "{cached} and {compiled}");
    assert!(report.rows.iter().all(|row| row.verdict == Some(Verdict::Measured)), "{report:?}");
}

#[test]
fn others_do_not_notice_who_asks_for_too_much_and_no_ping_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        easel: Path::new(env!("CARGO_BIN_EXE_easel")).to_owned(),
        dir: dir.path().to_owned(),
        works: vec![Work::Overload],
        scale: Scale::TEST,
        command: "the test".to_owned(),
    };
    let outcome = run(&options).unwrap();
    let report = &outcome.report;
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    let works: Vec<&str> = report.rows.iter().map(|row| row.work.as_str()).collect();
    let begin = [
        "requests for pages",
        "24 devices",
        "300 connections",
        "6 devices read",
        "6 clients write",
        "110 devices of one user",
        "one device",
    ];
    let begin = begin.into_iter().chain(["24 devices ask for all folders", "6 phones lose"]);
    assert!(works.len() == 9 && works.iter().zip(begin).all(|(work, begin)| work.starts_with(begin)), "{works:?}");
    for row in &report.rows {
        assert!(row.reached.ends_with("; 0 Pings lost") && row.verdict == Some(Verdict::Measured), "{row:?}");
    }
    // What is shipped holds here too: half-open connections beyond what there is room for had to go, and of a user with
    // very many devices all are put off but those that may be under way at once.
    let told = |name: &str| outcome.page.lines().find(|line| line.contains(name) && line.starts_with("- ")).unwrap();
    assert!(!told("without a handshake").contains(" 0 ended by the server"), "{}", outcome.page);
    let put_off = told("of one user").split(" put off").next().and_then(|text| text.split(' ').next_back());
    assert!(put_off.unwrap().parse::<u64>().unwrap() >= 110 - 32, "{}", outcome.page);
}

/// What the server said last.
fn log(dir: &Path) -> String {
    let text = std::fs::read_to_string(dir.join("seed-2-test/main/easel.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.join("\n")
}
