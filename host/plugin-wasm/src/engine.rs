//! The engine that runs packs, and the limits of everything that runs in it.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

use crate::guest::Guest;
use crate::permits::Permits;
use crate::v0_1;

/// How long one turn of the epoch lasts.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// What a pack may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instances at the same moment, of all packs; 64.
    pub instances: u32,
    /// Of one pack; 32.
    pub instances_per_pack: u32,
    /// For one device; 8.
    pub instances_per_device: u32,
    /// How long a request waits for its turn, in milliseconds; 20.
    pub wait_ms: u64,
    /// Bytes of memory of an instance; 16 MiB.
    pub memory_bytes: usize,
    /// Bytes that an answer may bring; 1 MiB.
    pub answer_bytes: usize,
    /// Milliseconds of processor time for one call; 20.
    pub call_ms: u64,
    /// Turns of 5 ms that a call may last when others need the processor; 6.
    pub call_ticks: u32,
    /// Milliseconds that all calls of one request may take; 200.
    pub request_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: 64,
            instances_per_pack: 32,
            instances_per_device: 8,
            wait_ms: 20,
            memory_bytes: 16 << 20,
            answer_bytes: 1 << 20,
            call_ms: 20,
            call_ticks: 6,
            request_ms: 200,
        }
    }
}

/// How addresses are set aside for the memory of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// 4 GiB of addresses an instance, so that the processor itself checks accesses.
    Full,
    /// As many as an instance may use: for places where addresses are short. Calls are up to a third slower.
    Short,
}

/// Why no engine can be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Neither with large nor with short reservations.
    #[error("the engine for packs cannot be made with room for {instances} instances; set a lower number of them")]
    Make {
        /// How many were wanted.
        instances: u32,
        /// What wasmtime says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where packs run. One a process; dropping it ends its thread.
#[derive(Debug)]
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) linker: LinkerOf,
    pub(crate) permits: Permits,
    limits: Limits,
    reservation: Reservation,
    running: Arc<Running>,
}

/// The linker says nothing of itself.
pub(crate) struct LinkerOf(pub(crate) Linker<Guest>);

impl std::fmt::Debug for LinkerOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Linker")
    }
}

impl Sandbox {
    /// With large reservations, or short ones where addresses are short, which is said in the log.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        Self::with(limits, Reservation::Full).or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "addresses are short here: packs run with small reservations, and up to a third slower"
            );
            Self::with(limits, Reservation::Short)
        })
    }

    /// With one kind of reservation.
    pub fn with(limits: Limits, reservation: Reservation) -> Result<Self, EngineError> {
        let make = || -> wasmtime::Result<(Engine, Linker<Guest>)> {
            let engine = Engine::new(&config(limits, reservation))?;
            let mut linker = Linker::new(&engine);
            v0_1::bindings::easel::plugin::log::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
            Ok((engine, linker))
        };
        let made = make().map_err(|error| EngineError::Make { instances: limits.instances, source: error.into() });
        let (engine, linker) = made?;
        let running = Arc::new(Running::default());
        let (weak, counter) = (engine.weak(), Arc::downgrade(&running));
        let ticker = thread::Builder::new().name("pack-ticks".to_owned());
        ticker
            .spawn(move || tick(&weak, &counter))
            .map_err(|error| EngineError::Make { instances: limits.instances, source: error.into() })?;
        Ok(Self { engine, linker: LinkerOf(linker), permits: Permits::new(limits), limits, reservation, running })
    }

    /// What a pack may use.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// How many instances are at work.
    pub fn instances_at_work(&self) -> u32 {
        self.permits.taken()
    }

    /// How addresses are set aside.
    pub const fn reservation(&self) -> Reservation {
        self.reservation
    }

    /// Keeps the epoch turning until it is dropped.
    pub(crate) fn run(&self) -> Turning {
        self.running.start();
        Turning(Arc::clone(&self.running))
    }

    /// Another number whenever compiled code of before cannot be used.
    pub(crate) fn compatibility(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }
}

fn config(limits: Limits, reservation: Reservation) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.instances)
        .total_core_instances(limits.instances * 4)
        .total_memories(limits.instances)
        .total_tables(limits.instances * 4)
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_core_instances_per_component(4)
        .max_memory_size(limits.memory_bytes)
        .table_elements(10_000)
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(8 << 10);
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .max_wasm_stack(256 << 10)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .parallel_compilation(true)
        .wasm_memory64(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    if reservation == Reservation::Short {
        config.memory_reservation(limits.memory_bytes as u64).memory_guard_size(64 << 10);
    }
    config
}

/// How many calls are under way; nothing ticks while there are none.
#[derive(Debug, Default)]
struct Running {
    calls: Mutex<usize>,
    started: Condvar,
}

impl Running {
    fn start(&self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls += 1;
        if *calls == 1 {
            self.started.notify_one();
        }
    }
}

/// Calls are under way as long as this lives.
#[derive(Debug)]
pub(crate) struct Turning(Arc<Running>);

impl Drop for Turning {
    fn drop(&mut self) {
        *self.0.calls.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

/// Turns the epoch until the engine is gone.
fn tick(engine: &EngineWeak, running: &Weak<Running>) {
    // Nothing is ever sent or notified here: the wait is what lasts a turn.
    let (never, turn) = (Mutex::new(()), Condvar::new());
    while let Some(running) = running.upgrade() {
        let calls = running.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at again every second, so that this thread ends soon after the sandbox.
        let idle = running.started.wait_timeout_while(calls, Duration::from_secs(1), |calls| *calls == 0);
        let idle = idle.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        drop(running);
        if idle {
            continue;
        }
        let wait = never.lock().unwrap_or_else(PoisonError::into_inner);
        drop(turn.wait_timeout(wait, TICK));
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_reservation_make_an_engine_and_are_told_apart_by_the_cache() {
        let full = Sandbox::new(Limits::default()).unwrap();
        let short = Sandbox::with(Limits::default(), Reservation::Short).unwrap();
        assert_eq!(short.reservation(), Reservation::Short);
        assert_ne!(full.compatibility(), short.compatibility());
        assert_eq!(full.compatibility(), Sandbox::with(Limits::default(), full.reservation()).unwrap().compatibility());
    }
}
