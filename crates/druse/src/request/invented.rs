//! Crystals whose composition the network chooses.

use crystal_core::Species;
use langevin::{OrderedSites, SamplingOrder};
use random_keys::{KeyedGenerator, Purpose, RandomKey};
use wyckoff_model::{Invention, MOST_ATOMS, WyckoffModelError};

use super::Request;
use super::formula::MOST_STRUCTURES;
use crate::DruseError;

impl Request {
    /// One order for every structure, and what the user should know.
    ///
    /// Structure n depends on the seed and on n alone: all that is chosen for it comes from draw 0 of its random
    /// numbers.
    pub(super) fn orders_invented(
        &self,
        elements: &[Species],
    ) -> Result<(Vec<SamplingOrder>, Vec<String>), DruseError> {
        if self.count > MOST_STRUCTURES {
            let reason =
                format!("{} structures are too many for one request; ask for at most {MOST_STRUCTURES}", self.count);
            return Err(DruseError::Request(format!("{reason}, or split it, each part with its own seed")));
        }
        let twice = elements.iter().enumerate().find(|(index, species)| elements[..*index].contains(species));
        if let Some((_, species)) = twice {
            return Err(DruseError::Request(format!("{species} is named twice among the elements; name it once")));
        }
        let Some(proposer) = self.proposing.open()? else {
            let reason = "the prior knows no elements, so it cannot choose a composition; ask for a formula, or leave the \
                          prior out";
            return Err(DruseError::Request(reason.to_owned()));
        };
        let invention = Invention {
            elements: elements.to_vec(),
            most_atoms: self.most_atoms,
            space_group: self.space_group,
            temperature: self.temperature,
        };
        let key = RandomKey::new(self.seed, Purpose::Demand);
        let mut generators: Vec<KeyedGenerator> = (0..self.count as u64).map(|n| key.generator(n, 0)).collect();
        let invented = proposer.invent(&invention, &mut generators).map_err(|error| match error {
            // The prior, which such messages advise, does not help where the composition is open.
            WyckoffModelError::UnknownElement { species } => DruseError::Request(format!(
                "the network describes elements up to Fm (100), and {species} is not among them; leave it out, or ask \
                 for a formula with it"
            )),
            WyckoffModelError::TooManyAtoms { atoms, .. } => DruseError::Request(format!(
                "up to {atoms} atoms in the primitive cell are more than the network has learned; ask for at most \
                 {MOST_ATOMS}, or for a formula"
            )),
            WyckoffModelError::Nowhere { what } => DruseError::Request(format!(
                "no room for {what}; allow more atoms, name fewer elements or leave the space group open"
            )),
            other => other.into(),
        })?;
        let order = |assignment: wyckoff_assignment::WyckoffAssignment| SamplingOrder {
            space_group: assignment.space_group().number(),
            sites: OrderedSites::Wyckoff(assignment),
            count: 1,
        };
        let named = elements.iter().map(|species| (*species, 1)).collect();
        let unseen: Vec<String> = proposer.unseen(&named).iter().map(ToString::to_string).collect();
        let notice = || {
            format!(
                "the network has learned from no crystal with {}; it goes by the properties of the element, and what it \
                 chooses is a guess",
                unseen.join(", ")
            )
        };
        let notices = if unseen.is_empty() { vec![] } else { vec![notice()] };
        Ok((invented.into_iter().map(order).collect(), notices))
    }
}
