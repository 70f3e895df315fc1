//! What a user asks for.

use std::fmt;

use crystal_core::{SiteMode, SitesPerElement, SpaceGroup, SpaceGroupNumber, Species, StateSite};
use wyckoff_assignment::WyckoffAssignment;

/// Most structures of one order: each place has its own random stream.
const MAX_COUNT: usize = 1 << 24;
/// Most non-equivalent sites that an order may ask for: beyond, a cell has thousands of atoms.
const MAX_SITES: usize = 256;

/// The non-equivalent sites of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderedSites {
    /// How many of each element. They start in general position and may end on special ones: the number of atoms is an
    /// outcome.
    General(SitesPerElement),
    /// Element and Wyckoff position of each. Sites stay on their positions: the composition is exactly the one asked
    /// for.
    Wyckoff(WyckoffAssignment),
    /// The same with an assignment for each candidate ([`Selection`](crate::Selection)), from the start again where
    /// there are more candidates: what is left open is chosen with the draws.
    WyckoffOfCandidate(Vec<WyckoffAssignment>),
}

impl OrderedSites {
    /// An assignment for each candidate; a single one where all are equal.
    ///
    /// ```
    /// use crystal_core::{SpaceGroup, SpaceGroupNumber};
    /// use langevin::OrderedSites;
    /// use wyckoff_assignment::WyckoffAssignment;
    ///
    /// let group = SpaceGroup::get(SpaceGroupNumber::new(225)?);
    /// let rock_salt = WyckoffAssignment::parse(group, "Na@4a Cl@4b")?;
    /// assert_eq!(OrderedSites::of_candidates(vec![rock_salt.clone(); 3]), OrderedSites::Wyckoff(rock_salt));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_candidates(assignments: Vec<WyckoffAssignment>) -> Self {
        match assignments.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => Self::Wyckoff(first.clone()),
            _ => Self::WyckoffOfCandidate(assignments),
        }
    }

    /// Elements on Wyckoff positions for a candidate; `None` where the sites are in general position.
    pub fn assignment(&self, candidate: usize) -> Option<&WyckoffAssignment> {
        match self {
            Self::General(_) => None,
            Self::Wyckoff(assignment) => Some(assignment),
            Self::WyckoffOfCandidate(assignments) => assignments.get(candidate % assignments.len().max(1)),
        }
    }
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
    /// Whether the sites stay on Wyckoff positions.
    pub fn mode(&self) -> SiteMode {
        match self.sites {
            OrderedSites::General(_) => SiteMode::General,
            OrderedSites::Wyckoff(_) | OrderedSites::WyckoffOfCandidate(_) => SiteMode::Wyckoff,
        }
    }

    /// Number of non-equivalent sites of a candidate.
    pub fn n_sites(&self, candidate: usize) -> usize {
        match &self.sites {
            OrderedSites::General(sites) => sites.iter().map(|(_, number)| number as usize).sum(),
            bound => bound.assignment(candidate).map_or(0, |assignment| assignment.sites().len()),
        }
    }

    /// The assignments to positions, if there are any.
    fn assignments(&self) -> &[WyckoffAssignment] {
        match &self.sites {
            OrderedSites::General(_) => &[],
            OrderedSites::Wyckoff(assignment) => std::slice::from_ref(assignment),
            OrderedSites::WyckoffOfCandidate(assignments) => assignments,
        }
    }

    /// This many candidates have their own sites; those that follow have the same again.
    pub(crate) fn n_choices(&self) -> usize {
        self.assignments().len().max(1)
    }

    /// Elements and numbers of the sites, or reduced formula of the atoms where their positions are given.
    pub fn formula(&self) -> String {
        match &self.sites {
            OrderedSites::General(sites) => sites.name(),
            bound => bound.assignment(0).map(WyckoffAssignment::reduced_formula).unwrap_or_default(),
        }
    }

    /// The sites of a candidate as a state has them, at their origins.
    pub(crate) fn state_sites(&self, candidate: usize) -> Vec<StateSite> {
        let at = |species, position| StateSite::unchecked(species, nalgebra::Vector3::zeros(), position);
        match &self.sites {
            OrderedSites::General(sites) => {
                let each = |(species, count): (Species, u32)| {
                    std::iter::repeat_n(at(species, StateSite::GENERAL), count as usize)
                };
                sites.iter().flat_map(each).collect()
            }
            bound => {
                let sites = bound.assignment(candidate).into_iter().flat_map(WyckoffAssignment::sites);
                sites.map(|site| at(site.species, site.position)).collect()
            }
        }
    }

    /// What makes the order impossible, if anything.
    ///
    /// Every group has a general position, so each number of sites in general position fits; what a group cannot hold
    /// is nothing at all, or this many sites that no cell of the training data comes near. An assignment to positions
    /// is possible by construction, in its own group.
    pub fn problem(&self) -> Option<String> {
        if self.count == 0 {
            return Some("the count must be at least 1".to_owned());
        }
        if self.count > MAX_COUNT {
            return Some(format!(
                "{} structures are too many for one order; ask for at most {MAX_COUNT}, or split it, each part with its own seed",
                self.count
            ));
        }
        let sizes = || (0..self.n_choices()).map(|candidate| self.n_sites(candidate));
        if sizes().any(|n_sites| n_sites == 0) {
            return Some("no element is named; write for example Fe:1,Nd:1,Si:1".to_owned());
        }
        let space_group = SpaceGroup::get(self.space_group);
        if let Some(n_sites) = sizes().find(|n_sites| *n_sites > MAX_SITES) {
            return Some(format!(
                "{n_sites} non-equivalent sites make up to {} atoms in a primitive cell of space group {}; ask for at most {MAX_SITES} sites",
                n_sites * space_group.operations().len(),
                self.space_group,
            ));
        }
        let mut groups = self.assignments().iter().map(|assignment| assignment.space_group().number());
        let other = groups.find(|group| *group != self.space_group)?;
        Some(format!("the positions are those of space group {other}, not of {}", self.space_group))
    }
}

impl fmt::Display for SamplingOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sites {
            OrderedSites::General(sites) => write!(f, "{sites}")?,
            OrderedSites::Wyckoff(assignment) => write!(f, "{assignment}")?,
            OrderedSites::WyckoffOfCandidate(assignments) => {
                for (index, assignment) in assignments.iter().enumerate() {
                    write!(f, "{}{assignment}", if index == 0 { "" } else { " or " })?;
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
        let nothing = SamplingOrder { sites: OrderedSites::General(SitesPerElement::default()), ..order("Na:1", 1) };
        assert!(nothing.problem().is_some());
    }

    #[test]
    fn positions_belong_to_their_group() {
        let group = SpaceGroup::from_number(225).expect("a space group");
        let rock_salt = WyckoffAssignment::parse(group, "Na@4a Cl@4b").expect("an assignment");
        let on = |number| SamplingOrder {
            space_group: SpaceGroupNumber::new(number).expect("a space group"),
            sites: OrderedSites::Wyckoff(rock_salt.clone()),
            count: 1,
        };
        assert_eq!(on(225).problem(), None);
        assert_eq!(on(225).to_string(), "Na@4a Cl@4b in space group 225 × 1");
        assert_eq!((on(225).n_sites(0), on(225).formula()), (2, "NaCl".to_owned()));
        assert!(on(221).problem().is_some_and(|text| text.contains("225")));
        let other = WyckoffAssignment::parse(rock_salt.space_group(), "Na@8c Cl@24d");
        let choice = OrderedSites::of_candidates(vec![rock_salt.clone(), other.expect("an assignment")]);
        let choice = |number| SamplingOrder { sites: choice.clone(), ..on(number) };
        assert_eq!(choice(225).problem(), None);
        assert_eq!(choice(225).to_string(), "Na@4a Cl@4b or Na@8c Cl@24d in space group 225 × 1");
        assert!(choice(221).problem().is_some_and(|text| text.contains("225")));
        let empty = SamplingOrder { sites: OrderedSites::of_candidates(Vec::new()), ..on(225) };
        assert!(empty.problem().is_some_and(|text| text.contains("no element")));
    }
}
