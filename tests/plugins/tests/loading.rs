//! Files: whose they are, where they lie, what happens when they change.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use easel_plugin::{DevicePlugins, Outcome};
use easel_plugin_wasm::{
    Cache, FolderError, FolderEvent, InstallError, KeyPair, Ledger, Overrides, PackFolder, Packs, Signed, Trust,
    TrustedKey, inspect, key_pair, owned_by_us, sign,
};
use easel_plugins_tests::{Bench, contact, facts, logged, odd, odd_as, send, with_section};

/// A server's folders, and a key it trusts for the pack `odd`.
struct Place {
    bench: Bench,
    root: tempfile::TempDir,
    key: KeyPair,
}

impl Place {
    fn new() -> Self {
        Self { bench: Bench::default(), root: tempfile::tempdir().unwrap(), key: key_pair(None).unwrap() }
    }

    fn trust(&self) -> Trust {
        let ids = ["odd", "other"].map(ToOwned::to_owned).into();
        Trust::new(vec![TrustedKey::new(&self.key.public, ids).unwrap()], Vec::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The folder as a server that has just started has it.
    fn start(&self) -> (Arc<Packs>, Arc<PackFolder>) {
        let packs = self.bench.packs(Overrides::default(), []);
        let ledger = Arc::clone(&self.bench.ledger) as Arc<dyn Ledger>;
        let cache = Cache::open(self.path("cache"), ledger).unwrap();
        let loader = self.bench.loader(self.trust()).cached(cache);
        let folder = PackFolder::open(self.path("packs"), loader, Arc::clone(&packs)).unwrap();
        (packs, folder)
    }

    /// Puts a signed file somewhere.
    fn put(&self, file: &Path, bytes: &[u8]) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let signature = sign(bytes, &self.key.secret, None, "odd").unwrap();
        fs::write(file.with_extension("wasm.minisig"), signature).unwrap();
        // As whoever replaces a file should do it.
        let new = file.with_extension("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn drop_in(&self, name: &str, bytes: &[u8]) {
        self.put(&self.path("packs").join(name), bytes);
    }
}

fn version(packs: &Packs) -> String {
    packs.serve(&facts("odd/edit")).pack().map(|pack| pack.version.clone()).unwrap_or_default()
}

fn refusals(events: &[FolderEvent]) -> Vec<&str> {
    let refused = events.iter().filter_map(|event| match event {
        FolderEvent::Refused { reason, .. } => Some(reason.as_str()),
        FolderEvent::Gone { .. } | FolderEvent::Loaded { .. } => None,
    });
    refused.collect()
}

#[test]
fn a_signed_file_serves_and_one_that_is_not_does_not() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    assert_eq!(refusals(&folder.load_all()), [""; 0]);
    assert_eq!(version(&packs), "1.0.0");
    assert_eq!(packs.status()[0].signed, Signed::By(place.key.public.clone()));
    // Changed by one byte, under the old signature; then with no signature at all.
    let file = place.path("packs/odd.wasm");
    let mut changed = with_section(odd(), "note", b"x");
    fs::write(&file, &changed).unwrap();
    let events = folder.load_all();
    assert!(refusals(&events)[0].contains("no trusted key made its signature"), "{events:?}");
    assert_eq!(version(&packs), "1.0.0", "what served before serves on");
    changed.truncate(changed.len() - 1);
    fs::write(&file, &changed).unwrap();
    fs::remove_file(file.with_extension("wasm.minisig")).unwrap();
    assert!(refusals(&folder.load_all())[0].contains("it is not signed"));
    // By another key, and by this key for a name it may not sign.
    let stranger = key_pair(None).unwrap();
    fs::write(&file, odd()).unwrap();
    fs::write(file.with_extension("wasm.minisig"), sign(odd(), &stranger.secret, None, "odd").unwrap()).unwrap();
    assert!(refusals(&folder.load_all())[0].contains("no trusted key"));
    place.drop_in("odd.wasm", &odd_as("nokia", "1.0.0"));
    let events = folder.load_all();
    assert!(refusals(&events)[0].contains("may sign odd, other, not \"nokia\""), "{events:?}");
    assert!(events.len() == 1 && version(&packs) == "1.0.0");
}

#[test]
fn an_unsigned_file_comes_in_only_by_its_hash_and_with_a_warning_at_every_start() {
    let place = Place::new();
    let (packs, folder) = place.start();
    let file = place.path("odd.wasm");
    fs::write(&file, odd()).unwrap();
    assert!(matches!(folder.install(&file, false), Err(InstallError::Load(_))));
    let (installed, log) = logged(|| folder.install(&file, true).unwrap());
    assert_eq!((installed.version.as_str(), version(&packs).as_str()), ("1.0.0", "1.0.0"));
    assert!(log.contains("an unsigned pack serves"), "{log}");
    assert_eq!(packs.status()[0].signed, Signed::Allowed);
    let (packs, folder) = place.start();
    let (_, log) = logged(|| folder.load_all());
    assert!(log.contains("an unsigned pack serves") && version(&packs) == "1.0.0", "{log}");
    // Another content is another file.
    fs::write(place.path("packs/odd.wasm"), odd_as("odd", "1.1.0")).unwrap();
    assert!(refusals(&folder.load_all())[0].contains("not signed"));
    assert_eq!(version(&packs), "1.0.0");
}

#[test]
fn a_request_ends_on_the_version_it_began_with_and_the_next_sees_the_new_one() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    folder.load_all();
    let under_way = packs.serve(&facts("odd/edit"));
    let generation = packs.generation();
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.0"));
    let events = folder.load_all();
    assert!(
        matches!(&events[..], [FolderEvent::Loaded { pack, instead_of: Some(old), .. }] if pack.version == "1.1.0" && old == "1.0.0"),
        "{events:?}"
    );
    assert!(packs.generation() > generation);
    assert_eq!(under_way.pack().unwrap().version, "1.0.0");
    let asked = easel_plugin::Asked::new(under_way);
    assert_ne!(easel_plugins_tests::send_with(&asked, contact("x")), Outcome::As(contact("x")));
    assert_eq!(version(&packs), "1.1.0");
    // Nothing new, nothing done: not even for a file that was only touched.
    let generation = packs.generation();
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.0"));
    assert!(folder.load_all().is_empty());
    assert_eq!(packs.generation(), generation);
    fs::remove_file(place.path("packs/odd.wasm")).unwrap();
    assert!(matches!(&folder.load_all()[..], [FolderEvent::Gone { .. }]));
    assert_eq!(version(&packs), "");
}

#[test]
fn the_folder_is_watched() {
    let place = Place::new();
    let (packs, folder) = place.start();
    let watch = folder.watch().unwrap();
    let (_nothing, never) = std::sync::mpsc::channel::<()>();
    let wait_for = |expected: &str| {
        // Bounded: longer than the poll would need where nothing tells of changes.
        let there = (0..4_000)
            .any(|_| version(&packs) == expected || never.recv_timeout(Duration::from_millis(5)).is_err_and(|_| false));
        assert!(there, "{expected}");
    };
    place.drop_in("odd.wasm", odd());
    wait_for("1.0.0");
    place.drop_in("odd.wasm", &odd_as("odd", "1.2.0"));
    wait_for("1.2.0");
    fs::remove_file(place.path("packs/odd.wasm")).unwrap();
    wait_for("");
    place.drop_in("odd.wasm", &odd_as("odd", "1.2.0"));
    watch.look();
    wait_for("1.2.0");
    drop(watch);
}

#[test]
fn a_folder_that_is_made_anew_is_watched_from_the_first_look_on() {
    let place = Place::new();
    let (packs, folder) = place.start();
    let watch = folder.watch().unwrap();
    let (_nothing, never) = std::sync::mpsc::channel::<()>();
    // Half of the time after which the poll would find it.
    let soon = |expected: &str, at: &str| {
        let waited = |_: &u32| version(&packs) == expected || never.recv_timeout(Duration::from_millis(5)).is_ok();
        assert!((0..1_000).any(|number| waited(&number)), "{at}");
    };
    let packs_dir = place.path("packs");
    let made = || fs::create_dir(&packs_dir).unwrap();
    let ways: [(&str, &dyn Fn()); 4] = [
        ("removed and made at once, so that it may be the same inode", &|| {
            fs::remove_dir_all(&packs_dir).unwrap();
            made();
        }),
        ("removed, missed, and made", &|| {
            fs::remove_dir_all(&packs_dir).unwrap();
            folder.load_all();
            made();
        }),
        ("moved away, and another made", &|| {
            fs::rename(&packs_dir, place.path("away")).unwrap();
            made();
        }),
        ("another moved over it", &|| {
            fs::remove_dir_all(&packs_dir).unwrap();
            fs::rename(place.path("away"), &packs_dir).unwrap();
        }),
    ];
    for (at, make_anew) in ways {
        make_anew();
        place.drop_in("odd.wasm", odd());
        // The poll, or a signal, finds it.
        folder.load_all();
        assert_eq!(version(&packs), "1.0.0", "{at}");
        fs::remove_file(place.path("packs/odd.wasm")).unwrap();
        soon("", at);
    }
    drop(watch);
}

#[test]
fn an_older_version_comes_in_only_by_rollback() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", &odd_as("odd", "1.0.0"));
    folder.load_all();
    place.drop_in("odd.wasm", &odd_as("odd", "2.0.0-rc.1"));
    folder.load_all();
    assert_eq!(version(&packs), "2.0.0-rc.1");
    place.drop_in("odd.wasm", &odd_as("odd", "1.9.9"));
    let events = folder.load_all();
    assert!(refusals(&events)[0].contains("1.9.9 is older than 2.0.0-rc.1"), "{events:?}");
    let file = place.path("elsewhere/odd.wasm");
    place.put(&file, &odd_as("odd", "1.5.0"));
    let refused = folder.install(&file, false).unwrap_err();
    assert!(matches!(&refused, InstallError::Downgrade { .. }) && refused.to_string().contains("pack rollback odd"));
    assert_eq!(version(&packs), "2.0.0-rc.1");

    assert_eq!(folder.rollback("odd").unwrap().version, "1.0.0");
    assert_eq!(version(&packs), "1.0.0");
    assert!(matches!(folder.rollback("odd"), Err(InstallError::NoPrevious(_))));
    assert!(matches!(folder.rollback("../x"), Err(InstallError::NoPack(_))));
    // After a restart it is still the one gone back to, and now a newer one may come.
    let (packs, folder) = place.start();
    folder.load_all();
    assert_eq!(version(&packs), "1.0.0");
    folder.install(&file, false).unwrap();
    assert_eq!(version(&packs), "1.5.0");
}

#[test]
fn what_is_kept_for_rollback_stays_whole_when_a_pack_rests_for_a_while() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    folder.load_all();
    folder.disable("odd").unwrap();
    folder.enable("odd").unwrap();
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.0"));
    folder.load_all();
    assert_eq!(fs::read(place.path("packs/.previous/odd@1.0.0.wasm")).unwrap(), odd());
    assert_eq!(folder.rollback("odd").unwrap().version, "1.0.0");
    assert_eq!(version(&packs), "1.0.0");
}

#[test]
fn a_file_that_is_no_longer_good_at_a_start_brings_back_what_it_was() {
    let place = Place::new();
    let (packs, folder) = place.start();
    for version in ["1.0.0", "1.1.0"] {
        place.drop_in("mine.wasm", &odd_as("odd", version));
        folder.load_all();
    }
    assert_eq!(version(&packs), "1.1.0");
    // While it runs.
    let file = place.path("packs/mine.wasm");
    fs::write(&file, b"rubbish").unwrap();
    let serves_on = |events: &[FolderEvent], serves: &str| {
        let [FolderEvent::Refused { serves: Some(pack), .. }] = events else { panic!("{events:?}") };
        assert_eq!((pack.id.as_str(), pack.version.as_str()), ("odd", serves));
    };
    serves_on(&folder.load_all(), "1.1.0");
    // At every start, with one line; not by what lies there for rollback, but by what this very file was.
    for _ in 0..2 {
        let (packs, folder) = place.start();
        let (events, log) = logged(|| folder.load_all());
        serves_on(&events, "1.1.0");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("mine.wasm")).collect();
        assert!(lines.len() == 1 && lines[0].contains("what served before serves on"), "{log}");
        assert!(lines[0].contains("version=\"1.1.0\"") && !log.contains("a pack serves"), "{log}");
        assert_eq!(version(&packs), "1.1.0");
        assert!(folder.load_all().is_empty(), "and nothing more until something changes");
    }
    // Mended, it is the file again; worse, and it is still what it was.
    let (packs, folder) = place.start();
    folder.load_all();
    place.drop_in("mine.wasm", &odd_as("odd", "1.1.0"));
    assert!(folder.load_all().is_empty());
    fs::remove_file(file.with_extension("wasm.minisig")).unwrap();
    serves_on(&folder.load_all(), "1.1.0");
    // A pack that is not to serve does not come back by it.
    folder.disable("odd").unwrap();
    assert_eq!(version(&packs), "");
    let (packs, folder) = place.start();
    let events = folder.load_all();
    assert!(matches!(&events[..], [FolderEvent::Refused { serves: None, .. }]), "{events:?}");
    assert_eq!(version(&packs), "");
    folder.enable("odd").unwrap();
    assert_eq!(version(&packs), "1.1.0");
    // Nor one whose file was taken away: another file of that name is another file.
    fs::remove_file(&file).unwrap();
    folder.load_all();
    fs::write(&file, b"rubbish").unwrap();
    let (packs, folder) = place.start();
    let events = folder.load_all();
    assert!(matches!(&events[..], [FolderEvent::Refused { serves: None, .. }]), "{events:?}");
    assert_eq!(version(&packs), "");
}

#[test]
fn what_is_kept_comes_back_only_as_it_served_and_under_a_key_that_is_trusted() {
    let place = Place::new();
    let (_, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    folder.load_all();
    fs::write(place.path("packs/odd.wasm"), b"rubbish").unwrap();
    let kept = place.path("packs/.previous/odd@1.0.0.wasm");
    // Another content under the same name, well signed.
    place.put(&kept, &with_section(odd(), "note", b"x"));
    let (packs, folder) = place.start();
    folder.load_all();
    assert_eq!(version(&packs), "");
    place.put(&kept, odd());
    let stranger = key_pair(None).unwrap();
    fs::write(kept.with_extension("wasm.minisig"), sign(odd(), &stranger.secret, None, "odd").unwrap()).unwrap();
    let (packs, folder) = place.start();
    let (_, log) = logged(|| folder.load_all());
    assert!(log.contains("what is kept is not taken"), "{log}");
    assert_eq!(version(&packs), "");
    place.put(&kept, odd());
    let (packs, folder) = place.start();
    folder.load_all();
    assert_eq!(version(&packs), "1.0.0");
}

#[test]
fn two_files_with_one_id_are_refused_with_both_names() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("a.wasm", odd());
    folder.load_all();
    place.drop_in("b.wasm", &odd_as("odd", "3.0.0"));
    let events = folder.load_all();
    let reason = refusals(&events)[0];
    assert!(reason.contains("a.wasm") && reason.contains("b.wasm") && reason.contains("\"odd\""), "{reason}");
    assert_eq!(version(&packs), "1.0.0", "the one that served serves on");
    // Both new: none.
    let (packs, folder) = place.start();
    let events = folder.load_all();
    assert_eq!(refusals(&events).len(), 2, "{events:?}");
    assert_eq!(version(&packs), "");
    fs::remove_file(place.path("packs/a.wasm")).unwrap();
    place.drop_in("b.wasm", &odd_as("odd", "3.0.1"));
    folder.load_all();
    assert_eq!(version(&packs), "3.0.1");
}

#[test]
fn a_pack_can_be_disabled_removed_and_pinned_across_restarts() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    place.drop_in("other.wasm", &odd_as("other", "1.0.0"));
    folder.load_all();
    let id = |packs: &Packs| packs.serve(&facts("odd/x")).pack().map(|pack| pack.id.clone());
    packs.pin("ODD1", Some("other")).unwrap();
    folder.disable("odd").unwrap();
    assert!(matches!(folder.disable("none"), Err(InstallError::NoPack(_))));
    assert_eq!(folder.disabled().unwrap(), ["odd"]);
    let (packs, folder) = place.start();
    folder.load_all();
    assert_eq!((packs.status().len(), id(&packs).as_deref()), (1, Some("other")));
    folder.enable("odd").unwrap();
    assert_eq!((packs.status().len(), id(&packs).as_deref()), (2, Some("other")));
    folder.remove("other").unwrap();
    assert_eq!(id(&packs).as_deref(), Some("odd"), "the next match serves");
    assert!(matches!(folder.remove("other"), Err(InstallError::NoPack(_))));
    assert!(!place.path("packs/other.wasm").exists() && !place.path("packs/other.wasm.minisig").exists());
}

#[test]
fn a_new_version_that_keeps_failing_gives_way_to_the_one_before() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    folder.load_all();
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.0"));
    folder.load_all();
    assert_eq!(packs.status()[0].previous.as_deref(), Some("1.0.0"));
    let ((), log) = logged(|| (0..10).for_each(|n| drop(send(&packs, "odd/panic", contact(&n.to_string())))));
    assert!(log.contains("the one before serves again"), "{log}");
    assert_eq!(version(&packs), "1.0.0");
    assert_ne!(send(&packs, "odd/edit", contact("x")), Outcome::As(contact("x")), "and it is not set aside");
    assert!(folder.load_all().is_empty() && version(&packs) == "1.0.0", "looking again does not bring it back");
    let (packs, folder) = place.start();
    folder.load_all();
    assert_eq!(version(&packs), "1.0.0", "nor does a restart");
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.1"));
    folder.load_all();
    assert_eq!(version(&packs), "1.1.1", "a new file does");
}

#[test]
fn whoever_went_back_on_purpose_is_not_sent_forward_again() {
    let place = Place::new();
    let (packs, folder) = place.start();
    for version in ["1.0.0", "1.1.0"] {
        place.drop_in("odd.wasm", &odd_as("odd", version));
        folder.load_all();
    }
    folder.rollback("odd").unwrap();
    (0..10).for_each(|n| drop(send(&packs, "odd/panic", contact(&n.to_string()))));
    assert_eq!((version(&packs).as_str(), packs.status()[0].aside.is_some()), ("1.0.0", true));
}

#[test]
fn an_old_hand_that_fails_is_set_aside_and_stays() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    folder.load_all();
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.0"));
    folder.load_all();
    place.bench.clock.advance(Duration::from_secs(3_601));
    (0..10).for_each(|n| drop(send(&packs, "odd/panic", contact(&n.to_string()))));
    assert_eq!((version(&packs).as_str(), packs.status()[0].aside.is_some()), ("1.1.0", true));
}

#[test]
fn a_compiled_file_is_used_only_if_it_is_the_one_we_made() {
    let place = Place::new();
    let (packs, folder) = place.start();
    place.drop_in("odd.wasm", odd());
    folder.load_all();
    let from_cache = |packs: &Packs| packs.set().get("odd").unwrap().is_from_cache();
    assert!(!from_cache(&packs));
    let (packs, folder) = place.start();
    folder.load_all();
    assert!(from_cache(&packs));
    let compiled: Vec<PathBuf> =
        fs::read_dir(place.path("cache")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(compiled.len(), 1);
    // Replaced by somebody: it is native code, and is not even looked into.
    let mut bytes = fs::read(&compiled[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&compiled[0], &bytes).unwrap();
    let (packs, folder) = place.start();
    let (_, log) = logged(|| folder.load_all());
    assert!(log.contains("changed by somebody else"), "{log}");
    assert!(!from_cache(&packs));
    assert_ne!(send(&packs, "odd/edit", contact("x")), Outcome::As(contact("x")));
    // Another version's file stays until the cache is swept.
    place.drop_in("odd.wasm", &odd_as("odd", "1.1.0"));
    folder.load_all();
    assert_eq!(fs::read_dir(place.path("cache")).unwrap().count(), 2);
    folder.sweep_cache();
    assert_eq!(fs::read_dir(place.path("cache")).unwrap().count(), 1);
    let (packs, folder) = place.start();
    folder.load_all();
    assert!(from_cache(&packs) && version(&packs) == "1.1.0");
}

#[test]
fn a_folder_that_others_may_write_to_is_not_used() {
    let place = Place::new();
    let open = place.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let error = owned_by_us(&open).unwrap_err();
    assert!(matches!(&error, FolderError::Writable { .. }) && error.to_string().contains("open"), "{error}");
    let loader = place.bench.loader(Trust::default());
    let packs = place.bench.packs(Overrides::default(), []);
    assert!(PackFolder::open(&open, loader, packs).is_err());
    let ledger = Arc::clone(&place.bench.ledger) as Arc<dyn Ledger>;
    assert!(Cache::open(&open, ledger).is_err());
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    owned_by_us(&open).unwrap();
    assert!(matches!(owned_by_us(&place.path("nothing")), Err(FolderError::Use { .. })));
    let of_root = Path::new("/proc/1");
    if rustix::process::geteuid().as_raw() != 0 {
        assert!(matches!(owned_by_us(of_root), Err(FolderError::Owner { .. })));
    }
    let made = fs::metadata(place.path("packs")).map(|of| of.permissions().mode() & 0o777);
    assert!(made.is_err());
    place.start();
    assert_eq!(fs::metadata(place.path("packs")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_bare_file_can_be_looked_at_without_a_server() {
    let place = Place::new();
    let file = place.path("odd.wasm");
    place.put(&file, odd());
    let found = inspect(&file, &place.trust()).unwrap();
    assert_eq!((found.size, found.signature), (odd().len(), Some(Ok(()))));
    let pack = found.pack.unwrap();
    assert_eq!(pack.manifest().quirks, ["N03"]);
    let all = ["describe", "profile", "items", "mail", "folder-change", "meeting", "recover", "wire"];
    assert_eq!(pack.interfaces(), all);
    let found = inspect(&file, &Trust::default()).unwrap();
    assert!(found.signature.unwrap().is_err() && found.pack.is_ok());
    fs::write(&file, b"garbage").unwrap();
    assert!(inspect(&file, &Trust::default()).unwrap().pack.is_err());
}
