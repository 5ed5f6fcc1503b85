//! Leave to be under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::Allowance;
use super::account::Account;
use crate::memory::{Full, Memory};

/// Leave to be under way: it ends, and what it holds is given back, when the value is dropped.
#[derive(Debug)]
pub(crate) struct Leave {
    memory: Arc<Memory>,
    /// Bytes held.
    held: AtomicUsize,
    /// The device's, then the user's; nobody's for a look at a request that waits.
    accounts: Option<[(Arc<Account>, Allowance); 2]>,
}

impl Leave {
    pub(super) fn of(memory: Arc<Memory>, accounts: [(Arc<Account>, Allowance); 2]) -> Self {
        Self { memory, held: AtomicUsize::new(0), accounts: Some(accounts) }
    }

    pub(super) fn for_look(memory: Arc<Memory>) -> Self {
        Self { memory, held: AtomicUsize::new(0), accounts: None }
    }

    /// Whether it is for a look at a request that waits.
    pub(crate) const fn is_look(&self) -> bool {
        self.accounts.is_none()
    }

    /// Charges for work that was done; nobody for a look.
    pub(crate) fn charge(&self, work: Duration, now: Timestamp) {
        for (account, allowance) in self.accounts.iter().flatten() {
            account.charge_work(allowance, work, now.as_microsecond());
        }
    }

    /// Holds so many bytes more, unless all requests, or those of the user, hold too much then.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), Full> {
        let users = match &self.accounts {
            Some([_, (account, _)]) => account.held.load(Ordering::Relaxed),
            None => {
                self.hold_anyway(bytes);
                return Ok(());
            }
        };
        self.memory.fits(bytes, users)?;
        self.hold_anyway(bytes);
        Ok(())
    }

    /// Holds so many bytes more, which are there already.
    pub(crate) fn hold_anyway(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.memory.hold(bytes);
        if let Some([_, (account, _)]) = &self.accounts {
            account.held.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Gives so many bytes back.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.memory.give_back(bytes);
        if let Some([_, (account, _)]) = &self.accounts {
            account.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.give_back(self.held.load(Ordering::Relaxed));
        for (account, _) in self.accounts.iter().flatten() {
            account.leave();
        }
    }
}
