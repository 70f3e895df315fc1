//! The sampler: schedules structures into batches and runs both processes level by level.

use std::collections::VecDeque;

use burn::tensor::Device;
use crystal_core::{CrystalState, LatticeCoordinates, SpaceGroup, Structure};
use multigraph::BatchedMultiGraph;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use score_model::{ScoreBatch, ScoreModel};

use crate::dynamics::{failure, generator, lattice_step, position_step, start};
use crate::{SamplerConfig, SamplingError, SamplingOrder, finish};

/// A sampled structure.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Place of its order in the list of orders.
    pub order: usize,
    /// Its place in the order.
    pub index: usize,
    /// Space group and non-equivalent sites after the last step.
    pub state: CrystalState,
    /// All atoms of the primitive cell.
    pub structure: Structure,
    /// How often it was drawn again after an explosion.
    pub redraws: usize,
}

/// What became of one structure of an order.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A structure.
    Sampled(Box<Sample>),
    /// Every draw exploded.
    GivenUp {
        /// Place of its order in the list of orders.
        order: usize,
        /// Its place in the order.
        index: usize,
        /// What happened to the last draw.
        reason: String,
    },
}

/// Samples structures with a trained model.
pub struct Sampler<'a, M: ScoreModel> {
    model: &'a M,
    config: SamplerConfig,
    device: Device,
}

/// One structure on its way.
struct Walker {
    order: usize,
    index: usize,
    attempt: usize,
    state: CrystalState,
    rng: ChaCha8Rng,
    failure: Option<String>,
}

/// Refuses the first order that cannot be carried out.
///
/// # Errors
/// [`SamplingError::Order`].
pub fn check_orders(orders: &[SamplingOrder]) -> Result<(), SamplingError> {
    for (index, order) in orders.iter().enumerate() {
        if let Some(reason) = order.problem() {
            return Err(SamplingError::Order { index, order: order.to_string(), reason });
        }
    }
    Ok(())
}

impl<'a, M: ScoreModel> Sampler<'a, M> {
    /// A sampler on `device`, where the model lies.
    ///
    /// # Errors
    /// [`SamplingError::Config`] if the configuration makes no sense.
    pub fn new(model: &'a M, config: SamplerConfig, device: &Device) -> Result<Self, SamplingError> {
        if let Some(problem) = config.problem() {
            return Err(SamplingError::Config(problem));
        }
        Ok(Self { model, config, device: device.clone() })
    }

    /// Network evaluations that one structure takes.
    pub fn evaluations(&self) -> usize {
        2 * self.config.schedule.n_levels * self.config.steps_per_level
    }

    /// Carries out all orders. `finished` is called for every structure as soon as its batch is done; `progress` after every step with
    /// the number of structures in the batch divided by the steps of a batch, so that its sum is the number of draws.
    ///
    /// # Errors
    /// [`SamplingError::Order`] for an impossible order, before anything is sampled; what a graph can fail with; and the first error of
    /// `finished`, which ends the run.
    pub fn run<E: From<SamplingError>>(
        &self,
        orders: &[SamplingOrder],
        mut progress: impl FnMut(f64),
        mut finished: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        check_orders(orders)?;
        let mut queue: VecDeque<(usize, usize, usize)> =
            orders.iter().enumerate().flat_map(|(order, wanted)| (0..wanted.count).map(move |index| (order, index, 0))).collect();
        while !queue.is_empty() {
            let taken = queue.len().min(self.config.batch_size);
            let mut walkers: Vec<Walker> = queue.drain(..taken).map(|place| self.walker(orders, place)).collect();
            self.anneal(&mut walkers, &mut progress)?;
            for walker in walkers {
                match self.finish(walker)? {
                    Ok(outcome) => finished(outcome)?,
                    Err(again) => queue.push_back(again),
                }
            }
        }
        Ok(())
    }

    fn walker(&self, orders: &[SamplingOrder], (order, index, attempt): (usize, usize, usize)) -> Walker {
        let mut rng = generator(self.config.seed, order, index, attempt);
        let wanted = &orders[order];
        let state = start(SpaceGroup::get(wanted.space_group), &wanted.sites, &self.config, &mut rng);
        Walker { order, index, attempt, state, rng, failure: None }
    }

    /// All levels from the highest to the lowest, in place.
    fn anneal(&self, walkers: &mut [Walker], progress: &mut impl FnMut(f64)) -> Result<(), SamplingError> {
        let config = &self.config;
        let share = walkers.len() as f64 / (config.schedule.n_levels * config.steps_per_level) as f64;
        for level in (0..config.schedule.n_levels).rev() {
            for _ in 0..config.steps_per_level {
                let sigma = config.schedule.position_sigma(level);
                self.estimate(walkers, level, |walker, position, _| {
                    position_step(&mut walker.state, position, sigma, config, &mut walker.rng)
                })?;
                let sigma = config.schedule.lattice_sigma(level);
                self.estimate(walkers, level, |walker, _, lattice| {
                    lattice_step(&mut walker.state, lattice, sigma, config, &mut walker.rng);
                    Ok(())
                })?;
                progress(share);
            }
        }
        Ok(())
    }

    /// Evaluates the model on all walkers that are still alive and gives each its part. A walker that exploded sits out the rest of its
    /// batch, so that it cannot spoil the others.
    fn estimate(
        &self,
        walkers: &mut [Walker],
        level: usize,
        step: impl Fn(&mut Walker, &[[f32; 3]], &[f32]) -> Result<(), crystal_core::CrystalError> + Sync,
    ) -> Result<(), SamplingError> {
        let mut alive: Vec<&mut Walker> = walkers.iter_mut().filter(|walker| walker.failure.is_none()).collect();
        if alive.is_empty() {
            return Ok(());
        }
        let states: Vec<CrystalState> = alive.iter().map(|walker| walker.state.clone()).collect();
        let graph = BatchedMultiGraph::from_states(&states, &self.config.graph)?;
        let levels = vec![level; states.len()];
        let batch = ScoreBatch::new(&graph, &levels, &self.model.basis(), &self.device)?;
        let estimate = self.model.forward(&batch);
        let position: Vec<f32> = estimate.position.into_data().iter::<f32>().collect();
        let lattice: Vec<f32> = estimate.lattice.into_data().iter::<f32>().collect();
        let position: &[[f32; 3]] = position.as_chunks::<3>().0;
        alive.par_iter_mut().enumerate().for_each(|(structure, walker)| {
            let sites = graph.site_offsets[structure] as usize..graph.site_offsets[structure + 1] as usize;
            let coordinates = structure * LatticeCoordinates::MAX..(structure + 1) * LatticeCoordinates::MAX;
            let outcome = step(walker, &position[sites], &lattice[coordinates]);
            walker.failure = outcome.err().map(|error| error.to_string()).or_else(|| failure(&walker.state));
        });
        Ok(())
    }

    /// The finished structure, or what to draw again; the outer result says whether the run can go on.
    fn finish(&self, mut walker: Walker) -> Result<Result<Outcome, (usize, usize, usize)>, SamplingError> {
        let Walker { order, index, attempt, .. } = walker;
        if walker.failure.is_none() {
            let done = finish(&mut walker.state, &self.config.finishing).and_then(|()| walker.state.expand());
            match done {
                Ok(structure) => {
                    let sample = Sample { order, index, state: walker.state, structure, redraws: attempt };
                    return Ok(Ok(Outcome::Sampled(Box::new(sample))));
                }
                Err(error) => walker.failure = Some(error.to_string()),
            }
        }
        let reason = walker.failure.unwrap_or_default();
        tracing::warn!(order, index, attempt, reason, "a structure exploded");
        if attempt < self.config.max_redraws {
            Ok(Err((order, index, attempt + 1)))
        } else {
            Ok(Ok(Outcome::GivenUp { order, index, reason }))
        }
    }
}
