//! The training loop.

use std::path::Path;
use std::time::Instant;

use burn::Tensor;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tensor_ops::{catch_device_failure, has_kernels};
use training::{Adam, EpochOrder, Identity, TrainingError, TrainingState};

use super::{TrainingConfig, TrainingData};
use crate::batch::{Targets, TokenBatch};
use crate::sequence::MOST_ATOMS;
use crate::{WyckoffModel, WyckoffModelConfig, WyckoffModelError};

/// Sequences that are measured at a time.
const MEASURED: usize = 512;
/// Steps after which losses are read from the device.
const READ_EVERY: usize = 10;

/// Mean negative log-likelihoods of a crystal, nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Of the composition of the cell, its elements in a random order.
    pub composition: f64,
    /// Of the space group, given the composition.
    pub group: f64,
    /// Of all Wyckoff positions, given both.
    pub positions: f64,
}

impl Losses {
    /// Of group and positions, given the composition: what is kept is the state with the lowest on the validation set.
    pub fn assignment(&self) -> f64 {
        self.group + self.positions
    }
}

/// Losses at one time of a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Optimiser steps done.
    pub step: u64,
    /// Seconds of training, those of earlier legs included.
    pub seconds: f64,
    /// Of the steps since the last point, with dropout and with what they were told.
    pub training: Losses,
    /// Of the validation set, by the averaged weights, nothing told.
    pub validation: Losses,
}

/// What a training ends with.
#[derive(Debug)]
pub struct Trained {
    /// The averaged weights with the lowest loss on the validation set.
    pub model: WyckoffModel,
    /// When they were measured.
    pub best: CurvePoint,
    /// All measurements.
    pub curve: Vec<CurvePoint>,
}

/// Trains a network, and keeps the state with the lowest [`Losses::assignment`] on the validation set. With `state`,
/// everything that is needed to go on is kept in that file, which an interrupted run goes on from; `progress` is called
/// after each measurement and may stop the run by returning `false`. `device` is a plain device.
///
/// # Errors
/// [`WyckoffModelError::Config`], [`WyckoffModelError::Empty`], [`WyckoffModelError::NotFinite`],
/// [`WyckoffModelError::State`] if the file is of another run, or cannot be read or written.
pub fn train(
    model: &WyckoffModelConfig,
    config: &TrainingConfig,
    training: &TrainingData,
    validation: &TrainingData,
    device: &Device,
    state: Option<&Path>,
    mut progress: impl FnMut(&CurvePoint) -> bool,
) -> Result<Trained, WyckoffModelError> {
    let mut fitted = || fit(model, config, training, validation, device, state, &mut progress);
    if !has_kernels(device) {
        return fitted();
    }
    // What went wrong on the device shows when something is read from it.
    catch_device_failure(fitted).map_err(TrainingError::from)?
}

fn fit(
    model: &WyckoffModelConfig,
    config: &TrainingConfig,
    training: &TrainingData,
    validation: &TrainingData,
    device: &Device,
    state: Option<&Path>,
    progress: &mut impl FnMut(&CurvePoint) -> bool,
) -> Result<Trained, WyckoffModelError> {
    model.check().map_err(|error| error.of("model"))?;
    config.check().map_err(|error| error.of("training"))?;
    for (set, data) in [("training", training), ("validation", validation)] {
        if data.is_empty() {
            return Err(WyckoffModelError::Empty { set, most: MOST_ATOMS });
        }
    }
    let clock = Instant::now();
    let identity = Identity::default()
        .with("kind of model", WyckoffModel::KIND)
        .with("network", format!("{model:?}"))
        .with("training configuration", format!("{:?}", config.comparable()))
        .with("training data", training.sha256())
        .with("validation data", validation.sha256());
    let measured = validation.all(MEASURED, device);
    let mut run = Run::new(model, config, training, device);
    let mut curve: Vec<CurvePoint> = vec![];
    let mut best: Option<(CurvePoint, WyckoffModel)> = None;
    let mut earlier = 0.0;
    if let Some(path) = state.filter(|path| path.exists()) {
        let found = TrainingState::load(path, &identity)?;
        curve = found.notes(path)?;
        let kept = run.restore(found, path)?;
        earlier = curve.last().map_or(0.0, |point| point.seconds);
        best = lowest(&curve).map(|point| (point, kept));
    }
    let seconds = || earlier + clock.elapsed().as_secs_f64();
    let is_over = |step: u64, seconds: f64| config.progress(step, seconds) >= 1.0;
    while best.is_none() || !is_over(run.step, seconds()) {
        run.step(config.progress(run.step, seconds()))?;
        let over = is_over(run.step, seconds());
        if !(over || run.step.is_multiple_of(config.validate_every)) {
            continue;
        }
        let training_losses = run.read()?;
        let validation_losses = losses_on(&run.average, &measured, validation.len());
        if !validation_losses.assignment().is_finite() {
            return Err(WyckoffModelError::NotFinite { step: run.step });
        }
        let point =
            CurvePoint { step: run.step, seconds: seconds(), training: training_losses, validation: validation_losses };
        curve.push(point);
        if best.as_ref().is_none_or(|(best, _)| point.validation.assignment() < best.validation.assignment()) {
            best = Some((point, run.average.clone()));
        }
        if let (Some(path), Some((_, best))) = (state, &best) {
            let modules = [&run.model, &run.average, best];
            TrainingState::capture(&identity, run.step, &modules, &run.optimiser, &curve)?.save(path)?;
        }
        if !progress(&point) {
            break;
        }
    }
    let (best, model) = best.expect("there was a measurement");
    Ok(Trained { model, best, curve })
}

/// The first measurement with the lowest loss.
fn lowest(curve: &[CurvePoint]) -> Option<CurvePoint> {
    let lower = |best: CurvePoint, point: CurvePoint| {
        if point.validation.assignment() < best.validation.assignment() { point } else { best }
    };
    curve.iter().copied().reduce(lower)
}

/// Mean losses over batches that hold this many crystals.
fn losses_on(model: &WyckoffModel, batches: &[(TokenBatch, Targets)], n_crystals: usize) -> Losses {
    // All batches are queued before the first is read.
    let parts: Vec<Tensor<1>> = batches.iter().flat_map(|(batch, targets)| sums(model, batch, targets)).collect();
    mean(&Tensor::cat(parts, 0).into_data().iter::<f32>().collect::<Vec<_>>(), n_crystals)
}

/// Losses of composition, group and positions, summed over a batch.
fn sums(model: &WyckoffModel, batch: &TokenBatch, targets: &Targets) -> [Tensor<1>; 3] {
    let losses = model.losses(batch, targets);
    [losses.compositions, losses.groups.sum(), losses.positions.sum()]
}

fn mean(sums: &[f32], n_crystals: usize) -> Losses {
    let part = |k: usize| sums.chunks_exact(3).map(|sums| f64::from(sums[k])).sum::<f64>() / n_crystals as f64;
    Losses { composition: part(0), group: part(1), positions: part(2) }
}

/// The state of a run.
struct Run<'a> {
    config: &'a TrainingConfig,
    data: &'a TrainingData,
    plain: Device,
    device: Device,
    model: WyckoffModel,
    average: WyckoffModel,
    optimiser: Adam,
    epochs: EpochOrder,
    step: u64,
    unread: Vec<Tensor<1>>,
    /// Sums that were read since the last measurement, three for each step.
    read: Vec<f32>,
}

impl<'a> Run<'a> {
    fn new(model: &WyckoffModelConfig, config: &'a TrainingConfig, data: &'a TrainingData, plain: &Device) -> Self {
        let average = WyckoffModel::new(model, plain).no_grad();
        let optimiser = Adam::new(&average, plain);
        let device = plain.clone().autodiff();
        let model = WyckoffModel::new(model, plain).to_device(&device).train();
        Self {
            config,
            data,
            plain: plain.clone(),
            device,
            model,
            average,
            optimiser,
            epochs: EpochOrder::new(config.seed, data.len()),
            step: 0,
            unread: vec![],
            read: vec![],
        }
    }

    /// Goes on from a state. Returns the best of the measured weights.
    fn restore(&mut self, mut state: TrainingState, path: &Path) -> Result<WyckoffModel, WyckoffModelError> {
        let best = state.module(2, self.average.clone(), path)?;
        self.model = state.module(0, self.model.clone(), path)?;
        self.average = state.module(1, self.average.clone(), path)?;
        let fresh = Adam::new(&self.average, &self.plain);
        self.optimiser = state.optimiser(fresh, &self.model, &self.average, &self.plain, path)?;
        self.step = state.step;
        Ok(best)
    }

    fn batch_size(&self) -> usize {
        self.config.batch_size.min(self.data.len())
    }

    /// One optimiser step.
    fn step(&mut self, progress: f64) -> Result<(), WyckoffModelError> {
        let indices = self.epochs.batch(self.batch_size(), self.step);
        let (batch, targets) = self.data.batch(&indices, self.config, self.step, &self.device);
        // What dropout leaves out depends on the seed and the step, so that a resumed run repeats it.
        self.device.seed(self.config.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(self.step));
        let [compositions, groups, positions] = sums(&self.model, &batch, &targets);
        let total =
            compositions.clone().mul_scalar(self.config.composition_weight) + groups.clone() + positions.clone();
        self.unread.push(Tensor::cat(vec![compositions.inner(), groups.inner(), positions.inner()], 0));
        let gradients = total.div_scalar(indices.len() as f64).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.model);
        let gradient = self.optimiser.flat_gradient(&self.model, gradients);
        let settings = self.config.adam_at(self.step, progress);
        (self.model, self.average) =
            self.optimiser.step(self.model.clone(), self.average.clone(), gradient, &settings, self.step);
        self.step += 1;
        // Steps are queued faster than they are computed: without a reading, time would not be that of the device.
        if self.unread.len() >= READ_EVERY { self.collect() } else { Ok(()) }
    }

    fn collect(&mut self) -> Result<(), WyckoffModelError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let values = Tensor::cat(std::mem::take(&mut self.unread), 0).into_data();
        self.read.extend(values.iter::<f32>());
        if self.read.iter().any(|value| !value.is_finite()) {
            return Err(WyckoffModelError::NotFinite { step: self.step });
        }
        Ok(())
    }

    /// Mean losses of the steps since the last reading.
    fn read(&mut self) -> Result<Losses, WyckoffModelError> {
        self.collect()?;
        let n_crystals = self.read.len() / 3 * self.batch_size();
        Ok(mean(&std::mem::take(&mut self.read), n_crystals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::SpaceGroup;
    use wyckoff_assignment::WyckoffAssignment;

    /// Rock salts, caesium chlorides, perovskites and rutiles: which it is follows from the elements.
    fn crystals(cations: [&str; 4]) -> TrainingData {
        let read = |number: i64, text: String| {
            WyckoffAssignment::parse(SpaceGroup::from_number(number).expect("a group"), &text).expect("an assignment")
        };
        let of_cation = |cation: &str| {
            [
                read(225, format!("{cation}@a Cl@b")),
                read(221, format!("{cation}@a I@b")),
                read(221, format!("{cation}@a Ti@b O@c")),
                read(136, format!("{cation}@a F@f")),
            ]
        };
        TrainingData::new(cations.iter().flat_map(|cation| of_cation(cation)))
    }

    fn sizes() -> (WyckoffModelConfig, TrainingConfig) {
        let model = WyckoffModelConfig { width: 32, layers: 2, heads: 2, expansion: 2, dropout: 0.0, seed: 1 };
        let training = TrainingConfig {
            steps: 150,
            batch_size: 16,
            learning_rate: 1e-2,
            warm_up: 10,
            ema_decay: 0.9,
            validate_every: 25,
            ..TrainingConfig::default()
        };
        (model, training)
    }

    #[test]
    fn it_learns_and_repeats_itself() {
        tensor_ops::device::available_devices().iter().for_each(it_learns_on);
    }

    fn it_learns_on(device: &Device) {
        let (model, config) = sizes();
        let (training, validation) = (crystals(["Na", "K", "Mg", "Ca"]), crystals(["Li", "Rb", "Sr", "Ba"]));
        let run = || train(&model, &config, &training, &validation, device, None, |_| true).expect("a run");
        let trained = run();
        assert_eq!(trained.curve.len(), 6);
        let (first, last) = (trained.curve[0].training, trained.curve[5].training);
        assert!(last.assignment() < 0.05 && first.assignment() > 10.0 * last.assignment(), "{first:?} → {last:?}");
        // Cations that it has never seen, by their properties.
        let [first, best] = [trained.curve[0], trained.best].map(|point| point.validation.assignment());
        assert!(best < 0.5 && best < first, "{first} → {best}");
        let lowest = trained.curve.iter().map(|point| point.validation.assignment()).fold(f64::INFINITY, f64::min);
        assert_eq!(best, lowest);
        let losses = |trained: Trained| trained.curve.iter().map(|point| (point.training, point.validation)).collect();
        let (again, before): (Vec<_>, Vec<_>) = (losses(run()), losses(trained));
        assert_eq!(again, before);
    }

    #[test]
    fn an_interrupted_run_goes_on_where_it_stopped() {
        let (model, config) = sizes();
        let config = TrainingConfig { steps: 100, ..config };
        let (training, validation) = (crystals(["Na", "K", "Mg", "Ca"]), crystals(["Li", "Rb", "Sr", "Ba"]));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("training.state");
        let run = |state: Option<&Path>, last: u64| {
            let device = Device::flex();
            train(&model, &config, &training, &validation, &device, state, |point| point.step < last).expect("a run")
        };
        let told = |trained: &Trained| -> Vec<(u64, Losses)> {
            trained.curve.iter().map(|point| (point.step, point.validation)).collect()
        };
        assert_eq!(told(&run(Some(&path), 50)).len(), 2);
        let (whole, resumed) = (run(None, 100), run(Some(&path), 100));
        // Without dropout: it draws from the device, which the tests of this process share.
        assert_eq!(told(&resumed), told(&whole));
        let other = TrainingConfig { seed: 5, ..config.clone() };
        let refused = train(&model, &other, &training, &validation, &Device::flex(), Some(&path), |_| true);
        let error = refused.expect_err("another run").to_string();
        assert!(error.contains("the training state of another run: training configuration"), "{error}");
    }

    #[test]
    fn empty_sets_are_errors() {
        let (model, config) = sizes();
        let (full, empty) = (crystals(["Na", "K", "Mg", "Ca"]), TrainingData::default());
        let run = |training, validation| train(&model, &config, training, validation, &Device::flex(), None, |_| true);
        assert!(matches!(run(&empty, &full), Err(WyckoffModelError::Empty { set: "training", .. })));
        assert!(matches!(run(&full, &empty), Err(WyckoffModelError::Empty { set: "validation", .. })));
    }
}
