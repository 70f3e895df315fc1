//! `druse hull`.

mod candidates;
mod output;
mod phases;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use crystal_core::Species;
use stability::{Fractions, Placed, StabilityError, SystemName};

use super::inputs::{self, ReadArgs, Row};
use super::potentials::PotentialArgs;
use super::{Completion, message};
use candidates::Candidate;
use output::Document;
use phases::Phases;

/// What --reference calls the set that is compiled in.
const SHIPPED: &str = "shipped";

/// Places structures on the convex hull: formation energy, energy above the hull, decomposition products.
///
/// Structures get their energy from the potential, with the Materials Project's corrections of 2020, and are placed on
/// the reference set that is compiled in: MP-20 and the paper's stable structures, relaxed by the same potential. So no
/// data are needed. --system alone shows the phases of the set in that system. Relax structures first (`druse relax`):
/// the phases of the set are relaxed.
///
/// --energies takes energies from a file, one {"id", "formula", "energy_per_atom"} per line, and makes the hull of
/// them. With --reference they are placed on that set: then they must be raw energies of its potential, which
/// --energies-of or a key "potential" in each line names by its SHA-256; corrections are added by formula.
#[derive(Args)]
#[command(after_help = "Example:\n  druse hull relaxed/ --json\n  druse hull --system Cu-Si-K --out diagram\n  \
                        druse hull --energies energies.jsonl --out diagram")]
pub(super) struct HullArgs {
    /// Structures: files, folders or .jsonl
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// A chemical system, such as Cu-Si-K: only entries in it; alone, the phases of the reference set in it
    #[arg(long, value_name = "A-B-C")]
    system: Option<SystemName>,
    /// Phases to compare with, made with the same potential: a file, or 'shipped' [default for structures: shipped]
    #[arg(long, value_name = "FILE", conflicts_with = "alone")]
    reference: Option<PathBuf>,
    /// Without a reference set: the hull of the given structures themselves, which must hold every element
    #[arg(long)]
    alone: bool,
    /// Energies instead of structures, one {"id", "formula", "energy_per_atom"} per line
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    energies: Option<PathBuf>,
    /// SHA-256 of the potential that --energies come from
    #[arg(long, value_name = "SHA256", requires = "energies")]
    energies_of: Option<String>,
    /// Folder for the phase diagram (SVG for two and three elements, else a table)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &HullArgs) -> Result<Completion> {
    let set = phases::reference(args)?;
    let set = set.as_ref();
    let (candidates, potential) = match &args.energies {
        Some(file) => candidates::from_file(args, file, set.map(|(set, _)| set))?,
        None if args.paths.is_empty() => (Vec::new(), set.map(|(set, _)| set.potential().clone())),
        None => candidates::from_structures(args, set.map(|(set, _)| set))?,
    };
    if candidates.is_empty() && args.paths.is_empty() && args.energies.is_none() && args.system.is_none() {
        bail!("there is nothing to place; name structures, --energies FILE, or --system A-B-C");
    }
    if candidates.is_empty() && (set.is_none() || args.system.is_none()) {
        bail!("no structure is left to place; look at the paths and at --system");
    }
    let (phases, reference) = Phases::new(set, &candidates)?;
    let entries: Vec<Row<Placed>> = if candidates.is_empty() {
        of_system(args, &phases)?
    } else {
        candidates.iter().map(|candidate| placed(candidate, &phases)).collect()
    };
    let completion = if candidates.is_empty() { Completion::Everything } else { inputs::completion_of_rows(&entries)? };
    let systems = systems_of(args.system.as_ref(), &candidates);
    let mut stable: Vec<String> = Vec::new();
    for elements in &systems {
        for phase in stable_of(&phases, elements, !candidates.is_empty())? {
            if !stable.contains(&phase) {
                stable.push(phase);
            }
        }
    }
    if let Some(folder) = &args.out {
        let mut systems = diagrams(args.system.as_ref(), &systems);
        systems.retain(|elements| phases.hull(elements.clone()).stable().is_ok());
        output::draw(folder, &phases, &systems, &candidates, &reference)?;
    }
    let document = Document { entries, stable, potential, reference };
    if args.json {
        document.print_json()?
    } else {
        document.print()?
    }
    Ok(completion)
}

/// Ids of the phases on the hull of a system. Where an element has no end member there are none: an error, unless
/// candidates are there, which tell it themselves.
fn stable_of(phases: &Phases<'_>, elements: &BTreeSet<Species>, has_candidates: bool) -> Result<Vec<String>> {
    let hull = phases.hull(elements.clone());
    match hull.stable() {
        Ok(stable) => Ok(stable.map(|phase| phase.id().to_owned()).collect()),
        Err(StabilityError::MissingEndMember { .. }) if has_candidates => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn placed(candidate: &Candidate, phases: &Phases<'_>) -> Row<Placed> {
    let placed = candidate.energy.clone().and_then(|(composition, energy)| {
        let elements = composition.iter().map(|(element, _)| element).collect();
        let placement =
            Fractions::of(&composition).and_then(|fractions| phases.hull(elements).place(&fractions, energy));
        let failed = |error: StabilityError| format!("{}: {}", candidate.place, message::of_std(&error));
        let placed =
            |placement| Placed { space_group: candidate.space_group, ..Placed::candidate(&composition, &placement) };
        placement.map(placed).map_err(failed)
    });
    Row::of(candidate.id.clone(), placed)
}

/// The phases of the reference set in the system, the lowest of each formula first.
fn of_system(args: &HullArgs, phases: &Phases<'_>) -> Result<Vec<Row<Placed>>> {
    let system = args.system.as_ref().context("a system is there where nothing else is")?;
    let hull = phases.hull(system.elements().clone());
    // Says which elements have no end member before any phase is placed.
    let _ = hull.stable()?;
    let row = |phase: &std::sync::Arc<stability::Phase>| {
        let placement = hull.place_phase(phase)?;
        Ok(Row::of(phase.id().to_owned(), Ok(Placed::phase(phase, &placement))))
    };
    hull.phases().iter().map(row).collect()
}

/// The chemical systems whose hulls are looked at: the one that was asked for, else those of the candidates. A hull of
/// all elements of many candidates would be as large as the reference set, and say no more.
fn systems_of(system: Option<&SystemName>, candidates: &[Candidate]) -> Vec<BTreeSet<Species>> {
    if let Some(system) = system {
        return vec![system.elements().clone()];
    }
    let found = candidates.iter().filter_map(|candidate| candidate.energy.as_ref().ok());
    let systems: BTreeSet<BTreeSet<Species>> =
        found.map(|(composition, _)| composition.iter().map(|(element, _)| element).collect()).collect();
    systems.into_iter().collect()
}

/// The systems that are drawn: all elements together where a diagram can show them, else each system that is not part
/// of another.
fn diagrams(system: Option<&SystemName>, systems: &[BTreeSet<Species>]) -> Vec<BTreeSet<Species>> {
    const MOST: usize = 4;
    let all: BTreeSet<Species> = systems.iter().flatten().copied().collect();
    if system.is_some() || all.len() <= MOST {
        return vec![all];
    }
    let is_part = |one: &BTreeSet<Species>| systems.iter().any(|other| other != one && one.is_subset(other));
    systems.iter().filter(|one| !is_part(one)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(symbols: &[&str]) -> BTreeSet<Species> {
        symbols.iter().map(|symbol| symbol.parse().expect("an element")).collect()
    }

    #[test]
    fn diagrams_hold_what_they_can_show() {
        let few = [elements(&["Na", "Cl"]), elements(&["Na", "K"])];
        assert_eq!(diagrams(None, &few), [elements(&["Na", "K", "Cl"])]);
        let many = [elements(&["Na", "Cl"]), elements(&["Na", "Cl", "O"]), elements(&["Fe", "Ta", "Sn"])];
        assert_eq!(diagrams(None, &many), many[1..]);
    }
}
