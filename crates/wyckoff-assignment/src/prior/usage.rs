//! What is counted of the training structures: on which positions each element stood.

use std::collections::BTreeMap;

use crystal_core::{SpaceGroup, SpaceGroupNumber, Species};
use serde::{Deserialize, Serialize};

use crate::{Demand, WyckoffAssignment};

/// How one element stood in one structure: positions (index into [`SpaceGroup::wyckoff_positions`]) with the number of
/// its sites there.
pub(super) type Held = Vec<(u8, u16)>;

/// The counts of a structure's elements in ascending order: atoms per PRIMITIVE cell and non-equivalent sites. They
/// tell structure types apart without naming elements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Pattern {
    atoms: Vec<u16>,
    sites: Vec<u16>,
}

impl Pattern {
    fn of(assignment: &WyckoffAssignment) -> Self {
        Self {
            atoms: ascending(&Demand::Atoms(assignment.primitive_composition())),
            sites: ascending(&Demand::Sites(assignment.sites_per_element())),
        }
    }

    /// Whether a structure of this pattern meets a demand, elements aside.
    pub(super) fn meets(&self, demand: &Demand, counts: &[u16]) -> bool {
        match demand {
            Demand::Atoms(_) => self.atoms == counts,
            Demand::Sites(_) => self.sites == counts,
        }
    }
}

/// The counts of a demand in ascending order.
pub(super) fn ascending(demand: &Demand) -> Vec<u16> {
    let mut counts: Vec<u16> =
        demand.counts().into_iter().map(|(_, count)| u16::try_from(count).unwrap_or(u16::MAX)).collect();
    counts.retain(|count| *count > 0);
    counts.sort_unstable();
    counts
}

/// How often each element (atomic number) stood on which positions, in structures of one space group, by pattern.
pub(super) type GroupUsage = BTreeMap<Pattern, BTreeMap<(u8, Held), u32>>;

/// The same for all groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Usage(BTreeMap<SpaceGroupNumber, GroupUsage>);

impl Usage {
    pub(super) fn add(&mut self, assignment: &WyckoffAssignment) {
        let mut held: BTreeMap<Species, Held> = BTreeMap::new();
        for (site, count) in assignment.counts() {
            let position = u8::try_from(site.position).expect("no group has 256 positions");
            held.entry(site.species).or_default().push((position, u16::try_from(count).unwrap_or(u16::MAX)));
        }
        let pattern =
            self.0.entry(assignment.space_group().number()).or_default().entry(Pattern::of(assignment)).or_default();
        for (species, held) in held {
            *pattern.entry((species.atomic_number(), held)).or_default() += 1;
        }
    }

    pub(super) fn of_group(&self, space_group: SpaceGroupNumber) -> Option<&GroupUsage> {
        self.0.get(&space_group)
    }

    /// All groups of which structures were seen.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&'static SpaceGroup, &GroupUsage)> {
        self.0.iter().map(|(number, usage)| (SpaceGroup::get(*number), usage))
    }

    /// Whether all positions are those of their groups and hold no more sites than they can: files may hold anything.
    pub(super) fn is_sound(&self) -> bool {
        self.groups().all(|(group, usage)| {
            let has_room = |(position, count): &(u8, u16)| {
                group
                    .wyckoff_positions()
                    .get(usize::from(*position))
                    .is_some_and(|position| *count == 1 || position.n_free() > 0)
            };
            usage.values().flat_map(BTreeMap::keys).flat_map(|(_, held)| held).all(has_room)
        })
    }
}

/// What an element's sites add up to in the measure of a demand.
pub(super) fn count_of(held: &Held, demand: &Demand, space_group: &SpaceGroup) -> u32 {
    held.iter().map(|(position, count)| u32::from(*count) * demand.size_of(space_group, usize::from(*position))).sum()
}
