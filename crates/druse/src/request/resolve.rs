//! A request as orders to the sampler.

use crystal_core::{AsymmetricUnit, ConfigError, Finder, SiteMode, SpaceGroup, SpaceGroupNumber};
use langevin::{OrderedSites, SamplerConfig, SamplingOrder, Template, check_orders};
use wyckoff_assignment::WyckoffAssignment;

use super::{Request, What};
use crate::{DruseError, Proposing};

/// Tolerance at which the symmetry of a template is looked for, Å.
const TEMPLATE_SYMPREC: f64 = 0.01;
/// Noise put on a template when none is named.
const TEMPLATE_NOISE: usize = 5;

/// What is to be sampled, and with which kind of network.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The orders.
    pub orders: Vec<SamplingOrder>,
    /// Whether sites stay on Wyckoff positions.
    pub mode: SiteMode,
    /// What to start from, if not from noise.
    pub template: Option<Template>,
    /// The sampler's settings.
    pub config: SamplerConfig,
    /// How likely the proposer finds group, cell and positions of each order, where it proposed them; empty where
    /// nothing was proposed.
    pub probabilities: Vec<Option<f64>>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl Request {
    /// The orders; all that cannot be is refused here.
    ///
    /// # Errors
    /// Says what is wrong and what to write instead.
    pub fn resolve(&self) -> Result<Resolved, DruseError> {
        self.check_company()?;
        ConfigError::unless(self.count > 0, "count", self.count, "at least 1")?;
        // For a formula, an assignment is drawn below for each of them.
        if let Some(selection) = &self.selection {
            selection.check_candidates().map_err(|error| error.of("selection"))?;
        }
        let mut template = None;
        let (mut probabilities, mut notices) = (vec![], vec![]);
        let (orders, mode) = match &self.what {
            What::Orders(orders) => (orders.clone(), orders.first().map_or(SiteMode::General, SamplingOrder::mode)),
            What::SitesPerElement(sites) => {
                let sites = OrderedSites::General(sites.clone());
                (vec![SamplingOrder { space_group: self.group()?, sites, count: self.count }], SiteMode::General)
            }
            What::Wyckoff(text) => {
                let assignment = WyckoffAssignment::parse(SpaceGroup::get(self.group()?), text)?;
                (vec![bound(assignment, self.count)], SiteMode::Wyckoff)
            }
            What::Formula(formula) => {
                let of_formula = self.orders_of_formula(formula)?;
                (probabilities, notices) = (of_formula.probabilities, of_formula.notices);
                (of_formula.orders, SiteMode::Wyckoff)
            }
            What::Invented(elements) => {
                let (orders, told) = self.orders_invented(elements)?;
                notices = told;
                (orders, SiteMode::Wyckoff)
            }
            What::Elements(elements) => (self.search(elements)?, SiteMode::General),
            What::Template(structure) => {
                let unit = AsymmetricUnit::from_structure(structure, TEMPLATE_SYMPREC, Finder::Moyo)?;
                let (state, level) = (unit.to_state(SiteMode::Wyckoff), self.noise.unwrap_or(TEMPLATE_NOISE));
                template = Some(Template { state, level });
                (vec![bound(WyckoffAssignment::of(&unit)?, self.count)], SiteMode::Wyckoff)
            }
        };
        check_orders(&orders)?;
        let config = SamplerConfig {
            method: self.method.clone(),
            fixed: self.fixed,
            selection: self.selection.clone(),
            seed: self.seed,
            ..SamplerConfig::default()
        };
        Ok(Resolved { orders, mode, template, config, probabilities, notices })
    }

    /// Refuses settings of one way to ask beside another one, where they would mean nothing.
    fn check_company(&self) -> Result<(), DruseError> {
        let formula = [("formula units", self.formula_units.is_some()), ("a range of atoms", self.atoms.is_some())];
        let proposes = matches!(self.what, What::Formula(_) | What::Invented(_));
        if self.proposing != Proposing::default() && !proposes {
            let reason = "a proposer is for a formula or for invented crystals; leave it out, or ask for one of them";
            return Err(DruseError::Request(reason.to_owned()));
        }
        let invented =
            [("a largest number of atoms", self.most_atoms.is_some()), ("a temperature", self.temperature.is_some())];
        let elements =
            [("a range of sites", self.sites.is_some()), ("a number of space groups", self.top_space_groups.is_some())];
        let template = [("a noise level", self.noise.is_some()), ("a fixed part", self.fixed.is_some())];
        for (owner, there, settings) in [
            ("a formula", matches!(self.what, What::Formula(_)), formula),
            ("invented crystals", matches!(self.what, What::Invented(_)), invented),
            ("a chemical system", matches!(self.what, What::Elements(_)), elements),
            ("a template", matches!(self.what, What::Template(_)), template),
        ] {
            if let Some((setting, _)) = settings.iter().find(|(_, given)| *given && !there) {
                return Err(DruseError::Request(format!("{setting} is for {owner}; leave it out, or ask for {owner}")));
            }
        }
        Ok(())
    }

    fn group(&self) -> Result<SpaceGroupNumber, DruseError> {
        self.space_group
            .ok_or_else(|| DruseError::Request("a space group is missing; give a number from 1 to 230".to_owned()))
    }
}

fn bound(assignment: WyckoffAssignment, count: usize) -> SamplingOrder {
    SamplingOrder { space_group: assignment.space_group().number(), sites: OrderedSites::Wyckoff(assignment), count }
}
