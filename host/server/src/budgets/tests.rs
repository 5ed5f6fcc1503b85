use easel_store::UserId;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

fn budgets(device: Allowance, user: Allowance, accounts: usize) -> Budgets {
    let limits = Limits { device, user, accounts, ..Limits::default() };
    Budgets::new(&limits, Arc::new(Memory::new(1 << 30, 0, 0, None)))
}

fn device(user: u64, id: &str) -> DeviceName {
    (UserId(user), id.to_owned())
}

fn requests(number: u32) -> Allowance {
    Allowance { requests_per_minute: Some(number), ..Allowance::UNBOUNDED }
}

fn short(budgets: &Budgets, device: &DeviceName, now: Timestamp) -> Option<(Throttled, Condition)> {
    budgets.enter(device, now).err().map(|too_much| (too_much.why, too_much.condition))
}

#[test]
fn a_device_in_a_loop_runs_out_of_requests_and_its_user_and_others_do_not() {
    let budgets = budgets(requests(60), Allowance::UNBOUNDED, 1000);
    let (looping, calm) = (device(1, "looping"), device(1, "calm"));
    for number in 0..60 {
        assert!(budgets.enter(&looping, at(0)).is_ok(), "{number}");
    }
    let told = budgets.enter(&looping, at(0)).unwrap_err();
    assert_eq!((told.why, told.condition), (Throttled::DeviceBudget, Condition::CommandFrequency));
    assert!((1..=3).contains(&told.retry_after_secs) && !told.again, "{told:?}");
    assert!(budgets.enter(&looping, at(500)).unwrap_err().again, "it did not stay away");
    assert!(budgets.enter(&calm, at(0)).is_ok());
    assert!(budgets.enter(&looping, at(1000)).is_ok(), "a refusal costs nothing");
    assert!(budgets.enter(&looping, at(1000)).is_err());
    let ok = (0..100).filter(|_| budgets.enter(&looping, at(600_000)).is_ok()).count();
    assert_eq!(ok, 60, "a rest fills the bucket, no more");
}

#[test]
fn all_devices_of_a_user_share_a_budget_and_one_that_is_refused_pays_nothing() {
    let budgets = budgets(requests(50), requests(100), 1000);
    let names: Vec<DeviceName> = (0..200).map(|number| device(1, &format!("d{number}"))).collect();
    let ok = names.iter().filter(|name| budgets.enter(name, at(0)).is_ok()).count();
    assert_eq!(ok, 100);
    assert_eq!(short(&budgets, &names[0], at(0)), Some((Throttled::UserBudget, Condition::OutOfBudgets)));
    assert!(budgets.enter(&device(2, "d0"), at(0)).is_ok(), "another user's device of that name");
    let own = budgets.devices.account(&names[150]);
    assert_eq!(own.enter(&Allowance { at_once: Some(1), ..requests(1) }, at(0).as_microsecond()), Ok(()));
}

#[test]
fn work_is_charged_when_it_was_done_and_a_debt_is_paid_off() {
    let allowance = Allowance { work_per_minute: Some(Duration::from_secs(30)), ..Allowance::UNBOUNDED };
    let budgets = budgets(allowance, Allowance::UNBOUNDED, 1000);
    let name = device(1, "d");
    budgets.enter(&name, at(0)).unwrap().charge(Duration::from_secs(35), at(0));
    let told = budgets.enter(&name, at(0)).unwrap_err();
    assert_eq!((told.why, told.condition), (Throttled::DeviceBudget, Condition::OutOfBudgets));
    assert!((10..=13).contains(&told.retry_after_secs), "five seconds of work are ten of waiting: {told:?}");
    assert!(budgets.enter(&name, at(9_999)).is_err());
    budgets.enter(&name, at(10_000)).unwrap().charge(Duration::from_secs(3_000), at(10_000));
    let told = budgets.enter(&name, at(10_000)).unwrap_err();
    assert!((60..=69).contains(&told.retry_after_secs), "no debt is longer than a minute: {told:?}");
    budgets.look().charge(Duration::from_secs(3_000), at(70_000));
    budgets.enter(&name, at(70_000)).unwrap().charge(Duration::from_secs(100_000), at(70_000));
    assert!(budgets.enter(&name, at(70_000)).is_ok(), "nobody works for a day: it was the clock");
}

#[test]
fn other_budgets_hold_from_the_next_request_on_and_what_was_used_stays_used() {
    let budgets = budgets(requests(60), Allowance::UNBOUNDED, 1000);
    let name = device(1, "d");
    let ok = |times: u32, now| (0..times).filter(|_| budgets.enter(&name, at(now)).is_ok()).count();
    assert_eq!(ok(30, 0), 30);
    budgets.set(requests(20), Allowance::UNBOUNDED);
    assert_eq!(ok(30, 0), 10, "half of its minute was used up, whatever a minute holds");
    assert_eq!(ok(30, 3_000), 1, "it fills as fast as the new one says");
    budgets.set(requests(6_000), Allowance::UNBOUNDED);
    assert_eq!(ok(30, 3_010), 1);
    let at_once = |most| Allowance { at_once: Some(most), ..Allowance::UNBOUNDED };
    budgets.set(at_once(5), at_once(5));
    let held: Vec<Leave> = (0..4).map(|_| budgets.enter(&name, at(3_010)).unwrap()).collect();
    budgets.set(at_once(5), at_once(4));
    assert_eq!(
        short(&budgets, &name, at(3_010)),
        Some((Throttled::User, Condition::OutOfBudgets)),
        "those under way count"
    );
    budgets.set(Allowance::UNBOUNDED, Allowance::UNBOUNDED);
    assert_eq!(ok(100, 3_010), 100);
    drop(held);
    budgets.set(at_once(1), at_once(1));
    assert_eq!(ok(1, 3_010), 1, "each gave back its leave");
}

#[test]
fn so_many_are_under_way_at_once_and_leave_is_given_back() {
    let at_once = |most| Allowance { at_once: Some(most), ..Allowance::UNBOUNDED };
    let budgets = budgets(at_once(2), at_once(3), 1000);
    let (one, other) = (device(1, "one"), device(1, "other"));
    let held = [budgets.enter(&one, at(0)).unwrap(), budgets.enter(&one, at(0)).unwrap()];
    assert_eq!(short(&budgets, &one, at(0)), Some((Throttled::Device, Condition::OutOfBudgets)));
    let third = budgets.enter(&other, at(0)).unwrap();
    assert_eq!(short(&budgets, &other, at(0)), Some((Throttled::User, Condition::OutOfBudgets)));
    drop(third);
    let _third = budgets.enter(&other, at(0)).unwrap();
    drop(held);
    let _held = [budgets.enter(&one, at(0)).unwrap(), budgets.enter(&one, at(0)).unwrap()];
}

#[test]
fn what_a_request_holds_is_given_back_with_its_leave() {
    let budgets = budgets(Allowance::UNBOUNDED, Allowance::UNBOUNDED, 1000);
    let leave = budgets.enter(&device(1, "d"), at(0)).unwrap();
    let quarter = 256 << 20;
    assert_eq!(leave.hold(quarter), Ok(()));
    assert!(leave.hold(1).is_err(), "all that one user may hold");
    leave.give_back(1);
    assert_eq!(leave.hold(1), Ok(()));
    leave.hold_anyway(5);
    let look = budgets.look();
    assert_eq!(look.hold(usize::MAX / 2), Ok(()), "a look at a request that waits is never refused");
    assert!(budgets.enter(&device(2, "d"), at(0)).unwrap().hold(1).is_err(), "everybody shares the ceiling");
    drop(look);
    assert_eq!(budgets.memory.held(), quarter + 5);
    drop(leave);
    assert_eq!(budgets.memory.held(), 0);
    assert_eq!(budgets.users.account(&UserId(1)).held.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn the_tables_never_outgrow_their_bound_and_who_is_busy_is_remembered() {
    let budgets = budgets(requests(10), Allowance::UNBOUNDED, 6400);
    let busy = device(0, "busy");
    for _ in 0..10 {
        assert!(budgets.enter(&busy, at(0)).is_ok());
    }
    for number in 0..50_000 {
        assert!(budgets.enter(&device(number, "passing"), at(0)).is_ok());
        if number % 100 == 0 {
            assert!(budgets.enter(&busy, at(0)).is_err(), "{number}");
        }
    }
    assert!(budgets.devices.len() <= 6400 && budgets.users.len() <= 6400, "{}", budgets.devices.len());
}
