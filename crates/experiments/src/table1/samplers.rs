//! Other samplers beside the one of the table: a row each, and quality against network evaluations.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use crystal_core::{SiteMode, SpaceGroup};
use datasets::Split;
use druse::checkpoints;
use druse::output::write_file;
use langevin::{Method, OrderedSites, SamplerConfig, SamplingOrder};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::TrainingConfig;
use serde::{Deserialize, Serialize};
use wyckoff_assignment::{AssignmentSpace, Demand, Priors};

use super::Table1Config;
use super::run::ScoreNetwork;
use crate::plot::{QualityPoint, quality_against_evaluations};
use crate::published::Figures;
use crate::table::{Measured, Row};

/// A sampler to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedSampler {
    /// Name of its row and of its folder; small letters, digits and hyphens.
    pub name: String,
    /// The sampler. Its schedule, graph and seed are those of the training.
    pub sampling: SamplerConfig,
}

/// Gives a sampler the seed, and the schedule and graph of the network that it samples with.
pub(crate) fn fit(sampling: &mut SamplerConfig, training: &TrainingConfig, seed: u64) {
    sampling.seed = seed;
    sampling.schedule = training.schedule.clone();
    sampling.graph = training.graph.clone();
}

/// What the samplers of the Wyckoff mode work with: the network that is compiled in for it, and orders of positions.
pub(super) struct OnPositions {
    pub(super) network: ScoreNetwork,
    pub(super) orders: Vec<SamplingOrder>,
    pub(super) samplers: Vec<NamedSampler>,
}

impl OnPositions {
    /// Loads the network; `orders` are those of the other rows.
    ///
    /// # Errors
    /// If an order is one of positions already, or has no sites.
    pub(super) fn new(samplers: &[NamedSampler], orders: &[SamplingOrder], seed: u64, device: &Device) -> Result<Self> {
        let checkpoint = checkpoints::load(None, SiteMode::Wyckoff, device)?;
        let mut samplers = samplers.to_vec();
        samplers.iter_mut().for_each(|sampler| fit(&mut sampler.sampling, &checkpoint.config.training, seed));
        Ok(Self { network: ScoreNetwork::of_checkpoint(checkpoint), orders: on_positions(orders, seed)?, samplers })
    }
}

/// The split that orders are taken from and structures are measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReferenceSplit {
    /// For choosing settings.
    Validation,
    /// For the table.
    #[default]
    Test,
}

impl ReferenceSplit {
    /// The split.
    pub fn split(self) -> Split {
        match self {
            Self::Validation => Split::Validation,
            Self::Test => Split::Test,
        }
    }

    /// Its name in notes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// What makes the list of samplers unusable, if anything.
pub(crate) fn problem(samplers: &[NamedSampler]) -> Option<String> {
    samplers.iter().enumerate().find_map(|(index, NamedSampler { name, sampling })| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Some(format!("samplers: the name '{name}' becomes a folder; use small letters, digits and hyphens"));
        }
        if samplers[..index].iter().any(|other| other.name == *name) {
            return Some(format!("samplers: '{name}' stands twice"));
        }
        sampling.problem().map(|problem| format!("samplers: {name}: {problem}"))
    })
}

/// The same orders with a Wyckoff position for each site, drawn from the prior: what the paper's protocol gives (space group and sites per element) and no
/// more.
///
/// # Errors
/// If an order is one of positions already, or has no sites.
fn on_positions(orders: &[SamplingOrder], seed: u64) -> Result<Vec<SamplingOrder>> {
    let prior = &Priors::shipped().assignments;
    let drawn = |(index, order): (usize, &SamplingOrder)| {
        let OrderedSites::General(sites) = &order.sites else { anyhow::bail!("{order}: its positions are given already") };
        let space = AssignmentSpace::new(SpaceGroup::get(order.space_group), Demand::Sites(sites.clone()))?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        Ok(SamplingOrder { sites: OrderedSites::Wyckoff(prior.distribution(&space).sample(&mut rng)), ..order.clone() })
    };
    orders.iter().enumerate().map(drawn).collect()
}

/// The configuration with this sampler as the table's.
pub(super) fn with_sampler(config: &Table1Config, sampler: &NamedSampler) -> Table1Config {
    Table1Config { sampling: sampler.sampling.clone(), ..config.clone() }
}

/// What a note says of a sampler.
pub(super) fn described(sampling: &SamplerConfig) -> String {
    let evaluations = sampling.evaluations_per_structure();
    match sampling.method {
        Method::Annealed => format!("{} steps a level, {evaluations} evaluations a structure", sampling.steps_per_level),
        Method::FewStep(_) => format!("few-step sampler, {evaluations} evaluations a structure"),
    }
}

/// A line of `samplers.csv`. FD CGCNN is absent where no weights were given.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    method: &'static str,
    evaluations: usize,
    n_generated: usize,
    n_valid: usize,
    cov_p: Option<f64>,
    cov_p_std: Option<f64>,
    cov_r: Option<f64>,
    cov_r_std: Option<f64>,
    fd_crystalnn: Option<f64>,
    fd_crystalnn_std: Option<f64>,
    fd_cgcnn: Option<f64>,
    fd_cgcnn_std: Option<f64>,
}

/// Writes `samplers.csv` and `samplers.svg`; `rows` are those of `samplings`.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write_comparison(folder: &Path, n_generated: usize, samplings: &[&SamplerConfig], rows: &[Row]) -> Result<()> {
    let method = |sampling: &SamplerConfig| match sampling.method {
        Method::Annealed => "annealed",
        Method::FewStep(_) => "few-step",
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut points = Vec::with_capacity(rows.len());
    for (sampling, row) in samplings.iter().zip(rows) {
        let figures = row.measured.unwrap_or_default();
        let Figures { cov_p, cov_r, fd_crystalnn, fd_cgcnn } = figures;
        let value = |figure: Option<Measured>| figure.map(|measured| measured.value);
        let std = |figure: Option<Measured>| figure.map(|measured| measured.std);
        let evaluations = sampling.evaluations_per_structure();
        csv.serialize(Line {
            name: &row.name,
            method: method(sampling),
            evaluations,
            n_generated,
            n_valid: row.n_samples,
            cov_p: value(cov_p),
            cov_p_std: std(cov_p),
            cov_r: value(cov_r),
            cov_r_std: std(cov_r),
            fd_crystalnn: value(fd_crystalnn),
            fd_crystalnn_std: std(fd_crystalnn),
            fd_cgcnn: value(fd_cgcnn),
            fd_cgcnn_std: std(fd_cgcnn),
        })?;
        points.push(QualityPoint { series: method(sampling), evaluations, figures });
    }
    let text = csv.into_inner().context("samplers.csv")?;
    write_file(&folder.join("samplers.csv"), text)?;
    write_file(&folder.join("samplers.svg"), quality_against_evaluations(&points)?)
}

#[cfg(test)]
mod tests {
    use langevin::FewStep;

    use super::*;

    fn sampler(name: &str, evaluations: usize) -> NamedSampler {
        let method = Method::FewStep(FewStep { evaluations, ..FewStep::default() });
        NamedSampler { name: name.to_owned(), sampling: SamplerConfig { method, ..SamplerConfig::default() } }
    }

    #[test]
    fn unusable_lists_are_named() {
        assert_eq!(problem(&[sampler("a", 16), sampler("b", 16)]), None);
        assert!(problem(&[sampler("a", 16), sampler("a", 32)]).is_some_and(|text| text.contains("twice")));
        assert!(problem(&[sampler("../a", 16)]).is_some_and(|text| text.contains("folder")));
        assert!(problem(&[sampler("a", 0)]).is_some_and(|text| text.contains("samplers: a: few-step sampling: evaluations")));
    }

    #[test]
    fn comparison_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (few, many) = (sampler("few-step-16", 16).sampling, SamplerConfig::default());
        let measured = |value| Some(Measured { value, std: 0.01 });
        let row = |name: &str, cov| Row {
            name: name.to_owned(),
            published: None,
            measured: Some(Figures { cov_p: measured(cov), cov_r: measured(cov), fd_crystalnn: measured(0.1), fd_cgcnn: None }),
            n_samples: 9,
            note: String::new(),
        };
        let rows = [row("this work", 0.98), row("few-step-16", 0.9)];
        write_comparison(folder.path(), 10, &[&many, &few], &rows).expect("two files");
        let csv = std::fs::read_to_string(folder.path().join("samplers.csv")).expect("a table");
        let second = "few-step-16,few-step,16,10,9,0.9,0.01,0.9,0.01,0.1,0.01,,";
        assert!(csv.contains("this work,annealed,1600,10,9,0.98") && csv.contains(second), "{csv}");
        let svg = std::fs::read_to_string(folder.path().join("samplers.svg")).expect("a picture");
        assert!(svg.starts_with("<svg") && svg.contains("few-step") && svg.contains("COV-R"));
    }
}
