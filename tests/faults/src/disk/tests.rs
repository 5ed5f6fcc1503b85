//! Disks that lose power.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

fn record(kind: Kind, file: u64, number: u64, path: &str, data: &[u8]) -> Record {
    Record { end: 0, kind, file, number, path: path.to_owned(), data: data.to_owned() }
}

fn made(records: &[Record]) -> Disk {
    let mut disk = Disk::holding(&Tree::default());
    records.iter().for_each(|record| disk.apply(record));
    disk
}

fn lost(disk: &Disk, loss: Loss) -> Vec<(String, Option<Vec<u8>>)> {
    let tree = disk.after(loss, &mut StdRng::seed_from_u64(1));
    let shown = |(path, node): (&String, &Node<Vec<u8>>)| match node {
        Node::Dir(_) => (path.clone(), None),
        Node::File(_, bytes) => (path.clone(), Some(bytes.clone())),
    };
    tree.0.iter().map(shown).collect()
}

fn file(path: &str, bytes: &[u8]) -> (String, Option<Vec<u8>>) {
    (path.to_owned(), Some(bytes.to_owned()))
}

#[test]
fn a_file_is_certain_once_it_and_its_directory_were_synced() {
    let mut disk = made(&[record(Kind::Created, 1, 0o600, "a", b""), record(Kind::Written, 1, 0, "", b"text")]);
    assert_eq!(lost(&disk, Loss::Everything), []);
    assert_eq!(lost(&disk, Loss::Nothing), [file("a", b"text")]);
    disk.apply(&record(Kind::Synced, 1, 0, "", b""));
    assert_eq!(lost(&disk, Loss::Everything), [], "nobody knows its name");
    disk.apply(&record(Kind::DirSynced, 0, 0, "", b""));
    assert_eq!(lost(&disk, Loss::Everything), [file("a", b"text")]);
    disk.apply(&record(Kind::Cut, 1, 0, "", b""));
    disk.apply(&record(Kind::Unlinked, 0, 0, "a", b""));
    assert_eq!(lost(&disk, Loss::Everything), [file("a", b"text")]);
    assert_eq!(lost(&disk, Loss::Nothing), []);
}

#[test]
fn a_name_put_over_another_without_its_data_names_an_empty_file() {
    let mut disk = made(&[
        record(Kind::Created, 1, 0o600, "new", b""),
        record(Kind::Written, 1, 0, "", b"text"),
        record(Kind::Renamed, 0, 0, "new", b"old"),
    ]);
    disk.apply(&record(Kind::DirSynced, 0, 0, "", b""));
    assert_eq!(lost(&disk, Loss::Everything), [file("old", b"")]);
}

#[test]
fn what_lies_in_a_directory_that_nobody_synced_is_gone() {
    let mut disk = made(&[
        record(Kind::DirMade, 0, 0o700, "d", b""),
        record(Kind::Created, 1, 0o600, "d/a", b""),
        record(Kind::DirSynced, 0, 0, "d", b""),
    ]);
    assert_eq!(lost(&disk, Loss::Everything), []);
    disk.apply(&record(Kind::DirSynced, 0, 0, "", b""));
    assert_eq!(lost(&disk, Loss::Everything), [("d".to_owned(), None), file("d/a", b"")]);
    disk.apply(&record(Kind::Renamed, 0, 0, "d", b"e"));
    assert_eq!(lost(&disk, Loss::Nothing), [("e".to_owned(), None), file("e/a", b"")]);
}

#[test]
fn what_an_fsync_failed_to_write_stays_unwritten_whatever_is_synced_later() {
    let disk = made(&[
        record(Kind::Created, 1, 0o600, "a", b""),
        record(Kind::DirSynced, 0, 0, "", b""),
        record(Kind::Written, 1, 0, "", b"one"),
        record(Kind::SyncFailed, 1, 0, "", b""),
        record(Kind::Written, 1, 3, "", b"two"),
        record(Kind::Synced, 1, 0, "", b""),
    ]);
    assert_eq!(lost(&disk, Loss::Everything), [file("a", b"\0\0\0two")]);
}

#[test]
fn a_write_is_torn_between_sectors_only() {
    let data: Vec<u8> = (0..4_u8).flat_map(|number| [number + 1; SECTOR]).collect();
    let disk = made(&[
        record(Kind::Created, 1, 0o600, "a", b""),
        record(Kind::DirSynced, 0, 0, "", b""),
        record(Kind::Written, 1, 0, "", &data),
    ]);
    let mut random = StdRng::seed_from_u64(2);
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        for loss in [Loss::Late, Loss::Scattered] {
            let tree = disk.after(loss, &mut random);
            let Node::File(_, bytes) = &tree.0["a"] else { panic!("a file") };
            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                let whole = [u8::try_from(number).unwrap() + 1; SECTOR];
                assert!(sector == whole || sector.iter().all(|byte| *byte == 0), "{number}");
            }
            seen.insert(bytes.chunks(SECTOR).map(|sector| sector[0]).collect::<Vec<_>>());
        }
    }
    assert!(seen.contains(&vec![]) && seen.contains(&vec![1, 2, 3, 4]) && seen.contains(&vec![0, 2]), "{seen:?}");
}
