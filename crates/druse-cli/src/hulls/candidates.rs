//! What is placed on a hull, with its energy.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, bail};
use crystal_core::{Composition, Finder, SpaceGroupNumber, Structure, find_symmetry};
use potential::Potential;
use rayon::prelude::*;
use stability::{CorrectionScheme, ReferenceSet, Source, SystemName, mp2020_of_formula, read_energies};

use super::super::inputs::{self, Input};
use super::super::{potentials, terminal};
use super::HullArgs;

/// What is placed: an id, and its composition with the energy (eV/atom) on the scale of the hull, or why there is none.
pub(super) struct Candidate {
    pub id: String,
    pub place: String,
    /// Of a structure, at 0.01 Å.
    pub space_group: Option<SpaceGroupNumber>,
    pub energy: Result<(Composition, f64), String>,
}

/// Tolerance of the space group that is told, Å.
const SYMPREC: f64 = 0.01;

/// Energies of a file: as they are for a hull of themselves; checked and corrected for that of a reference set.
pub(super) fn from_file(
    args: &HullArgs,
    path: &Path,
    set: Option<&ReferenceSet>,
) -> Result<(Vec<Candidate>, Option<Source>)> {
    let file = File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
    let entries = read_energies(BufReader::new(file), path)?;
    let inside = entries.into_iter().filter(|entry| is_in(args.system.as_ref(), &entry.composition));
    let mut candidates = Vec::new();
    let mut corrected = false;
    for entry in inside {
        let place = format!("{} ({})", path.display(), entry.id);
        let mut energy = entry.energy_per_atom;
        if let Some(set) = set {
            let Some(sha256) = entry.potential.as_deref().or(args.energies_of.as_deref()) else {
                bail!(
                    "{place}: the potential behind this energy is not named, and only energies of {} can be placed on this \
                     hull; give --energies-of SHA256, or a key \"potential\" with it in each line",
                    set.potential()
                );
            };
            set.check(&Source { name: "of the file".to_owned(), sha256: sha256.to_owned() })
                .with_context(|| place.clone())?;
            if set.scheme() == CorrectionScheme::MaterialsProject2020 {
                let correction = mp2020_of_formula(&entry.composition).per_atom();
                corrected |= correction != 0.0;
                energy += correction;
            }
        }
        let energy = Ok((entry.composition, energy));
        candidates.push(Candidate { place, space_group: None, energy, id: entry.id });
    }
    if corrected {
        terminal::warning(
            "energies were corrected by formula: oxygen counts as oxide but for well-known peroxides, sulphur as sulphide; \
             give structures for the rest",
        );
    }
    let potential = set.map(|set| set.potential().clone());
    Ok((candidates, potential))
}

/// Energies by the potential, with the corrections of the reference set.
pub(super) fn from_structures(args: &HullArgs, set: Option<&ReferenceSet>) -> Result<(Vec<Candidate>, Option<Source>)> {
    let inputs = of_system(inputs::read(&args.paths, &args.read), args.system.as_ref());
    if inputs.is_empty() {
        return Ok((Vec::new(), set.map(|set| set.potential().clone())));
    }
    let potential = args.potential.open()?;
    let source = Source { name: potential.identity().name.clone(), sha256: potential.identity().sha256.clone() };
    if let Some(set) = set {
        set.check(&source).context("--alone makes the hull of the structures themselves")?;
    }
    let scheme = set.map_or(CorrectionScheme::MaterialsProject2020, ReferenceSet::scheme);
    let energies = potentials::of_each(&potential, &inputs, |structures| {
        let corrected = |(energy, structure): (Result<f64, _>, &Structure)| {
            let per_atom = |energy: f64| (energy + scheme.per_cell(structure)) / structure.n_sites() as f64;
            energy.map(|energy| (Composition::of(structure), per_atom(energy)))
        };
        Ok(potential.energies(structures)?.into_iter().zip(structures).map(corrected).collect())
    })?;
    let group = |structure: &Structure| Some(find_symmetry(structure, SYMPREC, Finder::default()).ok()?.number);
    let candidate = |(input, energy): (&Input, Result<_, String>)| Candidate {
        id: input.id.clone(),
        place: input.place().to_owned(),
        space_group: input.structure.as_ref().ok().and_then(group),
        energy,
    };
    Ok((inputs.par_iter().zip(energies).map(candidate).collect(), Some(source)))
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
