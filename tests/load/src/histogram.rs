//! How long things took: a histogram whose buckets are 1/32 of their value wide.

use std::time::Duration;

/// Buckets for each doubling.
const PARTS: u64 = 32;
const PART_BITS: u32 = PARTS.trailing_zeros();

/// Counts of nanoseconds, from none to centuries, in 15 KB.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    count: u64,
    max: u64,
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram").field("count", &self.count).field("max", &self.max).finish_non_exhaustive()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = bucket(u64::MAX) + 1;
        Self { counts: vec![0; buckets], count: 0, max: 0 }
    }
}

fn bucket(value: u64) -> usize {
    let above = (u64::BITS - value.leading_zeros()).saturating_sub(PART_BITS + 1);
    (u64::from(above) * PARTS + (value >> above)) as usize
}

/// The largest value of a bucket.
fn top(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let above = (bucket / PARTS).saturating_sub(1);
    let value = bucket - above * PARTS;
    let end = (u128::from(value) + 1) << above;
    u64::try_from(end - 1).unwrap_or(u64::MAX)
}

impl Histogram {
    pub(crate) fn record(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) const fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The time that `share` of all (0.5 is the median) did not exceed, at most 1/32 too high; 0 when there are none.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Duration::from_nanos(top(bucket).min(self.max));
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn every_value_lies_in_a_bucket_no_wider_than_a_thirty_second_of_it() {
        let mut dice = Dice::of(9, 9);
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let some = (0..10_000).map(|_| dice.roll() >> dice.below(64)).collect::<Vec<_>>();
        for value in edges.chain(some).chain([u64::MAX]) {
            let bucket = bucket(value);
            assert!(top(bucket) >= value && (bucket == 0 || top(bucket - 1) < value), "{value}");
            assert!(top(bucket) - value <= value / 32, "{value} counts as {}", top(bucket));
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values_but_for_the_width_of_a_bucket() {
        let mut dice = Dice::of(3, 1);
        let mut values: Vec<u64> = (0..5000).map(|_| dice.size(1_000, 50_000_000) as u64).collect();
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        for (at, value) in values.iter().enumerate() {
            let half = if at % 2 == 0 { &mut one } else { &mut other };
            half.record(Duration::from_nanos(*value));
        }
        one.add(&other);
        values.sort_unstable();
        for share in [0.01, 0.5, 0.9, 0.99, 1.0] {
            let exact = values[(5000.0 * share) as usize - 1] as f64;
            let told = one.quantile(share).as_nanos() as f64;
            assert!((exact..=exact * 1.032).contains(&told), "{share}: {exact} and {told}");
        }
        assert_eq!((one.count(), one.max()), (5000, Duration::from_nanos(values[4999])));
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }
}
