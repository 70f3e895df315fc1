//! Orders drawn from the priors.

use std::collections::HashMap;

use crystal_core::whole;
use crystal_core::{Composition, SpaceGroup, SpaceGroupNumber};
use langevin::{OrderedSites, SamplingOrder};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use random_keys::{Purpose, RandomKey};
use wyckoff_assignment::{AssignmentSpace, Demand, Priors, WyckoffAssignment, formula_units};

use super::formulas::weighted;
use super::worth;
use crate::SearchError;
use crate::settings::{Orders, Settings};

/// Draws of a formula and a cell until one has something new; then nothing new is left.
const ATTEMPTS: u32 = 200;
/// Assignments that are drawn at once from a cell, and by how much that grows when they are used up.
const POOL: u32 = 64;
const GROWTH: u32 = 4;
/// Most assignments that are drawn from a cell.
const MOST_DRAWS: u32 = 4096;

/// Orders of structures whose formula, group and positions are drawn. No assignment is ordered more often than its free
/// coordinates make worth it: sites without freedom give the same structure every time.
#[derive(Debug)]
pub(crate) struct PriorPlan {
    key: RandomKey,
    seed: u64,
    space_group: Option<SpaceGroupNumber>,
    most_atoms: u32,
    formulas: Vec<Formula>,
    used: HashMap<String, u32>,
    orders: Vec<SamplingOrder>,
}

#[derive(Debug)]
struct Formula {
    formula: Composition,
    weight: f64,
    /// Found when the formula is first drawn.
    cells: Option<Vec<Cell>>,
}

/// A group and a number of formula units.
#[derive(Debug)]
struct Cell {
    space_group: &'static SpaceGroup,
    formula_units: u32,
    weight: f64,
    pool: Vec<WyckoffAssignment>,
    next: usize,
}

impl PriorPlan {
    pub(super) fn new(settings: &Settings, space_group: Option<SpaceGroupNumber>) -> Result<Self, SearchError> {
        let Orders::Prior { formula, most_atoms } = &settings.orders else {
            unreachable!("the orders of this plan come from the priors")
        };
        let formulas = match formula {
            Some(formula) => vec![(formula.clone(), 1.0)],
            None => weighted(&Priors::shipped().formulas, &settings.elements, *most_atoms),
        };
        if formulas.is_empty() {
            return Err(SearchError::NoFormula { n_elements: settings.elements.len(), atoms: *most_atoms });
        }
        let formulas = formulas.into_iter().map(|(formula, weight)| Formula { formula, weight, cells: None }).collect();
        let mut plan = Self {
            key: RandomKey::new(settings.seed, Purpose::Demand),
            seed: settings.seed,
            space_group,
            most_atoms: *most_atoms,
            formulas,
            used: HashMap::new(),
            orders: Vec::new(),
        };
        plan.restrict(settings, formula.as_ref())?;
        Ok(plan)
    }

    /// Weights of the formulas in the group asked for; refuses what cannot be.
    fn restrict(&mut self, settings: &Settings, only: Option<&Composition>) -> Result<(), SearchError> {
        let priors = &Priors::shipped().formulas;
        if let Some(group) = self.space_group {
            for formula in &mut self.formulas {
                formula.weight *= priors.space_groups(&formula.formula)[usize::from(group.get()) - 1];
            }
        }
        if let Some(formula) = only {
            self.cells(0)?;
            if self.formulas[0].weight == 0.0 {
                // The smallest cell says best why not, and what else would do.
                let group = self.space_group.unwrap_or(SpaceGroup::from_number(1)?.number());
                AssignmentSpace::new(SpaceGroup::get(group), Demand::of_formula(formula, 1))?;
            }
        } else if let Some(group) = self.space_group {
            // Until one fits: most groups hold most formulas.
            let possible = (0..self.formulas.len()).find_map(|index| match self.cells(index) {
                Ok(()) => (self.formulas[index].weight > 0.0).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            });
            let (space_group, system, atoms) = (group.get(), settings.system(), self.most_atoms);
            possible.unwrap_or(Err(SearchError::NothingFits { space_group, system, atoms }))?;
        }
        Ok(())
    }

    /// Orders from `from` on; fewer where nothing new is left.
    pub(super) fn orders(&mut self, from: u64, count: u64) -> Result<Vec<SamplingOrder>, SearchError> {
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (from, to) = (index(from), index(from + count));
        while self.orders.len() < to {
            match self.next()? {
                Some(order) => self.orders.push(order),
                None => break,
            }
        }
        Ok(self.orders.get(from..to.min(self.orders.len())).unwrap_or_default().to_vec())
    }

    fn next(&mut self) -> Result<Option<SamplingOrder>, SearchError> {
        for attempt in 0..ATTEMPTS {
            let mut generator = self.key.generator(self.orders.len() as u64, attempt);
            let Ok(weights) = WeightedIndex::new(self.formulas.iter().map(|formula| formula.weight)) else {
                return Ok(None);
            };
            let index = weights.sample(&mut generator);
            self.cells(index)?;
            let formula = &mut self.formulas[index];
            let cells = formula.cells.as_mut().expect("found just now");
            let Ok(weights) = WeightedIndex::new(cells.iter().map(|cell| cell.weight)) else {
                formula.weight = 0.0;
                continue;
            };
            let cell = &mut cells[weights.sample(&mut generator)];
            if let Some(assignment) = cell.next(&formula.formula, self.seed, &mut self.used)? {
                let space_group = assignment.space_group().number();
                return Ok(Some(SamplingOrder { space_group, sites: OrderedSites::Wyckoff(assignment), count: 1 }));
            }
            cell.weight = 0.0;
        }
        Ok(None)
    }

    /// Makes sure that the cells of a formula are known; a formula without any loses its weight.
    fn cells(&mut self, index: usize) -> Result<(), SearchError> {
        let priors = &Priors::shipped().formulas;
        let Formula { formula, weight, cells } = &mut self.formulas[index];
        if cells.is_some() {
            return Ok(());
        }
        let atoms = 1..=self.most_atoms.max(formula.reduced().total());
        let found: Vec<Cell> = match self.space_group {
            None => priors.cells(formula, atoms)?.iter().map(Cell::of_choice).collect(),
            Some(number) => {
                let space_group = SpaceGroup::get(number);
                let units = formula_units(formula, atoms)?;
                let weights = priors.formula_units(number, formula, &units);
                let held = |(units, _): &(u32, f64)| {
                    AssignmentSpace::is_possible(space_group, &Demand::of_formula(formula, *units))
                };
                let cell = |(units, weight)| Cell::new(space_group, units, weight);
                units.into_iter().zip(weights).filter(held).map(cell).collect()
            }
        };
        if found.is_empty() {
            *weight = 0.0;
        }
        *cells = Some(found);
        Ok(())
    }
}

impl Cell {
    fn new(space_group: &'static SpaceGroup, formula_units: u32, weight: f64) -> Self {
        Self { space_group, formula_units, weight, pool: Vec::new(), next: 0 }
    }

    fn of_choice(choice: &wyckoff_assignment::CellChoice) -> Self {
        Self::new(choice.space_group, choice.formula_units, choice.probability)
    }

    /// The next draw that may be ordered once more.
    fn next(
        &mut self,
        formula: &Composition,
        seed: u64,
        used: &mut HashMap<String, u32>,
    ) -> Result<Option<WyckoffAssignment>, SearchError> {
        loop {
            while let Some(assignment) = self.pool.get(self.next) {
                self.next += 1;
                let times = used.entry(format!("{} {assignment}", self.space_group.number())).or_default();
                if *times < worth(assignment) {
                    *times += 1;
                    return Ok(Some(assignment.clone()));
                }
            }
            let more = whole::compact(self.pool.len()).saturating_mul(GROWTH).max(POOL);
            if more > MOST_DRAWS {
                return Ok(None);
            }
            self.draw(more, formula, seed)?;
        }
    }

    /// The first draws of the cell: they depend on the seed and the cell alone.
    fn draw(&mut self, count: u32, formula: &Composition, seed: u64) -> Result<(), SearchError> {
        let space = AssignmentSpace::new(self.space_group, Demand::of_formula(formula, self.formula_units))?;
        let distribution = Priors::shipped().assignments.distribution(&space);
        let name = format!("{formula} {} {}", self.space_group.number(), self.formula_units);
        let digest = sealed_file::sha256_hex(name.as_bytes());
        let stream = u64::from_str_radix(&digest[..16], 16).expect("a digest is hexadecimal");
        let key = RandomKey::new(seed, Purpose::Selection);
        self.pool = (0..count).map(|draw| distribution.sample(&mut key.generator(stream, draw))).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn plan(system: &str, change: impl Fn(Settings) -> Settings) -> Result<PriorPlan, SearchError> {
        let elements = system.split('-').map(|symbol| symbol.parse().expect("an element")).collect();
        let settings = change(Settings::new(elements).by_prior());
        let group = settings.space_group.map(|number| SpaceGroupNumber::new(i64::from(number)).expect("a group"));
        PriorPlan::new(&settings, group)
    }

    fn with_formula(formula: &str) -> impl Fn(Settings) -> Settings {
        let formula = Composition::from_formula(formula).expect("a formula");
        move |settings| settings.with_formula(&formula).expect("of the system")
    }

    #[test]
    fn fixed_sites_are_ordered_once_and_the_plan_ends() {
        let group = SpaceGroupNumber::new(225).expect("a group");
        let mut plan = plan("Na-Cl", |settings| with_formula("NaCl")(settings).in_group(group)).expect("a plan");
        let orders = plan.orders(0, 500).expect("orders");
        let fixed = |order: &&SamplingOrder| order.sites.assignment(0).is_some_and(|sites| sites.n_free() == 0);
        let fixed: Vec<String> = orders.iter().filter(fixed).map(ToString::to_string).collect();
        assert_eq!(fixed.len(), fixed.iter().collect::<BTreeSet<_>>().len(), "{fixed:?}");
        assert!(!fixed.is_empty() && orders.len() < 500, "{} orders", orders.len());
        assert!(orders.iter().all(|order| order.space_group == group && order.formula() == "NaCl"));
    }

    #[test]
    fn a_group_that_cannot_hold_a_formula_is_refused() {
        let group = SpaceGroupNumber::new(230).expect("a group");
        let refused = |settings| with_formula("NaCl3")(settings).in_group(group);
        let error = plan("Na-Cl", refused).expect_err("the smallest cell has 32 atoms").to_string();
        assert!(error.contains("230"), "{error}");
    }

    #[test]
    fn more_elements_than_any_compound_has_are_refused() {
        let error = plan("H-Li-Be-B-C-N-O-F-Na-Mg-Al-Si", |settings| settings).expect_err("twelve elements");
        assert!(error.to_string().contains("12 elements"), "{error}");
    }

    #[test]
    fn many_formulas_and_groups_are_tried() {
        let mut plan = plan("Cu-Si-K", |settings| settings).expect("a plan");
        let orders = plan.orders(0, 60).expect("orders");
        let formulas: BTreeSet<String> = orders.iter().map(SamplingOrder::formula).collect();
        let groups: BTreeSet<u8> = orders.iter().map(|order| order.space_group.get()).collect();
        assert!(formulas.len() > 10 && groups.len() > 8, "{} formulas, {} groups", formulas.len(), groups.len());
    }
}
