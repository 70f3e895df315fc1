//! Bases of one lattice that resemble the cell of another.

use std::ops::ControlFlow;

use nalgebra::{Matrix3, Vector3};

use super::StructureMatcher;
use super::reduced::ReducedCell;
use crate::MetricsError;

/// More candidates for a cell vector than this mean a collapsed lattice: a cell of 2 × 2 × 200 Å has 50 000.
const MAX_VECTORS: usize = 200_000;

/// A basis of the first structure's lattice.
#[derive(Clone)]
pub(super) struct Mapping {
    /// Its vectors (rows) in terms of the reduced cell's; determinant ±1.
    pub coefficients: Matrix3<f64>,
    /// Lengths in units of (V/N)^(1/3).
    pub lengths: [f64; 3],
    /// Angles α, β, γ in degrees.
    pub angles: [f64; 3],
}

impl Mapping {
    /// How unlike the cell of `to` this basis is: relative differences of the lengths, and differences of the angles in
    /// radians, squared and added up.
    pub(super) fn deviation(&self, to: &ReducedCell) -> f64 {
        let cell = to.lattice.parameters();
        let lengths = self.lengths.iter().zip([cell.a, cell.b, cell.c]).map(|(own, other)| (own / other).ln());
        let angles = self.angles.iter().zip([cell.alpha, cell.beta, cell.gamma]);
        lengths.chain(angles.map(|(own, other)| (own - other).to_radians())).map(|x| x * x).sum()
    }
}

/// A lattice vector that may take the place of a cell vector.
struct Candidate {
    coefficients: Vector3<f64>,
    /// Of length 1.
    direction: Vector3<f64>,
    length: f64,
}

/// An open interval of cosines.
struct Cosines {
    low: f64,
    high: f64,
}

impl Cosines {
    /// Of angles nearer than `tolerance` to `angle`, in degrees.
    fn around(angle: f64, tolerance: f64) -> Self {
        let (small, large) = (angle - tolerance, angle + tolerance);
        let low = if large > 180.0 { -2.0 } else { large.to_radians().cos() };
        let high = if small < 0.0 { 2.0 } else { small.to_radians().cos() };
        Self { low, high }
    }

    fn hold(&self, cosine: f64) -> bool {
        self.low < cosine && cosine < self.high
    }
}

/// Calls `visit` with every basis of `from` whose lengths and angles are within the tolerances of the cell of `to`,
/// both handednesses.
///
/// # Errors
/// [`MetricsError::TooManyLatticeVectors`].
pub(super) fn visit(
    from: &ReducedCell,
    to: &ReducedCell,
    tolerances: &StructureMatcher,
    mut visit: impl FnMut(&Mapping) -> ControlFlow<()>,
) -> Result<(), MetricsError> {
    let cell = to.lattice.parameters();
    let candidates = |length| candidates(from, length, tolerances.ltol);
    // The shortest first: where the cells have nothing in common, it is the one that nothing fits, and the quickest to
    // look for.
    let first = candidates(cell.a)?;
    if first.is_empty() {
        return Ok(());
    }
    let second = candidates(cell.b)?;
    if second.is_empty() {
        return Ok(());
    }
    let third = candidates(cell.c)?;
    let [alpha, beta, gamma] =
        [cell.alpha, cell.beta, cell.gamma].map(|angle| Cosines::around(angle, tolerances.angle_tol));
    let degrees = |cosine: f64| cosine.clamp(-1.0, 1.0).acos().to_degrees();
    for a in &first {
        for b in &second {
            let cosine_gamma = a.direction.dot(&b.direction);
            if !gamma.hold(cosine_gamma) {
                continue;
            }
            let normal = a.coefficients.cross(&b.coefficients);
            // Otherwise no third vector makes a basis of the two. In a collapsed lattice that is nearly always so.
            if !coprime(&normal) {
                continue;
            }
            for c in &third {
                let (cosine_alpha, cosine_beta) = (b.direction.dot(&c.direction), a.direction.dot(&c.direction));
                if !alpha.hold(cosine_alpha) || !beta.hold(cosine_beta) || normal.dot(&c.coefficients).abs() != 1.0 {
                    continue;
                }
                let mapping = Mapping {
                    coefficients: Matrix3::from_columns(&[a.coefficients, b.coefficients, c.coefficients]).transpose(),
                    lengths: [a.length, b.length, c.length],
                    angles: [cosine_alpha, cosine_beta, cosine_gamma].map(degrees),
                };
                if visit(&mapping).is_break() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Whether the lattice vectors as long as its own cell vectors can be gone through: not so in a collapsed lattice,
/// which cannot be compared with anything.
pub(super) fn has_few_enough_vectors(cell: &ReducedCell, tolerances: &StructureMatcher) -> bool {
    let parameters = cell.lattice.parameters();
    let longest = parameters.a.max(parameters.b).max(parameters.c);
    candidates(cell, longest, tolerances.ltol).is_ok()
}

/// Whether whole numbers have no common divisor but 1.
fn coprime(numbers: &Vector3<f64>) -> bool {
    let divisor = numbers.iter().fold(0.0, |divisor, number| {
        let (mut a, mut b) = (divisor, number.abs());
        while b > 0.0 {
            (a, b) = (b, a % b);
        }
        a
    });
    divisor == 1.0
}

/// Lattice vectors of `from` about as long as `length`.
fn candidates(from: &ReducedCell, length: f64, ltol: f64) -> Result<Vec<Candidate>, MetricsError> {
    let (shortest, longest) = (length / (1.0 + ltol), length * (1.0 + ltol));
    let mut candidates = Vec::new();
    let complete = from.search.visit(&Vector3::zeros(), longest * longest, |translation, vector, squared| {
        let length = squared.sqrt();
        if length > shortest && length < longest {
            let coefficients = Vector3::from(translation.map(f64::from));
            candidates.push(Candidate { coefficients, direction: vector / length, length });
        }
        candidates.len() <= MAX_VECTORS
    });
    if !complete || candidates.len() > MAX_VECTORS {
        return Err(MetricsError::TooManyLatticeVectors { limit: MAX_VECTORS });
    }
    Ok(candidates)
}
