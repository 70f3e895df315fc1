//! How likely an assignment is, given the space group and the counts.

use std::collections::{BTreeMap, HashMap};

use crystal_core::{AsymmetricUnit, SpaceGroup, Species};
use serde::{Deserialize, Serialize};

use super::chain::{Chain, Link};
use super::usage::{GroupUsage, Usage, ascending, count_of};
use crate::periodic_table::family;
use crate::{AssignmentDistribution, AssignmentError, AssignmentSpace, WyckoffAssignment};

/// How much is borrowed from where data are few: each strength is the number of observations that the more general
/// level counts as. Infinity leaves a level out, so that it says what the level before it says.
///
/// The levels, from the most general one on; from the third on only elements of the same count (atoms or sites, as
/// demanded) are looked at:
/// 1. how often a position of this site-symmetry order and number of free parameters holds sites, in all space groups;
/// 2. how often this position does, in this group;
/// 3. how many sites of an element of this count it holds, in this group;
/// 4. in structures with the same counts, elements aside;
/// 5. in those, of an element of the same family (a column of the periodic table, lanthanides, actinides);
/// 6. in those, of this element.
///
/// Families and elements whatever the other counts are were tried between the third and the fourth level and foretold
/// nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Smoothing {
    /// Strength of the first level in the second.
    pub position: f64,
    /// Strength of the second level in the third.
    pub count: f64,
    /// Strength of the third level in the fourth.
    pub pattern: f64,
    /// Strength of the fourth level in the fifth.
    pub family: f64,
    /// Strength of the fifth level in the sixth.
    pub element: f64,
}

impl Default for Smoothing {
    /// What foretold MP-20's validation split best.
    fn default() -> Self {
        Self { position: 160.0, count: 80.0, pattern: 5.0, family: 2.0, element: 2.5 }
    }
}

/// Strength of the mean over all positions in the rate of a kind of position.
const KIND_STRENGTH: f64 = 10.0;
/// Rounds of fitting the factors to the shares; more change the probabilities in the third digit.
const SWEEPS: u32 = 10;

/// A prior over assignments: frequencies of positions in training structures, smoothed so that every admissible
/// assignment has a positive probability.
///
/// For each element the shares of its positions (how often a position holds 0, 1, 2 … of its sites) are mixed from
/// general to special ([`Smoothing`]), and turned into factors of (element, position, number of sites) whose product
/// has these shares once the element's count is given. Elements then compete for the positions without freedom, which
/// the [`AssignmentDistribution`] takes into account exactly.
///
/// A product cannot know that two elements change places together, which is what another choice of origin does. It is
/// therefore learned from assignments at their standard origin ([`WyckoffAssignment::standard_origin`]), and finds the
/// other origins of the same structure unlikely.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Learned", into = "Learned")]
pub struct AssignmentPrior {
    learned: Learned,
    /// Sites per position and element, by site-symmetry order and number of free parameters.
    rates: BTreeMap<Kind, f64>,
    mean_rate: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Learned {
    smoothing: Smoothing,
    usage: Usage,
}

/// Site-symmetry order and number of free parameters of a position.
type Kind = (usize, usize);

impl TryFrom<Learned> for AssignmentPrior {
    type Error = AssignmentError;

    fn try_from(learned: Learned) -> Result<Self, Self::Error> {
        if learned.usage.is_sound() {
            Ok(Self::of(learned))
        } else {
            Err(AssignmentError::Priors {
                reason: "it names positions that their space group does not have".to_owned(),
            })
        }
    }
}

impl From<AssignmentPrior> for Learned {
    fn from(prior: AssignmentPrior) -> Self {
        prior.learned
    }
}

impl AssignmentPrior {
    /// Counts the positions of training structures. Units whose sites are no assignment (two sites on one fixed point)
    /// are left out.
    pub fn learn<'a>(units: impl IntoIterator<Item = &'a AsymmetricUnit>, smoothing: Smoothing) -> Self {
        let mut usage = Usage::default();
        for assignment in units.into_iter().filter_map(|unit| WyckoffAssignment::of(unit).ok()) {
            usage.add(&assignment.standard_origin());
        }
        Self::of(Learned { smoothing, usage })
    }

    fn of(learned: Learned) -> Self {
        let mut seen: BTreeMap<Kind, (f64, f64)> = BTreeMap::new();
        for (group, usage) in learned.usage.groups() {
            let positions = group.wyckoff_positions();
            let (n_sites, n_elements) = sites_on_positions(usage, positions.len());
            for (position, n_sites) in positions.iter().zip(n_sites) {
                let (sites, chances) = seen.entry((position.site_symmetry_order(), position.n_free())).or_default();
                *sites += n_sites;
                *chances += n_elements;
            }
        }
        let total = seen.values().fold((0.0, 0.0), |sum, seen| (sum.0 + seen.0, sum.1 + seen.1));
        let mean_rate = if total.0 > 0.0 { total.0 / total.1 } else { 1.0 };
        let rate = |(sites, chances): (f64, f64)| (sites + KIND_STRENGTH * mean_rate) / (chances + KIND_STRENGTH);
        let rates = seen.into_iter().map(|(kind, seen)| (kind, rate(seen))).collect();
        Self { learned, rates, mean_rate }
    }

    /// How much is borrowed from where.
    pub fn smoothing(&self) -> Smoothing {
        self.learned.smoothing
    }

    /// The same counts, smoothed in another way.
    pub fn with_smoothing(mut self, smoothing: Smoothing) -> Self {
        self.learned.smoothing = smoothing;
        self
    }

    /// The probabilities of the assignments of a space.
    pub fn distribution<'a>(&self, space: &'a AssignmentSpace) -> AssignmentDistribution<'a> {
        let factors = self.log_factors(space);
        AssignmentDistribution::new(space, |species, position, n_sites| factors[&species][position][n_sites as usize])
    }

    /// Of each element and position, ln of the factors of 0, 1, 2 … sites.
    fn log_factors(&self, space: &AssignmentSpace) -> HashMap<Species, Vec<Vec<f64>>> {
        let (space_group, demand) = (space.space_group(), space.demand());
        let usage = self.learned.usage.of_group(space_group.number());
        let rates = self.rates_in(space_group, usage);
        let links: Vec<Link> = (0..rates.len())
            .map(|position| {
                let is_fixed = space_group.wyckoff_positions()[position].n_free() == 0;
                let size = demand.size_of(space_group, position) as usize;
                Link { size, room: if is_fixed { 1 } else { usize::MAX } }
            })
            .collect();
        // A chain ends with the general position, the tables begin with it.
        let reversed = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
        let elements = demand.counts().into_iter().filter(|(_, count)| *count > 0);
        elements
            .map(|(species, count)| {
                let links = links.iter().rev().copied().collect();
                let mut chain = Chain::of_rates(links, &reversed(&rates), count as usize)
                    .expect("what all elements together can do, each can do alone");
                let mut wanted = chain.shares();
                wanted.reverse();
                for (level, strength) in self.seen(space, usage, species, count, &wanted).iter().zip(self.strengths()) {
                    level.mix_into(&mut wanted, strength);
                }
                wanted.reverse();
                chain.fit(&wanted, SWEEPS);
                let mut log_factors = chain.log_factors();
                log_factors.reverse();
                (species, log_factors)
            })
            .collect()
    }

    /// Rates of the positions in a group: levels 1 and 2.
    fn rates_in(&self, space_group: &SpaceGroup, usage: Option<&GroupUsage>) -> Vec<f64> {
        let positions = space_group.wyckoff_positions();
        let (n_sites, n_elements) =
            usage.map_or((vec![0.0; positions.len()], 0.0), |usage| sites_on_positions(usage, positions.len()));
        let strength = self.learned.smoothing.position;
        positions
            .iter()
            .zip(n_sites)
            .map(|(position, n_sites)| {
                let kind = (position.site_symmetry_order(), position.n_free());
                let general = self.rates.get(&kind).copied().unwrap_or(self.mean_rate);
                if strength.is_finite() { (n_sites + strength * general) / (n_elements + strength) } else { general }
            })
            .collect()
    }

    fn strengths(&self) -> [f64; 4] {
        let Smoothing { count, pattern, family, element, .. } = self.learned.smoothing;
        [count, pattern, family, element]
    }

    /// What was seen on levels 3 to 6; `shape` has as many numbers of sites per position as there can be.
    fn seen(
        &self,
        space: &AssignmentSpace,
        usage: Option<&GroupUsage>,
        species: Species,
        count: u32,
        shape: &[Vec<f64>],
    ) -> [Seen; 4] {
        let mut levels = [(); 4].map(|()| Seen::new(shape));
        let counts = ascending(space.demand());
        for (pattern, elements) in usage.into_iter().flatten() {
            let is_pattern = pattern.meets(space.demand(), &counts);
            for ((number, held), times) in elements {
                if count_of(held, space.demand(), space.space_group()) != count {
                    continue;
                }
                let is_element = *number == species.atomic_number();
                let is_family = family(*number) == family(species.atomic_number());
                let counted = [true, is_pattern, is_pattern && is_family, is_pattern && is_element];
                for (level, _) in levels.iter_mut().zip(counted).filter(|(_, is_counted)| *is_counted) {
                    level.add(held, f64::from(*times));
                }
            }
        }
        levels
    }
}

/// On one level, how often each position held 0, 1, 2 … sites.
struct Seen {
    total: f64,
    times: Vec<Vec<f64>>,
}

impl Seen {
    fn new(shape: &[Vec<f64>]) -> Self {
        Self { total: 0.0, times: shape.iter().map(|shares| vec![0.0; shares.len()]).collect() }
    }

    fn add(&mut self, held: &[(u8, u16)], times: f64) {
        self.total += times;
        for (position, n_sites) in held {
            self.times[usize::from(*position)][usize::from(*n_sites)] += times;
        }
    }

    /// Mixes what was seen into the shares of the more general level.
    fn mix_into(&self, shares: &mut [Vec<f64>], strength: f64) {
        if !strength.is_finite() || self.total == 0.0 {
            return;
        }
        for (shares, times) in shares.iter_mut().zip(&self.times) {
            let n_held: f64 = times.iter().skip(1).sum();
            for (n_sites, (share, times)) in shares.iter_mut().zip(times).enumerate() {
                let times = if n_sites == 0 { self.total - n_held } else { *times };
                *share = (times + strength * *share) / (self.total + strength);
            }
        }
    }
}

/// Of each position the number of sites in the structures of a group, and how many elements those structures have
/// together.
fn sites_on_positions(usage: &GroupUsage, n_positions: usize) -> (Vec<f64>, f64) {
    let mut n_sites = vec![0.0; n_positions];
    let mut n_elements = 0.0;
    for ((_, held), times) in usage.values().flatten() {
        n_elements += f64::from(*times);
        for (position, count) in held {
            n_sites[usize::from(*position)] += f64::from(*times) * f64::from(*count);
        }
    }
    (n_sites, n_elements)
}
