//! The phases that candidates are compared with.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use crystal_core::Species;
use stability::{Hull, Phase, ReferenceSet, Source};

use super::candidates::Candidate;
use super::{HullArgs, SHIPPED};

/// A reference set, or the candidates themselves.
pub(super) enum Phases<'a> {
    Set(&'a ReferenceSet),
    Given { phases: Vec<Arc<Phase>>, hulls: RefCell<HashMap<BTreeSet<Species>, Arc<Hull>>> },
}

/// The reference set that the arguments name, and its name: none for a hull of the entries themselves.
pub(super) fn reference(args: &HullArgs) -> Result<Option<(ReferenceSet, String)>> {
    let shipped = || {
        let set = ReferenceSet::shipped().context("the reference set that is compiled in")?;
        Ok(Some((set, SHIPPED.to_owned())))
    };
    ensure!(!args.alone || !args.paths.is_empty(), "--alone needs structures: name some");
    match &args.reference {
        Some(path) if path == Path::new(SHIPPED) => shipped(),
        Some(path) => Ok(Some((ReferenceSet::read(path)?, path.display().to_string()))),
        None if args.alone || args.energies.is_some() => Ok(None),
        None => shipped(),
    }
}

impl<'a> Phases<'a> {
    /// The phases of the set, or the candidates; and their source.
    pub(super) fn new(set: Option<&'a (ReferenceSet, String)>, candidates: &[Candidate]) -> Result<(Self, Source)> {
        if let Some((set, name)) = set {
            let source = Source { name: name.clone(), sha256: set.sha256().to_owned() };
            return Ok((Self::Set(set), source));
        }
        let mut phases = Vec::new();
        let mut text = String::new();
        for candidate in candidates {
            let Ok((composition, energy)) = &candidate.energy else { continue };
            phases.push(Arc::new(Phase::new(candidate.id.clone(), composition, *energy)?));
            text += &format!("{} {} {:e}\n", candidate.id, composition.formula(), energy);
        }
        let name = "the entries themselves".to_owned();
        let source = Source { name, sha256: sealed_file::sha256_hex(text.as_bytes()) };
        Ok((Self::Given { phases, hulls: RefCell::default() }, source))
    }

    pub(super) fn hull(&self, elements: BTreeSet<Species>) -> Arc<Hull> {
        match self {
            Self::Set(set) => set.hull(elements),
            Self::Given { phases, hulls } => {
                let new = |elements: &BTreeSet<Species>| {
                    let within = |phase: &&Arc<Phase>| {
                        phase.composition().iter().all(|(element, _)| elements.contains(&element))
                    };
                    Arc::new(Hull::new(elements.clone(), phases.iter().filter(within).cloned()))
                };
                Arc::clone(hulls.borrow_mut().entry(elements).or_insert_with_key(new))
            }
        }
    }
}
