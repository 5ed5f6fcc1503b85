//! The layer under programs that everybody has.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

use std::path::Path;
use std::process::{Command, Output};

use easel_faults::{Disk, Faults, Kind, Loss, Node, Tree};
use rand::SeedableRng as _;

/// Runs a script below the root.
fn shell(root: &Path, faults: &Faults, script: &str) -> Output {
    Command::new("sh").args(["-c", script]).current_dir(root).envs(faults.environment()).output().unwrap()
}

fn root() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    (dir, root)
}

#[test]
fn a_journal_tells_what_is_on_the_disk_and_what_is_certain() {
    let (_dir, root) = root();
    std::fs::write(root.join("before"), "old").unwrap();
    let before = Tree::read(&root);
    let faults = Faults::with_journal(&root);
    let script = "mkdir d && printf one > d/a && mv d/a d/b && printf more >> before && rm -f nothing && sync d/b";
    let output = shell(&root, &faults, script);
    assert!(output.status.success(), "{output:?}");
    let journal = faults.journal();
    assert_eq!(journal.records().last().unwrap().end, faults.journal_len());
    let mut disk = Disk::holding(&before);
    journal.records().iter().for_each(|record| disk.apply(record));
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    assert_eq!(disk.after(Loss::Nothing, &mut random), Tree::read(&root));
    assert_eq!(disk.after(Loss::Everything, &mut random), before, "d/b was synced, and its directories were not");
    let kinds: Vec<Kind> = journal.records().iter().map(|record| record.kind).collect();
    assert!(kinds.contains(&Kind::Renamed) && kinds.contains(&Kind::Synced), "{kinds:?}");
}

#[test]
fn a_disk_is_full_read_only_or_broken_as_long_as_the_test_says() {
    let (_dir, root) = root();
    let faults = Faults::below(&root);
    let fails = |script: &str, with: &str| {
        let output = shell(&root, &faults, script);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(with), "{script}: {said}");
    };
    let goes = |script: &str| assert!(shell(&root, &faults, script).status.success(), "{script}");
    faults.full_after(3);
    fails("printf four | dd of=a", "No space left");
    assert_eq!(std::fs::read(root.join("a")).unwrap(), b"fou", "what there was room for");
    fails("printf x | dd of=b", "No space left");
    fails("mkdir d", "No space left");
    goes("rm a");
    faults.room();
    goes("printf four > a");
    faults.read_only(true);
    for script in ["printf x >> a", "mkdir d", "mv a b", "rm a"] {
        fails(script, "Read-only file system");
    }
    goes("cat a");
    faults.read_only(false);
    faults.syncs_fail(true);
    fails("sync a", "Input/output error");
    faults.syncs_fail(false);
    goes("sync a");
    std::fs::write(root.join("long"), [b'x'; 3000]).unwrap();
    faults.bad_sectors(&root.join("long"), 1024..1536);
    goes("dd if=long bs=512 count=2");
    fails("dd if=long bs=512", "Input/output error");
    goes("dd if=long bs=512 skip=3");
    goes("dd if=a");
    // What lies elsewhere is left alone.
    faults.read_only(true);
    goes("printf x > ../elsewhere");
    assert!(faults.refused() >= 8, "{}", faults.refused());
}

#[test]
fn the_clock_of_the_day_is_turned() {
    let (_dir, root) = root();
    let faults = Faults::below(&root);
    let secs = || String::from_utf8(shell(&root, &faults, "date +%s").stdout).unwrap().trim().parse::<i64>().unwrap();
    let now = secs();
    faults.set_clock_ahead(-3 * 365 * 86_400);
    let then = secs();
    assert!((now - 3 * 365 * 86_400..now).contains(&then), "{then}");
}

#[test]
fn nodes_keep_their_rights() {
    let (_dir, root) = root();
    let faults = Faults::with_journal(&root);
    assert!(shell(&root, &faults, "umask 077; printf x > a; mkdir d").status.success());
    let mut disk = Disk::holding(&Tree::default());
    faults.journal().records().iter().for_each(|record| disk.apply(record));
    let tree = disk.after(Loss::Nothing, &mut rand::rngs::StdRng::seed_from_u64(4));
    assert!(matches!(&tree.0["a"], Node::File(0o600, bytes) if bytes == b"x"), "{tree:?}");
    assert!(matches!(&tree.0["d"], Node::Dir(_)), "{tree:?}");
}
