//! A search of a chemical system (the paper's section 5.4).

use crystal_core::{SitesPerElement, SpaceGroupNumber, Species};
use langevin::{OrderedSites, SamplingOrder};
use wyckoff_assignment::Priors;

use super::Request;
use crate::DruseError;

/// Lowest space group that is searched: the network of the general mode has learned from no triclinic or monoclinic
/// cells.
const LEAST_SEARCHED: u8 = 16;
/// Most orders of a search over sites and space groups.
const MOST_ORDERS: usize = 100_000;

impl Request {
    /// Every combination of numbers of sites in each of the commonest space groups.
    pub(super) fn search(&self, elements: &[Species]) -> Result<Vec<SamplingOrder>, DruseError> {
        let sites = self.sites.clone().unwrap_or(1..=2);
        let mut groups = Priors::shipped().formulas.commonest_groups(usize::from(u8::MAX));
        groups.retain(|group| group.get() >= LEAST_SEARCHED);
        groups.truncate(self.top_space_groups.unwrap_or(32));
        let choices = sites.clone().count();
        let combinations = u32::try_from(elements.len()).ok().and_then(|n| choices.checked_pow(n));
        let fits = combinations.and_then(|n| n.checked_mul(groups.len())).filter(|n| *n <= MOST_ORDERS);
        let (Some(combinations), Some(_)) = (combinations, fits) else {
            return Err(DruseError::TooManyOrders {
                elements: elements.len(),
                sites,
                groups: groups.len(),
                most: MOST_ORDERS,
            });
        };
        let combination = |index: usize| -> SitesPerElement {
            let mut rest = index;
            elements
                .iter()
                .map(|&species| {
                    let digit = u32::try_from(rest % choices).expect("below the length of a range of u32");
                    rest /= choices;
                    (species, sites.start() + digit)
                })
                .collect()
        };
        let each = |&space_group: &SpaceGroupNumber| {
            (0..combinations).map(move |index| {
                let sites = OrderedSites::General(combination(index));
                SamplingOrder { space_group, sites, count: self.count }
            })
        };
        Ok(groups.iter().flat_map(each).collect())
    }
}
