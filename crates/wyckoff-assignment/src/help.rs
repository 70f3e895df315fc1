//! What could be asked for instead of what a space group cannot hold.

use std::collections::BTreeSet;
use std::fmt;

use crystal_core::{Composition, SpaceGroup, SpaceGroupNumber, Species};

use crate::{AssignmentSpace, Demand};

/// How many of each kind of suggestion there are at most.
const MOST: usize = 3;
/// How many space groups are named at most.
const MOST_GROUPS: usize = 5;
/// Largest number of formula units that is tried, as a multiple of the one asked for: no group needs more than its
/// order.
const MOST_TIMES: u32 = 48;
/// Largest cell that is tried with more formula units, atoms.
const MOST_ATOMS: u32 = 500;
/// Farthest change of the counts that is tried, atoms added and taken away.
const FARTHEST: u32 = 4;
/// The most changed counts that are tried.
const MOST_TRIED: usize = 20_000;

/// What could be asked for instead of an impossible demand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Help {
    /// The same formula with other numbers of formula units that the group holds: atoms per PRIMITIVE cell, the nearest
    /// size first.
    pub formula_units: Vec<Composition>,
    /// Other counts of the same elements that the group holds: atoms per PRIMITIVE cell, the least change first.
    pub nearest: Vec<Composition>,
    /// Some of the groups that hold what was asked for: those of the same crystal system first, then by number, the
    /// highest first.
    pub space_groups: Vec<SpaceGroupNumber>,
}

impl Help {
    /// Looks for possible demands near an impossible one.
    pub(crate) fn new(space_group: &'static SpaceGroup, demand: &Demand) -> Self {
        // Sites may be as many as one likes: only atoms can be impossible.
        let Demand::Atoms(atoms) = demand else { return Self::default() };
        Self {
            formula_units: other_formula_units(space_group, atoms),
            nearest: nearest_counts(space_group, atoms),
            space_groups: holding_groups(space_group, demand),
        }
    }
}

fn holds(space_group: &SpaceGroup, atoms: &Composition) -> bool {
    AssignmentSpace::is_possible(space_group, &Demand::Atoms(atoms.clone()))
}

fn other_formula_units(space_group: &SpaceGroup, atoms: &Composition) -> Vec<Composition> {
    let unit = atoms.reduced();
    let (Some(asked), size) = (atoms.total().checked_div(unit.total()), unit.total()) else { return vec![] };
    let most = (asked.saturating_mul(MOST_TIMES)).min(MOST_ATOMS / size.max(1));
    let mut units: Vec<u32> = (1..=most).filter(|units| *units != asked).collect();
    units.sort_by_key(|units| (units.abs_diff(asked), *units));
    units
        .into_iter()
        .map(|units| unit.iter().map(|(species, count)| (species, count * units)).collect())
        .filter(|atoms| holds(space_group, atoms))
        .take(MOST)
        .collect()
}

/// Tries all counts at a distance of one atom, then of two, and so on.
fn nearest_counts(space_group: &SpaceGroup, atoms: &Composition) -> Vec<Composition> {
    let counts: Vec<(Species, u32)> = atoms.iter().collect();
    let mut found = Vec::new();
    let mut tried = BTreeSet::from([counts.iter().map(|(_, count)| *count).collect::<Vec<u32>>()]);
    let mut shell: Vec<Vec<u32>> = tried.iter().cloned().collect();
    for _ in 0..FARTHEST {
        let mut next = Vec::new();
        for near in &shell {
            for index in 0..near.len() {
                for changed in [near[index].checked_sub(1).filter(|count| *count > 0), near[index].checked_add(1)] {
                    let Some(changed) = changed else { continue };
                    let mut candidate = near.clone();
                    candidate[index] = changed;
                    if tried.insert(candidate.clone()) {
                        next.push(candidate);
                    }
                }
            }
        }
        let candidate =
            |counted: &Vec<u32>| counts.iter().map(|(species, _)| *species).zip(counted.iter().copied()).collect();
        found.extend(next.iter().map(candidate).filter(|atoms| holds(space_group, atoms)).take(MOST - found.len()));
        if found.len() >= MOST || tried.len() > MOST_TRIED {
            break;
        }
        shell = next;
    }
    found
}

fn holding_groups(space_group: &SpaceGroup, demand: &Demand) -> Vec<SpaceGroupNumber> {
    let mut groups: Vec<&SpaceGroup> = SpaceGroupNumber::all().map(SpaceGroup::get).collect();
    groups.sort_by_key(|group| (group.system() != space_group.system(), std::cmp::Reverse(group.number())));
    let holding = groups.into_iter().filter(|group| AssignmentSpace::is_possible(group, demand));
    holding.map(SpaceGroup::number).take(MOST_GROUPS).collect()
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formulas = |atoms: &[Composition]| atoms.iter().map(Composition::formula).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        if !self.formula_units.is_empty() {
            parts.push(format!("of this formula it holds {} in the primitive cell", formulas(&self.formula_units)));
        }
        if !self.nearest.is_empty() {
            parts.push(format!("the nearest counts that it holds are {}", formulas(&self.nearest)));
        }
        if !self.space_groups.is_empty() {
            let groups: Vec<String> = self.space_groups.iter().map(ToString::to_string).collect();
            parts.push(format!("space groups that hold it are, among others, {}", groups.join(", ")));
        }
        if parts.is_empty() {
            parts.push("ask for other counts".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}
