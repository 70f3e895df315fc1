//! The sampler: schedules structures into batches and runs both processes level by level.

use std::collections::VecDeque;

use burn::tensor::Device;
use crystal_core::{CrystalState, StateSite, Structure};
use score_model::{DeviceFailure, Purpose, RandomKey, ScoreModel, StateBatch, catch_device_failure, device_memory, has_kernels};

use crate::dynamics::{noised, start, stream};
use crate::plan::Update;
use crate::{OrderedSites, SamplerConfig, SamplingError, SamplingOrder, finish};

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
    plan: Vec<Update>,
    config: SamplerConfig,
    device: Device,
    template: Option<Template>,
}

/// A structure to start from, in place of noise.
#[derive(Debug, Clone)]
pub struct Template {
    /// The structure. It is noised to the level, then sampled from there.
    pub state: CrystalState,
    /// Noise level, 0 … n_levels − 1: how far samples may come from the template.
    pub level: usize,
}

impl Template {
    /// Refuses the first order that asks for other sites than the template has.
    fn check(&self, orders: &[SamplingOrder]) -> Result<(), SamplingError> {
        let sites = |sites: &[StateSite]| {
            let mut sites: Vec<_> = sites.iter().map(|site| (site.species, site.position)).collect();
            sites.sort_unstable();
            sites
        };
        let own = sites(&self.state.sites);
        let other =
            |order: &SamplingOrder| order.space_group != self.state.space_group.number() || sites(&order.state_sites()) != own;
        match orders.iter().position(other) {
            Some(index) => Err(SamplingError::Order {
                index,
                order: orders[index].to_string(),
                reason: "the template has other sites or another space group; order what it has".to_owned(),
            }),
            None => Ok(()),
        }
    }
}

/// Which structure is drawn: place of its order, place in the order, and how often it was drawn before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    order: usize,
    index: usize,
    attempt: usize,
}

/// How much is moved at once.
struct BatchLimits {
    structures: usize,
    /// Edges expected of all structures of a batch.
    edges: usize,
    edges_per_site: usize,
}

/// Structures per batch on a processor, and at most on a GPU, where the configuration leaves it open. More fill a GPU no better.
const HOST_BATCH: usize = 64;
/// See [`HOST_BATCH`].
const DEVICE_BATCH: usize = 2048;
/// Memory that an edge takes in an evaluation, bytes: about twice what the network of Table 1 was seen to take.
const BYTES_PER_EDGE: u64 = 16 << 10;
/// Share of a device's memory that a batch may take: other programs may use it too.
const MEMORY_SHARE: f64 = 0.6;

impl BatchLimits {
    fn new(config: &SamplerConfig, device: &Device) -> Self {
        let memory = device_memory(device);
        let edges = memory.map_or(usize::MAX, |bytes| (bytes as f64 * MEMORY_SHARE) as usize / BYTES_PER_EDGE as usize);
        let structures = match (config.batch_size, memory) {
            (0, None) => HOST_BATCH,
            (0, Some(_)) => DEVICE_BATCH,
            (structures, _) => structures,
        };
        // Growing cut-offs let the mean degree come out at up to twice the one wished for.
        Self { structures, edges, edges_per_site: (2.0 * config.graph.mean_degree).ceil() as usize }
    }

    /// How many of the next structures fit, at least one; given their numbers of sites.
    fn fitting(&self, sites: impl Iterator<Item = usize>) -> usize {
        let mut edges = 0;
        let fits = |sites: &usize| {
            edges += sites * self.edges_per_site;
            edges <= self.edges
        };
        sites.take(self.structures).take_while(fits).count().max(1)
    }

    fn halve(&mut self, structures: usize) {
        self.structures = (structures / 2).max(1);
    }
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
        if config.fixed.is_some() {
            return Err(SamplingError::Config("what is fixed must come from a template".to_owned()));
        }
        Ok(Self { model, plan: config.plan(), config, device: device.clone(), template: None })
    }

    /// A sampler whose structures all start from a template, noised to its level; orders must ask for its space group and sites.
    ///
    /// # Errors
    /// [`SamplingError::Config`] if the configuration makes no sense or has no such level.
    pub fn from_template(
        model: &'a M,
        config: SamplerConfig,
        template: Template,
        device: &Device,
    ) -> Result<Self, SamplingError> {
        let n_levels = config.schedule.n_levels;
        if template.level >= n_levels {
            return Err(SamplingError::Config(format!("noise level {} is not among 0 to {}", template.level, n_levels - 1)));
        }
        let mut sampler = Self::new(model, SamplerConfig { fixed: None, ..config.clone() }, device)?;
        sampler.plan = config.plan();
        sampler.plan.retain(|update| update.level <= template.level);
        sampler.config = config;
        sampler.template = Some(template);
        Ok(sampler)
    }

    /// Carries out all orders. `finished` is called for every structure as soon as its batch is done; `progress` after every
    /// evaluation with the number of structures in the batch divided by the evaluations of a structure, so that its sum is the number of draws.
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
        if let Some(template) = &self.template {
            template.check(orders)?;
        }
        let places = |(order, wanted): (usize, &SamplingOrder)| {
            (0..wanted.count).map(move |index| Place { order, index, attempt: 0 }).collect::<Vec<_>>()
        };
        let mut queue: Vec<Place> = orders.iter().enumerate().flat_map(places).collect();
        // Batches of like sizes, the largest first: if memory is short, it shows at once.
        let size = |place: &Place| std::cmp::Reverse(orders[place.order].n_sites());
        queue.sort_by_key(size);
        let mut queue = VecDeque::from(queue);
        let mut limits = BatchLimits::new(&self.config, &self.device);
        while !queue.is_empty() {
            let taken = limits.fitting(queue.iter().map(|place| orders[place.order].n_sites()));
            let batch: Vec<Place> = queue.drain(..taken).collect();
            let mut draw = || self.draw(orders, &batch, &mut progress);
            // On a processor a panic is a fault of the program, and shows as one.
            let states = match if has_kernels(&self.device) { catch_device_failure(draw) } else { Ok(draw()) } {
                Ok(states) => states?,
                Err(DeviceFailure::OutOfMemory(reason)) if batch.len() > 1 => {
                    limits.halve(batch.len());
                    tracing::warn!(
                        reason,
                        "{} structures at once are too many; going on with {}",
                        batch.len(),
                        limits.structures
                    );
                    batch.into_iter().rev().for_each(|place| queue.push_front(place));
                    continue;
                }
                Err(failure) => return Err(SamplingError::from(failure).into()),
            };
            for (place, state) in batch.into_iter().zip(states) {
                match self.finish(&orders[place.order], place, state) {
                    Some(outcome) => finished(outcome)?,
                    None => queue.push_back(Place { attempt: place.attempt + 1, ..place }),
                }
            }
        }
        Ok(())
    }

    /// All updates of the plan; for structures that exploded on the way, why.
    fn draw(
        &self,
        orders: &[SamplingOrder],
        places: &[Place],
        progress: &mut impl FnMut(f64),
    ) -> Result<Vec<Result<CrystalState, String>>, SamplingError> {
        let config = &self.config;
        let key = RandomKey::new(config.seed, Purpose::Sampling);
        let streams: Vec<u64> = places.iter().map(|place| stream(place.order, place.index, place.attempt)).collect();
        let start = |(place, &stream): (&Place, &u64)| match &self.template {
            Some(template) => noised(template, config, key, stream),
            None => Ok(start(&orders[place.order], config, key, stream)),
        };
        let states = places.iter().zip(&streams).map(start).collect::<Result<Vec<CrystalState>, SamplingError>>()?;
        let mut states = StateBatch::new(&states, &streams, key, &self.device)?;
        let share = places.len() as f64 / self.plan.len() as f64;
        for &Update { level, position, lattice } in &self.plan {
            let input = states.score_batch(&vec![level; places.len()], &self.model.basis(), &config.graph)?;
            let estimate = self.model.forward(&input);
            if let Some(step) = position {
                states.step_positions(estimate.position, step);
            }
            if let Some(step) = lattice {
                states.step_lattices(estimate.lattice, step);
            }
            progress(share);
        }
        Ok(states.into_states())
    }

    /// The finished structure, or the end of its order; `None` if it is to be drawn again.
    fn finish(&self, wanted: &SamplingOrder, place: Place, state: Result<CrystalState, String>) -> Option<Outcome> {
        let Place { order, index, attempt } = place;
        let done = |mut state: CrystalState| -> Result<(CrystalState, Structure), String> {
            let said = |error: crystal_core::CrystalError| error.to_string();
            if let OrderedSites::General(_) = wanted.sites {
                finish(&mut state, &self.config.finishing).map_err(said)?;
                let structure = state.expand().map_err(said)?;
                return Ok((state, structure));
            }
            let merge_distance = self.config.finishing.merge_distance;
            let images = state.orbits(merge_distance).map_err(said)?;
            if images.iter().map(crystal_core::Orbit::multiplicity).sum::<usize>() != state.n_atoms() {
                return Err(format!("images of a site came closer than {merge_distance} Å: the composition would change"));
            }
            let structure = state.expand().map_err(said)?;
            Ok((state, structure))
        };
        let reason = match state.and_then(done) {
            Ok((state, structure)) => {
                return Some(Outcome::Sampled(Box::new(Sample { order, index, state, structure, redraws: attempt })));
            }
            Err(reason) => reason,
        };
        tracing::warn!(order, index, attempt, reason, "a structure exploded");
        (attempt >= self.config.max_redraws).then_some(Outcome::GivenUp { order, index, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_their_limits() {
        let mut limits = BatchLimits { structures: 4, edges: 1000, edges_per_site: 50 };
        assert_eq!(limits.fitting([1; 9].into_iter()), 4);
        assert_eq!(limits.fitting([8, 8, 8, 1].into_iter()), 2);
        assert_eq!(limits.fitting([100, 1].into_iter()), 1);
        limits.halve(4);
        assert_eq!(limits.fitting([1; 9].into_iter()), 2);
        limits.halve(1);
        assert_eq!(limits.fitting([1; 9].into_iter()), 1);
    }
}
