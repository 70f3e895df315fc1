//! Training with a folder: training state, checkpoint, loss curve, progress.

use std::path::{Path, PathBuf};

use ::training::{Identity, LossPoint, Trainer};
use crystal_core::{CrystalState, SiteMode};
use datasets::{DataSet, Split};
use score_model::{
    AnyModel, DataIdentity, DenoisingObjective, Description, LATTICE_LOSS, ModelConfig, POSITION_LOSS, Trained,
};
use serde_json::Value;

use crate::config::{TrainConfig, to_ron};
use crate::models::ArchitectureVisitor;
use crate::output::{writable_folder, write_file, write_json};
use crate::{Devices, DruseError, Progress, Provenance};

/// Steps over which the running losses shown are averaged.
const SHOWN: usize = 100;

/// A finished training run.
pub struct TrainingRun {
    /// The moving average of the weights, on the plain device.
    pub trained: AnyModel,
    /// Losses of every step.
    pub curve: Vec<LossPoint>,
    /// The checkpoint written.
    pub checkpoint: PathBuf,
}

/// States of all structures of a split that have a reduced form.
pub fn states_of(data: &DataSet, split: Split, mode: SiteMode) -> Vec<CrystalState> {
    data.split(split).iter().filter_map(|record| record.unit.as_ref().ok()).map(|unit| unit.to_state(mode)).collect()
}

/// Trains on the training split, on all `devices` together. Writes into `folder`: `train.ron`, `training.state` (what
/// `resume` goes on from), `provenance.json` with an entry for each leg of the run, `loss.csv`, and at the end
/// `checkpoint.safetensors`.
///
/// A run goes on with the same model, data, mode and settings only; it may be made longer.
///
/// # Errors
/// [`DruseError::Config`], [`DruseError::NothingToTrainOn`], [`DruseError::TrainingExists`] if there is a training
/// state already and `resume` is not set, [`DruseError::Training`], or if a file cannot be written.
pub fn train(
    config: &TrainConfig,
    data: &DataSet,
    provenance: &Provenance,
    devices: &Devices,
    folder: &Path,
    resume: bool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<TrainingRun, DruseError> {
    config.check()?;
    writable_folder(folder)?;
    let states = states_of(data, Split::Train, config.mode);
    if states.is_empty() {
        return Err(DruseError::NothingToTrainOn { data: data.name.clone() });
    }
    config.model.visit(Run { config, data, states, provenance, devices, folder, resume, progress })
}

/// A run of any architecture.
struct Run<'a> {
    config: &'a TrainConfig,
    data: &'a DataSet,
    states: Vec<CrystalState>,
    provenance: &'a Provenance,
    devices: &'a Devices,
    folder: &'a Path,
    resume: bool,
    progress: &'a mut dyn FnMut(&Progress),
}

impl ArchitectureVisitor for Run<'_> {
    type Output = Result<TrainingRun, DruseError>;

    fn visit<C: ModelConfig>(self, model: &C) -> Self::Output {
        let identity = self.identity(model)?;
        let Self { config, folder, progress, .. } = self;
        let optimiser = &config.training.optimiser;
        let device = &self.devices.first;
        let state_file = folder.join("training.state");
        let (network, settings) = (model.init(device), optimiser.clone());
        let mut trainer = match (state_file.exists(), self.resume) {
            (true, true) => Trainer::resume(network, settings, identity, device, &state_file)?,
            (true, false) => return Err(DruseError::TrainingExists { path: state_file }),
            (false, _) => Trainer::new(network, settings, identity, device)?,
        }
        .with_helpers(&self.devices.helpers, self.devices.exchange);
        let so_far = trainer.step();
        let mut legs = if so_far > 0 { earlier_legs(&folder.join("provenance.json"))? } else { Vec::new() };
        // To go on with a finished run changes nothing.
        if so_far < optimiser.steps {
            legs.push(json("provenance", self.provenance)?);
        }
        write_file(&folder.join("train.ron"), to_ron(config)?)?;
        write_json(&folder.join("provenance.json"), &legs)?;
        let total = optimiser.steps as f64;
        progress(&Progress { done: trainer.step() as f64, total, message: String::new() });
        trainer.run(&DenoisingObjective::new(&self.states, &config.training), Some(state_file), |curve| {
            let (position, lattice) = recent_losses(curve, SHOWN);
            let message = format!("loss: position {position:.3} lattice {lattice:.3}");
            progress(&Progress { done: curve.len() as f64, total, message });
            true
        })?;
        let curve = trainer.curve().to_vec();
        write_file(&folder.join("loss.csv"), loss_csv(&curve))?;
        let checkpoint = folder.join("checkpoint.safetensors");
        let description = Description {
            schedule: config.training.schedule.clone(),
            graph: config.training.graph.clone(),
            mode: config.mode,
            data: DataIdentity {
                name: self.data.name.clone(),
                sha256: self.data.sha256.clone(),
                selection: json("selection of the data", &config.data)?,
            },
            steps: trainer.step(),
            optimiser: json("optimiser's settings", optimiser)?,
            provenance: legs,
        };
        let trained = Trained::new::<C>(trainer.average().clone(), description);
        trained.save(model, &checkpoint)?;
        Ok(TrainingRun { trained: trained.into_any(), curve, checkpoint })
    }
}

impl Run<'_> {
    /// What makes two legs one run.
    fn identity<C: ModelConfig>(&self, model: &C) -> Result<Identity, DruseError> {
        let training = &self.config.training;
        Ok(Identity::default()
            .with("kind of model", C::KIND)
            .with("model", json("model", model)?)
            .with("noise schedule", json("noise schedule", &training.schedule)?)
            .with("graph", json("graph", &training.graph)?)
            .with("optimiser", json("optimiser's settings", &training.optimiser.comparable())?)
            .with("mode", format!("{:?}", self.config.mode))
            .with("data", format!("{} with SHA-256 {}", self.data.name, self.data.sha256))
            .with("selection of the data", json("selection of the data", &self.config.data)?))
    }
}

fn json(what: &'static str, value: &impl serde::Serialize) -> Result<Value, DruseError> {
    serde_json::to_value(value).map_err(|error| DruseError::Serialise { what, reason: error.to_string() })
}

/// The entries of the legs so far.
fn earlier_legs(path: &Path) -> Result<Vec<Value>, DruseError> {
    let text = std::fs::read_to_string(path).map_err(|source| DruseError::Read { path: path.to_owned(), source })?;
    match serde_json::from_str(&text) {
        Ok(Value::Array(legs)) => Ok(legs),
        Ok(first) => Ok(vec![first]),
        Err(error) => {
            let reason = format!("{error}; put the file of the first leg back, or start in another folder");
            let (name, line, column) = (path.display().to_string(), error.line(), error.column());
            Err(DruseError::Ron { name, line, column, reason })
        }
    }
}

/// Mean position and lattice loss over the last `n` steps.
pub fn recent_losses(curve: &[LossPoint], n: usize) -> (f32, f32) {
    let last = &curve[curve.len().saturating_sub(n)..];
    let mean = |value: fn(&LossPoint) -> f32| last.iter().map(value).sum::<f32>() / last.len().max(1) as f32;
    (mean(|point| point.parts[POSITION_LOSS]), mean(|point| point.parts[LATTICE_LOSS]))
}

fn loss_csv(curve: &[LossPoint]) -> String {
    let rows: String = curve
        .iter()
        .map(|point| format!("{},{},{}\n", point.step, point.parts[POSITION_LOSS], point.parts[LATTICE_LOSS]))
        .collect();
    format!("step,position,lattice\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_losses_take_the_end() {
        let curve: Vec<LossPoint> = (0..10).map(|step| LossPoint { step, parts: vec![step as f32, 1.0] }).collect();
        assert_eq!(recent_losses(&curve, 2), (8.5, 1.0));
        assert_eq!(recent_losses(&curve, 100), (4.5, 1.0));
        assert!(loss_csv(&curve).lines().count() == 11);
    }
}
