//! From a formula to space groups, cells and Wyckoff positions.

use std::ops::RangeInclusive;

use crystal_core::{Composition, SpaceGroup};
use langevin::{OrderedSites, SamplingOrder};
use random_keys::{KeyedGenerator, Purpose, RandomKey};
use wyckoff_assignment::{AssignmentSpace, Demand, WyckoffAssignment, formula_units};
use wyckoff_model::{Proposal, Proposer, WyckoffModelError};

use super::Request;
use crate::DruseError;

/// Atoms in the primitive cell when none are asked for: what the networks were trained on.
const USUAL_ATOMS: RangeInclusive<u32> = 1..=20;
/// Most atoms in the primitive cell: the number of ways to fill a cell grows fast.
const MOST_ATOMS: u32 = 200;
/// Most structures of one request: each is drawn on its own.
pub(super) const MOST_STRUCTURES: usize = 1_000_000;
/// Structures that take the most likely proposals, one each; the following ones are drawn.
const LISTED: usize = 32;

/// One order for every structure of a formula, with what is known of it.
#[derive(Debug, Clone, Default)]
pub(super) struct OfFormula {
    pub(super) orders: Vec<SamplingOrder>,
    /// How likely group, cell and positions of an order are, where they are one of the proposals.
    pub(super) probabilities: Vec<Option<f64>>,
    /// What the user should know.
    pub(super) notices: Vec<String>,
}

impl Request {
    /// One order for every structure.
    ///
    /// Structure n stands on the n-th most likely positions of those that the network proposes, and those behind them
    /// on drawn ones. It depends on the seed and on n alone, its draws on draw 0 of its random numbers, the positions
    /// of its candidate c, all in one cell, on draw c + 1; candidate 0 of a proposal is the proposal.
    pub(super) fn orders_of_formula(&self, formula: &Composition) -> Result<OfFormula, DruseError> {
        if self.count > MOST_STRUCTURES {
            let reason =
                format!("{} structures are too many for one request; ask for at most {MOST_STRUCTURES}", self.count);
            return Err(DruseError::Request(format!("{reason}, or split it, each part with its own seed")));
        }
        let candidates = self.selection.as_ref().map_or(1, |selection| selection.candidates).max(1);
        let candidates = u32::try_from(candidates).unwrap_or(u32::MAX - 1);
        let atoms = self.atoms_of(formula)?;
        let (proposer, notices) = self.proposer_of(formula, &atoms)?;
        let Some(proposer) = proposer else {
            let orders = self.orders_by_prior(formula, atoms, candidates)?;
            return Ok(OfFormula { probabilities: vec![None; orders.len()], orders, notices });
        };
        let asked = proposer.ask(&cells(formula, atoms)?, self.space_group)?;
        let key = RandomKey::new(self.seed, Purpose::Demand);
        let listed = asked.most_likely(LISTED)?;
        let listed = &listed[..self.count.min(listed.len())];
        let mut generators: Vec<KeyedGenerator> =
            (listed.len()..self.count).map(|index| key.generator(index as u64, 0)).collect();
        let drawn = asked.draw(&mut generators)?;
        let firsts: Vec<&WyckoffAssignment> =
            listed.iter().map(|proposal| &proposal.assignment).chain(&drawn).collect();
        let mut sites: Vec<Vec<WyckoffAssignment>> = firsts.iter().map(|first| vec![(*first).clone()]).collect();
        for candidate in 1..candidates {
            let mut generators: Vec<KeyedGenerator> =
                (0..firsts.len()).map(|index| key.generator(index as u64, candidate + 1)).collect();
            for (sites, other) in sites.iter_mut().zip(asked.draw_alike(&firsts, &mut generators)?) {
                sites.push(other);
            }
        }
        let order = |sites: Vec<WyckoffAssignment>| {
            let space_group = sites[0].space_group().number();
            SamplingOrder { space_group, sites: OrderedSites::of_candidates(sites), count: 1 }
        };
        let mut probabilities: Vec<Option<f64>> = listed.iter().map(|proposal| Some(proposal.probability())).collect();
        probabilities.resize(self.count, None);
        Ok(OfFormula { orders: sites.into_iter().map(order).collect(), probabilities, notices })
    }

    /// The network that proposes for a formula, and what the user should know; without a network it is the prior.
    pub(super) fn proposer_of(
        &self,
        formula: &Composition,
        atoms: &RangeInclusive<u32>,
    ) -> Result<(Option<Proposer>, Vec<String>), DruseError> {
        let Some(proposer) = self.proposing.open()? else { return Ok((None, vec![])) };
        let by_prior = match proposer.check(&cells(formula, atoms.clone())?) {
            Ok(()) => None,
            Err(WyckoffModelError::TooManyAtoms { atoms, most }) => Some(format!(
                "{atoms} atoms in the primitive cell are more than the {most} that the proposer has learned; the prior is \
                 used instead (--proposer prior)"
            )),
            Err(WyckoffModelError::UnknownElement { species }) => Some(format!(
                "the proposer describes elements up to Fm (100), and {species} is not among them; the prior is used \
                 instead (--proposer prior)"
            )),
            Err(error) => return Err(error.into()),
        };
        if let Some(notice) = by_prior {
            return Ok((None, vec![notice]));
        }
        let unseen: Vec<String> = proposer.unseen(formula).iter().map(ToString::to_string).collect();
        let notice = || {
            let unseen = unseen.join(", ");
            format!(
                "the proposer has learned from no crystal with {unseen}; it goes by the properties of the element, and \
                 its probabilities are guesses"
            )
        };
        let notices = if unseen.is_empty() { vec![] } else { vec![notice()] };
        Ok((Some(proposer), notices))
    }

    /// How many atoms the primitive cell of a formula may have; what no cell of them can hold is refused.
    pub(super) fn atoms_of(&self, formula: &Composition) -> Result<RangeInclusive<u32>, DruseError> {
        let unit = formula.reduced().total();
        let atoms = match (self.formula_units, &self.atoms) {
            (Some(units), _) => {
                let atoms = units.saturating_mul(unit);
                atoms..=atoms
            }
            (None, Some(atoms)) => atoms.clone(),
            // A formula unit larger than what is usual is its own cell.
            (None, None) => *USUAL_ATOMS.start()..=(*USUAL_ATOMS.end()).max(unit),
        };
        if *atoms.end() > MOST_ATOMS {
            let reason =
                format!("{} atoms in the primitive cell are too many; ask for at most {MOST_ATOMS}", atoms.end());
            return Err(DruseError::Request(reason));
        }
        let units = formula_units(formula, atoms.clone())?;
        if let Some(space_group) = self.space_group {
            let group = SpaceGroup::get(space_group);
            let fits = |units: &u32| AssignmentSpace::is_possible(group, &Demand::of_formula(formula, *units));
            if !units.iter().any(fits) {
                // The smallest cell asked for says best why not, and what else would do.
                let smallest = units.first().copied().unwrap_or(1);
                AssignmentSpace::new(group, Demand::of_formula(formula, smallest))?;
            }
        }
        Ok(atoms)
    }
}

/// The cells of a formula with this many atoms.
pub(super) fn cells(formula: &Composition, atoms: RangeInclusive<u32>) -> Result<Vec<Composition>, DruseError> {
    let units = formula_units(formula, atoms)?;
    let cell = |units: u32| formula.reduced().times(units);
    Ok(units.into_iter().map(cell).collect())
}

/// The most likely groups and positions of a formula.
#[derive(Debug, Clone)]
pub struct Proposals {
    /// The most likely first, none twice.
    pub proposals: Vec<Proposal>,
    /// The file of the network or of the prior.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// What the user should know: elements that the network has not learned from, or why the prior was asked instead.
    pub notices: Vec<String>,
}

impl Request {
    /// The most likely space groups and Wyckoff positions of a formula, without growing anything.
    ///
    /// # Errors
    /// [`DruseError::Request`] if something else than a formula is asked for; else as [`Request::resolve`].
    pub fn proposals(&self, most: usize) -> Result<Proposals, DruseError> {
        let super::What::Formula(formula) = &self.what else {
            return Err(DruseError::Request("proposals are made for a formula; ask for one".to_owned()));
        };
        let atoms = self.atoms_of(formula)?;
        let (proposer, notices) = self.proposer_of(formula, &atoms)?;
        let Some(proposer) = proposer else {
            let found = wyckoff_assignment::Priors::shipped().most_likely(formula, atoms, self.space_group, most)?;
            let proposal = |(assignment, probability): (WyckoffAssignment, f64)| Proposal {
                assignment,
                log_probability: probability.ln(),
            };
            let (path, sha256) = super::prior::file();
            return Ok(Proposals { proposals: found.into_iter().map(proposal).collect(), path, sha256, notices });
        };
        let proposals = proposer.ask(&cells(formula, atoms)?, self.space_group)?.most_likely(most)?;
        let weights = proposer.weights();
        Ok(Proposals { proposals, path: weights.path.clone(), sha256: weights.sha256.clone(), notices })
    }
}
