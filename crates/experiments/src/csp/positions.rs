//! Wyckoff positions for a space group and a formula.

use std::path::PathBuf;

use anyhow::{Context, Result};
use druse::Proposing;
use langevin::{OrderedSites, SamplingOrder};
use random_keys::{Purpose, RandomKey};
use rayon::prelude::*;
use wyckoff_assignment::{AssignmentPrior, AssignmentSpace, Demand, Priors};
use wyckoff_model::Proposer;

use super::Positions;
use super::targets::Target;
use crate::spreading::spread;

/// Assignments that tries are spread over, at most.
const PROPOSALS: usize = 16;

/// Where positions come from.
pub(super) enum PositionSource {
    Proposer(Box<Proposer>),
    Prior(&'static AssignmentPrior),
}

impl PositionSource {
    /// The proposer, from a file if one is named, or the prior.
    pub(super) fn open(positions: Positions, file: Option<PathBuf>) -> Result<Self> {
        let proposing = match positions {
            Positions::Proposed => file.map_or(Proposing::Mp20, Proposing::File),
            Positions::Drawn => Proposing::Prior,
        };
        let prior = || Self::Prior(&Priors::shipped().assignments);
        Ok(proposing.open()?.map_or_else(prior, |proposer| Self::Proposer(Box::new(proposer))))
    }

    /// For tables and for the identity of a run.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Proposer(proposer) => {
                let weights = proposer.weights();
                format!("proposer {} (SHA-256 {}…)", weights.path, &weights.sha256[..12])
            }
            Self::Prior(_) => "draws from the prior".to_owned(),
        }
    }

    /// One order for each try at each target, target by target.
    ///
    /// # Errors
    /// If no assignment holds the formula of a target: its own one does, so that this is a fault of the program.
    pub(super) fn orders(
        &self,
        targets: &[Target],
        tries: usize,
        candidates: usize,
        seed: u64,
    ) -> Result<Vec<SamplingOrder>> {
        let orders: Vec<Vec<SamplingOrder>> = match self {
            Self::Proposer(proposer) => targets
                .par_iter()
                // Each thread asks its own copy of the network.
                .map_init(
                    || Proposer::new(proposer.weights().clone()),
                    |proposer, target| proposed(proposer, target, tries),
                )
                .collect::<Result<_>>()?,
            Self::Prior(prior) => {
                let key = RandomKey::new(seed, Purpose::Demand);
                let of = |(index, target)| drawn(prior, target, tries, candidates, key, index as u64);
                targets.iter().enumerate().map(of).collect::<Result<_>>()?
            }
        };
        Ok(orders.into_iter().flatten().collect())
    }
}

/// Tries on the likeliest assignments, by their shares.
fn proposed(proposer: &Proposer, target: &Target, tries: usize) -> Result<Vec<SamplingOrder>> {
    let cell = target.assignment.primitive_composition();
    let asked = proposer.ask(&[cell], Some(target.space_group().number())).with_context(|| target.id.clone())?;
    let proposals = asked.most_likely(PROPOSALS.max(tries))?;
    let shares: Vec<(f64, usize)> = proposals.iter().map(|proposal| (proposal.probability(), tries)).collect();
    let order = |place: usize| target.order(OrderedSites::Wyckoff(proposals[place].assignment.clone()));
    Ok(spread(&shares, tries).into_iter().map(order).collect())
}

/// Tries whose every candidate has its own positions.
fn drawn(
    prior: &AssignmentPrior,
    target: &Target,
    tries: usize,
    candidates: usize,
    key: RandomKey,
    stream: u64,
) -> Result<Vec<SamplingOrder>> {
    let demand = Demand::Atoms(target.assignment.primitive_composition());
    let space = AssignmentSpace::new(target.space_group(), demand).with_context(|| target.id.clone())?;
    let distribution = prior.distribution(&space);
    let numbers = (0..u32::MAX).take(tries * candidates).collect::<Vec<_>>();
    let of_try = |draws: &[u32]| {
        let drawn = draws.iter().map(|draw| distribution.sample(&mut key.generator(stream, *draw)));
        target.order(OrderedSites::of_candidates(drawn.collect()))
    };
    Ok(numbers.chunks(candidates).map(of_try).collect())
}
