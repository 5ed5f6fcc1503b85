//! What a verb has done is certain when it says so: nothing of it is left to a later moment.

use std::path::Path;

use easel_faults::{Disk, Faults, Loss, Tree};
use easel_test_support::Easel;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::power::{PACK, pack};

/// A directory whose disk is watched from the first verb on.
struct Watched {
    faults: Faults,
    dir: tempfile::TempDir,
}

impl Watched {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        Self { faults: Faults::with_journal(&root), dir }
    }

    fn text(&self, name: &str) -> String {
        self.dir.path().join("root").join(name).display().to_string()
    }

    fn easel(&self) -> Easel {
        let binary = Easel::new(env!("CARGO_BIN_EXE_easel"), self.text("house/easel.toml"));
        binary.with_environment(self.faults.environment())
    }

    /// What is left after the power went just now, in a directory of its own, and the binary before it.
    fn left(&self) -> (tempfile::TempDir, Easel) {
        let mut disk = Disk::holding(&Tree::default());
        self.faults.journal().records().iter().for_each(|record| disk.apply(record));
        let tree = disk.after(Loss::Everything, &mut StdRng::seed_from_u64(0));
        let dir = tempfile::tempdir().unwrap();
        tree.write(dir.path());
        let easel = Easel::new(env!("CARGO_BIN_EXE_easel"), dir.path().join("house/easel.toml"));
        (dir, easel)
    }
}

fn serves(easel: &Easel) -> bool {
    let list = easel.json(&["pack", "list"]);
    list["packs"].as_array().unwrap().iter().any(|pack| pack["id"] == PACK && pack["state"] == "serves")
}

fn mails(easel: &Easel, dir: &Path) -> usize {
    let out = dir.join("out");
    easel.run(&["export", "anna", &out.display().to_string()]).ok();
    let text = std::fs::read_to_string(out.join("Inbox.mbox")).unwrap_or_default();
    std::fs::remove_dir_all(&out).unwrap();
    text.matches("Subject: mail ").count()
}

#[test]
fn what_a_verb_has_done_is_certain_when_it_says_so() {
    let watched = Watched::new();
    let easel = watched.easel();
    let tls = ["--self-signed", "localhost", "--listen", "127.0.0.1:0"];
    easel.bare(&[&["init", &watched.text("house")], &tls[..]].concat(), "").ok();
    watched.left().1.run(&["check"]).ok();

    easel.run_with(&["user", "add", "anna", "--address", "anna@example.org"], "anna's word\n").ok();
    let (_dir, left) = watched.left();
    assert!(left.run(&["user", "list"]).ok().contains("anna"));

    easel.run(&["pack", "install", &pack(), "--allow-unsigned"]).ok();
    let (_dir, left) = watched.left();
    assert!(serves(&left), "a pack was installed");
    easel.run(&["pack", "remove", PACK]).ok();
    let (_dir, left) = watched.left();
    assert!(!serves(&left), "a pack was removed");

    let mbox = watched.dir.path().join("in.mbox");
    let mail = easel_test_support::mail("anna@example.org", 7, 3000).replace("\r\n", "\n");
    std::fs::write(&mbox, format!("From sender@example.net Mon Mar  2 10:00:00 2026\n{mail}\n")).unwrap();
    easel.run(&["import", "anna", &mbox.display().to_string()]).ok();
    let (dir, left) = watched.left();
    assert_eq!(mails(&left, dir.path()), 1, "a mail was imported");

    easel.run(&["backup", &watched.text("backup")]).ok();
    let (dir, left) = watched.left();
    let backup = dir.path().join("backup").display().to_string();
    left.run(&["restore", &backup, "--replace"]).ok();
    assert_eq!(mails(&left, dir.path()), 1, "a backup was made");

    easel.run(&["restore", &watched.text("backup"), "--replace"]).ok();
    let (dir, left) = watched.left();
    assert_eq!(mails(&left, dir.path()), 1, "a backup was restored");
}
