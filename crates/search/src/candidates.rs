//! From relaxed samples to ranked candidates.

use std::collections::BTreeMap;

use crystal_core::{Composition, Structure};
use metrics::StructureMatcher;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stability::Product;

use crate::SearchError;
use crate::known::Novelty;
use crate::record::{PhononRecord, Relaxed};

/// An energy above the hull up to this is called metastable, eV/atom.
pub const METASTABLE: f64 = 0.1;

/// kJ/mol of atoms in 1 eV/atom.
pub const KJ_PER_MOL: f64 = 96.485_332_12;

/// A structure of the list.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Place in the list, from 1.
    pub rank: usize,
    /// As it is: relaxed tightly, or as the search left it where the time ended before.
    pub relaxed: Relaxed,
    /// As the search left it.
    pub found: Relaxed,
    /// Whether it was relaxed tightly.
    pub refined: bool,
    /// All atoms of the primitive cell.
    pub structure: Structure,
    /// Reduced formula as chemists write it.
    pub formula: String,
    /// Space group of the final structure, at the tolerance of the settings.
    pub space_group: Option<u8>,
    /// Energy with the corrections of the reference, eV/atom.
    pub energy_per_atom: f64,
    /// What it decomposes into, the largest share first.
    pub decomposition: Vec<Product>,
    /// How many samples ended in this structure.
    pub times: usize,
    /// What is known of it.
    pub novelty: Novelty,
    /// Its phonons, where the time sufficed.
    pub phonons: Option<PhononRecord>,
}

/// What became of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Structures that came out of the network.
    pub sampled: usize,
    /// Of these, relaxed and put on the hull.
    pub relaxed: usize,
    /// Different ones among the relaxed.
    pub unique: usize,
    /// Of these, not known.
    pub novel: usize,
    /// Of the different ones, at most 0.1 eV/atom above the hull.
    #[serde(rename = "below_0.1")]
    pub below_limit: usize,
}

impl Candidate {
    /// Whether it is dynamically stable, where that was computed.
    pub fn dynamically_stable(&self) -> Option<bool> {
        Some(self.phonons.as_ref()?.outcome.as_ref().ok()?.stability.dynamically_stable)
    }

    /// Lowest frequency on the mesh, THz, where it was computed.
    pub fn min_frequency_thz(&self) -> Option<f64> {
        Some(self.phonons.as_ref()?.outcome.as_ref().ok()?.stability.min_frequency_thz)
    }

    /// Formation energy against the elementary phases, kJ/mol of atoms.
    pub fn formation_energy_kj_per_mol(&self) -> f64 {
        self.relaxed.formation_energy_per_atom * KJ_PER_MOL
    }

    /// Energy above the hull, kJ/mol of atoms.
    pub fn energy_above_hull_kj_per_mol(&self) -> f64 {
        self.relaxed.energy_above_hull * KJ_PER_MOL
    }

    /// Name of its files without ending: rank, formula, space group.
    pub fn file_stem(&self) -> String {
        format!("{:03}_{}_{}", self.rank, self.formula, self.relaxed.unit.space_group)
    }
}

/// One of the different structures that a search found, whether it is among the candidates or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kind {
    /// Reduced formula as chemists write it.
    pub formula: String,
    /// Space group at the tolerance of the settings; none if the finder failed.
    pub space_group: Option<u8>,
    /// Against the elementary phases, eV/atom.
    pub formation_energy_per_atom: f64,
    /// Above the hull, eV/atom.
    pub energy_above_hull: f64,
    /// Whether it is none of the known ones.
    pub novel: bool,
    /// Samples that ended in it.
    pub times: usize,
    /// The one of lowest energy among these samples.
    pub sample: u64,
}

/// Different structures among relaxed ones.
#[derive(Debug)]
pub(crate) struct Unique {
    /// The lowest of each kind by energy above the hull, with the number of samples that ended in it.
    pub kinds: Vec<(Relaxed, Structure, usize)>,
}

impl Unique {
    /// Sorts by energy above the hull (then by sample) and keeps the first of each kind. Structures that cannot be
    /// compared, because their cells collapsed, are left out.
    pub(crate) fn of<'a>(
        relaxed: impl IntoIterator<Item = &'a Relaxed>,
        matcher: &StructureMatcher,
    ) -> Result<Self, SearchError> {
        let mut all: Vec<&Relaxed> = relaxed.into_iter().collect();
        all.sort_by(|a, b| order(a, b));
        let structures = all.par_iter().map(|relaxed| relaxed.unit.structure()).collect::<Result<Vec<_>, _>>()?;
        let first = matcher.unique(&structures)?;
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        first.iter().flatten().for_each(|index| *times.entry(*index).or_default() += 1);
        let kind = |(index, times): (usize, usize)| (all[index].clone(), structures[index].clone(), times);
        Ok(Self { kinds: times.into_iter().map(kind).collect() })
    }
}

/// By energy above the hull, then by sample.
pub(crate) fn order(a: &Relaxed, b: &Relaxed) -> std::cmp::Ordering {
    a.energy_above_hull.total_cmp(&b.energy_above_hull).then(a.sample.cmp(&b.sample))
}

/// Sorts candidates: those that are dynamically stable first, then those whose phonons are not known, then the unstable
/// ones; within each by energy above the hull. Ranks follow.
pub(crate) fn rank(candidates: &mut [Candidate]) {
    let class = |candidate: &Candidate| match candidate.dynamically_stable() {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    candidates.sort_by(|a, b| class(a).cmp(&class(b)).then_with(|| order(&a.relaxed, &b.relaxed)));
    candidates.iter_mut().zip(1..).for_each(|(candidate, rank)| candidate.rank = rank);
}

/// An energy in eV as meV with its sign and one digit; what rounds to zero has no sign.
///
/// ```
/// assert_eq!([0.0123, -0.0123, -0.00001].map(search::milli), ["+12.3", "-12.3", "0.0"]);
/// ```
pub fn milli(energy: f64) -> String {
    let text = format!("{:+.1}", 1e3 * energy);
    if text.ends_with("0.0") && text.len() == 4 { "0.0".to_owned() } else { text }
}

/// Reduced formula as chemists write it.
pub(crate) fn formula_of(structure: &Structure) -> String {
    Composition::of(structure).reduced().formula()
}
