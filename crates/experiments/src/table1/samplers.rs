//! Other samplers beside the one of the table: a row each, and quality against network evaluations.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use crystal_core::{SiteMode, SpaceGroup};
use druse::checkpoint;
use druse::output::write_file;
use druse::{Proposing, Request};
use langevin::{Method, OrderedSites, SamplerConfig, SamplingOrder};
use random_keys::{Purpose, RandomKey};
use score_model::NoiseSchedule;
use serde::Serialize;
use wyckoff_assignment::{AssignmentSpace, Demand, Priors};

use super::run::Network;
use crate::plot::{QualityPoint, quality_against_evaluations};
use crate::published::Figures;
use crate::table::{Measured, Row};

/// What the samplers of the Wyckoff mode work with: a network of that mode, and orders of positions.
pub(super) struct OnPositions {
    pub(super) network: Network,
    pub(super) orders: Vec<SamplingOrder>,
    /// As many crystals that the proposer chose altogether; none where no row asks for them.
    pub(super) de_novo: Vec<SamplingOrder>,
}

impl OnPositions {
    /// Loads the network, by default the one that is compiled in; `orders` are those of the other rows.
    /// `invents`: crystals are asked of the proposer as well.
    ///
    /// # Errors
    /// If the checkpoint is of the other mode, or an order is one of positions already or has no sites.
    pub(super) fn new(
        checkpoint: Option<&Path>,
        orders: &[SamplingOrder],
        invents: bool,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let checkpoint = checkpoint::for_mode(checkpoint, SiteMode::Wyckoff, device)?;
        let n: usize = orders.iter().map(|order| order.count).sum();
        let de_novo = match invents {
            true => Request::invented().proposing(Proposing::Mp20).count(n).seed(seed).resolve()?.orders,
            false => vec![],
        };
        Ok(Self { network: Network::of_checkpoint(checkpoint), orders: on_positions(orders, seed)?, de_novo })
    }
}

/// The same orders with a Wyckoff position for each site, drawn from the prior: what the paper's protocol gives (space
/// group and sites per element) and no more.
///
/// # Errors
/// If an order is one of positions already, or has no sites.
pub(crate) fn on_positions(orders: &[SamplingOrder], seed: u64) -> Result<Vec<SamplingOrder>> {
    let prior = &Priors::shipped().assignments;
    let key = RandomKey::new(seed, Purpose::Demand);
    let drawn = |(index, order): (usize, &SamplingOrder)| {
        let OrderedSites::General(sites) = &order.sites else {
            anyhow::bail!("{order}: its positions are given already")
        };
        let space = AssignmentSpace::new(SpaceGroup::get(order.space_group), Demand::Sites(sites.clone()))?;
        let mut rng = key.generator(index as u64, 0);
        Ok(SamplingOrder { sites: OrderedSites::Wyckoff(prior.distribution(&space).sample(&mut rng)), ..order.clone() })
    };
    orders.iter().enumerate().map(drawn).collect()
}

/// What a note says of a sampler.
pub(super) fn described(sampling: &SamplerConfig, schedule: &NoiseSchedule) -> String {
    let evaluations = sampling.evaluations_per_structure(schedule);
    match sampling.method {
        Method::Annealed => {
            format!("{} steps a level, {evaluations} evaluations a structure", sampling.steps_per_level)
        }
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
pub(super) fn write_comparison(
    folder: &Path,
    n_generated: usize,
    samplings: &[(&SamplerConfig, &NoiseSchedule)],
    rows: &[Row],
) -> Result<()> {
    let method = |sampling: &SamplerConfig| match sampling.method {
        Method::Annealed => "annealed",
        Method::FewStep(_) => "few-step",
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut points = Vec::with_capacity(rows.len());
    for ((sampling, schedule), row) in samplings.iter().zip(rows) {
        let figures = row.measured.unwrap_or_default();
        let Figures { cov_p, cov_r, fd_crystalnn, fd_cgcnn } = figures;
        let value = |figure: Option<Measured>| figure.map(|measured| measured.value);
        let std = |figure: Option<Measured>| figure.map(|measured| measured.std);
        let evaluations = sampling.evaluations_per_structure(schedule);
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
    Ok(write_file(&folder.join("samplers.svg"), quality_against_evaluations(&points)?)?)
}

#[cfg(test)]
mod tests {
    use langevin::FewStep;

    use super::*;

    fn few_step(evaluations: usize) -> SamplerConfig {
        let method = Method::FewStep(FewStep { evaluations, ..FewStep::default() });
        SamplerConfig { method, ..SamplerConfig::default() }
    }

    #[test]
    fn comparison_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (few, many) = (few_step(16), SamplerConfig::default());
        let schedule = NoiseSchedule::default();
        let measured = |value| Some(Measured { value, std: 0.01 });
        let row = |name: &str, cov| Row {
            name: name.to_owned(),
            published: None,
            measured: Some(Figures {
                cov_p: measured(cov),
                cov_r: measured(cov),
                fd_crystalnn: measured(0.1),
                fd_cgcnn: None,
            }),
            n_samples: 9,
            note: String::new(),
        };
        let rows = [row("this work", 0.98), row("few-step-16", 0.9)];
        write_comparison(folder.path(), 10, &[(&many, &schedule), (&few, &schedule)], &rows).expect("two files");
        let csv = std::fs::read_to_string(folder.path().join("samplers.csv")).expect("a table");
        let second = "few-step-16,few-step,16,10,9,0.9,0.01,0.9,0.01,0.1,0.01,,";
        assert!(csv.contains("this work,annealed,1600,10,9,0.98") && csv.contains(second), "{csv}");
        let svg = std::fs::read_to_string(folder.path().join("samplers.svg")).expect("a picture");
        assert!(svg.starts_with("<svg") && svg.contains("few-step") && svg.contains("COV-R"));
    }
}
