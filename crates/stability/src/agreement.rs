//! How well two hulls agree.

use crate::METASTABLE_LIMIT;

/// Calls of 'stable' against a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrectCalls {
    /// A structure counts as stable if its energy above the hull is at most this, eV/atom.
    pub threshold: f64,
    /// Stable by both.
    pub both_stable: usize,
    /// Stable by the first only.
    pub only_first: usize,
    /// Stable by the second only.
    pub only_second: usize,
    /// Stable by neither.
    pub neither: usize,
}

impl CorrectCalls {
    /// Share of equal calls.
    pub fn accuracy(&self) -> f64 {
        let n = self.both_stable + self.only_first + self.only_second + self.neither;
        share(self.both_stable + self.neither, n)
    }

    /// Share of the first's stable structures that are stable by the second.
    pub fn precision(&self) -> f64 {
        share(self.both_stable, self.both_stable + self.only_first)
    }

    /// Share of the second's stable structures that are stable by the first.
    pub fn recall(&self) -> f64 {
        share(self.both_stable, self.both_stable + self.only_second)
    }
}

/// Differences between two columns of energies, first minus second, eV/atom.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Number of pairs.
    pub n: usize,
    /// Mean difference.
    pub mean: f64,
    /// Mean absolute difference.
    pub mae: f64,
    /// Root of the mean squared difference.
    pub rmse: f64,
    /// Median absolute difference.
    pub median: f64,
    /// 95th percentile of the absolute difference.
    pub percentile_95: f64,
    /// Largest absolute difference.
    pub max: f64,
    /// Share of pairs within 1 meV/atom.
    pub within_1_mev: f64,
    /// Share of pairs within 10 meV/atom.
    pub within_10_mev: f64,
    /// Calls at 0 and at 0.1 eV/atom.
    pub calls: [CorrectCalls; 2],
}

impl Agreement {
    /// Compares energies above two hulls, as `(ours, the data's)`, eV/atom. In calls at a threshold, `tolerance` is
    /// added to it: published energies are rounded, those of a fresh hull are not. `None` without pairs, and if a value
    /// is not finite.
    pub fn of(pairs: &[(f64, f64)], tolerance: f64) -> Option<Self> {
        if pairs.is_empty() || pairs.iter().any(|(a, b)| !(a - b).is_finite()) {
            return None;
        }
        let mut absolute: Vec<f64> = pairs.iter().map(|(a, b)| (a - b).abs()).collect();
        absolute.sort_by(f64::total_cmp);
        let n = count(pairs.len());
        let within = |limit: f64| share(absolute.partition_point(|difference| *difference <= limit), absolute.len());
        Some(Self {
            n: pairs.len(),
            mean: pairs.iter().map(|(a, b)| a - b).sum::<f64>() / n,
            mae: absolute.iter().sum::<f64>() / n,
            rmse: (absolute.iter().map(|difference| difference * difference).sum::<f64>() / n).sqrt(),
            median: quantile(&absolute, 1, 2),
            percentile_95: quantile(&absolute, 19, 20),
            max: absolute[absolute.len() - 1],
            within_1_mev: within(1e-3),
            within_10_mev: within(1e-2),
            calls: [0.0, METASTABLE_LIMIT].map(|threshold| calls(pairs, threshold, tolerance)),
        })
    }
}

fn calls(pairs: &[(f64, f64)], threshold: f64, tolerance: f64) -> CorrectCalls {
    let limit = threshold + tolerance;
    let number = |first: bool, second: bool| {
        pairs.iter().filter(|(a, b)| ((*a <= limit), (*b <= limit)) == (first, second)).count()
    };
    CorrectCalls {
        threshold,
        both_stable: number(true, true),
        only_first: number(true, false),
        only_second: number(false, true),
        neither: number(false, false),
    }
}

/// Quantile `numerator / denominator` of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], numerator: usize, denominator: usize) -> f64 {
    let place = (sorted.len() - 1) * numerator;
    let (below, rest) = (place / denominator, place % denominator);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * count(rest) / count(denominator)
}

pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { f64::NAN } else { count(part) / count(whole) }
}

/// A count as a number; exact up to 2³², beyond which nothing here counts.
pub(crate) fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[test]
    fn differences_and_calls() {
        let pairs = [(0.0, 0.0), (0.002, 0.0), (-0.01, 0.05), (0.2, 0.05), (0.3, 0.3)];
        let agreement = Agreement::of(&pairs, 1e-6).expect("pairs");
        assert_abs_diff_eq!(agreement.mae, 0.0424, epsilon = 1e-12);
        assert_abs_diff_eq!(agreement.mean, 0.0184, epsilon = 1e-12);
        assert_abs_diff_eq!(agreement.median, 0.002, epsilon = 1e-12);
        assert_abs_diff_eq!(agreement.percentile_95, 0.06 + 0.8 * 0.09, epsilon = 1e-12);
        assert_abs_diff_eq!(agreement.max, 0.15, epsilon = 1e-12);
        assert_eq!((agreement.within_1_mev, agreement.within_10_mev), (0.4, 0.6));
        let [at_0, at_100] = agreement.calls;
        assert_eq!((at_0.both_stable, at_0.only_first, at_0.only_second, at_0.neither), (1, 1, 1, 2));
        assert_eq!((at_100.both_stable, at_100.only_first, at_100.only_second, at_100.neither), (3, 0, 1, 1));
        assert_eq!((at_0.accuracy(), at_0.precision(), at_0.recall()), (0.6, 0.5, 0.5));
        assert!(Agreement::of(&[], 0.0).is_none());
        assert!(Agreement::of(&[(f64::NAN, 0.0)], 0.0).is_none());
    }
}
