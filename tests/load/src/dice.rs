//! Chance that is the same in every run: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
//! generators", 2014). A library's generator may change between versions; the sample must not.

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of the `number`-th thing of a kind.
    pub(crate) fn of(kind: u64, number: u64) -> Self {
        let mut dice = Self(kind.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number);
        // Neighbouring seeds part only after the first step.
        dice.roll();
        dice
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `end`, which is above 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    /// From 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Between two sizes; each doubling is as likely as any other.
    pub(crate) fn size(&mut self, least: usize, most: usize) -> usize {
        let (low, high) = ((least as f64).ln(), (most as f64).ln());
        (low + (high - low) * self.unit()).exp() as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.roll().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_fall_as_published_and_the_same_every_time() {
        // The first outputs of SplitMix64 for seed 0.
        let mut dice = Dice(0);
        assert_eq!([dice.roll(), dice.roll()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        assert_eq!(Dice::of(1, 2).bytes(19), Dice::of(1, 2).bytes(19));
        assert_ne!(Dice::of(1, 2).roll(), Dice::of(1, 3).roll());
    }

    #[test]
    fn sizes_stay_within_their_bounds_with_the_mean_of_their_distribution() {
        let mut dice = Dice::of(0, 0);
        let sizes: Vec<usize> = (0..20_000).map(|_| dice.size(1000, 8000)).collect();
        assert!(sizes.iter().all(|size| (999..=8000).contains(size)));
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        // (8000 - 1000) / ln 8
        assert!((3300..=3430).contains(&mean), "{mean}");
    }
}
