//! What is known already: phases of the reference, structures of the user, textbook prototypes.

use std::collections::BTreeSet;
use std::path::Path;

use crystal_core::{Composition, CrystalError, Finder, Site, Species, Structure, find_symmetry, io};
use datasets::{LoadOptions, Split};
use metrics::StructureMatcher;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stability::{ReferencePhase, ReferenceSet};

use crate::settings::KnownLimits;
use crate::{SearchError, Tool};

/// Structures that are known beside the reference.
#[derive(Debug)]
pub struct KnownStructures {
    /// The file, and the hash of its structures.
    pub tool: Tool,
    structures: Vec<(String, Composition, Structure)>,
}

impl KnownStructures {
    /// Reads the structures of a file or folder that are of no other elements than `elements`; others cannot be what is
    /// searched for. What cannot be read is left out, and returned as messages.
    ///
    /// # Errors
    /// [`SearchError::Crystal`] if the path cannot be read at all.
    pub fn read(path: &Path, elements: &BTreeSet<Species>) -> Result<(Self, Vec<String>), SearchError> {
        let (mut structures, mut problems) = (Vec::new(), Vec::new());
        for entry in io::read_all(path)? {
            match entry.structure {
                Ok(structure) => {
                    let composition = Composition::of(&structure).reduced();
                    if composition.iter().all(|(element, _)| elements.contains(&element)) {
                        structures.push((entry.id, composition, structure));
                    }
                }
                Err(error) => problems.push(format!("{}: {error}", entry.id)),
            }
        }
        let text = |(id, _, structure): &(String, Composition, Structure)| format!("{id} {structure:?}\n");
        let content: String = structures.iter().map(text).collect();
        let tool = Tool { name: path.display().to_string(), sha256: sealed_file::sha256_hex(content.as_bytes()) };
        Ok((Self { tool, structures }, problems))
    }
}

/// What of the known a structure is closest to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Novelty {
    /// Whether it is none of the known ones.
    pub novel: bool,
    /// Whether a known one has its formula.
    pub formula_known: bool,
    /// The known phase of its formula that is nearest in energy, or the known structure that it equals.
    pub nearest: Option<Nearest>,
    /// The textbook prototype that it is, elements and size of the cell aside.
    pub prototype: Option<String>,
}

/// A known phase or structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its id.
    pub id: String,
    /// Its formula.
    pub formula: String,
    /// Its space group, where the reference has it.
    pub space_group: Option<u8>,
    /// Energy of the candidate minus that of the phase, eV/atom, where the reference has it.
    pub energy_difference: Option<f64>,
    /// Root mean square distance of the atoms in units of (V/N)^(1/3), where structures were compared.
    pub rms: Option<f64>,
    /// What was compared.
    pub basis: Basis,
}

/// How a structure was compared with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// Formula, space group and energy of the potential: the reference holds no structures.
    Energy,
    /// The structures themselves.
    Structure,
}

/// Tells what is new.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub known: Option<&'a KnownStructures>,
    pub limits: KnownLimits,
    pub matcher: StructureMatcher,
    /// Phases of the reference in the system.
    phases: Vec<ReferencePhase>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        reference: &ReferenceSet,
        known: Option<&'a KnownStructures>,
        limits: KnownLimits,
        matcher: StructureMatcher,
        elements: &BTreeSet<Species>,
    ) -> Self {
        let within = |phase: &ReferencePhase| phase.composition.iter().all(|(element, _)| elements.contains(&element));
        Self { known, limits, matcher, phases: reference.phases().filter(within).collect() }
    }

    /// The space group of a structure at the tolerance of the limits; `None` if the finder fails.
    pub(crate) fn space_group(&self, structure: &Structure) -> Option<u8> {
        find_symmetry(structure, self.limits.symprec, Finder::default()).ok().map(|report| report.number.get())
    }

    /// What is known of a structure with an energy (eV/atom, with the corrections of the reference). Its prototype is
    /// not looked for.
    pub(crate) fn novelty(&self, structure: &Structure, energy_per_atom: f64, space_group: Option<u8>) -> Novelty {
        let formula = Composition::of(structure).reduced();
        let same_formula = || self.phases.iter().filter(|phase| phase.composition == formula);
        let structures = self.known.map(|known| known.structures.as_slice()).unwrap_or_default();
        let alike = || structures.iter().filter(|(_, composition, _)| *composition == formula);
        let formula_known = same_formula().next().is_some() || alike().next().is_some();
        let equal = alike()
            .filter_map(|(id, _, other)| Some((id, self.matcher.rms(structure, other).ok()??)))
            .min_by(|a, b| a.1.rms.total_cmp(&b.1.rms));
        if let Some((id, found)) = equal {
            let nearest = Nearest {
                id: id.clone(),
                formula: formula.formula(),
                space_group: None,
                energy_difference: None,
                rms: Some(found.rms),
                basis: Basis::Structure,
            };
            return Novelty { novel: false, formula_known, nearest: Some(nearest), prototype: None };
        }
        let difference = |phase: &ReferencePhase| energy_per_atom - phase.energy_per_atom();
        // A phase of the same group is nearer than one of another group at the same energy.
        let is_same = |phase: &&ReferencePhase| {
            Some(phase.space_group.get()) == space_group && difference(phase).abs() <= self.limits.energy
        };
        let nearest_of = |a: &&ReferencePhase, b: &&ReferencePhase| {
            difference(a).abs().total_cmp(&difference(b).abs()).then_with(|| a.id.cmp(&b.id))
        };
        let same = same_formula().filter(is_same).min_by(nearest_of);
        let novel = same.is_none();
        let nearest = same.or_else(|| same_formula().min_by(nearest_of)).map(|phase| Nearest {
            id: phase.id.clone(),
            formula: phase.composition.formula(),
            space_group: Some(phase.space_group.get()),
            energy_difference: Some(difference(phase)),
            rms: None,
            basis: Basis::Energy,
        });
        Novelty { novel, formula_known, nearest, prototype: None }
    }
}

/// The textbook prototypes that are compiled in.
#[derive(Debug)]
pub(crate) struct Prototypes(Vec<(String, Vec<u32>, Structure)>);

impl Prototypes {
    /// All of them.
    ///
    /// # Errors
    /// None but those of a damaged program.
    pub(crate) fn compiled_in() -> Result<Self, SearchError> {
        let options = LoadOptions { cache_dir: None, ..LoadOptions::default() };
        let data = datasets::load(&datasets::Source::Embedded, &options)?;
        let records = Split::ALL.into_iter().flat_map(|split| data.split(split));
        let entry = |record: &datasets::Record| {
            (record.id.clone(), counts(&Composition::of(&record.structure)), record.structure.clone())
        };
        let mut prototypes: Vec<_> = records.map(entry).collect();
        prototypes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self(prototypes))
    }

    /// Name of the first prototype, such as `rock-salt-Na-Cl`, that a structure equals when its elements are exchanged
    /// for those of the prototype.
    pub(crate) fn of(&self, structure: &Structure, matcher: &StructureMatcher) -> Option<String> {
        let composition = Composition::of(structure);
        let counts = counts(&composition);
        let is = |(_, of_prototype, prototype): &&(String, Vec<u32>, Structure)| {
            *of_prototype == counts
                && exchanges(&composition, &Composition::of(prototype)).into_iter().any(|exchange| {
                    let renamed = renamed(structure, &exchange);
                    renamed.is_ok_and(|renamed| matcher.fit(&renamed, prototype).unwrap_or(false))
                })
        };
        // Names are sorted, and the first counts whatever the threads do.
        let found: Vec<bool> = self.0.par_iter().map(|prototype| is(&prototype)).collect();
        let index = found.iter().position(|found| *found)?;
        Some(self.0[index].0.clone())
    }
}

/// Counts of the reduced formula, ascending.
fn counts(composition: &Composition) -> Vec<u32> {
    let mut counts: Vec<u32> = composition.reduced().iter().map(|(_, count)| count).collect();
    counts.sort_unstable();
    counts
}

/// All ways to exchange the elements of one formula for those of another with the same counts.
fn exchanges(from: &Composition, to: &Composition) -> Vec<Vec<(Species, Species)>> {
    let to: Vec<(Species, u32)> = to.reduced().iter().collect();
    let mut all: Vec<Vec<(Species, Species)>> = vec![Vec::new()];
    for (species, count) in from.reduced().iter() {
        let longer = |pairs: &Vec<(Species, Species)>| {
            let free = |(target, of_target): &&(Species, u32)| {
                *of_target == count && pairs.iter().all(|(_, taken)| taken != target)
            };
            to.iter()
                .filter(free)
                .map(|(target, _)| [pairs.as_slice(), &[(species, *target)]].concat())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

fn renamed(structure: &Structure, exchange: &[(Species, Species)]) -> Result<Structure, CrystalError> {
    let species = |of: Species| exchange.iter().find(|(from, _)| *from == of).map_or(of, |(_, to)| *to);
    let site = |site: &Site| Site { species: species(site.species), frac_coords: site.frac_coords };
    Structure::allowing_overlap(*structure.lattice(), structure.sites().iter().map(site).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::UnitRecord;

    fn cubic(space_group: u8, a: f64, sites: &[(&str, char, f64)]) -> Structure {
        let site = |(symbol, letter, x): &(&str, char, f64)| (symbol.parse().expect("an element"), *letter, [*x; 3]);
        let lattice = [[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]];
        let record = UnitRecord { space_group, lattice, sites: sites.iter().map(site).collect() };
        record.structure().expect("a structure")
    }

    #[test]
    fn prototypes_are_told_whatever_the_elements() {
        let prototypes = Prototypes::compiled_in().expect("compiled in");
        let matcher = StructureMatcher { ltol: 0.2, stol: 0.3, angle_tol: 5.0 };
        let salt = cubic(225, 8.0, &[("Cs", 'a', 0.0), ("Xe", 'b', 0.5)]);
        let name = prototypes.of(&salt, &matcher).expect("a prototype");
        assert!(name.starts_with("rock-salt-"), "{name}");
        let chloride = cubic(221, 3.0, &[("Fe", 'a', 0.0), ("Al", 'b', 0.5)]);
        let name = prototypes.of(&chloride, &matcher).expect("a prototype");
        assert!(name.starts_with("cesium-chloride-"), "{name}");
    }

    #[test]
    fn elements_are_exchanged_in_all_ways() {
        let of = |formula: &str| Composition::from_formula(formula).expect("a formula");
        assert_eq!(exchanges(&of("SrTiO3"), &of("BaZrS3")).len(), 2);
        assert_eq!(exchanges(&of("Na2Cl2"), &of("FeAl")).len(), 2);
        assert!(exchanges(&of("Na2O"), &of("FeAl")).is_empty());
    }
}
