//! What of a target the sampler is told, and the orders that follow.

use anyhow::{Context, Result, bail};
use crystal_core::SiteMode;
use langevin::{OrderedSites, SamplingOrder};
use rand::RngExt;
use random_keys::{Purpose, RandomKey};
use wyckoff_assignment::{AssignmentPrior, AssignmentSpace, Demand, Priors, WyckoffAssignment};

use super::targets::Target;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// Space group and sites per element; sites go anywhere, as in the paper.
    Sites,
    /// The same; Wyckoff positions are drawn from the prior first.
    Positions,
    /// The formula too: positions are drawn among those that give it.
    Formula,
}

impl Given {
    pub(super) const ALL: [Self; 3] = [Self::Sites, Self::Positions, Self::Formula];

    /// Its name in files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sites => "sites",
            Self::Positions => "positions",
            Self::Formula => "formula",
        }
    }

    /// How the table names it.
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Sites => "group and sites per element given, sites go anywhere (as in the paper)",
            Self::Positions => "group and sites per element given, Wyckoff positions drawn",
            Self::Formula => "formula also given, Wyckoff positions drawn",
        }
    }

    pub(super) fn mode(self) -> SiteMode {
        match self {
            Self::Sites => SiteMode::General,
            Self::Positions | Self::Formula => SiteMode::Wyckoff,
        }
    }

    /// One order for each sample of each target, target by target.
    ///
    /// # Errors
    /// If no assignment gives a target's formula, or it is too rare to be drawn.
    pub(super) fn orders(self, targets: &[Target], samples: usize, seed: u64) -> Result<Vec<SamplingOrder>> {
        let prior = &Priors::shipped().assignments;
        let mut orders = Vec::with_capacity(targets.len() * samples);
        for (index, target) in targets.iter().enumerate() {
            let order = |sites| SamplingOrder { space_group: target.space_group.number(), sites, count: 1 };
            if self == Self::Sites {
                let sites = OrderedSites::General(target.sites_per_element.clone());
                orders.extend((0..samples).map(|_| order(sites.clone())));
                continue;
            }
            let drawn = positions(self, target, prior, samples, RandomKey::new(seed, Purpose::Demand), index as u64)?;
            orders.extend(drawn.into_iter().map(|assignment| order(OrderedSites::Wyckoff(assignment))));
        }
        Ok(orders)
    }
}

fn positions(
    given: Given,
    target: &Target,
    prior: &AssignmentPrior,
    samples: usize,
    key: RandomKey,
    stream: u64,
) -> Result<Vec<WyckoffAssignment>> {
    /// Up to here all assignments are listed.
    const MOST: usize = 200_000;
    /// Draws for one sample beyond that.
    const MOST_DRAWS: usize = 20_000;
    let demand = Demand::Sites(target.sites_per_element.clone());
    let space = AssignmentSpace::new(target.space_group, demand).with_context(|| target.id.clone())?;
    let distribution = prior.distribution(&space);
    let numbers = (0..u32::MAX).take(samples);
    if given == Given::Positions {
        return Ok(numbers.map(|n| distribution.sample(&mut key.generator(stream, n))).collect());
    }
    let formula = target.formula.formula();
    let fits = |assignment: &WyckoffAssignment| assignment.primitive_composition().reduced().formula() == formula;
    let Ok(all) = space.list(MOST) else {
        let draw = |n| {
            let mut rng = key.generator(stream, n);
            let mut draws = std::iter::repeat_with(|| distribution.sample(&mut rng)).take(MOST_DRAWS);
            draws.find(&fits).with_context(|| format!("{}: {formula} is too rare among its positions", target.id))
        };
        return numbers.map(draw).collect();
    };
    let fitting: Vec<WyckoffAssignment> = all.into_iter().filter(fits).collect();
    let logs: Vec<f64> = fitting.iter().filter_map(|one| distribution.log_probability(one)).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sums: Vec<f64> = logs
        .iter()
        .scan(0.0, |sum, log| {
            *sum += (log - largest).exp();
            Some(*sum)
        })
        .collect();
    let Some(total) = sums.last().copied().filter(|_| logs.len() == fitting.len()) else {
        bail!("{}: no assignment of its sites gives {formula}", target.id);
    };
    let draw = |n| {
        let place = key.generator(stream, n).random_range(0.0..total);
        fitting[sums.partition_point(|sum| *sum <= place)].clone()
    };
    Ok(numbers.map(draw).collect())
}

#[cfg(test)]
mod tests {
    use test_support::needs;

    use super::super::targets;
    use super::*;

    #[needs(shared)]
    #[test]
    fn orders_tell_what_they_should_and_no_more() {
        let targets = targets::read(&test_support::shared("data/table2/targets.jsonl")).expect("the list");
        for given in Given::ALL {
            let orders = given.orders(&targets, 2, 5).expect("orders");
            assert_eq!(orders.len(), 72);
            for (index, order) in orders.iter().enumerate() {
                let target = &targets[index / 2];
                assert_eq!(order.space_group, target.space_group.number());
                assert_eq!(order.mode(), given.mode());
                match &order.sites {
                    OrderedSites::General(sites) => assert_eq!(sites, &target.sites_per_element),
                    OrderedSites::Wyckoff(assignment) => {
                        assert_eq!(assignment.sites_per_element(), target.sites_per_element);
                        let same = assignment.primitive_composition().reduced() == target.formula;
                        assert!(same || given != Given::Formula, "{}", target.id);
                    }
                    other => panic!("{other:?}"),
                }
            }
            let more = given.orders(&targets[..1], 5, 5).expect("orders");
            assert_eq!(more[..2], orders[..2], "sample n does not depend on how many there are");
        }
    }
}
