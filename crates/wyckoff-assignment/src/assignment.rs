//! Elements on the Wyckoff positions of one space group.

use std::collections::BTreeMap;

use crystal_core::whole::compact;
use crystal_core::{AsymmetricUnit, Composition, SitesPerElement, SpaceGroup, Species, WyckoffPosition};
use serde::{Deserialize, Serialize};

use crate::AssignmentError;

/// One site of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssignedSite {
    /// Its element.
    pub species: Species,
    /// Index into [`SpaceGroup::wyckoff_positions`].
    pub position: usize,
}

/// Which elements stand on which Wyckoff positions of one space group, in canonical order: by atomic number, then by
/// letter, as the sites of an [`AsymmetricUnit`]. A position without a free parameter holds at most one site; the
/// others hold any number.
///
/// Serialised as the number of the space group and its text, as [`Self::parse`] reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct WyckoffAssignment {
    space_group: &'static SpaceGroup,
    sites: Vec<AssignedSite>,
}

/// How an assignment is written to files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    space_group: crystal_core::SpaceGroupNumber,
    sites: String,
}

impl TryFrom<Written> for WyckoffAssignment {
    type Error = AssignmentError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::parse(SpaceGroup::get(written.space_group), &written.sites)
    }
}

impl From<WyckoffAssignment> for Written {
    fn from(assignment: WyckoffAssignment) -> Self {
        Self { space_group: assignment.space_group.number(), sites: assignment.to_string() }
    }
}

impl PartialEq for WyckoffAssignment {
    fn eq(&self, other: &Self) -> bool {
        self.space_group.number() == other.space_group.number() && self.sites == other.sites
    }
}

impl Eq for WyckoffAssignment {}

impl std::hash::Hash for WyckoffAssignment {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.space_group.number().hash(state);
        self.sites.hash(state);
    }
}

impl WyckoffAssignment {
    /// Checks the sites and puts them into canonical order.
    ///
    /// # Errors
    /// [`AssignmentError::NoSites`], [`AssignmentError::UnknownPosition`], [`AssignmentError::PositionTaken`].
    pub fn new(
        space_group: &'static SpaceGroup,
        sites: impl IntoIterator<Item = AssignedSite>,
    ) -> Result<Self, AssignmentError> {
        let mut sites: Vec<AssignedSite> = sites.into_iter().collect();
        let positions = space_group.wyckoff_positions();
        if let Some(site) = sites.iter().find(|site| site.position >= positions.len()) {
            return Err(AssignmentError::UnknownPosition {
                space_group: space_group.number(),
                position: site.position,
                n_positions: positions.len(),
            });
        }
        if sites.is_empty() {
            return Err(AssignmentError::NoSites);
        }
        let mut holders = BTreeMap::new();
        for site in &sites {
            let position = &positions[site.position];
            if position.n_free() > 0 {
                continue;
            }
            if let Some(first) = holders.insert(site.position, site.species) {
                return Err(AssignmentError::PositionTaken {
                    space_group: space_group.number(),
                    letter: position.letter(),
                    multiplicity: position.multiplicity(),
                    first,
                    second: site.species,
                });
            }
        }
        sites.sort_by_key(|site| (site.species, letter_rank(site.position)));
        Ok(Self { space_group, sites })
    }

    /// Sites that are admissible and in canonical order already.
    pub(crate) fn from_canonical(space_group: &'static SpaceGroup, sites: Vec<AssignedSite>) -> Self {
        Self { space_group, sites }
    }

    /// The assignment of a reduced structure.
    ///
    /// # Errors
    /// As [`Self::new`]; [`AssignmentError::UnknownLetter`] for a letter that its group does not have.
    pub fn of(unit: &AsymmetricUnit) -> Result<Self, AssignmentError> {
        let sites = unit
            .sites()
            .iter()
            .map(|site| {
                let position = position_with_letter(unit.space_group(), site.wyckoff_letter())?;
                Ok(AssignedSite { species: site.species(), position })
            })
            .collect::<Result<Vec<_>, AssignmentError>>()?;
        Self::new(unit.space_group(), sites)
    }

    /// The space group.
    pub fn space_group(&self) -> &'static SpaceGroup {
        self.space_group
    }

    /// The sites in canonical order.
    pub fn sites(&self) -> &[AssignedSite] {
        &self.sites
    }

    /// The sites with their positions, in canonical order.
    pub fn positions(&self) -> impl Iterator<Item = (Species, &'static WyckoffPosition)> + '_ {
        self.sites.iter().map(|site| (site.species, &self.space_group.wyckoff_positions()[site.position]))
    }

    /// Sites with the number of times each stands there, in canonical order.
    pub fn counts(&self) -> Vec<(AssignedSite, u32)> {
        let mut counts: Vec<(AssignedSite, u32)> = Vec::new();
        for site in &self.sites {
            match counts.last_mut() {
                Some((last, count)) if last == site => *count += 1,
                _ => counts.push((*site, 1)),
            }
        }
        counts
    }

    /// Atoms of each element in the CONVENTIONAL cell.
    pub fn conventional_composition(&self) -> Composition {
        self.composition(1)
    }

    /// Atoms of each element in the PRIMITIVE cell.
    pub fn primitive_composition(&self) -> Composition {
        self.composition(self.space_group.centring().order())
    }

    fn composition(&self, cells: usize) -> Composition {
        let mut counts = BTreeMap::new();
        for (species, position) in self.positions() {
            *counts.entry(species).or_insert(0) += compact(position.multiplicity() / cells);
        }
        counts.into_iter().collect()
    }

    /// Number of atoms in the CONVENTIONAL cell.
    pub fn n_atoms_conventional(&self) -> u32 {
        self.conventional_composition().total()
    }

    /// Number of atoms in the PRIMITIVE cell.
    pub fn n_atoms_primitive(&self) -> u32 {
        self.primitive_composition().total()
    }

    /// Reduced formula, elements by atomic number, such as `O3Al2`.
    pub fn reduced_formula(&self) -> String {
        self.primitive_composition().reduced().formula()
    }

    /// Number of free coordinates of all sites together; the lattice's are not among them.
    pub fn n_free(&self) -> usize {
        self.positions().map(|(_, position)| position.n_free()).sum()
    }

    /// Number of non-equivalent sites of each element.
    pub fn sites_per_element(&self) -> SitesPerElement {
        self.sites.iter().map(|site| site.species).collect()
    }
}

/// Rank of a position by its letter: `a` before `b`, and `A`, the 27th letter of group 47, after `z`. The tables list
/// the general position, which has the last letter, first.
pub(crate) fn letter_rank(position: usize) -> impl Ord {
    std::cmp::Reverse(position)
}

/// Index of the position with this letter.
pub(crate) fn position_with_letter(space_group: &SpaceGroup, letter: char) -> Result<usize, AssignmentError> {
    let positions = space_group.wyckoff_positions();
    space_group.wyckoff_index(letter).ok_or_else(|| AssignmentError::UnknownLetter {
        space_group: space_group.number(),
        letter,
        known: positions
            .iter()
            .rev()
            .map(|position| format!("{}{}", position.multiplicity(), position.letter()))
            .collect(),
    })
}
