//! One request at a time for a device. K: G48.
//!
//! A device that gets no answer in time repeats its Sync while the first still runs. Two at once would fork its state,
//! so the second waits for the first, behind a queue with an end and without a thread. The commands
//! take turns too; here it is seen to that nobody blocks a worker with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_store::UserId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use crate::workers::Busy;

/// A device, its id in the one spelling.
pub(crate) type DeviceName = (UserId, String);

#[derive(Debug)]
pub(crate) struct Devices {
    doors: Arc<Mutex<HashMap<DeviceName, Door>>>,
    /// Requests of one device at once, with those that wait.
    most: usize,
    patience: Duration,
}

#[derive(Debug)]
struct Door {
    turn: Arc<Semaphore>,
    /// Who is inside or waits.
    visitors: usize,
}

/// Leave to run; the next request of the device runs when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    // The order matters: the next one may enter before this visitor is counted out, never the other way round.
    _turn: OwnedSemaphorePermit,
    _visit: Visit,
}

#[derive(Debug)]
struct Visit {
    doors: Arc<Mutex<HashMap<DeviceName, Door>>>,
    device: DeviceName,
}

impl Devices {
    pub(crate) fn new(queue: usize, patience: Duration) -> Self {
        Self { doors: Arc::default(), most: queue + 1, patience }
    }

    /// The name under which requests of a device wait for one another.
    pub(crate) fn name(user: UserId, id: &str) -> DeviceName {
        (user, easel_protocol::normal_device_id(id))
    }

    /// Waits for the device's turn; busy when too many wait, or it takes too long.
    pub(crate) async fn pass(&self, device: DeviceName) -> Result<Pass, Busy> {
        let (turn, visit) = self.queue(device)?;
        let entered = tokio::time::timeout(self.patience, turn.acquire_owned()).await.map_err(|_| Busy)?;
        Ok(Pass { _turn: entered.expect("this semaphore is never closed"), _visit: visit })
    }

    fn queue(&self, device: DeviceName) -> Result<(Arc<Semaphore>, Visit), Busy> {
        let mut doors = self.doors.lock().expect("no holder of this lock panics");
        let door =
            doors.entry(device.clone()).or_insert_with(|| Door { turn: Arc::new(Semaphore::new(1)), visitors: 0 });
        if door.visitors >= self.most {
            return Err(Busy);
        }
        door.visitors += 1;
        Ok((Arc::clone(&door.turn), Visit { doors: Arc::clone(&self.doors), device }))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut doors = self.doors.lock().expect("no holder of this lock panics");
        if let Some(door) = doors.get_mut(&self.device) {
            door.visitors -= 1;
            if door.visitors == 0 {
                doors.remove(&self.device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn g48_requests_of_a_device_take_turns_and_others_do_not_wait() {
        let devices = Arc::new(Devices::new(8, Duration::from_secs(3600)));
        let first = devices.pass(Devices::name(UserId(1), "ABC")).await.unwrap();
        let second = tokio::spawn({
            let devices = Arc::clone(&devices);
            async move { devices.pass(Devices::name(UserId(1), "abc")).await }
        });
        drop(devices.pass(Devices::name(UserId(2), "ABC")).await.unwrap());
        drop(devices.pass(Devices::name(UserId(1), "ABD")).await.unwrap());
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        drop(second.await.unwrap().unwrap());
        assert!(devices.doors.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn too_many_or_too_long_is_busy() {
        let devices = Devices::new(1, Duration::from_millis(20));
        let first = devices.pass((UserId(1), String::new())).await.unwrap();
        let (waiter, refused) =
            tokio::join!(devices.pass((UserId(1), String::new())), devices.pass((UserId(1), String::new())));
        assert_eq!(refused.unwrap_err(), Busy, "the queue has one place");
        assert_eq!(waiter.unwrap_err(), Busy, "the patience is at its end");
        drop(first);
        assert!(devices.doors.lock().unwrap().is_empty());
    }
}
