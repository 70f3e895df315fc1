//! The structures to predict, and the orders that tell the sampler of them.

use anyhow::{Context, Result};
use crystal_core::{AsymmetricUnit, CrystalState, SiteMode, SpaceGroup, Structure};
use langevin::{OrderedSites, SamplingOrder};
use nalgebra::Vector3;
use rand::RngExt;
use random_keys::{Purpose, RandomKey};
use wyckoff_assignment::WyckoffAssignment;

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

    pub(super) fn space_group(&self) -> &'static SpaceGroup {
        self.assignment.space_group()
    }

    /// The order for one structure with these sites in its group.
    pub(super) fn order(&self, sites: OrderedSites) -> SamplingOrder {
        SamplingOrder { space_group: self.space_group().number(), sites, count: 1 }
    }
}

/// One order for each try at each target, target by target, on its own positions.
pub(super) fn orders_of_letters(targets: &[Target], tries: usize) -> Vec<SamplingOrder> {
    let order = |target: &Target| target.order(OrderedSites::Wyckoff(target.assignment.clone()));
    targets.iter().flat_map(|target| std::iter::repeat_n(order(target), tries)).collect()
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
