//! The structures to predict, and the orders that tell the sampler of them.

use anyhow::{Context, Result};
use crystal_core::{AsymmetricUnit, CrystalState, SiteMode, SpaceGroup, Structure};
use langevin::{OrderedSites, SamplingOrder};
use nalgebra::Vector3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
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

/// One order for each try at each target, target by target. Where positions are drawn, each of the `candidates` that a try is chosen from has its own.
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
            Given::Letters => orders.extend((0..tries).map(|_| order(target, OrderedSites::Wyckoff(target.assignment.clone())))),
            Given::Formula => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(index as u64);
                let demand = Demand::Atoms(target.assignment.primitive_composition());
                let space = AssignmentSpace::new(target.space_group(), demand).with_context(|| target.id.clone())?;
                let distribution = prior.distribution(&space);
                let mut drawn = || (0..candidates).map(|_| distribution.sample(&mut rng)).collect();
                orders.extend((0..tries).map(|_| order(target, OrderedSites::of_candidates(drawn()))));
            }
        }
    }
    Ok(orders)
}

/// What chance gives: random coordinates on the true positions in the TRUE cell.
pub(super) fn random_coordinates(target: &Target, attempt: usize, stream: u64, seed: u64) -> Result<Structure> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    rng.set_stream((stream << 16) | attempt as u64);
    let mut state: CrystalState = target.unit.to_state(SiteMode::Wyckoff);
    for index in 0..state.sites.len() {
        let free = state.sites[index].free_coordinates(state.space_group);
        state.sites[index].frac_coords = free.point(&Vector3::from_fn(|_, _| rng.random_range(0.0..1.0)));
    }
    Ok(state.expand()?)
}
