//! `druse hull`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use crystal_core::{Composition, Species, Structure};
use druse::output::{writable_folder, write_file};
use potential::Potential;
use serde::Serialize;
use stability::{
    CorrectionScheme, Diagram, Fractions, Hull, Mark, Phase, Placement, ReferenceSet, Source, StabilityError,
    SystemName, phase_diagram, read_energies, table_text,
};

use super::inputs::{self, Input, Row};
use super::potentials::{self, PotentialArgs};
use super::{Completion, message, terminal};

/// Places structures on the convex hull: formation energy, energy above the hull, decomposition products.
///
/// Energies come from the potential, for structures, or from a file (--energies), one {"id", "formula",
/// "energy_per_atom"} per line. The hull is that of a reference set (--reference), which must have been made with the
/// same potential, else of what is given itself: then every element must be among it. To energies of the potential the
/// Materials Project's corrections of 2020 are added.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse hull relaxed/ --json\n  druse hull --energies energies.jsonl --out diagram\n  \
                        druse hull --system Cu-Si-K --reference hull.bin"
)]
pub(super) struct HullArgs {
    /// Structures: files, folders or .jsonl
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A chemical system, such as Cu-Si-K: only entries in it; with --reference alone, the phases of the set in it
    #[arg(long, value_name = "A-B-C")]
    system: Option<SystemName>,
    /// Phases to compare with, made with the same potential
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Energies instead of structures, one {"id", "formula", "energy_per_atom"} per line
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    energies: Option<PathBuf>,
    /// Folder for the phase diagram (SVG for two and three elements, else a table)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    entries: Vec<Row<Placed>>,
    stable: Vec<String>,
    potential: Option<Source>,
    reference: Source,
}

#[derive(Serialize)]
struct Placed {
    formula: String,
    formation_energy_per_atom: f64,
    energy_above_hull: f64,
    decomposition: Vec<Product>,
}

#[derive(Serialize)]
struct Product {
    id: String,
    formula: String,
    fraction: f64,
}

impl Placed {
    fn new(composition: &Composition, placement: &Placement) -> Self {
        let product = |part: &stability::Part| Product {
            id: part.phase.id().to_owned(),
            formula: part.phase.formula(),
            fraction: part.fraction,
        };
        Self {
            formula: composition.reduced().formula(),
            formation_energy_per_atom: placement.formation_energy_per_atom,
            energy_above_hull: placement.energy_above_hull,
            decomposition: placement.decomposition.parts.iter().map(product).collect(),
        }
    }
}

/// What is placed: an id, and its composition with the energy (eV/atom) on the scale of the hull, or why there is none.
struct Candidate {
    id: String,
    place: String,
    energy: Result<(Composition, f64), String>,
}

/// The phases that candidates are compared with.
enum Phases {
    Set(Box<ReferenceSet>),
    Given { phases: Vec<Arc<Phase>>, hulls: RefCell<HashMap<BTreeSet<Species>, Arc<Hull>>> },
}

impl Phases {
    fn hull(&self, elements: BTreeSet<Species>) -> Arc<Hull> {
        match self {
            Self::Set(set) => set.hull(elements),
            Self::Given { phases, hulls } => {
                let new = |elements: &BTreeSet<Species>| {
                    let within = |phase: &&Arc<Phase>| {
                        phase.composition().iter().all(|(element, _)| elements.contains(&element))
                    };
                    Arc::new(Hull::new(elements.clone(), phases.iter().filter(within).cloned()))
                };
                Arc::clone(hulls.borrow_mut().entry(elements).or_insert_with_key(new))
            }
        }
    }
}

pub(super) fn run(args: &HullArgs) -> Result<Completion> {
    let set = args.reference.as_deref().map(ReferenceSet::read).transpose()?;
    let (candidates, potential) = match &args.energies {
        Some(file) => (from_file(file, args.system.as_ref())?, None),
        None => from_structures(args, set.as_ref())?,
    };
    if candidates.is_empty() && (set.is_none() || args.system.is_none()) {
        bail!(
            "there is nothing to place; name structures, or --energies FILE, or --system A-B-C with --reference FILE"
        );
    }
    let (phases, reference) = phases(args, set, &candidates)?;
    let place = |candidate: &Candidate| -> Row<Placed> {
        let placed = candidate.energy.clone().and_then(|(composition, energy)| {
            let elements = composition.iter().map(|(element, _)| element).collect();
            let placement =
                Fractions::of(&composition).and_then(|fractions| phases.hull(elements).place(&fractions, energy));
            let failed = |error: StabilityError| format!("{}: {}", candidate.place, message::of_std(&error));
            placement.map(|placement| Placed::new(&composition, &placement)).map_err(failed)
        });
        Row::of(candidate.id.clone(), placed)
    };
    let entries: Vec<Row<Placed>> = candidates.iter().map(place).collect();
    let elements = elements_of(args.system.as_ref(), &candidates);
    let completion = if entries.is_empty() { Completion::Everything } else { inputs::completion_of_rows(&entries)? };
    let hull = phases.hull(elements);
    let stable: Vec<String> = hull.stable()?.map(|phase| phase.id().to_owned()).collect();
    if let Some(folder) = &args.out {
        draw(folder, &hull, &candidates, &reference)?;
    }
    let document = Document { entries, stable, potential, reference };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        print(&document)?;
    }
    Ok(completion)
}

fn from_file(path: &Path, system: Option<&SystemName>) -> Result<Vec<Candidate>> {
    let file = File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
    let entries = read_energies(BufReader::new(file), path)?;
    let candidate = |entry: stability::EnergyEntry| Candidate {
        place: format!("{} ({})", path.display(), entry.id),
        energy: Ok((entry.composition, entry.energy_per_atom)),
        id: entry.id,
    };
    Ok(entries.into_iter().filter(|entry| is_in(system, &entry.composition)).map(candidate).collect())
}

/// Energies by the potential, with the corrections of the reference set.
fn from_structures(args: &HullArgs, set: Option<&ReferenceSet>) -> Result<(Vec<Candidate>, Option<Source>)> {
    let inputs = of_system(inputs::read(&args.paths), args.system.as_ref());
    if inputs.is_empty() {
        return Ok((Vec::new(), set.map(|set| set.potential().clone())));
    }
    let potential = args.potential.open()?;
    let source = Source { name: potential.identity().name.clone(), sha256: potential.identity().sha256.clone() };
    if let Some(set) = set {
        set.check(&source)?;
    }
    let scheme = set.map_or(CorrectionScheme::MaterialsProject2020, ReferenceSet::scheme);
    let energies = potentials::of_each(&potential, &inputs, |structures| {
        let corrected = |(energy, structure): (Result<f64, _>, &Structure)| {
            let per_atom = |energy: f64| (energy + scheme.per_cell(structure)) / structure.n_sites() as f64;
            energy.map(|energy| (Composition::of(structure), per_atom(energy)))
        };
        Ok(potential.energies(structures)?.into_iter().zip(structures).map(corrected).collect())
    })?;
    let candidate =
        |(input, energy): (&Input, _)| Candidate { id: input.id.clone(), place: input.place().to_owned(), energy };
    Ok((inputs.iter().zip(energies).map(candidate).collect(), Some(source)))
}

/// Whether all elements of a composition are in the system; without one, all are.
fn is_in(system: Option<&SystemName>, composition: &Composition) -> bool {
    system.is_none_or(|system| composition.iter().all(|(element, _)| system.elements().contains(&element)))
}

/// The structures in the system, before any work on them; what could not be read stays, to be told.
fn of_system(inputs: Vec<Input>, system: Option<&SystemName>) -> Vec<Input> {
    let inside =
        |input: &Input| input.structure.as_ref().map_or(true, |structure| is_in(system, &Composition::of(structure)));
    inputs.into_iter().filter(inside).collect()
}

fn elements_of(system: Option<&SystemName>, candidates: &[Candidate]) -> BTreeSet<Species> {
    match system {
        Some(system) => system.elements().clone(),
        None => {
            let found = candidates.iter().filter_map(|candidate| candidate.energy.as_ref().ok());
            found.flat_map(|(composition, _)| composition.iter().map(|(element, _)| element)).collect()
        }
    }
}

/// The phases of the set, or the candidates themselves.
fn phases(args: &HullArgs, set: Option<ReferenceSet>, candidates: &[Candidate]) -> Result<(Phases, Source)> {
    if let Some(set) = set {
        let name = args.reference.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let source = Source { name, sha256: set.sha256().to_owned() };
        return Ok((Phases::Set(Box::new(set)), source));
    }
    let mut phases = Vec::new();
    let mut text = String::new();
    for candidate in candidates {
        let Ok((composition, energy)) = &candidate.energy else { continue };
        phases.push(Arc::new(Phase::new(candidate.id.clone(), composition, *energy)?));
        text += &format!("{} {} {:e}\n", candidate.id, composition.formula(), energy);
    }
    let source = Source { name: "the entries themselves".to_owned(), sha256: sealed_file::sha256_hex(text.as_bytes()) };
    Ok((Phases::Given { phases, hulls: RefCell::default() }, source))
}

fn draw(folder: &Path, hull: &Hull, candidates: &[Candidate], reference: &Source) -> Result<()> {
    writable_folder(folder)?;
    let mark = |candidate: &Candidate| {
        let (composition, energy_per_atom) = candidate.energy.clone().ok()?;
        Some(Mark { label: candidate.id.clone(), composition, energy_per_atom })
    };
    let marks: Vec<Mark> = candidates.iter().filter_map(mark).collect();
    match phase_diagram(hull, &marks, &format!("reference: {reference}"))? {
        Diagram::Svg(svg) => write_file(&folder.join(format!("{}.svg", hull.system())), svg)?,
        Diagram::Table(rows) => write_file(&folder.join(format!("{}.txt", hull.system())), table_text(&rows))?,
    }
    Ok(())
}

fn print(document: &Document) -> Result<()> {
    let mut table =
        terminal::table(&["id", "formula", "formation energy, eV/atom", "above the hull, eV/atom", "decomposes into"]);
    for Row { id, numbers, .. } in &document.entries {
        if let Some(placed) = numbers {
            let part = |product: &Product| format!("{:.3} {} ({})", product.fraction, product.formula, product.id);
            table.add_row([
                id.clone(),
                placed.formula.clone(),
                format!("{:.4}", placed.formation_energy_per_atom),
                format!("{:.4}", placed.energy_above_hull),
                placed.decomposition.iter().map(part).collect::<Vec<_>>().join(", "),
            ]);
        }
    }
    terminal::print_table(&table)?;
    terminal::print(&format!("on the hull: {}\n", document.stable.join(", ")))
}
