//! All structures at hand, for a network that is used and not measured.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use crystal_core::{AsymmetricUnit, Finder, io};
use datasets::{DataSet, Split};
use rayon::prelude::*;
use wyckoff_assignment::WyckoffAssignment;

use super::train::assignments;
use crate::statistics::choose;

/// One of this many assignments is held out.
const HELD_OUT: usize = 50;
/// Seed of the choice: it is part of what the network is, so no option changes it.
const SEED: u64 = 0;
/// Stream of the choice.
const STREAM: u64 = 1 << 37;

/// Assignments with the number of structures that they come from.
type Set = (Vec<WyckoffAssignment>, usize);

/// What is learned from, and what is held out to be measured on: of all splits and the structures of a path together.
/// Structures whose assignment occurs twice, as that of a structure in both, may be on both sides: losses say less than
/// those of a split by formula.
///
/// # Errors
/// If the path cannot be read, or holds nothing.
pub(super) fn split(data: &DataSet, also: &Path, symprec: f64, limit: Option<usize>) -> Result<[Set; 2]> {
    let entries = io::read_all(also).with_context(|| also.display().to_string())?;
    ensure!(!entries.is_empty(), "{}: there is no structure in it", also.display());
    let entries = &entries[..limit.unwrap_or(usize::MAX).min(entries.len())];
    let of_entry = |entry: &io::Entry| {
        let structure = entry.structure.as_ref().ok()?;
        let unit = AsymmetricUnit::from_structure(structure, symprec, Finder::default()).ok()?;
        WyckoffAssignment::of(&unit).ok()
    };
    let mut all: Vec<WyckoffAssignment> = entries.par_iter().filter_map(of_entry).collect();
    let mut n_structures = entries.len();
    for split in Split::ALL {
        let (found, n) = assignments(data, split, limit);
        all.extend(found);
        n_structures += n;
    }
    let n_held = all.len() / HELD_OUT;
    let mut is_held = vec![false; all.len()];
    choose(all.len(), n_held, SEED, STREAM).into_iter().for_each(|index| is_held[index] = true);
    let (mut kept, mut held) = (vec![], vec![]);
    for (assignment, is_held) in all.into_iter().zip(is_held) {
        if is_held { held.push(assignment) } else { kept.push(assignment) }
    }
    let n_held = held.len();
    Ok([(kept, n_structures - n_held), (held, n_held)])
}
