//! Relaxation of many structures in stages, each result noted, so that a run that was killed goes on.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use crystal_core::Structure;
use potential::Potential;
use relax::{Options, RelaxError, Relaxation};
use serde::{Deserialize, Serialize};

use super::{Deadline, Waiting, relax_until};
use crate::journal::Journal;
use crate::progress::bar;

/// A relaxed structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relaxed {
    /// The structure.
    pub structure: Structure,
    /// By the potential, eV/atom, not corrected.
    pub energy_per_atom: f64,
    /// At 0.01 Å, where it can be told.
    pub space_group: Option<u8>,
    /// Whether forces and stress are below their limits.
    pub converged: bool,
    /// Evaluations.
    pub steps: usize,
}

impl From<Relaxation> for Relaxed {
    fn from(relaxation: Relaxation) -> Self {
        Self {
            energy_per_atom: relaxation.energy_per_atom,
            space_group: relaxation.space_group.map(|group| group.get()),
            converged: relaxation.converged,
            steps: relaxation.steps,
            structure: relaxation.structure,
        }
    }
}

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    stage: String,
    index: usize,
    outcome: Result<Relaxed, String>,
}

/// The stages of a run and what they gave.
pub struct Stages<'a> {
    potential: &'a dyn Potential,
    deadline: Deadline,
    journal: Journal<Line>,
    done: HashMap<(String, usize), Result<Relaxed, String>>,
}

impl<'a> Stages<'a> {
    /// Opens the journal of a folder.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(
        folder: &Path,
        identity: &str,
        resume: bool,
        potential: &'a dyn Potential,
        deadline: Deadline,
    ) -> Result<Self> {
        let (journal, lines) = Journal::<Line>::open(folder, "relaxations", identity, resume)?;
        let done = lines.into_iter().map(|Line { stage, index, outcome }| ((stage, index), outcome)).collect();
        Ok(Self { potential, deadline, journal, done })
    }

    /// Relaxes what has no result in the stage yet. Returns `false` if the time ended first.
    ///
    /// The index of a structure names its result, and seeds its rattle.
    ///
    /// # Errors
    /// If the journal cannot be written or the device fails.
    pub fn run(
        &mut self,
        stage: &str,
        options: &Options,
        structures: impl IntoIterator<Item = (usize, Structure)>,
    ) -> Result<bool> {
        let key = |index: usize| (stage.to_owned(), index);
        let missing = structures.into_iter().filter(|(index, _)| !self.done.contains_key(&key(*index)));
        let waiting = |(index, structure): (usize, Structure)| Waiting { index, rank: 0, crystal: structure.into() };
        let waiting: Vec<Waiting> = missing.map(waiting).collect();
        if waiting.is_empty() {
            return Ok(true);
        }
        let bar = bar(stage, waiting.len() as u64);
        let Self { potential, deadline, journal, done } = self;
        let ended = relax_until(*potential, options, waiting, deadline, |index, result| {
            let outcome = result.map(Relaxed::from).map_err(|error: RelaxError| error.to_string());
            let line = Line { stage: stage.to_owned(), index, outcome };
            journal.add(&line)?;
            done.insert(key(index), line.outcome);
            bar.inc(1);
            Ok(())
        });
        bar.finish_and_clear();
        ended
    }

    /// What became of a structure in a stage; `None` before it is relaxed.
    pub fn outcome(&self, stage: &str, index: usize) -> Option<&Result<Relaxed, String>> {
        self.done.get(&(stage.to_owned(), index))
    }

    /// The relaxed structure, where there is one.
    pub fn relaxed(&self, stage: &str, index: usize) -> Option<&Relaxed> {
        self.outcome(stage, index)?.as_ref().ok()
    }
}
