//! Match rates: how many predictions are the structure that was asked for.

use crystal_core::{Finder, SpaceGroup, Structure, find_symmetry};
use metrics::StructureMatcher;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::targets::Target;

/// Free parameters at which the tables split, as published studies do: each entry is the smallest of its bin.
pub(crate) const BINS: [(usize, &str); 7] = [(0, "0"), (1, "1"), (2, "2"), (3, "3"), (4, "4–5"), (6, "6–8"), (9, "9+")];

/// The bin of a number of free parameters.
pub(crate) fn bin_of(n_free: usize) -> usize {
    BINS.iter().rposition(|(least, _)| *least <= n_free).expect("the first bin begins at 0")
}

/// Match rates over some targets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Targets.
    pub targets: usize,
    /// Share of all tries that match.
    pub per_try: f64,
    /// Share of targets that one of the tries matches.
    pub best_of: f64,
    /// Mean over the matched targets of the smallest distance of a try (root mean square, in units of the cube root of
    /// the volume per atom).
    pub rmse: Option<f64>,
}

impl Rate {
    /// Standard error of a share of the targets.
    pub fn standard_error(&self, share: f64) -> f64 {
        (share * (1.0 - share) / self.targets.max(1) as f64).sqrt()
    }
}

/// The space groups of the tries, as the symmetry finder sees them at 0.001 Å.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Symmetry {
    /// Tries with the group that was asked for.
    pub same: usize,
    /// Tries with another group whose point group is larger by a whole factor, as that of a supergroup is, or as large.
    pub supergroup: usize,
    /// Tries with any other group.
    pub other: usize,
    /// Tries in which no symmetry was found: atoms lie on one another.
    pub unknown: usize,
}

impl Symmetry {
    /// Looks at every try.
    pub(super) fn of(targets: &[Target], tries: &[Vec<Option<Structure>>]) -> Self {
        const SYMPREC: f64 = 1e-3;
        let order = |group: &SpaceGroup| group.primitive_operations().len();
        let of_try = |asked: &SpaceGroup, structure: &Structure| match find_symmetry(structure, SYMPREC, Finder::Moyo) {
            Ok(found) if found.number == asked.number() => Self { same: 1, ..Self::default() },
            Ok(found) if order(SpaceGroup::get(found.number)).is_multiple_of(order(asked)) => {
                Self { supergroup: 1, ..Self::default() }
            }
            Ok(_) => Self { other: 1, ..Self::default() },
            Err(_) => Self { unknown: 1, ..Self::default() },
        };
        let pairs = targets.par_iter().zip(tries).flat_map_iter(|(target, tries)| {
            tries.iter().flatten().map(|structure| of_try(target.assignment.space_group(), structure))
        });
        pairs.reduce(Self::default, Self::plus)
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            same: self.same + other.same,
            supergroup: self.supergroup + other.supergroup,
            other: self.other + other.other,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// Distances of the tries at each target; `None` where a try does not match.
#[derive(Debug, Clone)]
pub(super) struct Distances(Vec<(usize, Vec<Option<f64>>)>);

impl Distances {
    /// Matches all tries; a try that failed is none.
    pub(super) fn of(targets: &[Target], tries: &[Vec<Option<Structure>>], matcher: &StructureMatcher) -> Self {
        let of_target = |(target, tries): (&Target, &Vec<Option<Structure>>)| {
            let distance = |structure: &Option<Structure>| {
                let structure = structure.as_ref()?;
                // What cannot be reduced to a primitive cell matches nothing.
                matcher.rms(structure, &target.structure).ok().flatten().map(|found| found.rms)
            };
            (target.n_free(), tries.iter().map(distance).collect())
        };
        Self(targets.par_iter().zip(tries).map(of_target).collect())
    }

    /// Of targets with these free parameters; the same number of tries at each, target by target.
    pub(super) fn from_tries(free: &[usize], tries: &[Option<f64>], n_tries: usize) -> Self {
        Self(free.iter().copied().zip(tries.chunks(n_tries).map(<[_]>::to_vec)).collect())
    }

    /// Of each try, target by target.
    pub(super) fn of_tries(&self) -> impl Iterator<Item = Option<f64>> {
        self.0.iter().flat_map(|(_, tries)| tries.iter().copied())
    }

    /// Over all targets.
    pub(super) fn overall(&self) -> Rate {
        rate(self.0.iter())
    }

    /// Bin by bin of free parameters.
    pub(super) fn by_freedom(&self) -> Vec<(String, Rate)> {
        let last = |bin: usize| BINS.get(bin + 1).map_or(usize::MAX, |(least, _)| *least);
        let of_bin = |(bin, (least, name)): (usize, &(usize, &'static str))| {
            ((*name).to_owned(), rate(self.0.iter().filter(|(n_free, _)| (*least..last(bin)).contains(n_free))))
        };
        BINS.iter().enumerate().map(of_bin).collect()
    }
}

fn rate<'a>(distances: impl Iterator<Item = &'a (usize, Vec<Option<f64>>)>) -> Rate {
    let (mut targets, mut tries, mut matching, mut matched, mut sum) = (0, 0, 0, 0, 0.0);
    for (_, of_target) in distances {
        targets += 1;
        tries += of_target.len();
        matching += of_target.iter().flatten().count();
        if let Some(best) = of_target.iter().flatten().copied().min_by(f64::total_cmp) {
            matched += 1;
            sum += best;
        }
    }
    let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    Rate {
        targets,
        per_try: share(matching, tries),
        best_of: share(matched, targets),
        rmse: (matched > 0).then(|| sum / matched as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_count_tries_and_targets() {
        let distances = Distances(vec![
            (0, vec![Some(0.1), None, Some(0.3)]),
            (4, vec![None, None, None]),
            (5, vec![None, Some(0.2), None]),
            (40, vec![None, None, None]),
        ]);
        let all = distances.overall();
        assert_eq!((all.targets, all.per_try, all.best_of), (4, 0.25, 0.5));
        assert!((all.rmse.expect("matches") - 0.15).abs() < 1e-12);
        assert!((all.standard_error(all.best_of) - 0.25).abs() < 1e-12);
        let bins = distances.by_freedom();
        assert_eq!(bins.iter().map(|(_, rate)| rate.targets).sum::<usize>(), 4);
        let (name, middle) = &bins[4];
        assert_eq!((name.as_str(), middle.targets, middle.best_of), ("4–5", 2, 0.5));
        assert_eq!((bins[1].1.targets, bins[1].1.rmse, bins[6].1.targets), (0, None, 1));
    }
}
