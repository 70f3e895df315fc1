//! What to grow, in the ways a user says it, and the orders that follow.

mod file;
mod formula;
mod invented;
mod prior;
mod resolve;
mod search;

pub use file::{OrdersFile, parse_orders, read_orders};
pub use formula::Proposals;
pub use resolve::Resolved;

use std::ops::RangeInclusive;

use crystal_core::{Composition, SitesPerElement, SpaceGroupNumber, Species, Structure};
use langevin::{Fixed, Method, SamplingOrder, Selection};

use crate::{DruseError, Proposing};

/// What to grow. Made by one of the constructors, then refined; what does not go together is refused when it is
/// resolved.
///
/// ```
/// use druse::Request;
///
/// let request = Request::wyckoff(225, "Na@4a Cl@4b")?.count(3).seed(7);
/// assert_eq!(request.resolve()?.orders[0].count, 3);
/// assert!(Request::formula("NaCl3-").is_err());
/// # Ok::<(), druse::DruseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Request {
    what: What,
    space_group: Option<SpaceGroupNumber>,
    count: usize,
    seed: u64,
    formula_units: Option<u32>,
    atoms: Option<RangeInclusive<u32>>,
    most_atoms: Option<u32>,
    temperature: Option<f64>,
    sites: Option<RangeInclusive<u32>>,
    top_space_groups: Option<usize>,
    noise: Option<usize>,
    fixed: Option<Fixed>,
    selection: Option<Selection>,
    method: Method,
    proposing: Proposing,
}

/// The ways to say it.
#[derive(Debug, Clone)]
enum What {
    /// A formula, on Wyckoff positions that are drawn.
    Formula(Composition),
    /// Crystals of exactly these elements, or of any; the network chooses the rest.
    Invented(Vec<Species>),
    /// Elements on named Wyckoff positions.
    Wyckoff(String),
    /// Non-equivalent sites of each element, in general position.
    SitesPerElement(SitesPerElement),
    /// A chemical system.
    Elements(Vec<Species>),
    /// A structure to start from.
    Template(Box<Structure>),
    /// Ready orders.
    Orders(Vec<SamplingOrder>),
}

impl Request {
    fn new(what: What) -> Self {
        Self {
            what,
            space_group: None,
            count: 1,
            seed: 0,
            formula_units: None,
            atoms: None,
            most_atoms: None,
            temperature: None,
            sites: None,
            top_space_groups: None,
            noise: None,
            fixed: None,
            selection: None,
            method: Method::default(),
            proposing: Proposing::default(),
        }
    }

    /// Structures of a chemical formula, such as `SrTiO3`: each has exactly this composition, on the Wyckoff positions
    /// that are proposed for it, the most likely first.
    ///
    /// # Errors
    /// [`DruseError::Crystal`] if the text is not a formula.
    pub fn formula(formula: &str) -> Result<Self, DruseError> {
        Ok(Self::composition(Composition::from_formula(formula)?))
    }

    /// [`Self::formula`] of a composition.
    pub fn composition(formula: Composition) -> Self {
        Self::new(What::Formula(formula))
    }

    /// New crystals without any demand: the network chooses elements, counts, space group and Wyckoff positions.
    ///
    /// ```
    /// use druse::Request;
    ///
    /// let ternary = ["Li", "O", "P"].map(|symbol| symbol.parse()).into_iter().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(Request::invented_of(ternary).most_atoms(12).count(3).resolve()?.orders.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn invented() -> Self {
        Self::invented_of(vec![])
    }

    /// [`Self::invented`] of a set of elements: each of them is in every crystal, and no other. Any if it is empty.
    pub fn invented_of(elements: Vec<Species>) -> Self {
        Self::new(What::Invented(elements))
    }

    /// Elements on Wyckoff positions, such as `Cu@8d Si@4c K@4c` in space group 62.
    ///
    /// # Errors
    /// [`DruseError::Crystal`] if there is no such space group. The positions are looked at when the request is
    /// resolved.
    pub fn wyckoff(space_group: i64, sites: &str) -> Result<Self, DruseError> {
        Ok(Self::new(What::Wyckoff(sites.to_owned())).in_group(SpaceGroupNumber::new(space_group)?))
    }

    /// Non-equivalent sites of each element that may go anywhere, as in the paper; needs a space group.
    pub fn sites_per_element(sites: SitesPerElement) -> Self {
        Self::new(What::SitesPerElement(sites))
    }

    /// A search of a chemical system: all numbers of sites per element in the commonest space groups.
    pub fn elements(elements: Vec<Species>) -> Self {
        Self::new(What::Elements(elements))
    }

    /// Structures like this one: it is noised, and sampled from there; space group and Wyckoff positions are kept.
    pub fn template(structure: Structure) -> Self {
        Self::new(What::Template(Box::new(structure)))
    }

    /// Ready orders.
    pub fn orders(orders: Vec<SamplingOrder>) -> Self {
        Self::new(What::Orders(orders))
    }

    /// How many structures; with [`Self::elements`], of each combination. The default is 1.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// Seed of all random numbers. Structure n depends on the seed and on n alone.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The space group by number.
    ///
    /// # Errors
    /// [`DruseError::Crystal`] for a number outside 1 to 230.
    pub fn space_group(self, number: i64) -> Result<Self, DruseError> {
        Ok(self.in_group(SpaceGroupNumber::new(number)?))
    }

    /// The space group.
    #[must_use]
    pub fn in_group(mut self, space_group: SpaceGroupNumber) -> Self {
        self.space_group = Some(space_group);
        self
    }

    /// Formula units in the primitive cell, for a formula. By default they are proposed.
    #[must_use]
    pub fn formula_units(mut self, units: u32) -> Self {
        self.formula_units = Some(units);
        self
    }

    /// Atoms in the primitive cell, for a formula. By default 1 to 20, or one formula unit where that is more.
    #[must_use]
    pub fn atoms(mut self, atoms: RangeInclusive<u32>) -> Self {
        self.atoms = Some(atoms);
        self
    }

    /// Most atoms in the primitive cell, for invented crystals. The default is 20, the most that there can be.
    #[must_use]
    pub fn most_atoms(mut self, most: u32) -> Self {
        self.most_atoms = Some(most);
        self
    }

    /// For invented crystals: below 1 the network says more of what it finds likely, above 1 more of the rest; from 0.1
    /// to 5. The default is 1, what it believes.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Non-equivalent sites of each element, for a chemical system. The default is 1 to 2.
    #[must_use]
    pub fn sites(mut self, sites: RangeInclusive<u32>) -> Self {
        self.sites = Some(sites);
        self
    }

    /// How many of the commonest space groups are searched, for a chemical system. The default is 32.
    #[must_use]
    pub fn top_space_groups(mut self, number: usize) -> Self {
        self.top_space_groups = Some(number);
        self
    }

    /// Noise level that is put on the template, from 0. The default is 5.
    #[must_use]
    pub fn noise(mut self, level: usize) -> Self {
        self.noise = Some(level);
        self
    }

    /// What of the template stays as it is.
    #[must_use]
    pub fn fixed(mut self, fixed: Fixed) -> Self {
        self.fixed = Some(fixed);
        self
    }

    /// Several draws of each structure, of which the one that the network finds most plausible is kept.
    #[must_use]
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = Some(selection);
        self
    }

    /// How structures are sampled. The default is the paper's way.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// What proposes space groups and positions, for a formula and for invented crystals. By default the network that
    /// is compiled in.
    #[must_use]
    pub fn proposing(mut self, proposing: Proposing) -> Self {
        self.proposing = proposing;
        self
    }
}
