//! Rows of the table that are measured.

use anyhow::{Result, bail};
use langevin::SamplerConfig;
use metrics::{Fingerprints, evaluate, table1_samples};

use super::reference::Reference;
use super::run::Network;
use super::{Table1Config, samplers};
use crate::generated::Generated;
use crate::published::{self, Figures};
use crate::statistics::{choose, figures_of, over_draws, with_bootstrap};
use crate::table::Row;

/// Stream of the seed for the small test sets of the calibration row.
const TEST_STREAM: u64 = 1 << 16;

/// How the spread of a figure is estimated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bootstrap {
    /// Resampled sets.
    pub(crate) samples: usize,
    /// Of the resampling.
    pub(crate) seed: u64,
}

/// The paper's protocol: figures over the structures that are valid and have a fingerprint. The note says how many were
/// not.
pub(crate) fn this_work_row(
    sampling: &SamplerConfig,
    bootstrap: Bootstrap,
    generated: &[Fingerprints],
    reference: &[Fingerprints],
    sampled: &Generated,
    network: &Network,
) -> Result<Row> {
    let usable = table1_samples(generated, generated.len());
    if usable.len() < 2 {
        bail!("{} of {} generated structures are valid; the figures need two", usable.len(), generated.len());
    }
    let valid = evaluate(&usable, reference)?;
    let measured = with_bootstrap(&valid, &usable, reference, bootstrap.samples, bootstrap.seed)?;
    let note = format!(
        "{}; {}; {} of {} structures valid; COV-P with the invalid ones counted as misses {:.3}; {} draws diverged and were drawn again, {} given up; \
         ± is a bootstrap over the generated structures",
        network.note,
        samplers::described(sampling, &network.trained.description.schedule),
        usable.len(),
        generated.len(),
        valid.cov_precision * usable.len() as f64 / generated.len() as f64,
        sampled.redraws.iter().sum::<usize>(),
        sampled.given_up,
    );
    Ok(Row {
        name: "this work".to_owned(),
        published: Some(published::THIS_WORK),
        measured: Some(measured),
        n_samples: usable.len(),
        note,
    })
}

/// Random training structures against the whole test split, and against as many random test structures.
pub(crate) fn stable_rows(config: &Table1Config, seed: u64, reference: &Reference) -> Result<[Row; 2]> {
    let mut whole: Vec<Figures<Option<f64>>> = Vec::new();
    let mut part: Vec<Figures<Option<f64>>> = Vec::new();
    let n = config.calibration.n_structures;
    for (draw, chosen) in reference.calibration.iter().take(config.calibration.draws).enumerate() {
        let chosen = &chosen[..n.min(chosen.len())];
        whole.push(figures_of(&evaluate(chosen, &reference.structures)?));
        let test: Vec<Fingerprints> =
            choose(reference.structures.len(), n.min(reference.structures.len()), seed, TEST_STREAM + draw as u64)
                .into_iter()
                .map(|index| reference.structures[index].clone())
                .collect();
        part.push(figures_of(&evaluate(chosen, &test)?));
    }
    let n = reference.calibration.iter().map(Vec::len).min().unwrap_or_default().min(n);
    let row = |name: &str, draws: &[Figures<Option<f64>>], against: usize| Row {
        name: name.to_owned(),
        published: Some(published::STABLE),
        measured: Some(over_draws(draws)),
        n_samples: n,
        note: format!(
            "{n} random training structures against {against} {} structures; mean and spread of {} draws",
            config.reference.name(),
            draws.len()
        ),
    };
    Ok([
        row("1000 stable structures", &whole, reference.structures.len()),
        row("1000 stable structures, small test set", &part, n.min(reference.structures.len())),
    ])
}
