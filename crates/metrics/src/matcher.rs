//! Whether two structures are the same: pymatgen's `StructureMatcher` (metrics.md §7).
//!
//! Both structures are reduced to primitive Niggli cells of equal volume. Every basis of the first lattice that
//! resembles the second's cell, and every translation that lays an atom of the rarest element on another, is a
//! candidate; the atoms are assigned to each other so that the sum of squared distances is smallest, and the best
//! candidate counts.

mod alignment;
mod lll;
mod mapping;
mod primitive;
mod reduced;
mod sets;

use std::ops::ControlFlow;

use crystal_core::Structure;

use crate::MetricsError;
use alignment::Aligner;
use reduced::ReducedCell;

/// A candidate this good is not improved upon.
const PERFECT: f64 = 1e-5;

/// From this number of atoms on, whether a comparison will end is judged by its beginning.
const MANY_SITES: usize = 64;

/// With more bases than this a comparison of many sites does not end.
const MOST_MAPPINGS: usize = 1_000_000;

/// Tolerances within which two structures are the same. The default is CDVAE's, which match rates are published for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StructureMatcher {
    /// Lengths of cell vectors may differ by this share, at equal volumes.
    pub ltol: f64,
    /// Atoms may differ by this, in units of (V/N)^(1/3).
    pub stol: f64,
    /// Angles of the cell may differ by this, in degrees.
    pub angle_tol: f64,
}

impl Default for StructureMatcher {
    fn default() -> Self {
        Self { ltol: 0.3, stol: 0.5, angle_tol: 10.0 }
    }
}

/// How far apart the atoms of two structures are that are the same. Distances in units of (V/N)^(1/3), with the volume
/// V and the number of atoms N of the mean cell; a common displacement of all atoms is taken out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Root mean square of the distances.
    pub rms: f64,
    /// The largest distance.
    pub max: f64,
}

/// Which of the two distances decides between candidates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Score {
    /// The smallest `rms` of all candidates.
    Rms,
    /// Any candidate with `max` within the tolerance.
    AnyMax,
}

impl StructureMatcher {
    /// Distances between two structures if they are the same, pymatgen's `get_rms_dist`; CDVAE's match rate counts
    /// these.
    ///
    /// The second structure's reduced cell is the one that the first is laid on, so that at the limits of the
    /// tolerances `rms(a, b)` and `rms(b, a)` need not agree.
    ///
    /// # Errors
    /// [`MetricsError::Irreducible`], [`MetricsError::TooManyLatticeVectors`], [`MetricsError::TooLong`],
    /// [`MetricsError::Tolerance`].
    pub fn rms(&self, a: &Structure, b: &Structure) -> Result<Option<Match>, MetricsError> {
        self.check()?;
        self.compare(&ReducedCell::of(a)?, &ReducedCell::of(b)?, Score::Rms)
    }

    /// Whether two structures are the same in the stricter sense of pymatgen's `fit`: for some candidate no atom is
    /// farther off than `stol`. Groups of equal structures are made with this.
    ///
    /// # Errors
    /// As [`Self::rms`].
    pub fn fit(&self, a: &Structure, b: &Structure) -> Result<bool, MetricsError> {
        self.check()?;
        Ok(self.compare(&ReducedCell::of(a)?, &ReducedCell::of(b)?, Score::AnyMax)?.is_some())
    }

    fn check(&self) -> Result<(), MetricsError> {
        for (name, value) in [("ltol", self.ltol), ("stol", self.stol), ("angle_tol", self.angle_tol)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(MetricsError::Tolerance { name, value });
            }
        }
        Ok(())
    }

    fn compare(&self, a: &ReducedCell, b: &ReducedCell, score: Score) -> Result<Option<Match>, MetricsError> {
        if a.composition != b.composition {
            return Ok(None);
        }
        let n_sites = a.frac_coords.len();
        let mut best: Option<(f64, Match)> = None;
        let mut aligner = Aligner::new(a, b, self.stol);
        let mut align = |mapping: &mapping::Mapping, share: f64| {
            let flow = aligner.align(mapping, |found| {
                let value = if score == Score::Rms { found.rms } else { found.max };
                if best.is_none_or(|(smallest, _)| value < smallest) {
                    best = Some((value, found));
                }
                if value < PERFECT || (score == Score::AnyMax && value < self.stol) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            if flow.is_continue() && aligner.would_take_too_long(share) { ControlFlow::Break(()) } else { flow }
        };
        if n_sites < MANY_SITES {
            mapping::visit(a, b, self, |mapping| align(mapping, 0.0))?;
        } else {
            // The cells most alike first: structures that are the same are found so early that the rest can be judged
            // by what the beginning took.
            let mut mappings = Vec::new();
            mapping::visit(a, b, self, |mapping| {
                mappings.push((mapping.deviation(b), mapping.clone()));
                if mappings.len() < MOST_MAPPINGS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if mappings.len() == MOST_MAPPINGS {
                return Err(MetricsError::TooLong { n_sites });
            }
            mappings.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            for (index, (_, mapping)) in mappings.iter().enumerate() {
                if align(mapping, (index + 1) as f64 / mappings.len() as f64).is_break() {
                    break;
                }
            }
        }
        if aligner.is_exhausted() {
            return Err(MetricsError::TooLong { n_sites });
        }
        Ok(best.filter(|(value, _)| *value < self.stol).map(|(_, found)| found))
    }
}
