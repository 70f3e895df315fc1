//! The configuration of the sampler.

use crystal_core::ConfigError;
use score_model::NoiseSchedule;
use serde::{Deserialize, Serialize};

use crate::{FewStep, Finishing, Selection};

/// How the noise is taken away.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Method {
    /// The paper's annealed Langevin dynamics: at each level `steps_per_level` steps of both processes in turn.
    #[default]
    Annealed,
    /// A few large steps. In RON: `FewStep((evaluations: 32))`.
    FewStep(FewStep),
}

/// What the Langevin steps leave as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fixed {
    /// The cell.
    Lattice,
    /// The sites' fractional coordinates.
    Positions,
}

/// How structures are sampled. Defaults are the paper's (method §6). Noise levels and graph are those of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerConfig {
    /// Annealed Langevin dynamics or few steps.
    pub method: Method,
    /// Steps per level; each is one position step and one lattice step. This and the two step sizes are for
    /// [`Method::Annealed`].
    pub steps_per_level: usize,
    /// Position step α at the lowest level in units of its variance σ²: 1 in the paper.
    pub position_step: f64,
    /// Lattice step α' at the lowest level in units of its variance σ'²: 0.1 in the paper.
    pub lattice_step: f64,
    /// Factor on the noise of the position steps: 1 in the paper.
    pub position_temperature: f64,
    /// Factor on the noise of the lattice steps: 0.3 in the paper ('low temperature').
    pub lattice_temperature: f64,
    /// Standard deviation of the starting lattice coordinates: 2 in the paper (lengths of 6.9 ± 1 Å).
    pub initial_lattice_sigma: f64,
    /// Structures per batch; 0: as many as suit the device and its memory.
    pub batch_size: usize,
    /// What is not moved, if anything. A start from noise moves all; what is fixed comes from a template.
    pub fixed: Option<Fixed>,
    /// Several draws of each structure to choose from; one otherwise.
    pub selection: Option<Selection>,
    /// How often a structure that diverged is drawn again before it is given up.
    pub max_redraws: usize,
    /// Tolerances of the last step.
    pub finishing: Finishing,
    /// Seed.
    pub seed: u64,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            method: Method::default(),
            steps_per_level: 80,
            position_step: 1.0,
            lattice_step: 0.1,
            position_temperature: 1.0,
            lattice_temperature: 0.3,
            initial_lattice_sigma: 2.0,
            batch_size: 0,
            fixed: None,
            selection: None,
            max_redraws: 5,
            finishing: Finishing::default(),
            seed: 0,
        }
    }
}

impl SamplerConfig {
    /// Draws of each structure.
    pub fn candidates(&self) -> usize {
        self.selection.as_ref().map_or(1, |selection| selection.candidates)
    }

    /// Whether the numbers make sense for a model with these noise levels.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self, schedule: &NoiseSchedule) -> Result<(), ConfigError> {
        ConfigError::unless(self.steps_per_level > 0, "steps_per_level", self.steps_per_level, "at least 1")?;
        ConfigError::unless_positive("position_step", self.position_step)?;
        ConfigError::unless_positive("lattice_step", self.lattice_step)?;
        ConfigError::unless_not_negative("position_temperature", self.position_temperature)?;
        ConfigError::unless_not_negative("lattice_temperature", self.lattice_temperature)?;
        ConfigError::unless_not_negative("initial_lattice_sigma", self.initial_lattice_sigma)?;
        if let Some(selection) = &self.selection {
            selection.check(schedule.n_levels).map_err(|error| error.of("selection"))?;
        }
        // The random numbers of a draw have 16 bits for it.
        let draws = self.candidates().saturating_mul(self.max_redraws.saturating_add(1));
        let expected = "at most 65536 draws of a structure, which are candidates times redraws";
        ConfigError::unless(draws <= 1 << 16, "max_redraws", self.max_redraws, expected)?;
        match &self.method {
            Method::Annealed => Ok(()),
            Method::FewStep(few_step) => few_step.check(schedule).map_err(|error| error.of("method.FewStep")),
        }
    }
}
