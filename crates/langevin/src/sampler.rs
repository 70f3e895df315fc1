//! The sampler: schedules structures into batches and runs both processes level by level.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use burn::tensor::Device;
use crystal_core::{ConfigError, CrystalState, SiteMode, StateSite, Structure};
use crystal_states::StateBatch;
use random_keys::{Purpose, RandomKey};
use rayon::prelude::*;
use score_model::{Evaluator, ScoreNetwork, Trained};
use tensor_ops::{DeviceFailure, catch_device_failure, has_kernels};

use crate::batch_limits::BatchLimits;
use crate::dynamics::{noised, start, stream};
use crate::plan::Update;
use crate::selection::{Judge, Waiting, best, denoising_errors, noise_stream};
use crate::{OrderedSites, SamplerConfig, SamplingError, SamplingOrder, Selection, finish};

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
    /// Which of the candidates it is, from 0.
    pub candidate: usize,
    /// Mean square error of the network's estimates of noise put on it, in units of the noise: the smaller, the more
    /// plausible the network finds it. Only told with a [`Selection`].
    pub denoising_error: Option<f64>,
}

/// What became of one structure of an order.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A structure.
    Sampled(Box<Sample>),
    /// Every draw diverged.
    GivenUp {
        /// Place of its order in the list of orders.
        order: usize,
        /// Its place in the order.
        index: usize,
        /// What happened to the last draw.
        reason: String,
    },
}

impl Outcome {
    /// Place of the order, and place in the order.
    pub(crate) fn place(&self) -> (usize, usize) {
        match self {
            Self::Sampled(sample) => (sample.order, sample.index),
            Self::GivenUp { order, index, .. } => (*order, *index),
        }
    }
}

/// Samples structures with a trained model.
pub struct Sampler<'a, M: ScoreNetwork> {
    trained: &'a Trained<M>,
    evaluate: Evaluator<'a>,
    plan: Vec<Update>,
    config: SamplerConfig,
    device: Device,
    template: Option<Template>,
    first_order: usize,
    stop: Arc<AtomicBool>,
    others: Vec<Self>,
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
            let mut sites: Vec<_> = sites.iter().map(|site| (site.species(), site.position())).collect();
            sites.sort_unstable();
            sites
        };
        let own = sites(&self.state.sites);
        let other = |order: &SamplingOrder| {
            order.space_group != self.state.space_group.number()
                || (0..order.n_choices()).any(|candidate| sites(&order.state_sites(candidate)) != own)
        };
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

/// Which structure is drawn: place of its order, place in the order, which candidate, and how often it was drawn
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    order: usize,
    index: usize,
    candidate: usize,
    attempt: usize,
}

impl Place {
    fn is_of(&self, other: &Self) -> bool {
        (self.order, self.index, self.candidate) == (other.order, other.index, other.candidate)
    }
}

/// Draws that cost a GPU about as much time as one (docs/src/gpu.md): a batch of fewer is filled with the attempts that
/// follow if these diverge.
const SMALL_BATCH: usize = 64;

/// On a GPU a few structures take as long as one. So where only some are left that diverged before, all attempts that
/// they have left are made at once; the first that does not diverge counts, as if they were made one after the other. A
/// batch that would not fit stays as it is.
fn with_further_attempts(batch: Vec<Place>, last: usize, fits: impl Fn(&[Place]) -> bool) -> Vec<Place> {
    if batch.iter().any(|place| place.attempt == 0) {
        return batch;
    }
    let further = |place: &Place| (place.attempt..=last).map(|attempt| Place { attempt, ..*place }).collect::<Vec<_>>();
    let all: Vec<Place> = batch.iter().flat_map(further).collect();
    if all.len() <= SMALL_BATCH && fits(&all) { all } else { batch }
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

/// What the thread of a device tells.
enum Told {
    Progress(f64),
    Finished(Box<Outcome>),
    Failed(SamplingError),
}

impl<'a, M: ScoreNetwork> Sampler<'a, M> {
    /// A sampler on `device`, where the model lies.
    ///
    /// # Errors
    /// [`SamplingError::Config`] if the configuration makes no sense.
    pub fn new(trained: &'a Trained<M>, config: SamplerConfig, device: &Device) -> Result<Self, SamplingError> {
        let schedule = &trained.description.schedule;
        config.check(schedule)?;
        let expected = "nothing without a template: what is fixed must come from one";
        ConfigError::unless(config.fixed.is_none(), "fixed", config.fixed, expected)?;
        Ok(Self {
            trained,
            evaluate: trained.model.evaluator(),
            plan: config.plan(schedule),
            config,
            device: device.clone(),
            template: None,
            first_order: 0,
            stop: Arc::default(),
            others: vec![],
        })
    }

    /// A sampler that shares the structures of [`Self::run`] out over devices. `models` is one model, loaded onto each
    /// device in turn. Every structure has its own random numbers, so the number of devices changes none of them,
    /// only the order in which they are finished.
    ///
    /// # Errors
    /// [`SamplingError::Config`] if the configuration makes no sense.
    ///
    /// # Panics
    /// If there is no device, or not a model for each.
    pub fn on_devices(
        models: &'a [Trained<M>],
        config: &SamplerConfig,
        devices: &[Device],
    ) -> Result<Self, SamplingError> {
        assert_eq!(models.len(), devices.len(), "a model lies on each device");
        let mut samplers = models.iter().zip(devices).map(|(model, device)| Self::new(model, config.clone(), device));
        let first = samplers.next().expect("there is a device")?;
        Ok(first.with_others(samplers.collect::<Result<_, _>>()?))
    }

    /// The others sample what this one would, on their own devices.
    #[must_use]
    pub fn with_others(mut self, others: Vec<Self>) -> Self {
        let alike = |other| Self { first_order: self.first_order, stop: Arc::clone(&self.stop), ..other };
        self.others = others.into_iter().map(alike).collect();
        self
    }

    /// Ends [`Self::run`] with [`SamplingError::Stopped`] after the evaluation in which another thread sets `stop`.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.others.iter_mut().for_each(|other| other.stop = Arc::clone(&stop));
        self.stop = stop;
        self
    }

    /// Counts orders from a number on, in place of 0: a long list of orders can be carried out in parts, each with the
    /// random numbers that it would have in the whole list. Outcomes still name the place in the list that is given.
    #[must_use]
    pub fn counting_from(mut self, first_order: usize) -> Self {
        self.others.iter_mut().for_each(|other| other.first_order = first_order);
        self.first_order = first_order;
        self
    }

    /// A sampler whose structures all start from a template, noised to its level; orders must ask for its space group
    /// and sites.
    ///
    /// # Errors
    /// [`SamplingError::Config`] if the configuration makes no sense or has no such level.
    pub fn from_template(
        trained: &'a Trained<M>,
        config: SamplerConfig,
        template: Template,
        device: &Device,
    ) -> Result<Self, SamplingError> {
        let schedule = &trained.description.schedule;
        let expected = format!("a noise level from 0 to {}", schedule.n_levels.saturating_sub(1));
        ConfigError::unless(template.level < schedule.n_levels, "template.level", template.level, &expected)?;
        let mut sampler = Self::new(trained, SamplerConfig { fixed: None, ..config.clone() }, device)?;
        sampler.plan = config.plan(schedule);
        sampler.plan.retain(|update| update.level <= template.level);
        sampler.config = config;
        sampler.template = Some(template);
        Ok(sampler)
    }

    /// Carries out all orders. `finished` is called for every structure as soon as its batch is done; `progress` after
    /// every evaluation with the share of a structure that it was, times the structures in the batch: its sum is the
    /// number of structures, draws after explosions counted as further ones.
    ///
    /// # Errors
    /// [`SamplingError::Order`] for an impossible order and [`SamplingError::Mode`] for one that the model was not
    /// trained for, before anything is sampled; what a graph can fail with; [`SamplingError::Stopped`]; and the first
    /// error of `finished`, which ends the run.
    pub fn run<E: From<SamplingError>>(
        &self,
        orders: &[SamplingOrder],
        progress: impl FnMut(f64),
        finished: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run_some(orders, |_| true, progress, finished)
    }

    /// [`Self::run`] for those structures whose number is `wanted`, counted from 0 over all orders: each is what it is
    /// in the whole run, which can so be done in parts.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_some<E: From<SamplingError>>(
        &self,
        orders: &[SamplingOrder],
        wanted: impl Fn(usize) -> bool,
        mut progress: impl FnMut(f64),
        mut finished: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        check_orders(orders)?;
        self.check_mode(orders)?;
        if let Some(template) = &self.template {
            template.check(orders)?;
        }
        let mut structures: Vec<(usize, usize)> = orders
            .iter()
            .enumerate()
            .flat_map(|(order, wanted)| (0..wanted.count).map(move |index| (order, index)))
            .enumerate()
            .filter_map(|(number, place)| wanted(number).then_some(place))
            .collect();
        if self.others.is_empty() {
            return self.carry_out(orders, &structures, &mut progress, &mut finished);
        }
        // Dealt out by size, each device gets the same work, and each structure with all its candidates.
        structures.sort_by_key(|(order, _)| std::cmp::Reverse(orders[*order].n_sites(0)));
        let samplers: Vec<&Self> = std::iter::once(self).chain(&self.others).collect();
        let dealt = |nth: usize| structures.iter().skip(nth).step_by(samplers.len()).copied().collect::<Vec<_>>();
        let (sender, told) = mpsc::channel();
        std::thread::scope(|scope| {
            for (nth, sampler) in samplers.iter().enumerate() {
                let (structures, sender) = (dealt(nth), sender.clone());
                scope.spawn(move || {
                    // Nobody listens any more where another device or the caller has failed.
                    let mut progress = |share| drop(sender.send(Told::Progress(share)));
                    let mut finished =
                        |outcome| sender.send(Told::Finished(Box::new(outcome))).map_err(|_| SamplingError::Stopped);
                    if let Err(error) = sampler.carry_out(orders, &structures, &mut progress, &mut finished) {
                        drop(sender.send(Told::Failed(error)));
                    }
                });
            }
            drop(sender);
            for told in told {
                match told {
                    Told::Progress(share) => progress(share),
                    Told::Finished(outcome) => finished(*outcome)?,
                    Told::Failed(error) => return Err(error.into()),
                }
            }
            Ok(())
        })
    }

    /// Samples some structures, given as places of orders and places in them, on this sampler's own device.
    fn carry_out<E: From<SamplingError>>(
        &self,
        orders: &[SamplingOrder],
        structures: &[(usize, usize)],
        progress: &mut impl FnMut(f64),
        finished: &mut impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let candidates = self.config.candidates();
        let places = |&(order, index): &(usize, usize)| {
            (0..candidates).map(move |candidate| Place { order, index, candidate, attempt: 0 })
        };
        let mut queue: Vec<Place> = structures.iter().flat_map(places).collect();
        // Batches of like sizes, the largest first: if memory is short, it shows at once.
        let size = |place: &Place| orders[place.order].n_sites(place.candidate);
        queue.sort_by_key(|place| std::cmp::Reverse(size(place)));
        let mut queue = VecDeque::from(queue);
        let mut limits = BatchLimits::new(&self.config, &self.trained.description.graph, &self.device);
        let mut waiting = Waiting::new(candidates);
        while !queue.is_empty() {
            let fitting = |places: &mut dyn Iterator<Item = &Place>| limits.fitting(places.map(size));
            let taken = fitting(&mut queue.iter());
            let mut batch: Vec<Place> = queue.iter().take(taken).copied().collect();
            if has_kernels(&self.device) {
                let fits = |places: &[Place]| fitting(&mut places.iter()) == places.len();
                batch = with_further_attempts(batch, self.config.max_redraws, fits);
            }
            let work = || self.draw(orders, &batch, progress);
            let Some(states) = self.on_device(&mut limits, batch.len(), work)? else { continue };
            queue.drain(..taken);
            let config = &self.config;
            let drawn: Vec<(Place, Option<Outcome>)> = batch
                .into_par_iter()
                .zip(states)
                .map(|(place, state)| (place, finished_draw(config, &orders[place.order], place, state)))
                .collect();
            let mut chosen_from = Vec::new();
            let mut results = drawn.into_iter().peekable();
            while let Some((place, outcome)) = results.next() {
                let further = |next: &(Place, _)| next.0.is_of(&place);
                match outcome {
                    Some(outcome) => {
                        while results.next_if(further).is_some() {}
                        chosen_from.extend(waiting.add(outcome));
                    }
                    None if results.peek().is_some_and(further) => {}
                    None => queue.push_back(Place { attempt: place.attempt + 1, ..place }),
                }
            }
            for outcome in self.choose(chosen_from, &mut limits, progress)? {
                finished(outcome)?;
            }
        }
        Ok(())
    }

    /// Refuses the first order whose sites move as those of the training did not.
    fn check_mode(&self, orders: &[SamplingOrder]) -> Result<(), SamplingError> {
        let told = |mode: SiteMode| match mode {
            SiteMode::General => "sites in general position (sites per element)",
            SiteMode::Wyckoff => "sites on Wyckoff positions",
        };
        let trained = self.trained.description.mode;
        match orders.iter().position(|order| order.mode() != trained) {
            Some(index) => Err(SamplingError::Mode {
                index,
                order: orders[index].to_string(),
                wanted: told(orders[index].mode()),
                trained: told(trained),
            }),
            None => Ok(()),
        }
    }

    /// Runs something on a number of structures. `None` if they do not fit into memory: then fewer go into the batches
    /// from here on.
    fn on_device<T>(
        &self,
        limits: &mut BatchLimits,
        structures: usize,
        work: impl FnOnce() -> Result<T, SamplingError>,
    ) -> Result<Option<T>, SamplingError> {
        // On a processor a panic is a fault of the program, and shows as one.
        match if has_kernels(&self.device) { catch_device_failure(work) } else { Ok(work()) } {
            Ok(result) => result.map(Some),
            Err(DeviceFailure::OutOfMemory(reason)) if structures > 1 => {
                limits.halve(structures);
                tracing::warn!(
                    reason,
                    "{structures} structures at once are too many; going on with {}",
                    limits.structures
                );
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// One outcome for each structure, chosen from its draws.
    fn choose(
        &self,
        mut structures: Vec<Vec<Outcome>>,
        limits: &mut BatchLimits,
        progress: &mut impl FnMut(f64),
    ) -> Result<Vec<Outcome>, SamplingError> {
        if let Some(selection) = &self.config.selection {
            let mut samples: Vec<&mut Sample> = structures
                .iter_mut()
                .flatten()
                .filter_map(|draw| match draw {
                    Outcome::Sampled(sample) => Some(sample.as_mut()),
                    Outcome::GivenUp { .. } => None,
                })
                .collect();
            let mut rest = samples.as_mut_slice();
            while !rest.is_empty() {
                // Each structure is there twice.
                let taken = limits.fitting(rest.iter().flat_map(|sample| [sample.state.sites.len(); 2])).div_ceil(2);
                let part = &mut rest[..taken];
                let work = || self.denoising_errors(part, selection, progress);
                let Some(errors) = self.on_device(limits, taken, work)? else { continue };
                part.iter_mut().zip(errors).for_each(|(sample, error)| sample.denoising_error = Some(error));
                rest = &mut rest[taken..];
            }
        }
        Ok(structures.into_iter().filter_map(best).collect())
    }

    fn denoising_errors(
        &self,
        samples: &[&mut Sample],
        selection: &Selection,
        progress: &mut impl FnMut(f64),
    ) -> Result<Vec<f64>, SamplingError> {
        let states: Vec<CrystalState> = samples.iter().map(|sample| sample.state.clone()).collect();
        let streams: Vec<u32> = samples.iter().map(|sample| noise_stream(sample, self.first_order)).collect();
        let share = 2.0 * samples.len() as f64 / self.evaluations_per_structure() as f64;
        let judge = Judge {
            evaluate: &self.evaluate,
            basis: self.trained.model.basis(),
            description: &self.trained.description,
            device: &self.device,
        };
        denoising_errors(&judge, &states, &streams, &self.config, selection, || progress(share))
    }

    /// As [`SamplerConfig::evaluations_per_structure`]; from a template there are fewer.
    pub fn evaluations_per_structure(&self) -> usize {
        self.config.with_candidates(self.plan.len())
    }

    /// All updates of the plan; for structures that diverged on the way, why.
    fn draw(
        &self,
        orders: &[SamplingOrder],
        places: &[Place],
        progress: &mut impl FnMut(f64),
    ) -> Result<Vec<Result<CrystalState, String>>, SamplingError> {
        let config = &self.config;
        let (model, graph) = (&self.trained.model, &self.trained.description.graph);
        let key = RandomKey::new(config.seed, Purpose::Sampling);
        // A candidate's draws come after those of the candidates before it.
        let nth = |place: &Place| place.candidate * (config.max_redraws + 1) + place.attempt;
        let streams: Vec<u64> =
            places.iter().map(|place| stream(self.first_order + place.order, place.index, nth(place))).collect();
        let (template, schedule) = (&self.template, &self.trained.description.schedule);
        let start = |(place, &stream): (&Place, &u64)| match template {
            Some(template) => noised(template, config, schedule, key, stream),
            None => Ok(start(&orders[place.order], place.candidate, config, key, stream)),
        };
        let states =
            places.par_iter().zip(&streams).map(start).collect::<Result<Vec<CrystalState>, SamplingError>>()?;
        let mut states = StateBatch::new(&states, &streams, key, &self.device)?;
        let share = places.len() as f64 / self.evaluations_per_structure() as f64;
        for &Update { level, position, lattice } in &self.plan {
            let input = states.graph_batch(&vec![level; places.len()], &model.basis(), graph)?;
            let estimate = (self.evaluate)(&input);
            if let Some(step) = position {
                states.step_positions(estimate.position, step);
            }
            if let Some(step) = lattice {
                states.step_lattices(estimate.lattice, step);
            }
            progress(share);
            if self.stop.load(Ordering::Relaxed) {
                return Err(SamplingError::Stopped);
            }
        }
        Ok(states.into_states())
    }
}

/// The finished structure, or the end of its order; `None` if it is to be drawn again.
fn finished_draw(
    config: &SamplerConfig,
    wanted: &SamplingOrder,
    place: Place,
    state: Result<CrystalState, String>,
) -> Option<Outcome> {
    let Place { order, index, candidate, attempt } = place;
    let done = |mut state: CrystalState| -> Result<(CrystalState, Structure), String> {
        let said = |error: crystal_core::CrystalError| error.to_string();
        if let OrderedSites::General(_) = wanted.sites {
            finish(&mut state, &config.finishing).map_err(said)?;
            let structure = state.expand().map_err(said)?;
            return Ok((state, structure));
        }
        let merge_distance = config.finishing.merge_distance;
        let images = state.orbits(merge_distance).map_err(said)?;
        if images.iter().map(crystal_core::Orbit::multiplicity).sum::<usize>() != state.n_atoms() {
            return Err(format!("images of a site came closer than {merge_distance} Å: the composition would change"));
        }
        let structure = state.expand().map_err(said)?;
        Ok((state, structure))
    };
    let reason = match state.and_then(done) {
        Ok((state, structure)) => {
            let sample = Sample { order, index, state, structure, redraws: attempt, candidate, denoising_error: None };
            return Some(Outcome::Sampled(Box::new(sample)));
        }
        Err(reason) => reason,
    };
    tracing::debug!(order, index, candidate, attempt, reason, "a structure diverged");
    (attempt >= config.max_redraws).then_some(Outcome::GivenUp { order, index, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_made_at_once_where_they_fit() {
        let place = |index, attempt| Place { order: 0, index, candidate: 0, attempt };
        let with =
            |batch: &[Place], most: usize| with_further_attempts(batch.to_vec(), 3, |places| places.len() <= most);
        let left = [place(4, 2), place(7, 3), place(9, 1)];
        let all = [place(4, 2), place(4, 3), place(7, 3), place(9, 1), place(9, 2), place(9, 3)];
        assert_eq!(with(&left, 6), all);
        // Memory for fewer: as they are, and so on every try with less of it.
        assert_eq!(with(&left, 5), left);
        // First attempts rarely diverge.
        assert_eq!(with(&[place(4, 2), place(8, 0)], 100), [place(4, 2), place(8, 0)]);
        let many: Vec<Place> = (0..40).map(|index| place(index, 2)).collect();
        assert_eq!(with(&many, 1000), many);
    }
}
