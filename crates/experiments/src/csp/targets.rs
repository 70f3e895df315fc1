//! The structures to predict, and the orders that tell the sampler of them.

use anyhow::{Context, Result};
use crystal_core::{AsymmetricUnit, CrystalState, SiteMode, SpaceGroup, Structure};
use langevin::{OrderedSites, SamplingOrder};
use nalgebra::Vector3;
use rand::RngExt;
use random_keys::{Purpose, RandomKey};
use wyckoff_assignment::{AssignmentPrior, AssignmentSpace, Demand, WyckoffAssignment};

use super::Given;

/// A structure to predict.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its id in the data set.
    pub(super) id: String,
    /// As the data set has it.
    pub(super) structure: Structure,
    /// Its symmetric form.
    pub(super) unit: AsymmetricUnit,
    /// Its elements on Wyckoff positions.
    pub(super) assignment: WyckoffAssignment,
}

impl Target {
    /// Free parameters of the positions.
    pub(super) fn n_free(&self) -> usize {
        self.assignment.n_free()
    }

    fn space_group(&self) -> &'static SpaceGroup {
        self.assignment.space_group()
    }
}

/// One order for each try at each target, target by target. Where positions are drawn, each of the `candidates` that a
/// try is chosen from has its own.
///
/// # Errors
/// If no assignment holds the formula of a target: its own one does, so that this is a fault of the program.
pub(super) fn orders(
    targets: &[Target],
    given: Given,
    tries: usize,
    candidates: usize,
    prior: &AssignmentPrior,
    seed: u64,
) -> Result<Vec<SamplingOrder>> {
    let order = |target: &Target, sites| SamplingOrder { space_group: target.space_group().number(), sites, count: 1 };
    let mut orders = Vec::with_capacity(targets.len() * tries);
    for (index, target) in targets.iter().enumerate() {
        match given {
            Given::Letters => {
                orders.extend((0..tries).map(|_| order(target, OrderedSites::Wyckoff(target.assignment.clone()))))
            }
            Given::Formula => {
                let demand = Demand::Atoms(target.assignment.primitive_composition());
                let space = AssignmentSpace::new(target.space_group(), demand).with_context(|| target.id.clone())?;
                let distribution = prior.distribution(&space);
                let key = RandomKey::new(seed, Purpose::Demand);
                let numbers = (0..u32::MAX).take(tries * candidates).collect::<Vec<_>>();
                for draws in numbers.chunks(candidates) {
                    let drawn = draws.iter().map(|draw| distribution.sample(&mut key.generator(index as u64, *draw)));
                    orders.push(order(target, OrderedSites::of_candidates(drawn.collect())));
                }
            }
        }
    }
    Ok(orders)
}

/// What chance gives: random coordinates on the true positions in the TRUE cell.
pub(super) fn random_coordinates(target: &Target, attempt: usize, stream: u64, seed: u64) -> Result<Structure> {
    let attempt = u32::try_from(attempt).context("a number of tries beyond 2³²")?;
    let mut rng = RandomKey::new(seed, Purpose::Baseline).generator(stream, attempt);
    let mut state: CrystalState = target.unit.to_state(SiteMode::Wyckoff);
    for index in 0..state.sites.len() {
        let free = state.sites[index].free_coordinates(state.space_group);
        state.sites[index].move_to(free.point(&Vector3::from_fn(|_, _| rng.random_range(0.0..1.0))));
    }
    Ok(state.expand()?)
}
