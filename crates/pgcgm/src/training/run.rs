//! The training loop.

use std::path::Path;
use std::time::Instant;

use burn::Tensor;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use random_keys::{Purpose, RandomKey};
use serde::{Deserialize, Serialize};
use tensor_ops::{catch_device_failure, mean_moments};
use training::{Adam, EpochOrder, Identity, TensorArchive, TrainingState, archive_into_module, module_to_archive};

use super::{PenaltyPoints, TrainingConfig, TrainingData};
use crate::conditions::{Condition, Conditions, Tables};
use crate::crystal::Shown;
use crate::image::{Geometry, SIDE, Scaled};
use crate::losses::{contact_losses, gradient_penalty, orbit_loss};
use crate::networks::{Critic, Generator, LARGEST_SIDE, NOISE, Shifts};
use crate::sampler::{ConditionSource, noise_of};
use crate::{Contacts, PgcgmConfig, PgcgmError, Sampler, Weights};

/// Losses are read from the device after this number of steps.
const READ_EVERY: u64 = 20;
/// Random numbers of a critic's step: what is shown, conditions, noise, points of the penalty.
const SHOWN: u32 = 0;
const CONDITIONS: u32 = 1;
const NOISE_DRAW: u32 = 2;
const POINTS: u32 = 3;
/// Streams of the generator's steps stand above those of the critic's.
const GENERATOR_STREAM: u64 = 1 << 40;
/// Streams of the batches that the stored moments come from.
const MOMENT_STREAM: u64 = 1 << 41;
/// Parts of the losses of a step.
const N_PARTS: usize = 6;
/// Time that is kept for the end of a leg, in times of the longest measurement and saving so far.
const RESERVE: f64 = 1.3;
/// Share of a leg that the first measurement is taken to need.
const FIRST_GUESS: f64 = 0.1;

/// What was measured on generated crystals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Candidates that were finished.
    pub candidates: usize,
    /// Crystals that are left of them.
    pub kept: usize,
    /// Share of crystals close to a validation structure.
    pub cov_p: Option<f64>,
    /// Share of validation structures close to a crystal.
    pub cov_r: Option<f64>,
    /// Fréchet distance on CrystalNN fingerprints.
    pub fd_crystalnn: Option<f64>,
    /// What the best step is chosen by, the lower the better; none where there were too few crystals.
    pub score: Option<f64>,
}

/// Mean losses over the steps since the point before, and a measurement at the end of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps of the generator so far.
    pub step: u64,
    /// Seconds of all legs so far.
    pub seconds: f64,
    /// Mean of the critic over real crystals less that over drawn ones.
    pub distance: f64,
    /// Penalty on the critic's slope, without its weight.
    pub penalty: f64,
    /// Mean of the critic over what the generator made.
    pub score: f64,
    /// Loss of distances between elements.
    pub inter: f64,
    /// Loss of distances between positions of one element.
    pub intra: f64,
    /// Mean squared distance of the three sets from one orbit, Å²; 0 where its weight is.
    pub orbit: f64,
    /// What was measured.
    pub measurement: Measurement,
}

/// A leg of a training.
#[derive(Debug)]
pub struct Trained {
    /// The averaged weights that did best, or the last ones where no measurement gave a score.
    pub weights: Weights,
    /// The step that they are of.
    pub step: u64,
    /// All points so far.
    pub curve: Vec<CurvePoint>,
    /// Whether all steps are done.
    pub is_finished: bool,
}

/// What a state holds beside the generator.
#[derive(Serialize, Deserialize)]
struct Notes {
    curve: Vec<CurvePoint>,
    best: Option<u64>,
    /// The critic's weights, as an archive.
    critic: Vec<u8>,
    critic_moments: [Vec<f32>; 2],
    seconds: f64,
}

/// Trains a model, and goes on from the file `state` where it is there. `measure` is asked after every
/// [`TrainingConfig::measure_every`] steps; then the state is saved and `progress` is told, which may end the leg by
/// returning `false`. `device` is a plain device.
///
/// # Errors
/// [`PgcgmError::Config`], [`PgcgmError::Empty`], [`PgcgmError::NotFinite`], [`PgcgmError::Measure`];
/// [`PgcgmError::State`] for a training state of another run, or one that cannot be read or written.
pub fn train(
    model: &PgcgmConfig,
    config: &TrainingConfig,
    data: &TrainingData,
    device: &Device,
    state: Option<&Path>,
    mut measure: impl FnMut(&Sampler) -> Result<Measurement, Box<dyn std::error::Error + Send + Sync>>,
    mut progress: impl FnMut(&CurvePoint) -> bool,
) -> Result<Trained, PgcgmError> {
    config.check()?;
    if data.is_empty() {
        return Err(PgcgmError::Empty);
    }
    let clock = Instant::now();
    let identity = Identity::default()
        .with("kind of model", Generator::KIND)
        .with("network", format!("{model:?}"))
        .with("training configuration", format!("{:?}", config.comparable()))
        .with("training data", data.sha256());
    let mut run = Run::new(model, config, data, device);
    let (mut curve, mut best, mut earlier) = (vec![], None, 0.0);
    if let Some(path) = state.filter(|path| path.exists()) {
        let found = TrainingState::load(path, &identity)?;
        let notes: Notes = found.notes(path)?;
        let kept = run.restore(found, &notes, path)?;
        (curve, earlier) = (notes.curve, notes.seconds);
        best = notes.best.map(|step| (step, kept));
    }
    let seconds = || clock.elapsed().as_secs_f64();
    // The longest that a measurement took with what belongs to it.
    let mut longest: Option<f64> = None;
    let is_over = |longest: Option<f64>| {
        config.minutes.is_some_and(|minutes| {
            let reserve = longest.map_or(FIRST_GUESS * 60.0 * minutes, |longest| RESERVE * longest);
            seconds() + reserve > 60.0 * minutes
        })
    };
    let mut ended = false;
    while run.step < config.steps && !ended {
        catch_device_failure(|| run.step())??;
        ended = is_over(longest);
        if !(ended || run.step.is_multiple_of(config.measure_every) || run.step == config.steps) {
            continue;
        }
        let start = Instant::now();
        let losses = run.mean_losses()?;
        let candidate = run.measurable()?;
        let source = ConditionSource::uniform(data.group_counts(), model.elements);
        let sampler = Sampler::of_parts(candidate.clone(), model.elements, source, config.seed, device);
        let measurement = measure(&sampler).map_err(PgcgmError::Measure)?;
        let [distance, penalty, score, inter, intra, orbit] = losses;
        let step = run.step;
        let seconds = earlier + seconds();
        let point = CurvePoint { step, seconds, distance, penalty, score, inter, intra, orbit, measurement };
        if is_better(&point, best.as_ref().map(|(step, _)| *step), &curve) {
            best = Some((step, candidate));
        }
        curve.push(point);
        if let Some(path) = state {
            run.save(&identity, &curve, best.as_ref(), seconds, path)?;
        }
        ended |= !progress(&point);
        longest = Some(longest.unwrap_or(0.0).max(start.elapsed().as_secs_f64()));
    }
    let (step, generator) = match best {
        Some(best) => best,
        None => (run.step, run.measurable()?),
    };
    let weights = Weights {
        generator,
        config: model.clone(),
        group_counts: data.group_counts(),
        triples: data.triples(model.elements),
        contacts: run.contacts,
        path: "(not written)".to_owned(),
        sha256: String::new(),
    };
    Ok(Trained { weights, step, curve, is_finished: run.step >= config.steps })
}

/// Whether a point does better than the best one so far. Nothing without a score is ever the best.
fn is_better(point: &CurvePoint, best: Option<u64>, curve: &[CurvePoint]) -> bool {
    let known = best.and_then(|step| curve.iter().find(|point| point.step == step)?.measurement.score);
    point.measurement.score.is_some_and(|score| known.is_none_or(|known| score < known))
}

/// What the critic looks at in one of its turns, B crystals each.
pub(super) struct Turn {
    number: u64,
    /// Images of real and drawn crystals, `[B, 8, 8, 3]`.
    images: [Tensor<4>; 2],
    /// Their symmetries, `[B, 4, 4, 192]`.
    symmetries: [Tensor<4>; 2],
}

/// Pixels of shifted images in batches of the sizes that a step has.
struct AllShifts {
    /// One batch.
    one: Shifts,
    /// Real and drawn crystals side by side.
    both: Shifts,
    /// The drawn crystals of all turns that the critic has in a step.
    drawn: Shifts,
}

/// The state of a run.
pub(super) struct Run<'a> {
    config: &'a TrainingConfig,
    data: &'a TrainingData,
    plain: Device,
    device: Device,
    tables: Tables,
    plain_tables: Tables,
    shifts: AllShifts,
    source: ConditionSource,
    contacts: Contacts,
    key: RandomKey,
    epochs: EpochOrder,
    generator: Generator,
    average: Generator,
    optimiser: Adam,
    critic: Critic,
    critic_optimiser: Adam,
    /// Steps of the generator.
    step: u64,
    unread: Vec<Tensor<1>>,
    /// Losses that were read since the last point, [`N_PARTS`] for each step.
    read: Vec<f32>,
}

impl<'a> Run<'a> {
    pub(super) fn new(model: &PgcgmConfig, config: &'a TrainingConfig, data: &'a TrainingData, plain: &Device) -> Self {
        let device = plain.clone().autodiff();
        let average = Generator::new(model, plain).no_grad();
        let critic = Critic::new(model.seed, plain);
        Self {
            config,
            data,
            tables: Tables::new(model.elements, &device),
            plain_tables: Tables::new(model.elements, plain),
            shifts: AllShifts {
                one: Shifts::new(config.batch_size, SIDE, plain),
                both: Shifts::new(2 * config.batch_size, SIDE, plain),
                drawn: Shifts::new(config.critic_steps * config.batch_size, LARGEST_SIDE, plain),
            },
            source: ConditionSource::uniform(data.group_counts(), model.elements),
            contacts: Contacts::of(data.crystals(), model.elements),
            key: RandomKey::new(config.seed, Purpose::Training),
            epochs: EpochOrder::new(config.seed, data.len()),
            optimiser: Adam::new(&average, plain),
            critic_optimiser: Adam::new(&critic.clone().no_grad(), plain),
            generator: Generator::new(model, plain).to_device(&device).train(),
            critic: critic.to_device(&device).train(),
            average,
            plain: plain.clone(),
            device,
            step: 0,
            unread: vec![],
            read: vec![],
        }
    }

    /// Goes on from a state. Returns the best of the measured weights.
    fn restore(&mut self, mut state: TrainingState, notes: &Notes, path: &Path) -> Result<Generator, PgcgmError> {
        let damaged =
            |reason: &str| training::TrainingError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
        let best = state.module(2, self.average.clone(), path)?;
        self.generator = state.module(0, self.generator.clone(), path)?;
        self.average = state.module(1, self.average.clone(), path)?;
        let fresh = Adam::new(&self.average, &self.plain);
        self.optimiser = state.optimiser(fresh, &self.generator, &self.average, &self.plain, path)?;
        let archive = TensorArchive::from_bytes(&notes.critic, path)?;
        self.critic = archive_into_module(self.critic.clone(), &archive, path)?;
        let plain = archive_into_module(self.critic.clone().to_device(&self.plain).no_grad(), &archive, path)?;
        self.critic_optimiser = Adam::new(&plain, &self.plain)
            .resumed(notes.critic_moments.clone(), &self.critic, &plain, &self.plain)
            .ok_or_else(|| damaged("the moments of the critic's optimiser do not fit it"))?;
        self.step = state.step;
        Ok(best)
    }

    fn save(
        &self,
        identity: &Identity,
        curve: &[CurvePoint],
        best: Option<&(u64, Generator)>,
        seconds: f64,
        path: &Path,
    ) -> Result<(), PgcgmError> {
        let notes = Notes {
            curve: curve.to_vec(),
            best: best.map(|(step, _)| *step),
            critic: module_to_archive(&self.critic).to_bytes()?,
            critic_moments: self.critic_optimiser.moments(),
            seconds,
        };
        let best = best.map_or(&self.average, |(_, generator)| generator);
        let modules = [&self.generator, &self.average, best];
        Ok(TrainingState::capture(identity, self.step, &modules, &self.optimiser, &notes)?.save(path)?)
    }

    fn batch_size(&self) -> usize {
        self.config.batch_size
    }

    /// One step of the generator after those of the critic.
    fn step(&mut self) -> Result<(), PgcgmError> {
        let mut parts = vec![];
        for turn in self.turns() {
            parts = self.critic_step(turn);
        }
        parts.extend(self.generator_step());
        self.unread.push(Tensor::cat(parts, 0));
        self.step += 1;
        // Steps are queued faster than they are computed: without a reading, time would not be that of the device.
        if self.step.is_multiple_of(READ_EVERY) { self.collect() } else { Ok(()) }
    }

    /// Conditions and noise of a batch.
    fn drawn(&self, stream: u64) -> (Vec<Condition>, Vec<f32>) {
        let mut rng = self.key.generator(stream, CONDITIONS);
        let conditions = (0..self.batch_size()).map(|_| self.source.draw(&mut rng)).collect();
        let noise = (0..whole::compact(self.batch_size()))
            .flat_map(|index| noise_of(self.key, stream, NOISE_DRAW + 4 * (1 + index)))
            .collect();
        (conditions, noise)
    }

    fn noise(&self, noise: Vec<f32>, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(noise, [self.batch_size(), NOISE]), device)
    }

    /// What the critic looks at in its turns of this step. The generator does not move between them, so what it makes
    /// for all is made at once, and its norms take the moments of all.
    pub(super) fn turns(&mut self) -> Vec<Turn> {
        let (batch, n_turns) = (self.batch_size(), self.config.critic_steps as u64);
        let numbers = self.step * n_turns..(self.step + 1) * n_turns;
        let (mut shown, mut real_conditions, mut conditions, mut noise) = (vec![], vec![], vec![], vec![]);
        for number in numbers.clone() {
            let indices = self.epochs.batch(batch, number);
            let (more, of_real) = self.data.shown(&indices, &mut self.key.generator(number, SHOWN));
            shown.extend(more);
            real_conditions.extend(of_real);
            let (of_drawn, more) = self.drawn(number);
            conditions.extend(of_drawn);
            noise.extend(more);
        }
        let real_conditions = self.tables.conditions(&real_conditions);
        let real = image_of(&uploaded(&shown, &self.device), &real_conditions);
        let n = conditions.len();
        let conditions = self.tables.conditions(&conditions);
        let noise = Tensor::from_data(TensorData::new(noise, [n, NOISE]), &self.device);
        let generator = self.generator.clone().no_grad();
        let (drawn, _) = generator.forward_training(noise, &conditions, &self.shifts.drawn);
        let drawn = image_of(&drawn, &conditions);
        let part = |x: &Tensor<4>, turn: usize| x.clone().narrow(0, turn * batch, batch);
        let turn = |(turn, number)| Turn {
            number,
            images: [part(&real, turn), part(&drawn, turn)],
            symmetries: [part(&real_conditions.symmetry, turn), part(&conditions.symmetry, turn)],
        };
        numbers.enumerate().map(turn).collect()
    }

    /// Moves the critic. Returns its distance and penalty, `[1]` each.
    pub(super) fn critic_step(&mut self, turn: Turn) -> Vec<Tensor<1>> {
        let Turn { number, images, symmetries } = turn;
        let n = self.batch_size();
        let between = |[real, drawn]: [Tensor<4>; 2], input: u32| {
            let shares = Tensor::<1>::from_data(self.shares(number, input).as_slice(), &self.device);
            drawn.clone() + (real - drawn) * shares.reshape([n, 1, 1, 1])
        };
        let (image, symmetry) = (between(images.clone(), 0), between(symmetries.clone(), 1));
        let penalty = gradient_penalty(&self.critic, image, symmetry, &self.shifts.one);
        let both = [images, symmetries].map(|both| Tensor::cat(both.to_vec(), 0));
        let [images, symmetries] = both;
        let both = self.critic.forward(images, symmetries, &self.shifts.both);
        let distance = both.clone().narrow(0, 0, n).mean() - both.narrow(0, n, n).mean();
        let total = penalty.clone().mul_scalar(self.config.penalty) - distance.clone();
        let gradients = GradientsParams::from_grads(total.backward(), &self.critic);
        let gradient = self.critic_optimiser.flat_gradient(&self.critic, gradients);
        let settings = self.config.critic_adam();
        // The average of decay 0 are the weights themselves; nobody keeps it.
        let average = self.critic.clone();
        (self.critic, _) = self.critic_optimiser.step(self.critic.clone(), average, gradient, &settings, number);
        vec![distance.inner(), penalty.inner()]
    }

    /// Shares of the way from drawn to real crystals, for one of the critic's two inputs.
    fn shares(&self, number: u64, input: u32) -> Vec<f32> {
        let item = |k: usize| (whole::compact(k) / 4, k % 4);
        let share = |k: usize| {
            let (item, place) = item(k);
            match self.config.penalty_points {
                PenaltyPoints::Uniform => self.key.uniform(number, POINTS + 4 * input, item)[place],
                PenaltyPoints::Normal => self.key.normal(number, POINTS + 4 * input, item)[place],
            }
        };
        (0..self.batch_size()).map(|k| whole::single(share(k))).collect()
    }

    /// Moves the generator. Returns the critic's mean and the three losses of physics, `[1]` each.
    pub(super) fn generator_step(&mut self) -> Vec<Tensor<1>> {
        let (asked, noise) = self.drawn(GENERATOR_STREAM + self.step);
        let conditions = self.tables.conditions(&asked);
        let noise = self.noise(noise, &self.device);
        let (scaled, _) = self.generator.forward_training(noise, &conditions, &self.shifts.one);
        let geometry = Geometry::new(&scaled, &conditions);
        let image = geometry.image(&scaled, &conditions);
        let critic = self.critic.clone().no_grad();
        let score = critic.forward(image, conditions.symmetry.clone(), &self.shifts.one).mean();
        let [inter, intra] = contact_losses(&geometry, &conditions.radii, &self.contacts);
        let physics = (inter.clone() + intra.clone()).mul_scalar(self.config.contact_weight);
        let mut total = physics - score.clone();
        let mut orbit = Tensor::zeros([1], &self.plain);
        if self.config.orbit_weight > 0.0 {
            let loss = orbit_loss(&geometry, &asked, &self.tables);
            orbit = loss.clone().inner();
            total = total + loss.mul_scalar(self.config.orbit_weight);
        }
        let gradients = GradientsParams::from_grads(total.backward(), &self.generator);
        let gradient = self.optimiser.flat_gradient(&self.generator, gradients);
        let settings = self.config.generator_adam();
        (self.generator, self.average) =
            self.optimiser.step(self.generator.clone(), self.average.clone(), gradient, &settings, self.step);
        vec![score.inner(), inter.inner(), intra.inner(), orbit]
    }

    fn collect(&mut self) -> Result<(), PgcgmError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let values = Tensor::cat(std::mem::take(&mut self.unread), 0).into_data();
        self.read.extend(values.iter::<f32>());
        if self.read.iter().any(|value| !value.is_finite()) {
            return Err(PgcgmError::NotFinite { step: self.step });
        }
        Ok(())
    }

    /// Means over the steps since the last point.
    fn mean_losses(&mut self) -> Result<[f64; N_PARTS], PgcgmError> {
        catch_device_failure(|| self.collect())??;
        let read = std::mem::take(&mut self.read);
        let n = (read.len() / N_PARTS).max(1) as f64;
        let mean = |part: usize| read.iter().skip(part).step_by(N_PARTS).map(|x| f64::from(*x)).sum::<f64>() / n;
        Ok(std::array::from_fn(mean))
    }

    /// The averaged weights with their own moments: those met during training belong to other weights. They depend on
    /// the weights and the seed alone.
    fn measurable(&self) -> Result<Generator, PgcgmError> {
        catch_device_failure(|| {
            let moments = |batch: u64| {
                let (conditions, noise) = self.drawn(MOMENT_STREAM + batch);
                let noise = self.noise(noise, &self.plain);
                self.average.forward_training(noise, &self.plain_tables.conditions(&conditions), &self.shifts.one).1
            };
            let mean = mean_moments((0..self.config.moment_batches).map(moments)).expect("at least one batch");
            self.average.clone().with_moments(mean)
        })
        .map_err(PgcgmError::from)
    }
}

fn image_of(scaled: &Scaled, conditions: &Conditions) -> Tensor<4> {
    Geometry::new(scaled, conditions).image(scaled, conditions)
}

/// Crystals on a device.
fn uploaded(shown: &[Shown], device: &Device) -> Scaled {
    let n = shown.len();
    let positions: Vec<f32> =
        shown.iter().flat_map(|shown| shown.positions.as_flattened().as_flattened()).copied().collect();
    let lengths: Vec<f32> = shown.iter().flat_map(|shown| shown.lengths).collect();
    Scaled {
        positions: Tensor::from_data(TensorData::new(positions, [n, 3, 3, 3]), device),
        lengths: Tensor::from_data(TensorData::new(lengths, [n, 3]), device),
    }
}
