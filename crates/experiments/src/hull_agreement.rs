//! How well the hull of the reference set agrees with the Materials Project's own.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use crystal_core::{Composition, Structure};
use datasets::{RawSet, Split, read_raw};
use druse::output::{writable_folder, write_file, write_json};
use rayon::prelude::*;
use serde::Serialize;
use stability::{Agreement, Fractions, ReferencePhase, ReferenceSet, StabilityError};

/// Published energies are rounded: 1 µeV/atom is not above the hull.
const ROUNDING: f64 = 1e-6;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct HullAgreementOptions {
    /// Folder of MP-20, or one that holds it as mp_20; its column e_above_hull is compared with.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The reference set; default: the one that is compiled in.
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// Folder for the table (Markdown) and the figures (JSON).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A structure with both energies above hull, and both formation energies, eV/atom.
struct Compared {
    split: Split,
    has_ytterbium: bool,
    above: (f64, f64),
    formation: Option<(f64, f64)>,
}

/// A row of the table.
#[derive(Debug, Serialize)]
struct Line {
    structures: String,
    n: usize,
    mae: f64,
    median: f64,
    percentile_95: f64,
    mean: f64,
    correct_at_0: f64,
    correct_at_0_1: f64,
    /// Stable ones of the Materials Project that are stable here.
    recall_at_0: f64,
    /// Stable ones here that are stable there.
    precision_at_0: f64,
    formation_energy_mae: Option<f64>,
}

/// Compares energies above the hull. Returns the table.
///
/// # Errors
/// If the data or the reference set cannot be read, or nothing can be compared.
pub fn run(options: &HullAgreementOptions) -> Result<String> {
    let inner = options.data.join("mp_20");
    let data = read_raw(if inner.is_dir() { &inner } else { &options.data })?;
    let set = match &options.reference {
        Some(path) => ReferenceSet::read(path)?,
        None => ReferenceSet::shipped()?,
    };
    let (compared, counts) = compare(&data, &set)?;
    if compared.is_empty() {
        bail!(
            "no structure of {} has both an energy above hull in its table and a phase in the reference set, which holds {} \
             phases of {}",
            data.name,
            set.n_phases(),
            set.data().name
        );
    }
    let mut lines =
        vec![line("all", compared.iter()), line("without Yb", compared.iter().filter(|c| !c.has_ytterbium))];
    for split in Split::ALL {
        lines.push(line(split.file_stem(), compared.iter().filter(|one| one.split == split)));
    }
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    let text = format!(
        "Energy above hull, reference set {} ({} phases) against e_above_hull of {}.\nPotential: {}. Data: {}.\nSettings: \
         {}.\n{} structures have the column: {} compared, {} not in the set, {} in a system without a hull.\n\n{}\n",
        &set.sha256()[..12],
        set.n_phases(),
        data.name,
        set.potential(),
        set.data(),
        set.settings(),
        counts.with_column,
        compared.len(),
        counts.not_in_set,
        counts.without_hull,
        table(&lines),
    );
    if let Some(folder) = &options.out {
        writable_folder(folder)?;
        write_file(&folder.join("hull-agreement.md"), &text)?;
        write_json(&folder.join("hull-agreement.json"), &lines)?;
    }
    Ok(text)
}

#[derive(Default)]
struct Counts {
    with_column: usize,
    not_in_set: usize,
    without_hull: usize,
}

fn compare(data: &RawSet, set: &ReferenceSet) -> Result<(Vec<Compared>, Counts)> {
    let phases: HashMap<String, ReferencePhase> = set.phases().map(|phase| (phase.id.clone(), phase)).collect();
    let mut counts = Counts::default();
    let mut rows = Vec::new();
    for (split, table) in &data.splits {
        for row in &table.rows {
            let Some(theirs) = row.energy_above_hull else { continue };
            counts.with_column += 1;
            match phases.get(&row.id) {
                Some(phase) => rows.push((*split, row, phase, theirs)),
                None => counts.not_in_set += 1,
            }
        }
    }
    let one = |&(split, row, phase, theirs): &(Split, &datasets::Row, &ReferencePhase, f64)| {
        let hull = set.hull(phase.composition.iter().map(|(element, _)| element));
        let placement = match hull.place(&Fractions::of(&phase.composition)?, phase.energy_per_atom()) {
            Ok(placement) => placement,
            Err(StabilityError::MissingEndMember { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Compared {
            split,
            has_ytterbium: has_ytterbium(&row.structure),
            above: (placement.energy_above_hull, theirs),
            formation: row.formation_energy.map(|energy| (placement.formation_energy_per_atom, energy)),
        }))
    };
    let found: Vec<Option<Compared>> = rows.par_iter().map(one).collect::<Result<_>>()?;
    counts.without_hull = found.iter().filter(|one| one.is_none()).count();
    Ok((found.into_iter().flatten().collect(), counts))
}

/// The Materials Project's reference is the divalent pseudopotential.
fn has_ytterbium(structure: &Structure) -> bool {
    Composition::of(structure).iter().any(|(element, _)| element.symbol() == "Yb")
}

fn line<'a>(name: &str, compared: impl Iterator<Item = &'a Compared> + Clone) -> Option<Line> {
    let above: Vec<(f64, f64)> = compared.clone().map(|one| one.above).collect();
    let formation: Vec<(f64, f64)> = compared.filter_map(|one| one.formation).collect();
    let Agreement { n, mae, median, percentile_95, mean, calls: [at_0, at_0_1], .. } = Agreement::of(&above, ROUNDING)?;
    Some(Line {
        structures: name.to_owned(),
        n,
        mae,
        median,
        percentile_95,
        mean,
        correct_at_0: at_0.accuracy(),
        correct_at_0_1: at_0_1.accuracy(),
        recall_at_0: at_0.recall(),
        precision_at_0: at_0.precision(),
        formation_energy_mae: Agreement::of(&formation, 0.0).map(|agreement| agreement.mae),
    })
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "structures",
        "n",
        "MAE, meV/atom",
        "median",
        "95 %",
        "mean difference",
        "same call at 0",
        "at 0.1 eV/atom",
        "recall of stable",
        "precision",
        "MAE of E_form, meV/atom",
    ]);
    let mev = |energy: f64| format!("{:.1}", 1000.0 * energy);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    for line in lines {
        table.add_row([
            line.structures.clone(),
            line.n.to_string(),
            mev(line.mae),
            mev(line.median),
            mev(line.percentile_95),
            mev(line.mean),
            percent(line.correct_at_0),
            percent(line.correct_at_0_1),
            percent(line.recall_at_0),
            percent(line.precision_at_0),
            line.formation_energy_mae.map_or_else(|| "–".to_owned(), mev),
        ]);
    }
    table
}
