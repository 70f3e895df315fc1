//! The training state on disk: everything a run needs to go on as if it had never stopped.

use std::io::Write;
use std::path::Path;

use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use crystal_core::io::write_atomically;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TrainingError;
use super::adam::{Adam, AdamRecord};
use super::{LossPoint, TrainingConfig};
use crate::ScoreModel;

/// First bytes of the file: name and version of the format.
const MAGIC: &[u8; 16] = b"druse-training-2";
/// Length of the hash that follows the magic bytes.
const HASH_LENGTH: usize = 32;

/// Weights, their moving average, optimiser moments, step and loss curve.
#[derive(Serialize, Deserialize)]
pub(super) struct TrainingState {
    kind: String,
    config: TrainingConfig,
    pub(super) step: u64,
    pub(super) curve: Vec<LossPoint>,
    model: Vec<u8>,
    average: Vec<u8>,
    optimizer: AdamRecord,
}

impl TrainingState {
    pub(super) fn capture<M: ScoreModel>(
        kind: &str,
        config: &TrainingConfig,
        step: u64,
        curve: Vec<LossPoint>,
        model: &M,
        average: &M,
        optimizer: &Adam,
    ) -> Result<Self, TrainingError> {
        let bytes = |record: ModuleRecord| record.into_bytes().map(|bytes| bytes.to_vec());
        let failed = |error| TrainingError::Record { reason: format!("{error}") };
        Ok(Self {
            kind: kind.to_owned(),
            config: config.clone(),
            step,
            curve,
            model: bytes(model.clone().into_record()).map_err(failed)?,
            average: bytes(average.clone().into_record()).map_err(failed)?,
            optimizer: optimizer.to_record(),
        })
    }

    /// Refuses a state of another kind of model, or of another run.
    pub(super) fn check(&self, path: &Path, kind: &str, config: &TrainingConfig) -> Result<(), TrainingError> {
        let foreign = |what: &str, expected: String, found: String| {
            Err(TrainingError::Foreign { path: path.to_owned(), what: what.to_owned(), expected, found })
        };
        if self.kind != kind {
            return foreign("kind of model", kind.to_owned(), self.kind.clone());
        }
        // A run may be made longer, and saved or read at other times; anything else would be another run.
        let comparable = TrainingConfig {
            steps: config.steps,
            checkpoint_every: config.checkpoint_every,
            read_every: config.read_every,
            ..self.config.clone()
        };
        if comparable != *config {
            return foreign("configuration", format!("{config:?}"), format!("{:?}", self.config));
        }
        Ok(())
    }

    pub(super) fn restore<M: ScoreModel>(
        &mut self,
        path: &Path,
        model: M,
        average: M,
        optimizer: Adam,
        device: &Device,
    ) -> Result<(M, M, Adam), TrainingError> {
        let damaged = |error| TrainingError::Damaged { path: path.to_owned(), reason: format!("{error}") };
        let record = |bytes: &[u8]| ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes.to_vec())).map_err(damaged);
        let model = model.try_load_record(record(&self.model)?).map_err(damaged)?;
        let average = average.try_load_record(record(&self.average)?).map_err(damaged)?;
        let moments = std::mem::take(&mut self.optimizer);
        let optimizer = optimizer.load_record(moments, &model, &average, device).ok_or_else(|| TrainingError::Damaged {
            path: path.to_owned(),
            reason: "the optimiser's moments do not fit the model".to_owned(),
        })?;
        Ok((model, average, optimizer))
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let failed = |source| TrainingError::Io { path: path.to_owned(), source };
        let body = postcard::to_stdvec(self).map_err(|error| TrainingError::Record { reason: error.to_string() })?;
        write_atomically(path, |file| {
            file.write_all(MAGIC)?;
            file.write_all(&Sha256::digest(&body))?;
            file.write_all(&body)
        })
        .map_err(failed)
    }

    pub(super) fn load(path: &Path) -> Result<Self, TrainingError> {
        let bytes = std::fs::read(path).map_err(|source| TrainingError::Io { path: path.to_owned(), source })?;
        let damaged = |reason: &str| TrainingError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no training state of this version"))?;
        let (hash, body) = rest.split_at_checked(HASH_LENGTH).ok_or_else(|| damaged("it ends after a few bytes"))?;
        if Sha256::digest(body).as_slice() != hash {
            return Err(damaged("its SHA-256 does not match its content"));
        }
        postcard::from_bytes(body).map_err(|error| damaged(&error.to_string()))
    }
}
