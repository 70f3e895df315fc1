//! What is searched, and how.

use std::collections::BTreeSet;

use crystal_core::{Composition, SiteMode, SpaceGroupNumber, Species};
use langevin::FewStep;
use metrics::StructureMatcher;
use serde::{Deserialize, Serialize};
use wyckoff_model::MOST_ATOMS;

use crate::SearchError;
use crate::error::list;

/// Samples of a round: the unit in which work is counted.
pub const ROUND: u64 = 8;

/// Everything that the result of a search depends on, besides network, potential and reference. Two runs with the same
/// settings and as many rounds give the same candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The chemical system; each candidate holds all of these elements.
    pub elements: BTreeSet<Species>,
    /// Which orders the samples are made of.
    pub orders: Orders,
    /// Space group, if one is asked for.
    pub space_group: Option<u8>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// How samples are drawn.
    pub sampling: FewStep,
    /// Relaxation of every sample.
    pub relaxation: Relaxation,
    /// Relaxation of the best, before their phonons.
    pub refinement: Relaxation,
    /// Phonons of the best.
    pub phonons: phonon::Settings,
    /// When two structures are the same.
    pub sameness: Sameness,
    /// When a structure is one of the reference's.
    pub known: KnownLimits,
}

/// Where the orders come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Orders {
    /// Crystals are drawn from the network that proposes them: formulas, space groups and Wyckoff positions; sites stay
    /// on their positions.
    Proposer {
        /// Only this formula, as counts.
        formula: Option<Composition>,
        /// Most atoms in the primitive cell; a larger formula unit is its own cell.
        most_atoms: u32,
    },
    /// Formulas, space groups and Wyckoff positions are drawn from the priors learned from MP-20; sites stay on their
    /// positions.
    Prior {
        /// Only this formula, as counts.
        formula: Option<Composition>,
        /// Most atoms in the primitive cell; a larger formula unit is its own cell.
        most_atoms: u32,
    },
    /// The paper's section 5.4: one or more sites per element in each of the commonest space groups; sites go anywhere.
    Sites {
        /// How many of the commonest space groups.
        space_groups: usize,
        /// Samples of each combination of group and numbers of sites.
        samples: usize,
        /// Most sites of one element.
        most_per_element: u32,
        /// Most sites in all.
        most_in_all: u32,
    },
}

/// How crystals are relaxed, inside their space groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relaxation {
    /// Largest force of a converged crystal, eV/Å.
    pub fmax: f64,
    /// Largest component of its stress, GPa.
    pub smax_gpa: f64,
    /// Most steps.
    pub max_steps: usize,
    /// Tolerance at which the space group is found where it is not given, Å.
    pub symprec: f64,
}

impl Relaxation {
    /// As options of the crate `relax`.
    pub fn options(&self) -> relax::Options {
        relax::Options {
            mode: relax::Mode::Symmetric { symprec: self.symprec },
            fmax: self.fmax,
            smax_gpa: self.smax_gpa,
            max_steps: self.max_steps,
            ..relax::Options::default()
        }
    }
}

/// Tolerances of the matcher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sameness {
    /// See [`StructureMatcher::ltol`].
    pub ltol: f64,
    /// See [`StructureMatcher::stol`].
    pub stol: f64,
    /// See [`StructureMatcher::angle_tol`], degrees.
    pub angle_tol: f64,
}

impl Sameness {
    /// The matcher.
    pub fn matcher(&self) -> StructureMatcher {
        StructureMatcher { ltol: self.ltol, stol: self.stol, angle_tol: self.angle_tol }
    }
}

/// A relaxed structure is taken for a phase of the reference if it has its formula and space group, and its energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownLimits {
    /// Largest difference of the energies, eV/atom.
    pub energy: f64,
    /// Tolerance at which the space group is found, Å.
    pub symprec: f64,
}

impl Settings {
    /// A search of a system with the network that proposes crystals, with the settings of the documentation.
    pub fn new(elements: BTreeSet<Species>) -> Self {
        Self {
            elements,
            orders: Orders::Proposer { formula: None, most_atoms: MOST_ATOMS },
            space_group: None,
            seed: 0,
            sampling: FewStep::default(),
            relaxation: Relaxation { fmax: 0.05, smax_gpa: 0.2, max_steps: 200, symprec: 0.01 },
            refinement: Relaxation { fmax: 0.005, smax_gpa: 0.05, max_steps: 500, symprec: 0.05 },
            phonons: phonon::Settings::default(),
            // Those of 'Druse's protocol' for uniqueness and novelty of relaxed structures.
            sameness: Sameness { ltol: 0.2, stol: 0.3, angle_tol: 5.0 },
            known: KnownLimits { energy: 0.005, symprec: 0.05 },
        }
    }

    /// The same system by the paper's section 5.4: 32 groups, 60 samples, one or two sites per element, four in all.
    #[must_use]
    pub fn of_the_paper(elements: BTreeSet<Species>) -> Self {
        let orders = Orders::Sites { space_groups: 32, samples: 60, most_per_element: 2, most_in_all: 4 };
        Self { orders, ..Self::new(elements) }
    }

    /// Only one formula.
    ///
    /// # Errors
    /// [`SearchError::Contradiction`] if it has other elements than the system.
    pub fn with_formula(mut self, formula: &Composition) -> Result<Self, SearchError> {
        let named: BTreeSet<Species> = formula.iter().map(|(element, _)| element).collect();
        let only = |a: &BTreeSet<Species>, b: &BTreeSet<Species>| a.difference(b).copied().collect::<Vec<_>>();
        let (extra, missing) = (only(&named, &self.elements), only(&self.elements, &named));
        let part = |what: &str, elements: &[Species]| {
            if elements.is_empty() { None } else { Some(format!("{what} {}", list(elements))) }
        };
        let differences: Vec<String> =
            [part("the system has no", &extra), part("the formula has no", &missing)].into_iter().flatten().collect();
        if !differences.is_empty() {
            return Err(SearchError::Contradiction {
                formula: formula.formula(),
                system: self.system(),
                difference: differences.join(", "),
            });
        }
        let formula = Some(formula.reduced());
        self.orders = match self.orders {
            Orders::Prior { most_atoms, .. } => Orders::Prior { formula, most_atoms },
            Orders::Proposer { .. } | Orders::Sites { .. } => Orders::Proposer { formula, most_atoms: MOST_ATOMS },
        };
        Ok(self)
    }

    /// With orders from the priors instead of the network.
    #[must_use]
    pub fn by_prior(mut self) -> Self {
        if let Orders::Proposer { formula, most_atoms } = self.orders {
            self.orders = Orders::Prior { formula, most_atoms };
        }
        self
    }

    /// Whether the orders come from the network that proposes crystals.
    pub fn proposes(&self) -> bool {
        matches!(self.orders, Orders::Proposer { .. })
    }

    /// Only one space group.
    #[must_use]
    pub fn in_group(mut self, space_group: SpaceGroupNumber) -> Self {
        self.space_group = Some(space_group.get());
        self
    }

    /// With a seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Name of the system: symbols in order of atomic number.
    pub fn system(&self) -> String {
        self.elements.iter().map(|element| element.symbol()).collect::<Vec<_>>().join("-")
    }

    /// Which kind of network the orders need.
    pub fn mode(&self) -> SiteMode {
        match self.orders {
            Orders::Proposer { .. } | Orders::Prior { .. } => SiteMode::Wyckoff,
            Orders::Sites { .. } => SiteMode::General,
        }
    }

    /// Whether the settings make sense.
    ///
    /// # Errors
    /// [`SearchError::NothingAsked`], [`SearchError::Setting`]; those of relaxation and phonons.
    pub fn check(&self) -> Result<(), SearchError> {
        if self.elements.is_empty() {
            return Err(SearchError::NothingAsked);
        }
        self.relaxation.options().check()?;
        self.refinement.options().check()?;
        self.phonons.check()?;
        let at_least_one = |name: &'static str, value: usize| {
            let cure = || "a whole number from 1 on".to_owned();
            if value > 0 { Ok(()) } else { Err(SearchError::Setting { name, value: value.to_string(), cure: cure() }) }
        };
        if let Orders::Sites { space_groups, samples, most_per_element, most_in_all } = self.orders {
            at_least_one("the number of space groups", space_groups)?;
            at_least_one("the number of samples", samples)?;
            at_least_one("the number of sites of an element", most_per_element as usize)?;
            if (most_in_all as usize) < self.elements.len() {
                return Err(SearchError::Setting {
                    name: "the number of sites in all",
                    value: most_in_all.to_string(),
                    cure: format!("at least {}, one for each element", self.elements.len()),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> BTreeSet<Species> {
        text.split('-').map(|symbol| symbol.parse().expect("an element")).collect()
    }

    #[test]
    fn a_formula_must_be_of_the_system() {
        let with = |system: &str, formula: &str| {
            let formula = Composition::from_formula(formula).expect("a formula");
            Settings::new(elements(system)).with_formula(&formula).map(|settings| settings.orders)
        };
        let formula = Composition::from_formula("KCu2Si").expect("a formula");
        let expected = Orders::Proposer { formula: Some(formula), most_atoms: 20 };
        assert_eq!(with("Cu-Si-K", "K2Cu4Si2").expect("the same elements"), expected);
        let error = with("Cu-Si-K", "CuSi").expect_err("K is missing").to_string();
        assert!(error.contains("the formula has no K"), "{error}");
        let error = with("Cu-Si", "CuSiO3").expect_err("O is too many").to_string();
        assert!(error.contains("the system has no O"), "{error}");
    }

    #[test]
    fn impossible_settings_are_named() {
        assert!(matches!(Settings::new(BTreeSet::new()).check(), Err(SearchError::NothingAsked)));
        let mut settings = Settings::of_the_paper(elements("Cu-Si-K"));
        assert!(settings.check().is_ok());
        settings.orders = Orders::Sites { space_groups: 32, samples: 60, most_per_element: 2, most_in_all: 2 };
        assert!(settings.check().expect_err("too few sites").to_string().contains("at least 3"));
    }

    #[test]
    fn settings_are_read_back() {
        let settings = Settings::of_the_paper(elements("Cu-Si-K")).with_seed(7);
        let text = serde_json::to_string(&settings).expect("JSON");
        assert_eq!(serde_json::from_str::<Settings>(&text).expect("settings"), settings);
    }
}
