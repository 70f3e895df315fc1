//! The density of states.

use std::f64::consts::TAU;

use serde::Serialize;

use crate::MeshFrequencies;
use crate::supercell::as_float;

/// The width of a mode, as a share of the range of frequencies.
const WIDTH: f64 = 0.01;

/// Gaussians are cut off at this many widths.
const REACH: f64 = 5.0;

/// Modes per THz and primitive cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DensityOfStates {
    /// Frequencies, THz, ascending in equal steps; negative ones are imaginary.
    pub frequencies_thz: Vec<f64>,
    /// Density at each of them, 1/THz; its integral is the number of modes.
    pub density: Vec<f64>,
    /// Standard deviation of the Gaussian that each mode is drawn as, THz.
    pub width_thz: f64,
}

impl DensityOfStates {
    /// With `n_points` frequencies (at least two). Every mode of the mesh is a Gaussian as wide as a hundredth of the
    /// range.
    pub fn new(modes: &MeshFrequencies, n_points: usize) -> Self {
        let (least, most) = modes.modes().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (frequency, _)| {
            (least.min(frequency), most.max(frequency))
        });
        let width = (WIDTH * (most - least)).max(1e-3);
        let n_points = n_points.max(2);
        let start = least - REACH * width;
        let step = (most - least + 2.0 * REACH * width) / as_float(n_points - 1);
        let frequencies_thz: Vec<f64> = (0..n_points).map(|index| start + step * as_float(index)).collect();
        let mut density = vec![0.0; n_points];
        for (frequency, weight) in modes.modes() {
            let height = weight / (width * TAU.sqrt());
            for (at, density) in frequencies_thz.iter().zip(&mut density) {
                let distance = (at - frequency) / width;
                if distance.abs() < REACH + 1.0 {
                    *density += height * (-0.5 * distance * distance).exp();
                }
            }
        }
        Self { frequencies_thz, density, width_thz: width }
    }
}
