//! Orders of the network that proposes crystals.

use std::collections::HashMap;

use crystal_core::{Composition, SpaceGroupNumber, Species};
use langevin::{OrderedSites, SamplingOrder};
use random_keys::{KeyedGenerator, Purpose, RandomKey};
use wyckoff_assignment::{AssignmentSpace, Demand, WyckoffAssignment, formula_units};
use wyckoff_model::{Asked, Invention, MOST_ATOMS, Proposer, WyckoffModelError};

use super::worth;
use crate::SearchError;
use crate::settings::Settings;

/// Draws that are made together. It is fixed: all of a block are drawn even where fewer are wanted.
const BLOCK: u64 = 64;
/// Blocks without anything new after which nothing new is left.
const EMPTY_BLOCKS: u32 = 24;

/// Orders of crystals that the network draws: of the formulas that it finds likely for the elements, or of one formula.
/// No assignment is ordered more often than its free coordinates make worth it.
#[derive(Debug)]
pub(crate) struct ProposerPlan<'a> {
    source: Source<'a>,
    key: RandomKey,
    next_block: u64,
    used: HashMap<(u8, String), u32>,
    orders: Vec<SamplingOrder>,
    ended: bool,
}

/// What is drawn from.
#[derive(Debug)]
enum Source<'a> {
    /// Crystals of all elements of the system.
    System(&'a Proposer, Invention),
    /// Cells of one formula.
    Formula(Box<Asked<'a>>),
}

impl<'a> ProposerPlan<'a> {
    /// # Errors
    /// If the network cannot be asked for the elements, the formula or cells of that size, or no group holds them.
    pub(super) fn new(
        settings: &Settings,
        formula: Option<&Composition>,
        most_atoms: u32,
        space_group: Option<SpaceGroupNumber>,
        proposer: &'a Proposer,
    ) -> Result<Self, SearchError> {
        let source = match formula {
            Some(formula) => {
                let unit = formula.reduced().total();
                let units = formula_units(formula, 1..=most_atoms.max(unit))?;
                if let Some(group) = space_group {
                    let group = crystal_core::SpaceGroup::get(group);
                    let fits = |units: &u32| AssignmentSpace::is_possible(group, &Demand::of_formula(formula, *units));
                    if !units.iter().any(fits) {
                        // The smallest cell says best why not, and what else would do.
                        AssignmentSpace::new(group, Demand::of_formula(formula, 1))?;
                    }
                }
                let cell = |units: u32| formula.reduced().times(units);
                let cells: Vec<Composition> = units.into_iter().map(cell).collect();
                Source::Formula(Box::new(proposer.ask(&cells, space_group).map_err(advised)?))
            }
            None => {
                let elements: Vec<Species> = settings.elements.iter().copied().collect();
                let most_atoms = Some(most_atoms.min(MOST_ATOMS));
                Source::System(proposer, Invention { elements, most_atoms, space_group, temperature: None })
            }
        };
        let key = RandomKey::new(settings.seed, Purpose::Demand);
        let mut plan = Self { source, key, next_block: 0, used: HashMap::new(), orders: Vec::new(), ended: false };
        // What cannot be is refused before anything is done.
        plan.draw_block()?;
        Ok(plan)
    }

    /// Orders from `from` on; fewer where nothing new is left.
    pub(super) fn orders(&mut self, from: u64, count: u64) -> Result<Vec<SamplingOrder>, SearchError> {
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (from, to) = (index(from), index(from + count));
        let mut empty = 0;
        while self.orders.len() < to && !self.ended {
            let before = self.orders.len();
            self.draw_block()?;
            empty = if self.orders.len() > before { 0 } else { empty + 1 };
            self.ended = empty == EMPTY_BLOCKS;
        }
        Ok(self.orders.get(from..to.min(self.orders.len())).unwrap_or_default().to_vec())
    }

    fn draw_block(&mut self) -> Result<(), SearchError> {
        let first = self.next_block * BLOCK;
        let mut generators: Vec<KeyedGenerator> =
            (first..first + BLOCK).map(|draw| self.key.generator(draw, 0)).collect();
        let drawn = match &self.source {
            Source::System(proposer, invention) => proposer.invent(invention, &mut generators),
            Source::Formula(asked) => asked.draw(&mut generators),
        };
        self.next_block += 1;
        for assignment in drawn.map_err(advised)? {
            self.add(assignment);
        }
        Ok(())
    }

    fn add(&mut self, assignment: WyckoffAssignment) {
        let space_group = assignment.space_group().number();
        let times = self.used.entry((space_group.get(), assignment.to_string())).or_default();
        if *times < worth(&assignment) {
            *times += 1;
            self.orders.push(SamplingOrder { space_group, sites: OrderedSites::Wyckoff(assignment), count: 1 });
        }
    }
}

fn advised(error: WyckoffModelError) -> SearchError {
    match error {
        WyckoffModelError::Nowhere { what } => SearchError::NotProposed { what },
        other => SearchError::Druse(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use druse::Proposing;
    use std::collections::BTreeSet;

    fn settings(system: &str) -> Settings {
        Settings::new(system.split('-').map(|symbol| symbol.parse().expect("an element")).collect())
    }

    fn proposer() -> Proposer {
        Proposing::Network.open().expect("compiled in").expect("a network")
    }

    #[test]
    fn orders_hold_all_elements_and_none_is_ordered_too_often() {
        let (proposer, settings) = (proposer(), settings("Na-Cl-O"));
        let mut plan = ProposerPlan::new(&settings, None, 12, None, &proposer).expect("a plan");
        let orders = plan.orders(0, 100).expect("orders");
        assert_eq!(orders.len(), 100);
        let mut times: HashMap<String, u32> = HashMap::new();
        for order in &orders {
            let assignment = order.sites.assignment(0).expect("positions");
            let atoms = assignment.primitive_composition();
            assert!(atoms.n_elements() == 3 && atoms.total() <= 12, "{order}");
            let times = times.entry(order.to_string()).or_default();
            *times += 1;
            assert!(*times <= worth(assignment), "{order}");
        }
        let formulas: BTreeSet<String> = orders.iter().map(SamplingOrder::formula).collect();
        assert!(formulas.len() > 5, "{formulas:?}");
        let mut again = ProposerPlan::new(&settings, None, 12, None, &proposer).expect("a plan");
        assert_eq!(again.orders(40, 60).expect("orders"), orders[40..], "parts of a plan are the plan");
    }

    #[test]
    fn a_formula_without_freedom_comes_to_an_end() {
        let (proposer, settings) = (proposer(), settings("Na-Cl"));
        let formula = Composition::from_formula("NaCl").expect("a formula");
        let group = SpaceGroupNumber::new(225).expect("a group");
        let plan = |number| {
            let group = SpaceGroupNumber::new(number).expect("a group");
            ProposerPlan::new(&settings, Some(&formula), 2, Some(group), &proposer).map(|mut plan| plan.orders(0, 500))
        };
        let orders = plan(225).expect("a plan").expect("orders");
        assert!(!orders.is_empty() && orders.len() < 500, "{} orders", orders.len());
        assert!(orders.iter().all(|order| order.space_group == group && order.formula() == "NaCl"));
        let error = plan(230).expect_err("the smallest cell has 32 atoms").to_string();
        assert!(error.contains("230"), "{error}");
    }
}
