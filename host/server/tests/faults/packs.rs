//! The folder of packs goes and comes back while phones are served.

use easel_test_support::{Identity, until};

use crate::owner;
use crate::power::{PACK, pack};
use crate::support::House;

const LOST: &str = "the packs that serve go on";
const BACK: &str = "the folder of packs is back";

fn serves(house: &House) -> bool {
    let list = house.json(&["pack", "list"]);
    list["packs"].as_array().unwrap().iter().any(|pack| pack["id"] == PACK && pack["state"] == "serves")
}

#[test]
fn packs_whose_folder_goes_serve_on_and_no_phone_starts_over_and_it_is_told_once() {
    let house = House::with_tls();
    house.run(&["pack", "install", &pack(), "--allow-unsigned"]).ok();
    let serving = house.serve();
    // The pack serves one of the phones.
    let small = Identity { user_agent: "SmallPhone/1.0", ..Identity::android() };
    let phones = [(small, "ann"), (Identity::iphone_today(), "bob")];
    let mut owners = owner::owners(serving.address, phones, || 21);
    let mut work = |at: &str| {
        for owner in &mut owners {
            owner.work(10, || 0);
        }
        owner::check(&mut owners, &owner::Imported::new(), at);
    };
    work("before");
    let devices = || house.json(&["device", "list"]).to_string();
    assert!(devices().contains(PACK), "{}", devices());
    let (folder, away) = (house.path("house/data/packs"), house.path("away"));

    // Moved away, as a file system that is gone.
    std::fs::rename(&folder, &away).unwrap();
    serving.tell("HUP");
    serving.until_logged(LOST, 1);
    work("without the folder");
    assert!(serves(&house) && devices().contains(PACK), "{}", devices());
    let said = house.run(&["pack", "install", &pack(), "--allow-unsigned"]).refused();
    assert!(said.contains("packs"), "{said}");
    // Looked for again and again, and told once.
    for time in 2..5 {
        serving.tell("HUP");
        serving.until_logged("looked at again", time);
    }
    std::fs::rename(&away, &folder).unwrap();
    serving.tell("HUP");
    serving.until_logged(BACK, 1);
    work("with the folder");
    assert!(serves(&house));

    // Removed with everything in it, and made anew with the pack.
    std::fs::remove_dir_all(&folder).unwrap();
    serving.tell("HUP");
    serving.until_logged(LOST, 2);
    work("without a folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(pack(), folder.join("smallest-pack.wasm")).unwrap();
    serving.tell("HUP");
    serving.until_logged(BACK, 2);
    until("the pack serves", || serves(&house));
    work("with another folder");
    let (_, log) = serving.stop("TERM");
    assert_eq!((log.matches(LOST).count(), log.matches(BACK).count()), (2, 2), "{log}");
    assert!(log.lines().filter(|line| line.contains("ERROR")).all(|line| line.contains(LOST)), "{log}");
}

#[test]
fn a_folder_of_packs_that_comes_back_open_to_others_is_not_taken() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::with_tls();
    house.run(&["pack", "install", &pack(), "--allow-unsigned"]).ok();
    let serving = house.serve();
    let folder = house.path("house/data/packs");
    std::fs::remove_dir_all(&folder).unwrap();
    serving.tell("HUP");
    serving.until_logged(LOST, 1);
    // Open from the moment it is there, whoever looks then.
    let open = house.path("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::rename(&open, &folder).unwrap();
    for time in 2..4 {
        serving.tell("HUP");
        serving.until_logged("looked at again", time);
    }
    assert!(serves(&house), "what served serves on");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    serving.tell("HUP");
    serving.until_logged(BACK, 1);
    until("nothing lies in it", || !serves(&house));
    serving.stop("TERM");
}
