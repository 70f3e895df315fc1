//! What a user asks for.

use std::fmt;

use crystal_core::{Composition, SpaceGroup, SpaceGroupNumber, Species, StateSite};

/// Most structures of one order: so many places have a random stream of their own.
const MAX_COUNT: usize = 1 << 24;
/// Most non-equivalent sites that an order may ask for: beyond, a cell has thousands of atoms.
const MAX_SITES: usize = 256;

/// The non-equivalent sites of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderedSites {
    /// How many of each element. They start in general position and may end on special ones: the number of atoms is an outcome.
    General(Composition),
    /// Element and Wyckoff position of each, the position as an index into [`SpaceGroup::wyckoff_positions`]. Sites stay on their positions: the
    /// composition is exactly the one asked for.
    Wyckoff(Vec<(Species, usize)>),
}

/// A space group, its sites, and how many structures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingOrder {
    /// The space group.
    pub space_group: SpaceGroupNumber,
    /// Non-equivalent sites.
    pub sites: OrderedSites,
    /// How many structures.
    pub count: usize,
}

impl SamplingOrder {
    /// Number of non-equivalent sites.
    pub fn n_sites(&self) -> usize {
        match &self.sites {
            OrderedSites::General(sites) => sites.iter().map(|(_, number)| number as usize).sum(),
            OrderedSites::Wyckoff(sites) => sites.len(),
        }
    }

    /// Formula of the sites, or reduced formula of the atoms where their positions are given.
    pub fn formula(&self) -> String {
        match &self.sites {
            OrderedSites::General(sites) => sites.formula(),
            OrderedSites::Wyckoff(sites) => {
                let positions = SpaceGroup::get(self.space_group).wyckoff_positions();
                let atoms = sites.iter().map(|&(species, position)| (species, positions[position].multiplicity() as u32));
                atoms.collect::<Composition>().reduced().formula()
            }
        }
    }

    /// The sites as a state has them, at their origins.
    pub(crate) fn state_sites(&self) -> Vec<StateSite> {
        let at = |species, position| StateSite { species, frac_coords: nalgebra::Vector3::zeros(), position };
        match &self.sites {
            OrderedSites::General(sites) => {
                let each = |(species, count): (Species, u32)| std::iter::repeat_n(at(species, StateSite::GENERAL), count as usize);
                sites.iter().flat_map(each).collect()
            }
            OrderedSites::Wyckoff(sites) => sites.iter().map(|&(species, position)| at(species, position)).collect(),
        }
    }

    /// What makes the order impossible, if anything.
    ///
    /// Every group has a general position, so each number of sites in general position fits; what a group cannot hold is nothing at all, so many sites
    /// that no cell of the training data comes near, or two sites on one point.
    pub fn problem(&self) -> Option<String> {
        if self.count == 0 {
            return Some("the count must be at least 1".to_owned());
        }
        if self.count > MAX_COUNT {
            return Some(format!("the count must be at most {MAX_COUNT}; split the order, each part with a seed of its own"));
        }
        let n_sites = self.n_sites();
        if n_sites == 0 {
            return Some("no element is named; write for example Fe:1,Nd:1,Si:1".to_owned());
        }
        let space_group = SpaceGroup::get(self.space_group);
        if n_sites > MAX_SITES {
            return Some(format!(
                "{n_sites} non-equivalent sites make up to {} atoms in a primitive cell of space group {}; ask for at most {MAX_SITES} sites",
                n_sites * space_group.operations().len(),
                self.space_group,
            ));
        }
        let OrderedSites::Wyckoff(sites) = &self.sites else { return None };
        let positions = space_group.wyckoff_positions();
        sites.iter().enumerate().find_map(|(index, &(species, position))| {
            let Some(wyckoff) = positions.get(position) else {
                return Some(format!("{species} is on position {position}; space group {} has {}", self.space_group, positions.len()));
            };
            let twice = wyckoff.n_free() == 0 && sites[..index].iter().any(|(_, other)| *other == position);
            twice.then(|| format!("position {}{} is a single point and taken twice", wyckoff.multiplicity(), wyckoff.letter()))
        })
    }
}

impl fmt::Display for SamplingOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sites {
            OrderedSites::General(sites) => write!(f, "{sites}")?,
            OrderedSites::Wyckoff(sites) => {
                let positions = SpaceGroup::get(self.space_group).wyckoff_positions();
                for (index, &(species, position)) in sites.iter().enumerate() {
                    let separator = if index == 0 { "" } else { " " };
                    match positions.get(position) {
                        Some(wyckoff) => write!(f, "{separator}{species}@{}{}", wyckoff.multiplicity(), wyckoff.letter())?,
                        None => write!(f, "{separator}{species}@?")?,
                    }
                }
            }
        }
        write!(f, " in space group {} × {}", self.space_group, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sites: &str, count: usize) -> SamplingOrder {
        let space_group = SpaceGroupNumber::new(225).expect("a space group");
        SamplingOrder { space_group, sites: OrderedSites::General(sites.parse().expect("a composition")), count }
    }

    #[test]
    fn impossible_orders_are_named() {
        assert_eq!(order("Na:1,Cl:1", 3).problem(), None);
        assert!(order("Na:1", MAX_COUNT + 1).problem().is_some_and(|text| text.contains("at most")));
        assert!(order("Na:1", 0).problem().is_some_and(|text| text.contains("count")));
        assert!(order("Na:1000", 1).problem().is_some_and(|text| text.contains("at most")));
        let nothing = SamplingOrder { sites: OrderedSites::General(Composition::default()), ..order("Na:1", 1) };
        assert!(nothing.problem().is_some());
    }

    #[test]
    fn points_hold_one_site() {
        let na: Species = "Na".parse().expect("an element");
        let group = order("Na:1", 1);
        let index = |letter| {
            let positions = SpaceGroup::get(group.space_group).wyckoff_positions();
            positions.iter().position(|position| position.letter() == letter).expect("a letter of Fm-3m")
        };
        let on = |letters: &[char]| SamplingOrder {
            sites: OrderedSites::Wyckoff(letters.iter().map(|&letter| (na, index(letter))).collect()),
            ..group.clone()
        };
        assert_eq!(on(&['a', 'b']).problem(), None);
        assert_eq!(on(&['f', 'f']).problem(), None);
        assert_eq!(on(&['a', 'b']).to_string(), "Na@4a Na@4b in space group 225 × 1");
        assert!(on(&['a', 'a']).problem().is_some_and(|text| text.contains("4a") && text.contains("twice")));
        let beyond = SamplingOrder { sites: OrderedSites::Wyckoff(vec![(na, 99)]), ..group.clone() };
        assert!(beyond.problem().is_some_and(|text| text.contains("99")));
    }
}
