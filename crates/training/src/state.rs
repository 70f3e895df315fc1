//! The training state on disk: everything a run needs to go on as if it had never stopped.

use std::path::Path;

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use sealed_file::Format;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::adam::AdamRecord;
use crate::{Adam, TrainingError};

const FORMAT: Format = Format { name: "training state", version: 3 };

/// What makes two legs of a training one run: its model, data and settings, each as text. A state is refused by a run
/// that differs in any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity(Vec<(String, String)>);

impl Identity {
    /// Adds an entry: what it is, and its value.
    #[must_use]
    pub fn with(mut self, what: &str, value: impl ToString) -> Self {
        self.0.push((what.to_owned(), value.to_string()));
        self
    }

    /// The first entry in which `found` differs: what, this value, the other's.
    fn difference(&self, found: &Self) -> Option<(String, String, String)> {
        let value = |identity: &Self, what: &str| {
            identity.0.iter().find(|(key, _)| key == what).map(|(_, value)| value.clone())
        };
        self.0.iter().chain(&found.0).find_map(|(what, _)| {
            let (expected, found) = (value(self, what), value(found, what));
            let told = |value: Option<String>| value.unwrap_or_else(|| "not told".to_owned());
            (expected != found).then(|| (what.clone(), told(expected), told(found)))
        })
    }
}

/// Weights of some modules of one architecture, optimiser moments, and what a run wants to note.
#[derive(Serialize, Deserialize)]
pub struct TrainingState {
    identity: Identity,
    /// Optimiser steps done.
    pub step: u64,
    modules: Vec<Vec<u8>>,
    moments: AdamRecord,
    notes: Vec<u8>,
}

impl TrainingState {
    /// The state of a run: its modules, of which the first two are the trained one and the moving average, and notes of
    /// its own, such as the losses so far.
    ///
    /// # Errors
    /// [`TrainingError::Record`] if something cannot be put into bytes.
    pub fn capture<M: Module>(
        identity: &Identity,
        step: u64,
        modules: &[&M],
        optimiser: &Adam,
        notes: &impl Serialize,
    ) -> Result<Self, TrainingError> {
        let failed = |reason: String| TrainingError::Record { reason };
        let bytes = |module: &&M| {
            let record: ModuleRecord = (*module).clone().into_record();
            record.into_bytes().map(|bytes| bytes.to_vec()).map_err(|error| failed(format!("{error}")))
        };
        Ok(Self {
            identity: identity.clone(),
            step,
            modules: modules.iter().map(bytes).collect::<Result<_, _>>()?,
            moments: optimiser.to_record(),
            notes: postcard::to_stdvec(notes).map_err(|error| failed(error.to_string()))?,
        })
    }

    /// The module number `index`, with the architecture of `module`.
    ///
    /// # Errors
    /// [`TrainingError::Damaged`] if it is absent or does not fit.
    pub fn module<M: Module>(&self, index: usize, module: M, path: &Path) -> Result<M, TrainingError> {
        let damaged = |reason: String| TrainingError::Damaged { path: path.to_owned(), reason };
        let bytes =
            self.modules.get(index).ok_or_else(|| damaged(format!("it holds {} modules", self.modules.len())))?;
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes.clone()))
            .map_err(|error| damaged(format!("{error}")))?;
        module.try_load_record(record).map_err(|error| damaged(format!("{error}")))
    }

    /// The optimiser with these moments, for the trained module and the moving average.
    ///
    /// # Errors
    /// [`TrainingError::Damaged`] if the moments do not fit.
    pub fn optimiser<M: Module>(
        &mut self,
        fresh: Adam,
        model: &M,
        average: &M,
        device: &Device,
        path: &Path,
    ) -> Result<Adam, TrainingError> {
        let moments = std::mem::take(&mut self.moments);
        fresh.load_record(moments, model, average, device).ok_or_else(|| TrainingError::Damaged {
            path: path.to_owned(),
            reason: "the optimiser's moments do not fit the model".to_owned(),
        })
    }

    /// What the run noted.
    ///
    /// # Errors
    /// [`TrainingError::Damaged`] if it is not of this type.
    pub fn notes<T: DeserializeOwned>(&self, path: &Path) -> Result<T, TrainingError> {
        postcard::from_bytes(&self.notes)
            .map_err(|error| TrainingError::Damaged { path: path.to_owned(), reason: error.to_string() })
    }

    /// Writes the state; what stood under this name before is untouched if that fails.
    ///
    /// # Errors
    /// [`TrainingError::State`], [`TrainingError::Record`].
    pub fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let body = postcard::to_stdvec(self).map_err(|error| TrainingError::Record { reason: error.to_string() })?;
        Ok(FORMAT.write(path, &body)?)
    }

    /// Reads the state of this run.
    ///
    /// # Errors
    /// [`TrainingError::State`] if the file cannot be read or is damaged, [`TrainingError::Foreign`] if it belongs to
    /// another run.
    pub fn load(path: &Path, identity: &Identity) -> Result<Self, TrainingError> {
        let body = FORMAT.read(path)?;
        let state: Self = postcard::from_bytes(&body)
            .map_err(|error| TrainingError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
        match identity.difference(&state.identity) {
            None => Ok(state),
            Some((what, expected, found)) => {
                Err(TrainingError::Foreign { path: path.to_owned(), what, expected, found })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_differ_in_what_is_named() {
        let run = Identity::default().with("data", "a").with("mode", "general");
        assert_eq!(run.difference(&run), None);
        let other = Identity::default().with("data", "a").with("mode", "wyckoff");
        let named = |what: &str, a: &str, b: &str| Some((what.to_owned(), a.to_owned(), b.to_owned()));
        assert_eq!(run.difference(&other), named("mode", "general", "wyckoff"));
        assert_eq!(run.difference(&Identity::default().with("data", "a")), named("mode", "general", "not told"));
        assert_eq!(Identity::default().difference(&run), named("data", "not told", "a"));
    }
}
