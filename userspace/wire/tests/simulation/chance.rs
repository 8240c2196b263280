//! Chance that a seed decides: SplitMix64.

#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // Not by the step of the generator, or one seed's numbers were the next one's.
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0, less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// How many seeds are run: `WEIR_SIMULATION_SEEDS`, or as many as take a second.
pub(crate) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("WEIR_SIMULATION_SEEDS").ok();
    let count = asked.map_or(usual, |count| count.parse().expect("a number of seeds"));
    0..count
}

/// Runs a seed, and names it where that fails.
pub(crate) fn with_each(usual: u64, run: impl Fn(u64)) {
    for seed in seeds(usual) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
        if outcome.is_err() {
            panic!("seed {seed}: why is said above");
        }
    }
}
