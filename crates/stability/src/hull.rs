//! The convex hull of a chemical system.
//!
//! At atomic fractions x the hull's energy is `min Σ_k w_k e_k` subject to `Σ_k w_k x_k = x`, `w ≥ 0`, over the phases
//! that hold no other elements than the query (`Σ w = 1` follows). The weights are the decomposition. Energies are
//! measured against the elementary phases inside, so that a phase with a positive formation energy can be left out: it
//! is never part of a decomposition.

mod facets;
mod linear_programme;
mod potentials;

use std::sync::{Arc, OnceLock};

use crystal_core::{Composition, SpaceGroupNumber, Species};
use serde::{Deserialize, Serialize};

pub use facets::Facet;
pub use potentials::ChemicalPotentialRange;

use crate::fractions::element_mask;
use crate::{Fractions, Phase, StabilityError};

/// Energies that differ by less than this are equal, eV/atom: far above rounding, far below the resolution of any
/// reference.
pub(crate) const SAME_ENERGY: f64 = 1e-10;

/// Phases of one chemical system and their convex hull.
#[derive(Debug)]
pub struct Hull {
    /// Ascending by atomic number.
    elements: Vec<Species>,
    /// Sorted by composition, energy and id.
    phases: Vec<Arc<Phase>>,
    /// For each element its lowest elementary phase, as an index of `phases`.
    ends: Vec<Option<usize>>,
    /// The lowest phase of each formula with a negative formation energy, and the elementary phases of `ends`.
    columns: Vec<Column>,
    /// Indices of the phases on the hull, found when first asked for.
    stable: OnceLock<Vec<usize>>,
}

/// What the linear programme needs of a phase.
#[derive(Debug)]
struct Column {
    phase: usize,
    mask: u128,
    /// By element of the hull.
    fractions: Vec<f64>,
    /// Against the elementary phases of the hull, eV/atom.
    formation_energy: f64,
}

/// A part of a decomposition.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The phase.
    pub phase: Arc<Phase>,
    /// Its share of the atoms.
    pub fraction: f64,
}

/// The phases of lowest energy at a composition.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// Phases and shares of atoms (sum 1), the largest share first.
    pub parts: Vec<Part>,
    /// The hull's energy there, eV/atom on the scale of the phases.
    pub energy_per_atom: f64,
    /// The hull's energy there against the elementary phases, eV/atom.
    pub formation_energy_per_atom: f64,
}

/// A part of a decomposition, as documents show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Id of the phase in the reference.
    pub id: String,
    /// Its formula.
    pub formula: String,
    /// Its share of the atoms.
    pub fraction: f64,
}

impl Decomposition {
    /// The parts, as documents show them.
    pub fn products(&self) -> Vec<Product> {
        let product = |part: &Part| Product {
            id: part.phase.id().to_owned(),
            formula: part.phase.formula(),
            fraction: part.fraction,
        };
        self.parts.iter().map(product).collect()
    }
}

/// Where an energy lies against a hull.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Against the elementary phases of the hull, eV/atom.
    pub formation_energy_per_atom: f64,
    /// Energy minus that of the hull, eV/atom; negative for a new phase below the hull.
    pub energy_above_hull: f64,
    /// What the composition decomposes into.
    pub decomposition: Decomposition,
}

/// A placement, as documents show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Placed {
    /// Reduced formula.
    pub formula: String,
    /// Space group of a phase of the reference set, and of a candidate where it was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space_group: Option<SpaceGroupNumber>,
    /// Against the elementary phases of the hull, eV/atom.
    pub formation_energy_per_atom: f64,
    /// Energy minus that of the hull, eV/atom.
    pub energy_above_hull: f64,
    /// What it decomposes into, the largest share first.
    pub decomposition: Vec<Product>,
}

impl Placed {
    /// Of a candidate with this composition.
    pub fn candidate(composition: &Composition, placement: &Placement) -> Self {
        Self {
            formula: composition.reduced().formula(),
            space_group: None,
            formation_energy_per_atom: placement.formation_energy_per_atom,
            energy_above_hull: placement.energy_above_hull,
            decomposition: placement.decomposition.products(),
        }
    }

    /// Of a phase of the hull.
    pub fn phase(phase: &Phase, placement: &Placement) -> Self {
        Self { space_group: phase.space_group(), ..Self::candidate(phase.composition(), placement) }
    }
}

impl Hull {
    /// The hull of the phases that hold no other elements than `elements`; the other phases are left out. Of phases
    /// with one formula only the lowest matters; equal energies are told apart by id, so that the order of `phases`
    /// never matters.
    pub fn new(elements: impl IntoIterator<Item = Species>, phases: impl IntoIterator<Item = Arc<Phase>>) -> Self {
        let mut elements: Vec<Species> = elements.into_iter().collect();
        elements.sort();
        elements.dedup();
        let all = element_mask(elements.iter().copied());
        let mut phases: Vec<Arc<Phase>> = phases.into_iter().filter(|phase| phase.mask() & !all == 0).collect();
        phases.sort_by(|a, b| {
            let by_composition = a.composition().iter().cmp(b.composition().iter());
            by_composition.then(a.energy_per_atom().total_cmp(&b.energy_per_atom())).then_with(|| a.id().cmp(b.id()))
        });
        let lowest: Vec<usize> =
            (0..phases.len()).filter(|&i| i == 0 || phases[i].composition() != phases[i - 1].composition()).collect();
        let end_of = |element: &Species| {
            let is_end = |&&i: &&usize| phases[i].composition().iter().eq([(*element, 1)]);
            lowest.iter().find(is_end).copied()
        };
        let ends: Vec<Option<usize>> = elements.iter().map(end_of).collect();
        let columns = lowest.iter().filter_map(|&phase| Column::new(&elements, &ends, &phases, phase)).collect();
        Self { elements, phases, ends, columns, stable: OnceLock::new() }
    }

    /// The same hull without the phases that have one of these ids: what a phase would decompose into, were it not
    /// there.
    #[must_use]
    pub fn without(&self, ids: &[&str]) -> Self {
        Self::new(self.elements.iter().copied(), self.phases.iter().filter(|phase| !ids.contains(&phase.id())).cloned())
    }

    /// The same hull with further phases, such as candidates.
    #[must_use]
    pub fn with(&self, phases: impl IntoIterator<Item = Arc<Phase>>) -> Self {
        Self::new(self.elements.iter().copied(), self.phases.iter().cloned().chain(phases))
    }

    /// Its elements, ascending by atomic number.
    pub fn elements(&self) -> &[Species] {
        &self.elements
    }

    /// All its phases, sorted by composition, energy and id.
    pub fn phases(&self) -> &[Arc<Phase>] {
        &self.phases
    }

    /// Its name, as in `K-Si-Cu`: symbols in order of atomic number.
    pub fn system(&self) -> String {
        self.elements.iter().map(|element| element.symbol()).collect::<Vec<_>>().join("-")
    }

    /// The phases of lowest energy at a composition.
    ///
    /// # Errors
    /// [`StabilityError::MissingEndMember`] names every element of the composition that has no elementary phase here;
    /// [`StabilityError::Solver`].
    pub fn decompose(&self, fractions: &Fractions) -> Result<Decomposition, StabilityError> {
        self.check_ends(fractions.elements())?;
        // Positions of the query's elements among those of the hull.
        let rows: Vec<usize> = fractions.elements().filter_map(|element| self.index_of(element)).collect();
        let target: Vec<f64> = fractions.iter().map(|(_, fraction)| fraction).collect();
        let mask = element_mask(fractions.elements());
        let columns: Vec<&Column> = self.columns.iter().filter(|column| column.mask & !mask == 0).collect();
        let points: Vec<Vec<f64>> =
            columns.iter().map(|column| rows.iter().map(|&row| column.fractions[row]).collect()).collect();
        let costs: Vec<f64> = columns.iter().map(|column| column.formation_energy).collect();
        let solver = |reason| StabilityError::Solver { system: self.system(), reason };
        let mut weights = linear_programme::lowest(&points, &costs, &target).map_err(solver)?;
        let mut energy: f64 = weights.iter().map(|&(column, weight)| weight * costs[column]).sum();
        // Where the composition is that of a phase as low as the mixture, say so: a tie is not a decomposition.
        let itself = points.iter().position(|point| point.iter().zip(&target).all(|(a, b)| (a - b).abs() < 1e-12));
        if let Some(column) = itself.filter(|&column| costs[column] <= energy + SAME_ENERGY) {
            weights = vec![(column, 1.0)];
            energy = costs[column];
        }
        weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let part = |(column, fraction): (usize, f64)| Part {
            phase: Arc::clone(&self.phases[columns[column].phase]),
            fraction,
        };
        let parts = weights.into_iter().map(part).collect();
        Ok(Decomposition {
            parts,
            energy_per_atom: energy + self.mixture_per_atom(fractions),
            formation_energy_per_atom: energy,
        })
    }

    /// Formation energy against the elementary phases of the hull, eV/atom, of an energy on the scale of its phases.
    ///
    /// # Errors
    /// [`StabilityError::MissingEndMember`].
    pub fn formation_energy_per_atom(
        &self,
        fractions: &Fractions,
        energy_per_atom: f64,
    ) -> Result<f64, StabilityError> {
        self.check_ends(fractions.elements())?;
        Ok(energy_per_atom - self.mixture_per_atom(fractions))
    }

    /// Where an energy (eV/atom, on the scale of the phases) at a composition lies, above or below the hull.
    ///
    /// # Errors
    /// As [`Self::decompose`].
    pub fn place(&self, fractions: &Fractions, energy_per_atom: f64) -> Result<Placement, StabilityError> {
        let decomposition = self.decompose(fractions)?;
        let formation_energy_per_atom = energy_per_atom - self.mixture_per_atom(fractions);
        // Both are differences from the same mixture, so that a phase of the hull lies exactly at 0.
        let energy_above_hull = formation_energy_per_atom - decomposition.formation_energy_per_atom;
        Ok(Placement { formation_energy_per_atom, energy_above_hull, decomposition })
    }

    /// Where one of its phases lies.
    ///
    /// # Errors
    /// As [`Self::decompose`].
    pub fn place_phase(&self, phase: &Phase) -> Result<Placement, StabilityError> {
        self.place(&Fractions::of(phase.composition())?, phase.energy_per_atom())
    }

    /// The phases on the hull, sorted by composition: the lowest of its formula each, and within 1e-10 eV/atom of what
    /// it would decompose into.
    ///
    /// # Errors
    /// As [`Self::decompose`], for all elements of the hull.
    pub fn stable(&self) -> Result<impl Iterator<Item = &Arc<Phase>>, StabilityError> {
        Ok(self.stable_indices()?.iter().map(|&phase| &self.phases[phase]))
    }

    fn stable_indices(&self) -> Result<&[usize], StabilityError> {
        if let Some(stable) = self.stable.get() {
            return Ok(stable);
        }
        self.check_ends(self.elements.iter().copied())?;
        let mut stable = Vec::new();
        for column in &self.columns {
            let phase = &self.phases[column.phase];
            if self.place_phase(phase)?.energy_above_hull <= SAME_ENERGY {
                stable.push(column.phase);
            }
        }
        Ok(self.stable.get_or_init(|| stable))
    }

    /// The columns of the stable phases.
    fn stable_columns(&self) -> Result<Vec<&Column>, StabilityError> {
        let stable = self.stable_indices()?;
        Ok(self.columns.iter().filter(|column| stable.binary_search(&column.phase).is_ok()).collect())
    }

    fn index_of(&self, element: Species) -> Option<usize> {
        self.elements.binary_search(&element).ok()
    }

    fn check_ends(&self, elements: impl Iterator<Item = Species>) -> Result<(), StabilityError> {
        let has_end = |element: &Species| self.index_of(*element).is_some_and(|index| self.ends[index].is_some());
        let missing: Vec<Species> = elements.filter(|element| !has_end(element)).collect();
        if missing.is_empty() { Ok(()) } else { Err(StabilityError::MissingEndMember { missing }) }
    }

    /// `Σ_i x_i μ_i` of the elementary phases, eV/atom. All of them must be there.
    fn mixture_per_atom(&self, fractions: &Fractions) -> f64 {
        let of_end = |element| self.index_of(element).and_then(|index| self.ends[index]);
        let energy = |element| of_end(element).map_or(f64::NAN, |end| self.phases[end].energy_per_atom());
        fractions.iter().map(|(element, fraction)| fraction * energy(element)).sum()
    }
}

impl Column {
    /// `None` if the phase cannot be a corner of the hull.
    fn new(elements: &[Species], ends: &[Option<usize>], phases: &[Arc<Phase>], phase: usize) -> Option<Self> {
        let composition: &Composition = phases[phase].composition();
        let n_atoms: f64 = composition.iter().map(|(_, count)| f64::from(count)).sum();
        let mut fractions = vec![0.0; elements.len()];
        let mut mixture = 0.0;
        for (element, count) in composition.iter() {
            let index = elements.binary_search(&element).ok()?;
            fractions[index] = f64::from(count) / n_atoms;
            // Without the elementary phase every query that could use this one fails.
            mixture += fractions[index] * phases[ends[index]?].energy_per_atom();
        }
        let formation_energy = phases[phase].energy_per_atom() - mixture;
        let is_end = composition.n_elements() == 1;
        (is_end || formation_energy < 0.0).then(|| Self {
            phase,
            mask: phases[phase].mask(),
            fractions,
            formation_energy,
        })
    }
}
