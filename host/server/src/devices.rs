//! One request at a time for a device. K: G48.
//!
//! A device that gets no answer in time repeats its Sync while the first still runs. Two at once would fork its state,
//! so the second waits for the first, without a thread; how many may wait is a matter of the
//! device's budget. The commands take turns too; here it is seen to that nobody blocks a worker with it.

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
    pub(crate) fn new(patience: Duration) -> Self {
        Self { doors: Arc::default(), patience }
    }

    /// The name under which requests of a device wait for one another.
    pub(crate) fn name(user: UserId, id: &str) -> DeviceName {
        (user, easel_protocol::normal_device_id(id))
    }

    /// Waits for the device's turn; busy when it takes too long.
    pub(crate) async fn pass(&self, device: DeviceName) -> Result<Pass, Busy> {
        tokio::time::timeout(self.patience, self.turn(device)).await.map_err(|_| Busy)
    }

    /// Waits for the device's turn, however long it takes.
    pub(crate) async fn turn(&self, device: DeviceName) -> Pass {
        let (turn, visit) = self.queue(device);
        let entered = turn.acquire_owned().await.expect("this semaphore is never closed");
        Pass { _turn: entered, _visit: visit }
    }

    fn queue(&self, device: DeviceName) -> (Arc<Semaphore>, Visit) {
        let mut doors = self.doors.lock().expect("no holder of this lock panics");
        let door =
            doors.entry(device.clone()).or_insert_with(|| Door { turn: Arc::new(Semaphore::new(1)), visitors: 0 });
        door.visitors += 1;
        (Arc::clone(&door.turn), Visit { doors: Arc::clone(&self.doors), device })
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
        let devices = Arc::new(Devices::new(Duration::from_secs(3600)));
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
    async fn too_long_is_busy_but_not_for_one_that_waited_already() {
        let devices = Arc::new(Devices::new(Duration::from_millis(20)));
        let first = devices.pass((UserId(1), String::new())).await.unwrap();
        let patient = tokio::spawn({
            let devices = Arc::clone(&devices);
            async move { devices.turn((UserId(1), String::new())).await }
        });
        assert_eq!(devices.pass((UserId(1), String::new())).await.unwrap_err(), Busy, "the patience is at its end");
        assert!(!patient.is_finished());
        drop(first);
        drop(patient.await.unwrap());
        assert!(devices.doors.lock().unwrap().is_empty());
    }
}
