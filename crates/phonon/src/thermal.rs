//! Thermal functions of harmonic modes.

use serde::Serialize;

use crate::MeshFrequencies;

/// Planck's constant times 1 THz, eV.
const EV_PER_THZ: f64 = 4.135_667_696_923_859e-3;
/// Boltzmann's constant, eV/K.
const BOLTZMANN: f64 = 8.617_333_262_145_179e-5;
/// 1 eV per cell in kJ/mol.
const KJ_PER_MOL: f64 = 96.485_332_123_310_02;

/// Modes below this (THz) are left out: their free energy has no lower bound. The acoustic modes at Γ are among them.
const LEAST_FREQUENCY: f64 = 1e-3;

/// Thermal functions at one temperature, per primitive cell (energies) and per mole of primitive cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThermalPoint {
    /// Temperature, K.
    pub temperature_k: f64,
    /// Helmholtz free energy of the vibrations, zero-point energy included, eV per primitive cell.
    pub free_energy_ev: f64,
    /// The same, kJ per mole of primitive cells.
    pub free_energy_kj_mol: f64,
    /// Entropy, J/(K mol).
    pub entropy_j_k_mol: f64,
    /// Heat capacity at constant volume, J/(K mol).
    pub heat_capacity_j_k_mol: f64,
}

/// Helmholtz free energy, entropy and heat capacity against temperature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThermalFunctions {
    /// One point per temperature.
    pub points: Vec<ThermalPoint>,
    /// Energy of the vibrations at 0 K, eV per primitive cell.
    pub zero_point_energy_ev: f64,
    /// Share of the modes that were left out: imaginary, or below 0.001 THz.
    pub left_out: f64,
}

impl ThermalFunctions {
    /// Of the modes on a mesh, at temperatures in K. Temperatures that are not positive are taken as 0 K.
    ///
    /// With `x = hν/kT`, per mode: `F = hν/2 + kT ln(1 − e⁻ˣ)`, `S = k (x/(eˣ − 1) − ln(1 − e⁻ˣ))`, `C = k x² eˣ/(eˣ −
    /// 1)²`.
    pub fn new(modes: &MeshFrequencies, temperatures_k: &[f64]) -> Self {
        let (mut zero_point, mut all, mut left_out) = (0.0, 0.0, 0.0);
        for (frequency, weight) in modes.modes() {
            all += weight;
            if frequency > LEAST_FREQUENCY {
                zero_point += weight * 0.5 * EV_PER_THZ * frequency;
            } else {
                left_out += weight;
            }
        }
        let point = |temperature: &f64| {
            let (mut free_energy, mut entropy, mut heat_capacity) = (zero_point, 0.0, 0.0);
            let thermal_energy = BOLTZMANN * temperature.max(0.0);
            if thermal_energy > 0.0 {
                for (frequency, weight) in modes.modes().filter(|(frequency, _)| *frequency > LEAST_FREQUENCY) {
                    let x = EV_PER_THZ * frequency / thermal_energy;
                    // e⁻ˣ and 1 − e⁻ˣ: neither overflows, and the second keeps its digits for small x.
                    let (boltzmann, complement) = ((-x).exp(), -(-x).exp_m1());
                    free_energy += weight * thermal_energy * complement.ln();
                    entropy += weight * BOLTZMANN * (x * boltzmann / complement - complement.ln());
                    heat_capacity += weight * BOLTZMANN * x * x * boltzmann / (complement * complement);
                }
            }
            ThermalPoint {
                temperature_k: temperature.max(0.0),
                free_energy_ev: free_energy,
                free_energy_kj_mol: free_energy * KJ_PER_MOL,
                entropy_j_k_mol: entropy * KJ_PER_MOL * 1000.0,
                heat_capacity_j_k_mol: heat_capacity * KJ_PER_MOL * 1000.0,
            }
        };
        let points = temperatures_k.iter().map(point).collect();
        Self { points, zero_point_energy_ev: zero_point, left_out: left_out / all }
    }
}
