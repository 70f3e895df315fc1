//! Priors over Wyckoff assignments, space groups and cell sizes, learned from a training split and tried on the
//! validation split.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use crystal_core::AsymmetricUnit;
use crystal_core::whole;
use datasets::{DataSet, LoadOptions, Split, load, locate};
use druse::output::write_file;
use druse::provenance::GIT_REVISION;
use wyckoff_assignment::{
    AssignmentPrior, Evaluation, FormulaEvaluation, FormulaPrior, FormulaSmoothing, Origin, Priors, Smoothing,
};

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct PriorOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The file to write.
    #[arg(long)]
    pub out: PathBuf,
}

/// Learns the priors from the training split of all space groups, writes them, and says how well they foretell the
/// validation split.
///
/// # Errors
/// If the data cannot be read or have no training split, or the file cannot be written.
pub fn run(options: &PriorOptions) -> Result<String> {
    let data = load(&locate(options.data.as_deref()), &LoadOptions { progress: true, ..LoadOptions::default() })?;
    let train = units(&data, Split::Train);
    if train.is_empty() {
        bail!("{} has no training structure with a reduced form; there is nothing to learn from", data.name);
    }
    let origin = Origin {
        data: data.name.clone(),
        data_sha256: data.sha256.clone(),
        n_structures: train.len() as u64,
        git: GIT_REVISION.to_owned(),
    };
    let priors = Priors {
        origin,
        assignments: AssignmentPrior::learn(train.iter().copied(), Smoothing::default()),
        formulas: FormulaPrior::learn(train.iter().copied(), FormulaSmoothing::default()),
    };
    let bytes = priors.to_bytes()?;
    if let Some(folder) = options.out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{}: the folder cannot be made", folder.display()))?;
    }
    write_file(&options.out, &bytes)?;
    let sha256 = sealed_file::sha256_hex(&bytes);
    let table = tried(&priors, &units(&data, Split::Validation));
    let n_train = train.len();
    Ok(format!(
        "wrote {}: {n_train} structures, {} bytes, SHA-256 {sha256}\n{table}",
        options.out.display(),
        bytes.len()
    ))
}

fn units(data: &DataSet, split: Split) -> Vec<&AsymmetricUnit> {
    data.split(split).iter().filter_map(|record| record.unit.as_ref().ok()).collect()
}

/// How well the priors foretell structures that they were not learned from.
fn tried(priors: &Priors, units: &[&AsymmetricUnit]) -> Table {
    let largest = units.iter().map(|unit| {
        unit.sites().iter().map(|site| site.multiplicity()).sum::<usize>() / unit.space_group().centring().order()
    });
    let most_atoms = whole::compact(largest.max().unwrap_or(0));
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "foretold",
        "given",
        "structures",
        "mean ln p",
        "mean ln p if all alike",
        "top 1",
        "top 5",
    ]);
    let of_formulas = FormulaEvaluation::of(&priors.formulas, units, most_atoms);
    let formula = &format!("formula, at most {most_atoms} atoms");
    for (foretold, given, found) in [
        ("assignment", "group, atoms per primitive cell", Evaluation::given_atoms(&priors.assignments, units)),
        ("assignment", "group, sites per element", Evaluation::given_sites(&priors.assignments, units)),
        ("group", formula, of_formulas.space_groups),
        ("group and formula units", formula, of_formulas.cells),
    ] {
        let Evaluation { n_structures, log_probability, uniform_log_probability, top_1, top_5 } = found;
        table.add_row([
            foretold.to_owned(),
            given.to_owned(),
            n_structures.to_string(),
            format!("{log_probability:.3}"),
            format!("{uniform_log_probability:.3}"),
            format!("{:.1} %", 100.0 * top_1),
            format!("{:.1} %", 100.0 * top_5),
        ]);
    }
    table
}
