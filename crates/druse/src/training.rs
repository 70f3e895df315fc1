//! Training with a folder: training state, checkpoint, loss curve, progress.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use crystal_core::{CrystalState, SiteMode};
use datasets::{DataSet, Split};
use indicatif::ProgressBar;
use score_model::{DimeNetPlusPlus, LossPoint, Trainer};

use crate::checkpoints;
use crate::config::{TrainConfig, to_ron};
use crate::device::Devices;
use crate::output::{writable_folder, write_file};
use crate::progress::ProgressLog;
use crate::provenance::Provenance;

/// Steps over which the running losses shown are averaged.
const SHOWN: usize = 100;

/// A finished training run.
pub struct Trained {
    /// The moving average of the weights, on the plain device.
    pub model: DimeNetPlusPlus,
    /// Losses of every step.
    pub curve: Vec<LossPoint>,
    /// The checkpoint written.
    pub checkpoint: PathBuf,
}

/// States of all structures of a split that have a reduced form.
pub fn states_of(data: &DataSet, split: Split, mode: SiteMode) -> Vec<CrystalState> {
    data.split(split).iter().filter_map(|record| record.unit.as_ref().ok()).map(|unit| unit.to_state(mode)).collect()
}

/// Trains on the training split, on all `devices` together. Writes into `folder`: `train.ron` and `provenance.json`, `training.state` (what
/// `resume` goes on from), `loss.csv`, and at the end `checkpoint.safetensors`.
///
/// # Errors
/// If the configuration makes no sense, there is nothing to train on, there is a training state already and `resume` is not set, or a
/// file cannot be written.
pub fn train(
    config: &TrainConfig,
    data: &DataSet,
    provenance: &Provenance,
    devices: &Devices,
    folder: &Path,
    resume: bool,
    bar: &ProgressBar,
) -> Result<Trained> {
    if let Some(problem) = config.problem() {
        bail!("training configuration: {problem}");
    }
    writable_folder(folder)?;
    let states = states_of(data, Split::Train, config.mode);
    if states.is_empty() {
        bail!("the training split of {} has no structure that the symmetry finder could reduce", data.name);
    }
    let device = &devices.first;
    let state_file = folder.join("training.state");
    let model = config.model.init(device);
    let mut trainer = match (state_file.exists(), resume) {
        (true, true) => Trainer::resume(model, config.training.clone(), device, &state_file)?,
        (true, false) => {
            bail!("{}: there is a training run already; go on with it (--resume) or choose another folder", state_file.display())
        }
        (false, _) => Trainer::new(model, config.training.clone(), device)?,
    }
    .with_helpers(&devices.helpers, devices.exchange);
    write_file(&folder.join("train.ron"), to_ron(config)?)?;
    write_file(&folder.join("provenance.json"), serde_json::to_string_pretty(provenance)? + "\n")?;
    bar.set_length(config.training.steps);
    bar.set_position(trainer.step());
    let mut log = ProgressLog::new(bar);
    trainer
        .run(&states, Some(state_file), |curve| {
            bar.set_position(curve.len() as u64);
            let (position, lattice) = recent_losses(curve, SHOWN);
            bar.set_message(format!("loss: position {position:.3} lattice {lattice:.3}"));
            log.tick(bar);
            true
        })
        .context("training")?;
    let curve = trainer.curve().to_vec();
    write_file(&folder.join("loss.csv"), loss_csv(&curve))?;
    let checkpoint = folder.join("checkpoint.safetensors");
    checkpoints::save(&checkpoint, trainer.average(), config, provenance, trainer.step())?;
    Ok(Trained { model: trainer.average().clone(), curve, checkpoint })
}

/// Mean position and lattice loss over the last `n` steps.
pub fn recent_losses(curve: &[LossPoint], n: usize) -> (f32, f32) {
    let last = &curve[curve.len().saturating_sub(n)..];
    let mean = |value: fn(&LossPoint) -> f32| last.iter().map(value).sum::<f32>() / last.len().max(1) as f32;
    (mean(|point| point.position), mean(|point| point.lattice))
}

fn loss_csv(curve: &[LossPoint]) -> String {
    let rows: String = curve.iter().map(|point| format!("{},{},{}\n", point.step, point.position, point.lattice)).collect();
    format!("step,position,lattice\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_losses_take_the_end() {
        let curve: Vec<LossPoint> = (0..10).map(|step| LossPoint { step, position: step as f32, lattice: 1.0 }).collect();
        assert_eq!(recent_losses(&curve, 2), (8.5, 1.0));
        assert_eq!(recent_losses(&curve, 100), (4.5, 1.0));
        assert!(loss_csv(&curve).lines().count() == 11);
    }
}
