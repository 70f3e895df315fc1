//! The verdict: is a crystal dynamically stable?

use serde::{Deserialize, Serialize};

use crate::{MeshFrequencies, Supercell};

/// A crystal is called dynamically stable if no frequency lies below this, THz.
pub const STABLE_ABOVE_THZ: f64 = -0.1;

/// The strict threshold that is given beside it, THz.
pub const STRICTLY_STABLE_ABOVE_THZ: f64 = -0.001;

/// Whether a crystal is dynamically stable, with what the answer rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// The lowest frequency on the mesh, without the three acoustic modes at Γ; THz, negative if imaginary.
    pub min_frequency_thz: f64,
    /// Where it occurs, reduced coordinates of the primitive cell.
    pub min_qpoint: [f64; 3],
    /// Whether it is above `threshold_thz`.
    pub dynamically_stable: bool,
    /// −0.1 THz.
    pub threshold_thz: f64,
    /// Whether it is above `strict_threshold_thz`.
    pub strictly_stable: bool,
    /// −0.001 THz.
    pub strict_threshold_thz: f64,
    /// Multiples of the primitive cell in the supercell.
    pub supercell: [usize; 3],
    /// Divisions of the mesh.
    pub mesh: [usize; 3],
}

impl Stability {
    /// The verdict from the frequencies on a mesh. The acoustic modes at Γ are the three of smallest amount: the force
    /// constants obey the sum rule exactly, so these are zero up to rounding. A cell of one atom has no others there.
    pub fn new(modes: &MeshFrequencies, supercell: &Supercell) -> Self {
        let mut lowest = (f64::INFINITY, [0.0; 3]);
        for (point, frequencies) in modes.mesh().points().iter().zip(modes.frequencies()) {
            let mut frequencies = frequencies.clone();
            if point.qpoint == [0.0; 3] {
                frequencies.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
                frequencies.drain(..3);
            }
            for frequency in frequencies {
                if frequency < lowest.0 {
                    lowest = (frequency, point.qpoint);
                }
            }
        }
        // Only the acoustic modes of one atom on a mesh of Γ alone: nothing is known to be unstable, and nothing to be
        // stable.
        let min_frequency_thz = if lowest.0.is_finite() { lowest.0 } else { 0.0 };
        Self {
            min_frequency_thz,
            min_qpoint: lowest.1,
            dynamically_stable: min_frequency_thz > STABLE_ABOVE_THZ,
            threshold_thz: STABLE_ABOVE_THZ,
            strictly_stable: min_frequency_thz > STRICTLY_STABLE_ABOVE_THZ,
            strict_threshold_thz: STRICTLY_STABLE_ABOVE_THZ,
            supercell: supercell.multiples(),
            mesh: modes.mesh().divisions(),
        }
    }
}
