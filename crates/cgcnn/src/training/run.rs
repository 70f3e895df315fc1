//! The training loop.

use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tensor_ops::mean_moments;
use training::{Adam, EpochOrder, Identity, TrainingState};

use super::{LabelledGraphs, TrainingConfig};
use crate::{Cgcnn, CgcnnConfig, CgcnnError, GraphBatch};

/// Errors after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochPoint {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Mean absolute error over the training batches as they were met, eV/atom.
    pub training: f64,
    /// Mean absolute error of the averaged weights on the validation set, eV/atom.
    pub validation: f64,
}

/// A training run.
#[derive(Debug)]
pub struct Trained {
    /// The averaged weights of the epoch with the lowest error on the validation set, on the plain device.
    pub model: Cgcnn,
    /// That epoch.
    pub best: EpochPoint,
    /// All epochs.
    pub curve: Vec<EpochPoint>,
}

/// Trains a network on `training` and keeps the weights that do best on `validation`. `device` is a plain device.
/// `progress` is told of every epoch and may stop the run by returning `false`.
///
/// After every epoch the training state is written to the file `state`. If it is there at the start, the run goes on
/// from it, and ends with the weights of a run that was never stopped.
///
/// The loss is the mean absolute error of the standardised energies: it is what is measured, and heavy tails of the
/// energies do not rule it.
///
/// # Errors
/// [`CgcnnError::Config`], [`CgcnnError::TooFewStructures`], [`CgcnnError::NotFinite`]; [`CgcnnError::State`]
/// for a training state of another run, or one that cannot be read or written.
pub fn train(
    model: &CgcnnConfig,
    config: &TrainingConfig,
    training: &LabelledGraphs,
    validation: &LabelledGraphs,
    device: &Device,
    state: Option<&Path>,
    mut progress: impl FnMut(&EpochPoint) -> bool,
) -> Result<Trained, CgcnnError> {
    model.check()?;
    config.check()?;
    for (set, graphs, needed) in [("training", training, 2), ("validation", validation, 1)] {
        if graphs.len() < needed {
            return Err(CgcnnError::TooFewStructures { set, found: graphs.len(), needed });
        }
    }
    let identity = identity_of(model, config, training, validation);
    let validation = validation.upload(device);
    let mut run = Run::new(model, config, training, device);
    let mut curve: Vec<EpochPoint> = Vec::with_capacity(config.epochs);
    let mut best: Option<(EpochPoint, Cgcnn)> = None;
    if let Some(path) = state.filter(|path| path.exists()) {
        let found = TrainingState::load(path, &identity)?;
        curve = found.notes(path)?;
        let measured = run.restore(found, path)?;
        best = lowest(&curve).map(|point| (point, measured));
    }
    for epoch in curve.len() + 1..=config.epochs {
        let training_error = run.epoch(epoch);
        let measured = run.measurable(epoch);
        let point = EpochPoint { epoch, training: training_error, validation: error_on(&measured, &validation) };
        if !(point.training.is_finite() && point.validation.is_finite()) {
            return Err(CgcnnError::NotFinite { epoch });
        }
        curve.push(point);
        if best.as_ref().is_none_or(|(best, _)| point.validation < best.validation) {
            best = Some((point, measured));
        }
        if let (Some(path), Some((_, best))) = (state, &best) {
            let modules = [&run.model, &run.average, best];
            TrainingState::capture(&identity, run.step, &modules, &run.optimizer, &curve)?.save(path)?;
        }
        if !progress(&point) {
            break;
        }
    }
    let (best, model) = best.expect("there was an epoch");
    Ok(Trained { model, best, curve })
}

/// What tells a run from others.
fn identity_of(
    model: &CgcnnConfig,
    config: &TrainingConfig,
    training: &LabelledGraphs,
    validation: &LabelledGraphs,
) -> Identity {
    let data = |set: &LabelledGraphs| format!("{} structures with energies {}", set.len(), set.hash());
    Identity::default()
        .with("kind of model", Cgcnn::KIND)
        .with("network", format!("{model:?}"))
        .with("training configuration", format!("{config:?}"))
        .with("training data", data(training))
        .with("validation data", data(validation))
}

/// The first epoch with the lowest error on the validation set.
fn lowest(curve: &[EpochPoint]) -> Option<EpochPoint> {
    curve.iter().copied().reduce(|best, point| if point.validation < best.validation { point } else { best })
}

/// Mean absolute error of a network's energies, eV/atom.
///
/// # Errors
/// [`CgcnnError::TooFewStructures`] if the set, which is named `set` then, is empty.
pub fn mean_absolute_error(model: &Cgcnn, graphs: &LabelledGraphs, set: &'static str) -> Result<f64, CgcnnError> {
    if graphs.is_empty() {
        return Err(CgcnnError::TooFewStructures { set, found: 0, needed: 1 });
    }
    Ok(error_on(model, &graphs.upload(&model.device())))
}

fn error_on(model: &Cgcnn, batches: &[(GraphBatch, &[f64])]) -> f64 {
    let scale = model.normaliser();
    // All batches are queued before the first is read.
    let outputs: Vec<Tensor<2>> = batches.iter().map(|(batch, _)| model.forward(batch).energy).collect();
    let found: Vec<f32> = Tensor::cat(outputs, 0).into_data().iter::<f32>().collect();
    let expected = batches.iter().flat_map(|(_, energies)| *energies);
    let total: f64 =
        found.iter().zip(expected).map(|(x, energy)| (f64::from(*x) * scale.std + scale.mean - energy).abs()).sum();
    total / found.len() as f64
}

/// The state of a run.
struct Run<'a> {
    config: &'a TrainingConfig,
    data: &'a LabelledGraphs,
    plain: Device,
    device: Device,
    model: Cgcnn,
    average: Cgcnn,
    optimizer: Adam,
    epochs: EpochOrder,
    step: u64,
}

impl<'a> Run<'a> {
    fn new(model: &CgcnnConfig, config: &'a TrainingConfig, data: &'a LabelledGraphs, plain: &Device) -> Self {
        let average = model.init(plain).with_normaliser(data.normaliser()).no_grad();
        let optimizer = Adam::new(&average, plain);
        let epochs = EpochOrder::new(config.seed, data.len());
        let device = plain.clone().autodiff();
        let model = model.init(plain).with_normaliser(data.normaliser()).to_device(&device).train();
        Self { config, data, plain: plain.clone(), device, model, average, optimizer, epochs, step: 0 }
    }

    /// Goes on from a state. Returns the best of the measured weights.
    fn restore(&mut self, mut state: TrainingState, path: &Path) -> Result<Cgcnn, CgcnnError> {
        let best = state.module(2, self.average.clone(), path)?;
        self.model = state.module(0, self.model.clone(), path)?;
        self.average = state.module(1, self.average.clone(), path)?;
        let fresh = Adam::new(&self.average, &self.plain);
        self.optimizer = state.optimiser(fresh, &self.model, &self.average, &self.plain, path)?;
        self.step = state.step;
        Ok(best)
    }

    fn batch_size(&self) -> usize {
        self.config.batch_size.min(self.data.len())
    }

    /// Structures of an epoch in their random order, a remainder that fills no batch left out: its moments would be
    /// poor ones.
    fn order(&mut self, epoch: usize) -> Vec<usize> {
        let (n_data, batch_size) = (self.data.len(), self.batch_size());
        self.epochs.epoch(epoch as u64)[..n_data / batch_size * batch_size].to_vec()
    }

    /// One pass over the data. Returns its mean absolute error, eV/atom.
    fn epoch(&mut self, epoch: usize) -> f64 {
        let order = self.order(epoch);
        let n_steps = (order.len() / self.batch_size() * self.config.epochs) as u64;
        let normaliser = self.average.normaliser();
        let mut losses = Vec::new();
        for indices in order.chunks_exact(self.batch_size()) {
            let batch = self.data.batch(indices, &self.device);
            let targets = self.data.targets(indices, normaliser, &self.device);
            let (output, _) = self.model.forward_training(&batch);
            let loss = (output.energy - targets).abs().mean();
            losses.push(loss.clone().inner());
            let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
            let gradient = self.optimizer.flat_gradient(&self.model, gradients);
            let settings = self.config.adam_at(self.step, n_steps);
            (self.model, self.average) =
                self.optimizer.step(self.model.clone(), self.average.clone(), gradient, &settings, self.step);
            self.step += 1;
        }
        let n_losses = losses.len() as f64;
        let losses: Vec<f32> = Tensor::cat(losses, 0).into_data().iter::<f32>().collect();
        losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / n_losses * normaliser.std
    }

    /// The averaged weights with their own moments: those met during training belong to other weights.
    fn measurable(&mut self, epoch: usize) -> Cgcnn {
        let order = self.order(epoch);
        let batches = order.chunks_exact(self.batch_size()).take(self.config.moment_batches);
        let moments = batches.map(|indices| self.average.forward_training(&self.data.batch(indices, &self.plain)).1);
        let mean = mean_moments(moments).expect("an epoch has at least one batch");
        self.average.clone().with_moments(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site, Structure};
    use nalgebra::{Matrix3, Vector3};
    use training::TrainingError;

    /// Rock salts of several elements, with an 'energy' that depends on the anion and on the distance.
    fn set(shift: f64) -> LabelledGraphs {
        let mut structures = Vec::new();
        let mut energies = Vec::new();
        for cation in ["Li", "Na", "K", "Mg", "Ca"] {
            for (anion, energy) in [("F", -2.0), ("Cl", -1.0), ("O", -1.5), ("S", -0.4)] {
                for k in 0..2 {
                    let half = 2.2 + shift + 0.4 * f64::from(k);
                    let lattice =
                        Lattice::new(Matrix3::new(0.0, half, half, half, 0.0, half, half, half, 0.0)).expect("a cell");
                    let site = |symbol: &str, x: f64| Site {
                        species: symbol.parse().expect("an element"),
                        frac_coords: Vector3::repeat(x),
                    };
                    structures
                        .push(Structure::new(lattice, vec![site(cation, 0.0), site(anion, 0.5)]).expect("a structure"));
                    energies.push(energy + 0.5 * half);
                }
            }
        }
        let (set, lost) = LabelledGraphs::new(&structures, &energies);
        assert!(lost.is_empty());
        set
    }

    fn config() -> (CgcnnConfig, TrainingConfig) {
        let model = CgcnnConfig { atom_width: 12, n_convolutions: 2, feature_width: 8, seed: 3 };
        let training = TrainingConfig {
            epochs: 25,
            batch_size: 8,
            learning_rate: 1e-2,
            ema_decay: 0.8,
            moment_batches: 4,
            ..TrainingConfig::default()
        };
        (model, training)
    }

    #[test]
    fn it_learns_and_repeats_itself() {
        tensor_ops::device::available_devices().iter().for_each(it_learns_on);
    }

    fn it_learns_on(device: &Device) {
        let (model, config) = config();
        let (training, validation) = (set(0.0), set(0.1));
        let run = || train(&model, &config, &training, &validation, device, None, |_| true).expect("a run");
        let trained = run();
        let first = trained.curve[0];
        assert_eq!(trained.curve.len(), 25);
        assert!(trained.best.training < 0.4 * first.training, "{first:?} → {:?}", trained.best);
        assert!(trained.best.validation < 0.5 * first.validation, "{first:?} → {:?}", trained.best);
        let lowest = trained.curve.iter().map(|point| point.validation).fold(f64::INFINITY, f64::min);
        assert_eq!(trained.best.validation, lowest);
        // What is kept is what was measured.
        let again = mean_absolute_error(&trained.model, &validation, "validation").expect("a set");
        assert!((again - trained.best.validation).abs() < 1e-6);
        assert_eq!(run().curve, trained.curve);
    }

    fn weights(model: &Cgcnn) -> Vec<f32> {
        let archive = training::module_to_archive(model);
        let values = archive
            .tensors
            .keys()
            .flat_map(|name| archive.f32(name, Path::new("weights")).expect("numbers").1.to_vec());
        values.collect()
    }

    #[test]
    fn an_interrupted_run_ends_with_the_same_weights() {
        tensor_ops::device::available_devices().iter().for_each(interrupted_on);
    }

    fn interrupted_on(device: &Device) {
        let (model, config) = config();
        let config = TrainingConfig { epochs: 7, ..config };
        let (training, validation) = (set(0.0), set(0.1));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("training.state");
        let run = |state: Option<&Path>, last: usize| {
            train(&model, &config, &training, &validation, device, state, |point| point.epoch < last).expect("a run")
        };
        let whole = run(None, 7);
        // Stopped twice, and once more asked for when there is nothing left to do.
        assert_eq!(run(Some(&path), 2).curve, whole.curve[..2]);
        assert_eq!(run(Some(&path), 5).curve, whole.curve[..5]);
        for _ in 0..2 {
            let resumed = run(Some(&path), 7);
            assert_eq!((&resumed.curve, resumed.best), (&whole.curve, whole.best));
            assert_eq!(weights(&resumed.model), weights(&whole.model));
            assert_eq!(resumed.model.normaliser(), whole.model.normaliser());
        }
    }

    #[test]
    fn states_of_other_runs_and_damaged_ones_are_refused() {
        let (model, config) = config();
        let config = TrainingConfig { epochs: 2, ..config };
        let (training, validation) = (set(0.0), set(0.1));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("training.state");
        let run = |model: &CgcnnConfig, config: &TrainingConfig, validation: &LabelledGraphs| {
            train(model, config, &training, validation, &Device::flex(), Some(&path), |_| false)
        };
        run(&model, &config, &validation).expect("an epoch");
        let written = std::fs::read(&path).expect("a state");
        let other = |expected: &str, outcome| match outcome {
            Err(CgcnnError::State(TrainingError::Foreign { what, .. })) => assert_eq!(what, expected),
            other => panic!("{expected}: {other:?}"),
        };
        other("network", run(&CgcnnConfig { seed: 4, ..model.clone() }, &config, &validation));
        other("training configuration", run(&model, &TrainingConfig { epochs: 3, ..config.clone() }, &validation));
        other("validation data", run(&model, &config, &set(0.2)));
        assert_eq!(std::fs::read(&path).expect("a state"), written, "what was refused is left as it is");
        std::fs::write(&path, &written[..written.len() / 2]).expect("a file");
        assert!(matches!(run(&model, &config, &validation), Err(CgcnnError::State(TrainingError::State(_)))));
        model.init(&Device::flex()).to_archive().expect("an archive").save(&path).expect("a file");
        let error = run(&model, &config, &validation).expect_err("no training state").to_string();
        assert!(error.contains("training state"), "{error}");
    }

    #[test]
    fn empty_sets_are_errors() {
        let (model, config) = config();
        let (full, empty) = (set(0.0), LabelledGraphs::default());
        let run = |training, validation| train(&model, &config, training, validation, &Device::flex(), None, |_| true);
        assert!(matches!(run(&empty, &full), Err(CgcnnError::TooFewStructures { set: "training", found: 0, .. })));
        assert!(matches!(run(&full, &empty), Err(CgcnnError::TooFewStructures { set: "validation", .. })));
        let network = model.init(&Device::flex());
        assert!(mean_absolute_error(&network, &empty, "test").is_err());
    }
}
