//! What an instance has around it: its limits, its clock and its log.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, Store, StoreContextMut, StoreLimits, StoreLimitsBuilder, UpdateDeadline};

use crate::log::{LINES_PER_CALL, LogLevel, PackLog};
use crate::{Limits, Sandbox};

/// The data of a Store.
#[derive(Debug)]
pub(crate) struct Guest {
    limits: Counted,
    call_ms: u64,
    call_ticks: u32,
    ticks: u32,
    /// Processor time of the thread when the call began.
    began: Duration,
    lines: usize,
    told_by: Teller,
}

/// Limits, and how much memory there is.
#[derive(Debug)]
struct Counted {
    limits: StoreLimits,
    memory: usize,
}

impl ResourceLimiter for Counted {
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        let grows = self.limits.memory_growing(current, desired, most)?;
        if grows {
            self.memory += desired.saturating_sub(current);
        }
        Ok(grows)
    }

    fn table_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, most)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

impl Guest {
    /// Bytes of memory that the instance has.
    pub(crate) const fn memory(&self) -> usize {
        self.limits.memory
    }
}

/// Whose log lines these are.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    pub(crate) log: Arc<PackLog>,
    pub(crate) pack: String,
    pub(crate) version: String,
    pub(crate) device: String,
}

/// A call ran over its time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it ran over its time: {cpu_ms} ms of processor time, {ticks} turns of 5 ms")]
pub(crate) struct OverTime {
    cpu_ms: u64,
    ticks: u32,
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A Store with every limit set, nothing in it yet.
pub(crate) fn store(sandbox: &Sandbox, told_by: Teller) -> Store<Guest> {
    let Limits { memory_bytes, answer_bytes, call_ms, call_ticks, .. } = sandbox.limits();
    let limits = StoreLimitsBuilder::new()
        .memory_size(memory_bytes)
        .table_elements(10_000)
        .instances(8)
        .memories(1)
        .tables(4)
        .trap_on_grow_failure(true)
        .build();
    let limits = Counted { limits, memory: 0 };
    let guest = Guest { limits, call_ms, call_ticks, ticks: 0, began: cpu(), lines: 0, told_by };
    let mut store = Store::new(&sandbox.engine, guest);
    store.limiter(|guest| &mut guest.limits);
    store.set_hostcall_fuel(answer_bytes);
    store.epoch_deadline_callback(|mut store: StoreContextMut<'_, Guest>| {
        let guest = store.data_mut();
        guest.ticks += 1;
        let used = cpu().saturating_sub(guest.began);
        let cpu_ms = u64::try_from(used.as_millis()).unwrap_or(u64::MAX);
        if cpu_ms >= guest.call_ms || guest.ticks >= guest.call_ticks {
            return Err(OverTime { cpu_ms, ticks: guest.ticks }.into());
        }
        // Others first: a worker that runs a pack is only one of those that want the processor.
        std::thread::yield_now();
        Ok(UpdateDeadline::Continue(1))
    });
    begin(&mut store);
    store
}

/// Before each call: time and lines begin again.
pub(crate) fn begin(store: &mut Store<Guest>) {
    store.set_epoch_deadline(1);
    let guest = store.data_mut();
    (guest.ticks, guest.lines, guest.began) = (0, 0, cpu());
}

impl crate::v0_1::bindings::easel::plugin::log::Host for Guest {
    fn log(&mut self, level: crate::v0_1::bindings::easel::plugin::log::Level, message: String) {
        use crate::v0_1::bindings::easel::plugin::log::Level;
        self.lines += 1;
        if self.lines > LINES_PER_CALL {
            return;
        }
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let Teller { log, pack, version, device } = &self.told_by;
        log.write(pack, version, device, level, &message);
    }
}
