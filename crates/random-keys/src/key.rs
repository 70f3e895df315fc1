//! Philox 4×32 with ten rounds (Salmon, Moraes, Dror and Shaw, 'Parallel random numbers: as easy as 1, 2, 3', SC 2011).
//!
//! A number depends on the key and the counter alone, not on what was drawn before: a structure gets the same noise in
//! every batch, on every device, and after every restart. The GPU kernels compute the same words.

use std::f64::consts::TAU;

use crate::KeyedGenerator;

/// Multipliers of a round.
pub const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What a round adds to the key: the golden ratio and √3 − 1.
pub const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Rounds.
pub const ROUNDS: usize = 10;

/// What random numbers are for: runs of one seed that differ in it share no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Start and steps of sampling.
    Sampling,
    /// Noise and levels of training.
    Training,
    /// Noise by which structures are ranked.
    Ranking,
    /// Initial weights of a network.
    InitialWeights,
    /// The order in which an epoch of a training goes through the data.
    EpochOrder,
    /// What is asked of a sampler: space groups, positions, formulas.
    Demand,
    /// Choice of a part of a data set.
    Selection,
    /// Displacements that break a symmetry before a relaxation.
    Rattle,
    /// Resampling for error bars.
    Bootstrap,
    /// Random structures to compare with.
    Baseline,
}

impl Purpose {
    /// What is mixed into the second word of a key.
    fn salt(self) -> u32 {
        match self {
            Self::Sampling => 0,
            Self::Training => 0x7472_6169,
            Self::Ranking => 0x7261_6e6b,
            Self::InitialWeights => 0x7765_6967,
            Self::EpochOrder => 0x6f72_6465,
            Self::Demand => 0x6465_6d61,
            Self::Selection => 0x7365_6c65,
            Self::Rattle => 0x7261_7474,
            Self::Bootstrap => 0x626f_6f74,
            Self::Baseline => 0x6261_7365,
        }
    }
}

/// A key: one seed, one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomKey {
    words: [u32; 2],
}

impl RandomKey {
    /// The key of a seed.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self { words: [low(seed), high(seed) ^ purpose.salt()] }
    }

    /// Its two words.
    pub fn words(self) -> [u32; 2] {
        self.words
    }

    /// Four random words. `stream` tells structures apart, `draw` the occasions, `item` what is drawn on one occasion.
    pub fn block(self, stream: u64, draw: u32, item: u32) -> [u32; 4] {
        let mut counter = [low(stream), high(stream), draw, item];
        let mut key = self.words;
        for _ in 0..ROUNDS {
            let product = |k: usize, word: u32| u64::from(MULTIPLIERS[k]) * u64::from(word);
            let (first, second) = (product(0, counter[0]), product(1, counter[2]));
            counter = [high(second) ^ counter[1] ^ key[0], low(second), high(first) ^ counter[3] ^ key[1], low(first)];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        counter
    }

    /// Four numbers uniform in [0, 1), multiples of 2⁻²⁴.
    pub fn uniform(self, stream: u64, draw: u32, item: u32) -> [f64; 4] {
        self.block(stream, draw, item).map(uniform)
    }

    /// Four standard normal numbers (Box and Muller 1958), at most 5.8 in size. Not by a crate of distributions: those
    /// draw until a number fits, while the kernels must compute the same numbers from one block.
    pub fn normal(self, stream: u64, draw: u32, item: u32) -> [f64; 4] {
        let [a, b, c, d] = self.block(stream, draw, item);
        let pair = |radius: u32, angle: u32| {
            // Never 0, and exact in single precision.
            let open = (f64::from(radius >> 9) + 0.5) / f64::from(1 << 23);
            // Not the system's functions: they differ in the last place from machine to machine.
            let (sin, cos) = libm::sincos(TAU * uniform(angle));
            let radius = (-2.0 * libm::log(open)).sqrt();
            (radius * cos, radius * sin)
        };
        let ((w, x), (y, z)) = (pair(a, b), pair(c, d));
        [w, x, y, z]
    }

    /// A whole number below `bound`, uniform up to 2⁻³² · bound.
    ///
    /// # Panics
    /// If `bound` does not fit into 32 bits.
    pub fn below(self, bound: usize, stream: u64, draw: u32, item: u32) -> usize {
        let bound = u32::try_from(bound).expect("a choice among fewer than 2³²");
        high(u64::from(self.block(stream, draw, item)[0]) * u64::from(bound)) as usize
    }

    /// A generator for `rand`'s shuffles and distributions.
    pub fn generator(self, stream: u64, draw: u32) -> KeyedGenerator {
        KeyedGenerator::new(self, stream, draw)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(word: u64) -> u32 {
    word as u32
}

#[allow(clippy::cast_possible_truncation, reason = "32 bits are left")]
fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

fn uniform(word: u32) -> f64 {
    f64::from(word >> 8) / f64::from(1 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // The vectors published with the authors' Random123 library.
        let block = |counter: [u32; 4], words: [u32; 2]| {
            let stream = u64::from(counter[0]) | u64::from(counter[1]) << 32;
            RandomKey { words }.block(stream, counter[2], counter[3])
        };
        assert_eq!(block([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(block([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(block(pi, [0xa409_3822, 0x299f_31d0]), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let key = RandomKey::new(3, Purpose::Sampling);
        let numbers: Vec<f64> = (0..50_000).flat_map(|item| key.normal(7, 1, item)).collect();
        let mean = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / numbers.len() as f64;
        assert!(
            mean(1).abs() < 0.01
                && (mean(2) - 1.0).abs() < 0.015
                && mean(3).abs() < 0.04
                && (mean(4) - 3.0).abs() < 0.1
        );
        let covariance = numbers.chunks_exact(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / numbers.len() as f64;
        assert!(covariance.abs() < 0.01);
    }

    #[test]
    fn keys_and_normal_numbers_are_known() {
        // Computed by a separate program in Python: seed, purpose and stream use all their bits.
        let known = [
            (
                Purpose::Sampling,
                [0x634d_7a08, 0x01e4_cee8, 0xa006_2640, 0x224b_99d4],
                [1.3747441011591186, 0.0639442532670248, 0.6457761055476376, 0.7229661784235992],
                387,
            ),
            (
                Purpose::Training,
                [0x0e9f_b1a9, 0x4878_d783, 0x8771_4eec, 0x39b2_edc8],
                [-0.49395016472708175, 2.3411681253963934, 0.17381212900662193, 1.1149207108221937],
                57,
            ),
            (
                Purpose::Ranking,
                [0x64d2_d2b3, 0x8a26_edec, 0x485f_657e, 0x5678_c11e],
                [-1.3229828042856293, -0.33664198327893596, -0.832926005320472, 1.3538584287375595],
                393,
            ),
        ];
        let (seed, stream) = (0x1234_5678_9abc_def0, 0x0000_000b_0000_0007);
        for (purpose, words, normals, below) in known {
            let key = RandomKey::new(seed, purpose);
            assert_eq!(key.block(stream, 3, 5), words, "{purpose:?}");
            for (found, expected) in key.normal(stream, 3, 5).into_iter().zip(normals) {
                assert!((found - expected).abs() < 1e-12, "{purpose:?}: {found} instead of {expected}");
            }
            assert_eq!(key.below(1000, stream, 3, 5), below, "{purpose:?}");
        }
    }

    #[test]
    fn purposes_seeds_streams_draws_and_items_share_nothing() {
        // 450 000 words: a pair of equal ones among random words is likely, equal neighbouring pairs of words are not
        // (chance 1e-9).
        const PURPOSES: [Purpose; 10] = [
            Purpose::Sampling,
            Purpose::Training,
            Purpose::Ranking,
            Purpose::InitialWeights,
            Purpose::EpochOrder,
            Purpose::Demand,
            Purpose::Selection,
            Purpose::Rattle,
            Purpose::Bootstrap,
            Purpose::Baseline,
        ];
        assert_eq!(Purpose::Baseline as usize + 1, PURPOSES.len(), "a purpose is missing here");
        let mut seen = std::collections::HashSet::new();
        for purpose in PURPOSES {
            for seed in [0, 1, 2, 1 << 32, u64::MAX] {
                let key = RandomKey::new(seed, purpose);
                for place in 0..2250_u32 {
                    let (stream, draw, item) =
                        (u64::from(place % 15) << (place % 2 * 32), place / 15 % 10, place / 150);
                    let [a, b, c, d] = key.block(stream, draw, item);
                    let fresh = [seen.insert((a, b)), seen.insert((c, d))];
                    assert_eq!(fresh, [true, true], "{purpose:?} {seed} {stream} {draw} {item}");
                }
            }
        }
        assert!((0..1000).all(|item| RandomKey::new(0, Purpose::Training).below(10, 0, 0, item) < 10));
    }
}
