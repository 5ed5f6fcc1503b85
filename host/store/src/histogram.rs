//! How often something was how much, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of values by size, for whoever looks at a server from outside: atomics only.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: what is above them all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramRead {
    /// The largest value of each step, smallest first, and how many values were up to it and above the step before.
    pub steps: Vec<(u64, u64)>,
    /// How many values were above every step.
    pub above: u64,
    /// The sum of all values.
    pub sum: u64,
}

impl Histogram {
    /// Counts by these upper ends, which grow.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn count(&self, value: u64) {
        let step = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(step) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> HistogramRead {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let above = counts.last().copied().unwrap_or_default();
        let steps = self.bounds.iter().copied().zip(counts).collect();
        HistogramRead { steps, above, sum: self.sum.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_the_end_of_a_step_belongs_to_it() {
        let histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 1000] {
            histogram.count(value);
        }
        assert_eq!(histogram.read(), HistogramRead { steps: vec![(1, 2), (10, 2)], above: 2, sum: 1024 });
    }
}
