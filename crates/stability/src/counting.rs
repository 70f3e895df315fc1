//! Counting stable, unique and novel structures.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::agreement::{count, share};

/// A structure counts as metastable up to this energy above the hull, eV/atom.
pub const METASTABLE_LIMIT: f64 = 0.1;

/// What is known of one sample. A sample that failed anywhere has no energy and still counts in every denominator.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Verdict {
    /// Energy above the hull, eV/atom; `None` if the sample was dropped, did not relax or cannot be put on the hull.
    pub energy_above_hull: Option<f64>,
    /// Whether it is the first of the samples that match it.
    pub unique: bool,
    /// Whether it matches nothing known.
    pub novel: bool,
}

impl Verdict {
    fn stable(&self) -> bool {
        self.energy_above_hull.is_some_and(|energy| energy <= 0.0)
    }

    fn up_to_limit(&self) -> bool {
        self.energy_above_hull.is_some_and(|energy| energy <= METASTABLE_LIMIT)
    }

    fn unique_and_novel(&self) -> bool {
        self.unique && self.novel
    }
}

/// Bounds of a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The 2.5th percentile.
    pub lower: f64,
    /// The 97.5th percentile.
    pub upper: f64,
}

/// A count with its share of all samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Number of samples.
    pub n: usize,
    /// Share of all samples, failures among them.
    pub share: f64,
    /// Of the share, by bootstrap over samples.
    pub interval: Interval,
}

/// Counts over a set of samples. Each is the number of samples that have all the properties named, never a product of
/// shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StabilityCounts {
    /// All samples, the denominator of every share.
    pub n_samples: usize,
    /// Samples without an energy above the hull.
    pub failed: Share,
    /// On or below the hull.
    pub stable: Share,
    /// Above the hull by at most 0.1 eV/atom; disjoint from `stable`.
    pub metastable: Share,
    /// At most 0.1 eV/atom above the hull: `stable` and `metastable` together.
    pub up_to_limit: Share,
    /// Unique.
    pub unique: Share,
    /// Novel.
    pub novel: Share,
    /// Unique and novel.
    pub unique_novel: Share,
    /// Stable, unique and novel: S.U.N.
    pub sun: Share,
    /// Metastable, unique and novel: M.S.U.N., disjoint from `sun`.
    pub msun: Share,
    /// `sun` and `msun` together: S.U.N. as those count it who call 0.1 eV/atom stable.
    pub sun_up_to_limit: Share,
}

impl StabilityCounts {
    /// Counts verdicts and draws `replicates` bootstrap samples from `seed` for the intervals. Uniqueness is a property
    /// of the set that was sampled; a replicate takes it over as it is.
    pub fn of(verdicts: &[Verdict], replicates: usize, seed: u64) -> Self {
        let properties: [fn(&Verdict) -> bool; N_PROPERTIES] = [
            |verdict| verdict.energy_above_hull.is_none(),
            Verdict::stable,
            |verdict| verdict.up_to_limit() && !verdict.stable(),
            Verdict::up_to_limit,
            |verdict| verdict.unique,
            |verdict| verdict.novel,
            Verdict::unique_and_novel,
            |verdict| verdict.stable() && verdict.unique_and_novel(),
            |verdict| verdict.up_to_limit() && !verdict.stable() && verdict.unique_and_novel(),
            |verdict| verdict.up_to_limit() && verdict.unique_and_novel(),
        ];
        let flags: Vec<[bool; N_PROPERTIES]> =
            verdicts.iter().map(|verdict| properties.map(|property| property(verdict))).collect();
        let total = |index: usize| flags.iter().filter(|flags| flags[index]).count();
        let replicated = bootstrap(&flags, replicates, seed);
        let shares: [Share; N_PROPERTIES] = std::array::from_fn(|index| {
            let n = total(index);
            let share = share(n, flags.len());
            Share { n, share, interval: interval(replicated.iter().map(|counts| counts[index]), flags.len(), share) }
        });
        let [failed, stable, metastable, up_to_limit, unique, novel, unique_novel, sun, msun, sun_up_to_limit] = shares;
        let n_samples = verdicts.len();
        Self {
            n_samples,
            failed,
            stable,
            metastable,
            up_to_limit,
            unique,
            novel,
            unique_novel,
            sun,
            msun,
            sun_up_to_limit,
        }
    }

    /// The shares of S.U.N. at 0 and at 0.1 eV/atom as some works print them: share unique and novel times share
    /// stable. It is too high, as novel samples are less stable than others, and is here to be set beside their
    /// figures.
    pub fn products(&self) -> [f64; 2] {
        [self.stable, self.up_to_limit].map(|stable| self.unique_novel.share * stable.share)
    }
}

const N_PROPERTIES: usize = 10;

/// Counts of each property in samples drawn with replacement.
fn bootstrap(flags: &[[bool; N_PROPERTIES]], replicates: usize, seed: u64) -> Vec<[usize; N_PROPERTIES]> {
    if flags.is_empty() {
        return Vec::new();
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let replicate = |_| {
        let mut counts = [0; N_PROPERTIES];
        for _ in 0..flags.len() {
            let drawn = &flags[random.random_range(0..flags.len())];
            counts.iter_mut().zip(drawn).for_each(|(count, flag)| *count += usize::from(*flag));
        }
        counts
    };
    (0..replicates).map(replicate).collect()
}

/// The middle 95 % of counts as shares; the share itself without replicates.
fn interval(counts: impl Iterator<Item = usize>, n_samples: usize, otherwise: f64) -> Interval {
    let mut counts: Vec<usize> = counts.collect();
    counts.sort_unstable();
    // Ranks from 0: 2.5 % of the replicates lie below and above.
    let outside = counts.len() / 40;
    match (counts.get(outside), counts.get(counts.len().saturating_sub(outside + 1))) {
        (Some(lower), Some(upper)) => Interval { lower: share(*lower, n_samples), upper: share(*upper, n_samples) },
        _ => Interval { lower: otherwise, upper: otherwise },
    }
}

impl Share {
    /// Half the width of the interval, for tables that print ±.
    pub fn half_width(&self) -> f64 {
        (self.interval.upper - self.interval.lower) / count(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn verdict(energy: f64, unique: bool, novel: bool) -> Verdict {
        Verdict { energy_above_hull: Some(energy), unique, novel }
    }

    #[test]
    fn counts_are_intersections_over_all_samples() {
        let failed = Verdict { unique: true, novel: true, ..Verdict::default() };
        let verdicts = [
            verdict(-0.01, true, true),
            verdict(0.0, true, false),
            verdict(0.05, true, true),
            verdict(0.1, false, true),
            verdict(0.100_001, true, true),
            failed,
            Verdict::default(),
            verdict(0.02, true, true),
        ];
        let counts = StabilityCounts::of(&verdicts, 200, 1);
        assert_eq!(counts.n_samples, 8);
        assert_eq!((counts.failed.n, counts.stable.n, counts.metastable.n, counts.up_to_limit.n), (2, 2, 3, 5));
        assert_eq!((counts.unique.n, counts.novel.n, counts.unique_novel.n), (6, 6, 5));
        assert_eq!((counts.sun.n, counts.msun.n, counts.sun_up_to_limit.n), (1, 2, 3));
        assert_abs_diff_eq!(counts.sun.share, 0.125);
        assert_abs_diff_eq!(counts.products()[1], 5.0 / 8.0 * 5.0 / 8.0);
    }

    #[test]
    fn intervals_have_the_width_of_a_binomial() {
        let verdicts: Vec<Verdict> =
            (0..1000).map(|index| verdict(if index < 200 { -0.1 } else { 1.0 }, true, true)).collect();
        let stable = StabilityCounts::of(&verdicts, 2000, 7).stable;
        let deviation = (0.2 * 0.8 / 1000.0_f64).sqrt();
        assert_abs_diff_eq!(stable.interval.lower, 0.2 - 1.96 * deviation, epsilon = 0.004);
        assert_abs_diff_eq!(stable.interval.upper, 0.2 + 1.96 * deviation, epsilon = 0.004);
        assert_eq!(StabilityCounts::of(&verdicts, 2000, 7).stable, stable, "the same seed, the same interval");
    }

    #[test]
    fn nothing_sampled() {
        let counts = StabilityCounts::of(&[], 100, 0);
        assert_eq!(counts.n_samples, 0);
        assert!(counts.sun.share.is_nan());
    }
}
