//! What `druse sample` can be asked for, and the orders that come of it.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use crystal_core::{AsymmetricUnit, Composition, Finder, SiteMode, SpaceGroup, SpaceGroupNumber, Species, io};
use langevin::{Fixed, OrderedSites, SamplingOrder, Template};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wyckoff_assignment::{AssignmentSpace, CellChoice, Demand, Priors, WyckoffAssignment, formula_units};

use super::inputs;
use super::orders::{self, Orders};
use super::values;

/// Atoms in the primitive cell when none are asked for: what the network was trained on.
const USUAL_ATOMS: RangeInclusive<u32> = 1..=20;
/// Tolerance at which the symmetry of a template is looked for, Å.
const TEMPLATE_SYMPREC: f64 = 0.01;
/// Lowest space group that is searched: the network of the general mode has learned from no triclinic or monoclinic cells.
const LEAST_SEARCHED: u8 = 16;
/// Orders that a search over sites and space groups may come to.
const MOST_ORDERS: usize = 100_000;

/// What to grow: one of several ways to say it.
#[derive(Args)]
#[group(skip)]
pub(super) struct RequestArgs {
    /// Non-equivalent sites per element, such as Fe:1,Nd:1,Si:1; the number of atoms follows from where they come to lie
    #[arg(long, value_name = "ELEMENT:SITES,…", group = "what", requires = "space_group")]
    composition: Option<Composition>,
    /// Chemical formula, such as Cu2KSi; each structure has exactly this composition, its Wyckoff positions are drawn
    #[arg(long, value_name = "FORMULA", group = "what", value_parser = values::formula)]
    formula: Option<Composition>,
    /// Elements on Wyckoff positions, such as "Cu@8d Si@4c K@4c"
    #[arg(long, value_name = "SITES", group = "what", requires = "space_group")]
    wyckoff: Option<String>,
    /// A chemical system to search, such as Cu,Si,K: all numbers of sites per element (--sites) in the commonest space groups
    #[arg(long, value_name = "ELEMENT,…", group = "what", value_delimiter = ',', conflicts_with = "space_group")]
    elements: Option<Vec<Species>>,
    /// A structure to start from, noised to --noise; its space group and Wyckoff positions are kept
    #[arg(long, value_name = "FILE", group = "what", conflicts_with = "space_group")]
    template: Option<PathBuf>,
    /// Orders, one per line: {"space_group": 139, "sites": {"Fe": 1}, "count": 3} (.jsonl or .jsonl.zst)
    #[arg(long, value_name = "FILE", group = "what", conflicts_with_all = ["space_group", "count"])]
    orders: Option<PathBuf>,
    /// Space-group number, 1 to 230; for a formula [default: drawn from those that the formula likely has]
    #[arg(long, value_name = "NUMBER", value_parser = values::space_group, allow_negative_numbers = true)]
    space_group: Option<SpaceGroupNumber>,
    /// Number of structures; with --elements, of each combination [default: 1]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    count: Option<usize>,
    /// Formula units in the primitive cell [default: drawn from those that the formula likely has]
    #[arg(long, value_name = "Z", value_parser = values::at_least_one, allow_negative_numbers = true)]
    formula_units: Option<usize>,
    /// Atoms in the primitive cell, a number or a range [default: 1-20]
    #[arg(long, value_name = "FROM-TO", conflicts_with = "formula_units", value_parser = values::range)]
    atoms: Option<RangeInclusive<u32>>,
    /// Non-equivalent sites of each element, a number or a range [default: 1-2]
    #[arg(long, value_name = "FROM-TO", value_parser = values::range)]
    sites: Option<RangeInclusive<u32>>,
    /// How many of the commonest space groups are searched [default: 32]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    top_space_groups: Option<usize>,
    /// Noise level put on the template, 0 (almost none) to 9 [default: 5]
    #[arg(long, value_name = "LEVEL")]
    noise: Option<usize>,
    /// What of the template stays as it is
    #[arg(long, value_enum)]
    fix: Option<FixedPart>,
}

/// What can be kept.
#[derive(Clone, Copy, ValueEnum)]
enum FixedPart {
    Lattice,
    Positions,
}

/// What is to be sampled, and with which network.
pub(super) struct Request {
    /// The orders.
    pub orders: Vec<SamplingOrder>,
    /// Langevin steps per noise level, if the orders say so.
    pub steps_per_level: Option<usize>,
    /// Whether sites stay on Wyckoff positions.
    pub mode: SiteMode,
    /// What to start from, if not from noise.
    pub template: Option<Template>,
    /// What stays as it is.
    pub fixed: Option<Fixed>,
}

impl Request {
    fn of_orders(orders: Vec<SamplingOrder>, mode: SiteMode) -> Self {
        Self { orders, steps_per_level: None, mode, template: None, fixed: None }
    }
}

impl RequestArgs {
    /// The file of orders, if there is one.
    pub(super) fn orders(&self) -> Option<&Path> {
        self.orders.as_deref()
    }

    /// The orders; all that cannot be is refused here. `seed` draws what the formula leaves open; `steps_unused`: the file's own steps per
    /// level do not matter; `candidates`: draws of each structure, of which one will be kept.
    ///
    /// # Errors
    /// Says what is wrong and what to write instead.
    pub(super) fn request(&self, seed: u64, steps_unused: bool, candidates: usize) -> Result<Request> {
        self.check_company()?;
        let count = self.count.unwrap_or(1);
        let request = if let Some(file) = &self.orders {
            let Orders { orders, steps_per_level } = orders::read(file, steps_unused)?;
            Request { steps_per_level, ..Request::of_orders(orders, SiteMode::General) }
        } else if let Some(sites) = &self.composition {
            let sites = OrderedSites::General(sites.clone());
            Request::of_orders(vec![SamplingOrder { space_group: self.group()?, sites, count }], SiteMode::General)
        } else if let Some(text) = &self.wyckoff {
            let assignment = WyckoffAssignment::parse(SpaceGroup::get(self.group()?), text)?;
            Request::of_orders(vec![bound(assignment, count)], SiteMode::Wyckoff)
        } else if let Some(formula) = &self.formula {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            Request::of_orders(self.orders_of_formula(formula, count, candidates, &mut rng)?, SiteMode::Wyckoff)
        } else if let Some(elements) = &self.elements {
            Request::of_orders(self.search(elements, count)?, SiteMode::General)
        } else if let Some(file) = &self.template {
            self.of_template(file, count)?
        } else {
            bail!(
                "say what to grow: --formula, --wyckoff or --composition with --space-group, --elements, --template, or --orders"
            );
        };
        request.orders.iter().try_for_each(orders::check)?;
        Ok(request)
    }

    /// Refuses options of one way to ask beside another one, where they would mean nothing.
    fn check_company(&self) -> Result<()> {
        let formula = [("--formula-units", self.formula_units.is_some()), ("--atoms", self.atoms.is_some())];
        let elements = [("--sites", self.sites.is_some()), ("--top-space-groups", self.top_space_groups.is_some())];
        let template = [("--noise", self.noise.is_some()), ("--fix", self.fix.is_some())];
        for (owner, there, options) in [
            ("--formula", self.formula.is_some(), formula),
            ("--elements", self.elements.is_some(), elements),
            ("--template", self.template.is_some(), template),
        ] {
            if let Some((option, _)) = options.iter().find(|(_, given)| *given && !there) {
                bail!("{option} is for {owner}; leave it out, or give {owner}");
            }
        }
        Ok(())
    }

    fn group(&self) -> Result<SpaceGroupNumber> {
        self.space_group.context("give --space-group, a number from 1 to 230")
    }

    /// One draw of group and cell for every structure, and of positions for every candidate of it, cell by cell; equal draws become one order.
    fn orders_of_formula(
        &self,
        formula: &Composition,
        count: usize,
        candidates: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<SamplingOrder>> {
        let priors = Priors::shipped();
        let choices = self.cells(formula)?;
        let weights = WeightedIndex::new(choices.iter().map(|choice| choice.probability))
            .map_err(|_| anyhow!("no space group can hold {} in a cell of that size; widen --atoms", formula.formula()))?;
        let mut draws = vec![0; choices.len()];
        (0..count).for_each(|_| draws[weights.sample(rng)] += 1);
        let mut orders: Vec<SamplingOrder> = Vec::new();
        for (CellChoice { space_group, formula_units, .. }, draws) in choices.iter().zip(draws).filter(|(_, draws)| *draws > 0) {
            let space = AssignmentSpace::new(space_group, Demand::of_formula(formula, *formula_units))?;
            let distribution = priors.assignments.distribution(&space);
            for _ in 0..draws {
                let sites = OrderedSites::of_candidates((0..candidates).map(|_| distribution.sample(rng)).collect());
                match orders.iter_mut().find(|known| known.sites == sites) {
                    Some(known) => known.count += 1,
                    None => orders.push(SamplingOrder { space_group: space_group.number(), sites, count: 1 }),
                }
            }
        }
        Ok(orders)
    }

    /// Groups and sizes that can hold the formula, with their probabilities.
    fn cells(&self, formula: &Composition) -> Result<Vec<CellChoice>> {
        let unit = formula.reduced().total();
        let atoms = match (self.formula_units, &self.atoms) {
            (Some(units), _) => {
                let atoms = u32::try_from(units).ok().and_then(|units| units.checked_mul(unit));
                let atoms = atoms.context("so many formula units are no crystal; give fewer")?;
                atoms..=atoms
            }
            (None, Some(atoms)) => atoms.clone(),
            // A formula unit larger than what is usual is its own cell.
            (None, None) => *USUAL_ATOMS.start()..=(*USUAL_ATOMS.end()).max(unit),
        };
        let mut choices = Priors::shipped().formulas.cells(formula, atoms.clone())?;
        if let Some(space_group) = self.space_group {
            choices.retain(|choice| choice.space_group.number() == space_group);
            if choices.is_empty() {
                // The smallest cell asked for says best why not, and what else would do.
                let units = formula_units(formula, atoms)?;
                let smallest = units.first().copied().unwrap_or(1);
                AssignmentSpace::new(SpaceGroup::get(space_group), Demand::of_formula(formula, smallest))?;
            }
        }
        Ok(choices)
    }

    /// The paper's search (its section 5.4): every combination of numbers of sites in each of the commonest space groups.
    fn search(&self, elements: &[Species], count: usize) -> Result<Vec<SamplingOrder>> {
        let sites = self.sites.clone().unwrap_or(1..=2);
        let mut groups = Priors::shipped().formulas.commonest_groups(usize::from(u8::MAX));
        groups.retain(|group| group.get() >= LEAST_SEARCHED);
        groups.truncate(self.top_space_groups.unwrap_or(32));
        let choices = sites.clone().count();
        let combinations = u32::try_from(elements.len()).ok().and_then(|n| choices.checked_pow(n));
        let orders = combinations.and_then(|n| n.checked_mul(groups.len())).filter(|n| *n <= MOST_ORDERS).with_context(|| {
            format!(
                "{} elements with {} to {} sites each in {} space groups are more than {MOST_ORDERS} orders; narrow --sites or --top-space-groups",
                elements.len(),
                sites.start(),
                sites.end(),
                groups.len(),
            )
        })?;
        let combination = |index: usize| -> Composition {
            let digit = |place: usize| sites.start() + (index / choices.pow(place as u32) % choices) as u32;
            elements.iter().enumerate().map(|(place, &species)| (species, digit(place))).collect()
        };
        let n = orders / groups.len().max(1);
        let each = |&space_group: &SpaceGroupNumber| {
            (0..n).map(move |index| SamplingOrder { space_group, sites: OrderedSites::General(combination(index)), count })
        };
        Ok(groups.iter().flat_map(each).collect())
    }

    fn of_template(&self, file: &Path, count: usize) -> Result<Request> {
        let entry = io::read_entry(file, &io::ReadOptions::default())?;
        inputs::print_notes(&entry.notes);
        let structure = entry.structure?;
        let unit = AsymmetricUnit::from_structure(&structure, TEMPLATE_SYMPREC, Finder::Moyo)
            .with_context(|| format!("{}: its symmetry", file.display()))?;
        let state = unit.to_state(SiteMode::Wyckoff);
        let order = bound(WyckoffAssignment::of(&unit)?, count);
        Ok(Request {
            template: Some(Template { state, level: self.noise.unwrap_or(5) }),
            fixed: self.fix.map(|part| match part {
                FixedPart::Lattice => Fixed::Lattice,
                FixedPart::Positions => Fixed::Positions,
            }),
            ..Request::of_orders(vec![order], SiteMode::Wyckoff)
        })
    }
}

fn bound(assignment: WyckoffAssignment, count: usize) -> SamplingOrder {
    SamplingOrder { space_group: assignment.space_group().number(), sites: OrderedSites::Wyckoff(assignment), count }
}
