//! The orders of a search: sample n has its order, whatever the device, the budget and the rounds before it.

mod formulas;
mod prior;
mod proposer;

use crystal_core::{SitesPerElement, SpaceGroupNumber, Species};
use langevin::{OrderedSites, SamplingOrder};
use wyckoff_assignment::{Priors, WyckoffAssignment};
use wyckoff_model::Proposer;

use crate::settings::{Orders, Settings};
use crate::{ROUND, SearchError};
use prior::PriorPlan;
use proposer::ProposerPlan;

/// Lowest space group of the paper's search: the network of the general mode has learned from no triclinic or
/// monoclinic cells.
const LEAST_SEARCHED: u8 = 16;

/// Hands out orders.
#[derive(Debug)]
pub(crate) enum Plan<'a> {
    Proposer(Box<ProposerPlan<'a>>),
    Prior(Box<PriorPlan>),
    Sites(SitesPlan),
}

/// All combinations of groups and numbers of sites; each gets its first sample before any gets its second.
#[derive(Debug)]
pub(crate) struct SitesPlan {
    groups: Vec<SpaceGroupNumber>,
    combinations: Vec<SitesPerElement>,
    samples: u64,
}

impl<'a> Plan<'a> {
    /// The plan of a search; `proposer` is needed where its orders come from one.
    ///
    /// # Errors
    /// If no structure can be made as asked; the message says what could be asked for instead.
    pub(crate) fn new(settings: &Settings, proposer: Option<&'a Proposer>) -> Result<Self, SearchError> {
        let space_group = settings.space_group.map(|number| SpaceGroupNumber::new(i64::from(number))).transpose()?;
        Ok(match &settings.orders {
            Orders::Proposer { formula, most_atoms } => {
                let proposer = proposer.ok_or(SearchError::NoProposer)?;
                let plan = ProposerPlan::new(settings, formula.as_ref(), *most_atoms, space_group, proposer)?;
                Self::Proposer(Box::new(plan))
            }
            Orders::Prior { .. } => Self::Prior(Box::new(PriorPlan::new(settings, space_group)?)),
            Orders::Sites { space_groups, samples, most_per_element, most_in_all } => {
                let mut groups = Priors::shipped().formulas.commonest_groups(usize::from(u8::MAX));
                groups.retain(|group| group.get() >= LEAST_SEARCHED);
                groups.truncate(*space_groups);
                let groups = space_group.map_or(groups, |group| vec![group]);
                let elements: Vec<Species> = settings.elements.iter().copied().collect();
                let combinations = combinations(&elements, *most_per_element, *most_in_all);
                Self::Sites(SitesPlan { groups, combinations, samples: *samples as u64 })
            }
        })
    }

    /// How many rounds there are, where that is known beforehand.
    pub(crate) fn n_rounds(&self) -> Option<u64> {
        match self {
            Self::Proposer(_) | Self::Prior(_) => None,
            Self::Sites(plan) => Some(plan.n_samples().div_ceil(ROUND)),
        }
    }

    /// The orders of the next samples from `from` on, one each; fewer than `count` where the plan ends.
    ///
    /// # Errors
    /// What the table of choices of a group can fail with.
    pub(crate) fn orders(&mut self, from: u64, count: u64) -> Result<Vec<SamplingOrder>, SearchError> {
        match self {
            Self::Proposer(plan) => plan.orders(from, count),
            Self::Prior(plan) => plan.orders(from, count),
            Self::Sites(plan) => Ok((from..(from + count).min(plan.n_samples())).map(|n| plan.order(n)).collect()),
        }
    }
}

impl Settings {
    /// How many samples there are in all, where the orders are counted: those of the paper's section 5.4.
    pub fn n_samples(&self) -> Option<u64> {
        let rounds = Plan::new(self, None).ok()?.n_rounds()?;
        Some(rounds * ROUND)
    }
}

/// How often an assignment is worth being sampled: once where its sites cannot move, more often the more they can.
fn worth(assignment: &WyckoffAssignment) -> u32 {
    match assignment.n_free() {
        0 => 1,
        1 => 4,
        2 => 8,
        _ => 16,
    }
}

impl SitesPlan {
    fn n_samples(&self) -> u64 {
        self.samples * (self.groups.len() * self.combinations.len()) as u64
    }

    fn order(&self, sample: u64) -> SamplingOrder {
        let pairs = (self.groups.len() * self.combinations.len()) as u64;
        let pair = usize::try_from(sample % pairs).expect("below the length of a list");
        let (combination, group) = (pair / self.groups.len(), pair % self.groups.len());
        let sites = OrderedSites::General(self.combinations[combination].clone());
        SamplingOrder { space_group: self.groups[group], sites, count: 1 }
    }
}

/// Numbers of sites of each element, from 1 to `most_per_element`, at most `most_in_all` together; the fewest first.
fn combinations(elements: &[Species], most_per_element: u32, most_in_all: u32) -> Vec<SitesPerElement> {
    let mut all: Vec<Vec<u32>> = vec![Vec::new()];
    for _ in elements {
        let longer = |counts: &Vec<u32>| {
            let counts = counts.clone();
            (1..=most_per_element).map(move |count| [counts.as_slice(), &[count]].concat())
        };
        all = all.iter().flat_map(longer).filter(|counts| counts.iter().sum::<u32>() <= most_in_all).collect();
    }
    all.sort_by_key(|counts| counts.iter().sum::<u32>());
    all.into_iter().map(|counts| elements.iter().copied().zip(counts).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn system(text: &str) -> BTreeSet<Species> {
        text.split('-').map(|symbol| symbol.parse().expect("an element")).collect()
    }

    #[test]
    fn the_paper_has_four_combinations_of_sites_for_three_elements() {
        let elements: Vec<Species> = system("Cu-Si-K").into_iter().collect();
        let found: Vec<String> = combinations(&elements, 2, 4).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["Si:1,K:1,Cu:1", "Si:1,K:1,Cu:2", "Si:1,K:2,Cu:1", "Si:2,K:1,Cu:1"]);
        let mut plan = Plan::new(&Settings::of_the_paper(system("Cu-Si-K")), None).expect("a plan");
        assert_eq!(plan.n_rounds(), Some(32 * 4 * 60 / ROUND));
        let orders = plan.orders(0, 1_000_000).expect("orders");
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        orders.iter().for_each(|order| *counts.entry(order.to_string()).or_default() += 1);
        assert_eq!((orders.len(), counts.len()), (7680, 128));
        assert!(counts.values().all(|count| *count == 60));
        // Every part of the list is fair: after 128 samples each combination had one.
        let first: BTreeSet<String> = orders[..128].iter().map(ToString::to_string).collect();
        assert_eq!(first.len(), 128);
    }

    #[test]
    fn parts_of_a_plan_are_the_plan() {
        let settings = Settings::new(system("Na-Cl")).by_prior().with_seed(3);
        let whole = Plan::new(&settings, None).expect("a plan").orders(0, 40).expect("orders");
        let mut plan = Plan::new(&settings, None).expect("a plan");
        let parts = [plan.orders(24, 16).expect("orders"), plan.orders(0, 24).expect("orders")];
        assert_eq!(whole[24..], parts[0]);
        assert_eq!(whole[..24], parts[1]);
        assert!(whole.iter().all(|order| order.count == 1));
        let other = Plan::new(&settings.with_seed(4), None).expect("a plan").orders(0, 40).expect("orders");
        assert_ne!(whole, other);
        let unasked = Plan::new(&Settings::new(system("Na-Cl")), None).err().map(|error| error.to_string());
        assert!(unasked.is_some_and(|error| error.contains("proposer")));
    }
}
