//! How often a password may be tried: a budget for each address and for each login.
//!
//! An attempt is paid for before the password is hashed and given back when the password was right, so a thousand
//! phones behind one address that all know their passwords never run out. That giving back is why this is not an
//! ordinary rate limiter. What the credential cache answers costs nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use jiff::Timestamp;

use crate::bounded::Bounded;

/// A budget: so many attempts at once, and one more after each `refill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Attempts at once.
    pub burst: u32,
    /// How long one attempt takes to come back.
    pub refill: Duration,
}

impl Budget {
    fn refill_millis(self) -> i64 {
        i64::try_from(self.refill.as_millis()).unwrap_or(i64::MAX / 1_000_000).max(1)
    }

    fn burst_millis(self) -> i64 {
        self.refill_millis().saturating_mul(i64::from(self.burst.max(1)))
    }
}

/// Who sends credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A server that many users share: it may be wrong [`CLOUD_FACTOR`] times as often, each login as often as ever.
    Cloud(IpAddr),
    /// A device, or somebody who says nothing else.
    Device(IpAddr),
}

/// How many devices a server stands for.
pub const CLOUD_FACTOR: u32 = 20;

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self::Device(address)
    }
}

/// Who tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Account {
    Address(IpAddr),
    Cloud(IpAddr),
    /// A keyed hash of the login as it was sent: the login may not exist.
    Login([u8; 16]),
}

/// The accounts of all addresses and logins; each is the moment at which its budget will be whole again.
#[derive(Debug)]
pub(crate) struct Throttle {
    whole_at: Bounded<Account, i64>,
    per_address: Budget,
    per_login: Budget,
}

impl Throttle {
    pub(crate) fn new(per_address: Budget, per_login: Budget, accounts: usize) -> Self {
        Self { whole_at: Bounded::new(accounts / 2), per_address, per_login }
    }

    /// Pays for an attempt, or tells how long to wait; then nothing was paid.
    pub(crate) fn pay(&mut self, from: impl Into<Origin>, login: [u8; 16], now: Timestamp) -> Result<(), Duration> {
        let now = now.as_millisecond();
        let payers = self.payers(from.into(), login);
        let mut prices = [0; 2];
        for ((account, budget), price) in payers.iter().zip(&mut prices) {
            // Nobody owes more than a budget, unless the clock was set back since: that is nobody's fault.
            let owed = now.saturating_add(budget.burst_millis());
            let whole_at = self.whole_at.get_mut(account).map(|at| *at).filter(|at| *at <= owed);
            let whole_at = whole_at.map_or(now, |at| at.max(now));
            *price = whole_at.saturating_add(budget.refill_millis());
            let over = price.saturating_sub(now).saturating_sub(budget.burst_millis());
            if over > 0 {
                return Err(Duration::from_millis(over.unsigned_abs()));
            }
        }
        for ((account, _), price) in payers.into_iter().zip(prices) {
            self.whole_at.insert(account, price);
        }
        Ok(())
    }

    fn payers(&self, from: Origin, login: [u8; 16]) -> [(Account, Budget); 2] {
        let from = match from {
            Origin::Cloud(address) => {
                let Budget { burst, refill } = self.per_address;
                let budget = Budget { burst: burst.saturating_mul(CLOUD_FACTOR), refill: refill / CLOUD_FACTOR };
                (Account::Cloud(network(address)), budget)
            }
            Origin::Device(address) => (Account::Address(network(address)), self.per_address),
        };
        [from, (Account::Login(login), self.per_login)]
    }

    /// Gives back what [`Throttle::pay`] took.
    pub(crate) fn give_back(&mut self, from: impl Into<Origin>, login: [u8; 16]) {
        for (account, budget) in self.payers(from.into(), login) {
            if let Some(whole_at) = self.whole_at.get_mut(&account) {
                *whole_at -= budget.refill_millis();
            }
        }
    }
}

/// Whoever has an IPv6 address has the /64 around it.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Budget = Budget { burst: 4, refill: Duration::from_secs(1) };
    const LOGIN: Budget = Budget { burst: 2, refill: Duration::from_secs(10) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_login_runs_out_before_the_address_and_comes_back_with_time() {
        let mut throttle = Throttle::new(ADDRESS, LOGIN, 100);
        assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(0)), Ok(()));
        assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(0)), Ok(()));
        assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(0)), Err(Duration::from_secs(10)));
        assert_eq!(throttle.pay(ip("192.0.2.1"), [2; 16], at(0)), Ok(()));
        assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(10)), Ok(()));
        assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(11)), Err(Duration::from_secs(9)));
    }

    #[test]
    fn an_address_runs_out_over_many_logins_and_a_refusal_costs_the_login_nothing() {
        let mut throttle = Throttle::new(ADDRESS, LOGIN, 100);
        for login in 0..4 {
            assert_eq!(throttle.pay(ip("192.0.2.1"), [login; 16], at(0)), Ok(()));
        }
        for _ in 0..5 {
            assert_eq!(throttle.pay(ip("192.0.2.1"), [9; 16], at(0)), Err(Duration::from_secs(1)));
        }
        assert_eq!(throttle.pay(ip("192.0.2.2"), [9; 16], at(0)), Ok(()));
        assert_eq!(throttle.pay(ip("192.0.2.2"), [9; 16], at(0)), Ok(()));
    }

    #[test]
    fn o29_a_server_of_many_users_may_be_wrong_more_often_and_each_login_is_not() {
        let mut throttle = Throttle::new(ADDRESS, LOGIN, 1000);
        let cloud = Origin::Cloud(ip("192.0.2.1"));
        for login in 0..80 {
            assert_eq!(throttle.pay(cloud, [login; 16], at(0)), Ok(()), "{login}");
        }
        assert!(throttle.pay(cloud, [99; 16], at(0)).is_err());
        assert_eq!(throttle.pay(ip("192.0.2.1"), [99; 16], at(0)), Ok(()), "a device there has its own budget");
        assert_eq!(throttle.pay(Origin::Cloud(ip("192.0.2.2")), [1; 16], at(0)), Ok(()));
        assert_eq!(throttle.pay(Origin::Cloud(ip("192.0.2.2")), [1; 16], at(0)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_it() {
        let mut throttle = Throttle::new(ADDRESS, LOGIN, 100);
        for _ in 0..2 {
            assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(100_000_000)), Ok(()));
        }
        for _ in 0..2 {
            assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(0)), Ok(()));
        }
        assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(0)), Err(Duration::from_secs(10)), "it counts from there");
    }

    #[test]
    fn who_knows_the_password_pays_nothing() {
        let mut throttle = Throttle::new(ADDRESS, LOGIN, 100);
        for _ in 0..1000 {
            assert_eq!(throttle.pay(ip("192.0.2.1"), [1; 16], at(0)), Ok(()));
            throttle.give_back(ip("192.0.2.1"), [1; 16]);
        }
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), network(ip("2001:db8:1:2::9")));
        assert_ne!(network(ip("2001:db8:1:2::9")), network(ip("2001:db8:1:3::9")));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn a_crowd_of_addresses_stays_within_the_bound() {
        let mut throttle = Throttle::new(ADDRESS, LOGIN, 100);
        for number in 0..10_000_u32 {
            let mut login = [0; 16];
            login[..4].copy_from_slice(&number.to_be_bytes());
            assert_eq!(throttle.pay(IpAddr::from(number.to_be_bytes()), login, at(0)), Ok(()));
            assert!(throttle.whole_at.len() <= 100);
        }
    }
}
