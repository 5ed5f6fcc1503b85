//! The clock of the day leaps, while the server runs and while it does not: nobody starts over, no mail is lost, and
//! nobody waits for years.

use easel_faults::Faults;
use easel_protocol::FolderType;
use easel_test_support::{Easel, Identity, Lmtp, Phone, Sent, Serving, Socket};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;

use crate::owner::{self, Owner};
use crate::steps::pair;
use crate::support::House;

const DAY: i64 = 86_400;
/// Two years ahead, back again, two days behind, three years behind, back again.
const LEAPS: [i64; 5] = [2 * 365 * DAY, 0, -2 * DAY, -3 * 365 * DAY, 0];

fn start(house: &House, faults: &Faults) -> Serving {
    let easel: Easel = house.easel().with_environment(faults.environment());
    easel.serve()
}

fn owners(serving: &Serving) -> [Owner; 2] {
    pair(serving.address, || 11)
}

fn deliver(house: &House, number: u32) {
    let mut lmtp = Lmtp::connect(&house.path("house/lmtp.sock")).unwrap();
    lmtp.deliver("anna@example.org", number, 3).unwrap();
}

/// Mails that were handed over are on every phone, once, and everything the phones did.
fn check(owners: &mut [Owner], delivered: u32, at: &str) {
    owner::check(owners, &owner::Imported::new(), at);
    let there: Vec<u32> = owners[0].mails().into_keys().filter(|number| *number < owner::SENT_FROM).collect();
    assert_eq!(there, (0..delivered).collect::<Vec<_>>(), "{at}");
}

#[test]
fn a_clock_that_leaps_while_phones_are_served_costs_nobody_anything() {
    let house = House::with_tls();
    let faults = Faults::below(&house.path("house"));
    let serving = start(&house, &faults);
    let mut owners = owners(&serving);
    let mut delivered = 0;
    for ahead in [0].into_iter().chain(LEAPS) {
        faults.set_clock_ahead(ahead);
        for _ in 0..3 {
            deliver(&house, delivered);
            delivered += 1;
        }
        for owner in &mut owners {
            owner.work(15, || 0);
        }
        // Somebody new, whose password is hashed, and somebody who is wrong about it.
        let mut new = Phone::new(Socket::new(serving.address, "anna", "anna's word"), Identity::iphone_3gs(), "anna");
        new.options().unwrap();
        let mut wrong = Phone::new(Socket::new(serving.address, "anna", "no"), Identity::iphone_3gs(), "anna");
        let refused = wrong.options().unwrap_err().to_string();
        assert!(refused.contains("401"), "{ahead}: {refused}");
        check(&mut owners, delivered, &format!("{ahead} s ahead"));
    }
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_clock_that_leaps_between_two_starts_makes_no_phone_start_over_and_is_told_once() {
    let house = House::with_tls();
    let faults = Faults::below(&house.path("house"));
    let serving = start(&house, &faults);
    let mut owners = owners(&serving);
    serving.stop("TERM");
    let mut delivered = 0;
    for ahead in LEAPS {
        faults.set_clock_ahead(ahead);
        let serving = start(&house, &faults);
        serving.until_logged("the clock was set", 1);
        for owner in &mut owners {
            *owner = owner.before(serving.address);
        }
        deliver(&house, delivered);
        delivered += 1;
        // Only one of them does anything: the other one is behind when the clock leaps again.
        owners[0].work(10, || 0);
        let (_, log) = serving.stop("TERM");
        assert_eq!(log.matches("the clock was set").count(), 1, "{log}");
        assert!(!log.contains("ERROR"), "{log}");
    }
    let serving = start(&house, &faults);
    for owner in &mut owners {
        *owner = owner.before(serving.address);
    }
    check(&mut owners, delivered, "after every leap");
}

#[test]
fn a_window_of_three_days_goes_with_the_clock_and_comes_back_with_it() {
    let house = House::with_tls();
    let faults = Faults::below(&house.path("house"));
    let serving = start(&house, &faults);
    deliver(&house, 0);
    let mut phone = Phone::new(Socket::new(serving.address, "anna", "anna's word"), Identity::android(), "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    // MS-ASCMD 2.2.3.68.2 "FilterType (Sync)": 2 is three days.
    let options = Some(vec![Element::number(airsync::FILTER_TYPE, 2)]);
    let mut held = |wanted: usize, at: &str| {
        for _ in 0..4 {
            phone.sync(&[Sent { options: options.clone(), window: Some(100), ..Sent::ask(&inbox) }]).unwrap();
        }
        assert_eq!(phone.items(&inbox).len(), wanted, "{at}");
    };
    held(1, "new mail");
    faults.set_clock_ahead(2 * 365 * DAY);
    held(0, "two years old");
    faults.set_clock_ahead(-2 * DAY);
    held(1, "of the day after tomorrow");
    faults.set_clock_ahead(-3 * 365 * DAY);
    deliver(&house, 1);
    held(2, "both are of now or later");
    faults.set_clock_ahead(0);
    held(1, "the second arrived three years ago, as the clock said");
}
