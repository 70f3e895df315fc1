//! What a user asks for.

use std::fmt;

use crystal_core::{Composition, SpaceGroup, SpaceGroupNumber};
use serde::{Deserialize, Serialize};

/// Most structures of one order: so many places have a random stream of their own.
const MAX_COUNT: usize = 1 << 24;
/// Most non-equivalent sites that an order may ask for: beyond, a cell has thousands of atoms.
const MAX_SITES: u32 = 256;

/// A space group, how many non-equivalent sites of each element, and how many structures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplingOrder {
    /// The space group.
    pub space_group: SpaceGroupNumber,
    /// Non-equivalent sites per element.
    pub sites: Composition,
    /// How many structures.
    pub count: usize,
}

impl SamplingOrder {
    /// What makes the order impossible, if anything.
    ///
    /// Every group has a general position, so each number of sites fits; what a group cannot hold is nothing at all, or so many sites
    /// that no cell of the training data comes near.
    pub fn problem(&self) -> Option<String> {
        if self.count == 0 {
            return Some("the count must be at least 1".to_owned());
        }
        if self.count > MAX_COUNT {
            return Some(format!("the count must be at most {MAX_COUNT}; split the order, each part with a seed of its own"));
        }
        if self.sites.total() == 0 {
            return Some("no element is named; write for example Fe:1,Nd:1,Si:1".to_owned());
        }
        let images = SpaceGroup::get(self.space_group).operations().len();
        if self.sites.total() > MAX_SITES {
            return Some(format!(
                "{} non-equivalent sites make up to {} atoms in a primitive cell of space group {}; ask for at most {MAX_SITES} sites",
                self.sites.total(),
                self.sites.total() as usize * images,
                self.space_group,
            ));
        }
        None
    }
}

impl fmt::Display for SamplingOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in space group {} × {}", self.sites, self.space_group, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sites: &str, count: usize) -> SamplingOrder {
        let space_group = SpaceGroupNumber::new(225).expect("a space group");
        SamplingOrder { space_group, sites: sites.parse().expect("a composition"), count }
    }

    #[test]
    fn impossible_orders_are_named() {
        assert_eq!(order("Na:1,Cl:1", 3).problem(), None);
        assert!(order("Na:1", MAX_COUNT + 1).problem().is_some_and(|text| text.contains("at most")));
        assert!(order("Na:1", 0).problem().is_some_and(|text| text.contains("count")));
        assert!(order("Na:1000", 1).problem().is_some_and(|text| text.contains("at most")));
        let nothing = SamplingOrder { sites: Composition::default(), ..order("Na:1", 1) };
        assert!(nothing.problem().is_some());
    }
}
