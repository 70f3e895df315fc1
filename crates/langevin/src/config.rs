//! The configuration of the sampler.

use multigraph::GraphConfig;
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

/// How structures are sampled. Defaults are the paper's (method §6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerConfig {
    /// Noise levels; those the model was trained with.
    pub schedule: NoiseSchedule,
    /// The graph's cut-off; the one the model was trained with.
    pub graph: GraphConfig,
    /// Annealed Langevin dynamics or few steps.
    pub method: Method,
    /// Steps per level; each is one position step and one lattice step. This and the two step sizes are for [`Method::Annealed`].
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
    /// How often a structure that exploded is drawn again before it is given up.
    pub max_redraws: usize,
    /// Tolerances of the last step.
    pub finishing: Finishing,
    /// Seed.
    pub seed: u64,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            schedule: NoiseSchedule::default(),
            graph: GraphConfig::default(),
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

    /// What makes the configuration unusable, if anything.
    pub fn problem(&self) -> Option<String> {
        let positive = |name: &str, value: f64| (!(value > 0.0 && value.is_finite())).then(|| format!("{name} must be positive"));
        let finite =
            |name: &str, value: f64| (!(value >= 0.0 && value.is_finite())).then(|| format!("{name} must not be negative"));
        self.schedule
            .problem()
            .or_else(|| positive("steps_per_level", self.steps_per_level as f64))
            .or_else(|| positive("position_step", self.position_step))
            .or_else(|| positive("lattice_step", self.lattice_step))
            .or_else(|| finite("position_temperature", self.position_temperature))
            .or_else(|| finite("lattice_temperature", self.lattice_temperature))
            .or_else(|| finite("initial_lattice_sigma", self.initial_lattice_sigma))
            .or_else(|| self.selection.as_ref().and_then(|selection| selection.problem(self.schedule.n_levels)))
            .or_else(|| {
                // The random numbers of a draw have 16 bits for it.
                let draws = self.candidates().saturating_mul(self.max_redraws.saturating_add(1));
                (draws > 1 << 16).then(|| format!("candidates times redraws make {draws} draws of a structure; at most 65536"))
            })
            .or_else(|| match &self.method {
                Method::Annealed => None,
                Method::FewStep(few_step) => {
                    few_step.problem(&self.schedule).map(|problem| format!("few-step sampling: {problem}"))
                }
            })
    }
}
