//! The training state on disk: everything a run needs to go on as if it had never stopped.
//!
//! One archive: the weights in training, their moving average, the best of the measured ones, the optimiser's moments and the errors of all
//! epochs; and, as metadata, what tells one run from another.

use std::path::Path;

use score_model::checkpoint::{archive_config, described_archive};
use score_model::{CheckpointError, TensorArchive, module_to_archive};

use super::{EpochPoint, LabelledGraphs, TrainingConfig};
use crate::{Cgcnn, CgcnnConfig, CgcnnError};

/// Kind of the archive.
const KIND: &str = "cgcnn-training";
/// Names of the weights: those in training, their moving average, the measured ones of the best epoch.
const WEIGHTS: [&str; 3] = ["model", "average", "best"];
/// Names of the other arrays.
const STEP: &str = "step";
const MOMENTS: [&str; 2] = ["optimizer.first", "optimizer.second"];
const ERRORS: [&str; 2] = ["curve.training", "curve.validation"];

/// What a run is told from another by: network, training and data, each as the text that the metadata hold.
pub(super) struct Identity {
    network: CgcnnConfig,
    parts: [(&'static str, String); 2],
}

impl Identity {
    pub(super) fn of(
        network: &CgcnnConfig,
        config: &TrainingConfig,
        training: &LabelledGraphs,
        validation: &LabelledGraphs,
    ) -> Self {
        let data = [training, validation].map(|set| format!("{} structures with energies {}", set.len(), set.hash()));
        let config = serde_json::to_string(config).expect("numbers under names");
        Self { network: network.clone(), parts: [("training configuration", config), ("data", data.join(", "))] }
    }

    /// Refuses the state of another run.
    fn check(&self, archive: &TensorArchive, path: &Path) -> Result<(), CgcnnError> {
        let other_run = |what, expected, found| Err(CgcnnError::OtherRun { path: path.to_owned(), what, expected, found });
        let network: CgcnnConfig = archive_config(archive, KIND, path)?;
        if network != self.network {
            return other_run("network", format!("{:?}", self.network), format!("{network:?}"));
        }
        for (what, expected) in &self.parts {
            let found = archive.metadata(what, path)?;
            if found != expected {
                return other_run(what, expected.clone(), found.to_owned());
            }
        }
        Ok(())
    }
}

/// The state of a run after an epoch.
pub(super) struct TrainingState {
    /// Weights in training, their moving average, and the measured weights of the best epoch.
    pub(super) weights: [TensorArchive; 3],
    /// The optimiser's moments.
    pub(super) moments: [Vec<f32>; 2],
    /// Steps done.
    pub(super) step: u64,
    /// All epochs so far.
    pub(super) curve: Vec<EpochPoint>,
}

impl TrainingState {
    /// Writes the state of a run; what stood there before is replaced at once or not at all.
    pub(super) fn save(
        path: &Path,
        identity: &Identity,
        [model, average, best]: [&Cgcnn; 3],
        moments: [Vec<f32>; 2],
        step: u64,
        curve: &[EpochPoint],
    ) -> Result<(), CgcnnError> {
        let mut archive = described_archive(model, KIND, &identity.network)?;
        archive.absorb(WEIGHTS[1], module_to_archive(average));
        archive.absorb(WEIGHTS[2], module_to_archive(best));
        for (name, moment) in MOMENTS.into_iter().zip(moments) {
            archive.insert_f32(name, vec![moment.len()], moment);
        }
        archive.insert_u64(STEP, vec![step]);
        archive.insert_f64(ERRORS[0], curve.iter().map(|point| point.training).collect());
        archive.insert_f64(ERRORS[1], curve.iter().map(|point| point.validation).collect());
        for (what, text) in &identity.parts {
            archive.metadata.insert((*what).to_owned(), text.clone());
        }
        Ok(archive.save(path)?)
    }

    /// Reads the state of this run.
    pub(super) fn load(path: &Path, identity: &Identity) -> Result<Self, CgcnnError> {
        let archive = TensorArchive::load(path)?;
        identity.check(&archive, path)?;
        let errors = [archive.f64(ERRORS[0], path)?, archive.f64(ERRORS[1], path)?];
        let pairs = errors[0].iter().zip(errors[1]).enumerate();
        let curve: Vec<EpochPoint> = pairs
            .map(|(index, (training, validation))| EpochPoint { epoch: index + 1, training: *training, validation: *validation })
            .collect();
        let step = archive.u64(STEP, path)?.first().copied();
        let (Some(step), false) = (step, curve.is_empty()) else {
            return Err(damaged(path, "it holds no epoch"));
        };
        Ok(Self {
            weights: WEIGHTS.map(|name| archive.part(name)),
            moments: [archive.f32(MOMENTS[0], path)?.1.to_vec(), archive.f32(MOMENTS[1], path)?.1.to_vec()],
            step,
            curve,
        })
    }
}

/// The error of a file whose parts do not belong together.
pub(super) fn damaged(path: &Path, reason: &str) -> CgcnnError {
    CheckpointError::Corrupt { path: path.to_owned(), reason: reason.to_owned() }.into()
}
