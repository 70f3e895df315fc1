//! Frequencies along the standard path.

use nalgebra::Vector3;
use rayon::prelude::*;
use serde::Serialize;

use crate::path::{BandPath, PathPoint};
use crate::supercell::as_float;
use crate::{Crystal, DynamicalMatrix, PhononError};

/// Fewest and most steps of a segment.
const STEPS: [f64; 2] = [2.0, 1000.0];

/// Frequencies along one straight segment of the path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandSegment {
    /// Where it starts.
    pub from: PathPoint,
    /// Where it ends.
    pub to: PathPoint,
    /// Wave vectors, reduced coordinates of the primitive cell; both ends included.
    pub qpoints: Vec<[f64; 3]>,
    /// Distance of each along the whole path, 1/Å (without 2π). Interruptions have no length.
    pub distances: Vec<f64>,
    /// For each wave vector the frequencies, ascending, THz.
    pub frequencies_thz: Vec<Vec<f64>>,
}

/// Frequencies along the standard path of the Bravais lattice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandStructure {
    /// Symbol of the extended Bravais lattice.
    pub bravais: String,
    /// The segments.
    pub segments: Vec<BandSegment>,
}

impl BandStructure {
    /// Wave vectors at most `spacing` (1/Å, without 2π) apart.
    ///
    /// # Errors
    /// [`PhononError::Setting`] if the spacing is not a positive number; those of [`BandPath::new`].
    pub(crate) fn new(crystal: &Crystal, matrix: &DynamicalMatrix, spacing: f64) -> Result<Self, PhononError> {
        if !(spacing.is_finite() && spacing > 0.0) {
            let reason = "it must be a positive number; 0.01 is usual";
            return Err(PhononError::Setting { name: "spacing", value: spacing.to_string(), reason });
        }
        let path = BandPath::new(crystal)?;
        let mut start = 0.0;
        let mut segments = Vec::with_capacity(path.segments.len());
        for [from, to] in path.segments {
            let (first, last) = (Vector3::from(from.qpoint), Vector3::from(to.qpoint));
            let length = (crystal.lattice().inverse() * (last - first)).norm();
            let n_steps = count((length / spacing).ceil().clamp(STEPS[0], STEPS[1]));
            let shares: Vec<f64> = (0..=n_steps).map(|step| as_float(step) / as_float(n_steps)).collect();
            let at: Vec<Vector3<f64>> = shares.iter().map(|share| first.lerp(&last, *share)).collect();
            segments.push(BandSegment {
                from,
                to,
                distances: shares.iter().map(|share| start + share * length).collect(),
                frequencies_thz: at.par_iter().map(|qpoint| matrix.frequencies(qpoint)).collect(),
                qpoints: at.into_iter().map(Into::into).collect(),
            });
            start += length;
        }
        Ok(Self { bravais: path.bravais, segments })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number between the bounds of STEPS"
)]
fn count(x: f64) -> usize {
    x as usize
}
