//! A potential of pairs with exact forces and stress.

use crystal_core::{AsymmetricUnit, Orbit, Species, SphereSearch, Structure};
use nalgebra::{Matrix3, Vector3};
use potential::{Evaluation, Identity, Potential, PotentialError};

/// Energy of a pair and its derivative by the distance.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `D((1 − exp(−a(r − r₀)))² − 1)` with D = 0.4 or 0.6 eV, a = 2/Å and `r₀` from the elements.
    Morse,
    /// `4ε((σ/r)¹² − (σ/r)⁶)`.
    LennardJones { epsilon: f64, sigma: f64 },
}

/// The potential. Pairs fade out between 85 % of the cut-off and the cut-off.
#[derive(Debug)]
pub struct Pairs {
    pub shape: Shape,
    pub cutoff: f64,
    identity: Identity,
    elements: Vec<Species>,
}

/// An element whose energy is NaN.
pub const NOT_FINITE: i64 = 80;
/// An element with 60 eV too little.
pub const DEEP: i64 = 81;
/// An element that is refused once its crystal has more than 30 Å³/atom.
pub const REFUSED: i64 = 82;

pub fn element(number: i64) -> Species {
    Species::from_atomic_number(number).expect("an element")
}

impl Pairs {
    pub fn morse() -> Self {
        Self::new(Shape::Morse, 6.0)
    }

    pub fn new(shape: Shape, cutoff: f64) -> Self {
        let identity = Identity { name: "pairs".to_owned(), sha256: String::new() };
        Self { shape, cutoff, identity, elements: (1..=83).map(element).collect() }
    }

    fn pair(&self, a: Species, b: Species, r: f64) -> (f64, f64) {
        let (value, slope) = match self.shape {
            Shape::Morse => {
                let radius = |species: Species| 1.33 + 0.002 * f64::from(species.atomic_number());
                // Unlike elements attract each other more.
                let depth = if a == b { 0.4 } else { 0.6 };
                let decay = (-2.0 * (r - radius(a) - radius(b))).exp();
                (depth * ((1.0 - decay).powi(2) - 1.0), 2.0 * depth * 2.0 * decay * (1.0 - decay))
            }
            Shape::LennardJones { epsilon, sigma } => {
                let sixth = (sigma / r).powi(6);
                (4.0 * epsilon * (sixth * sixth - sixth), 4.0 * epsilon * (6.0 * sixth - 12.0 * sixth * sixth) / r)
            }
        };
        let begin = 0.85 * self.cutoff;
        if r <= begin {
            return (value, slope);
        }
        let width = self.cutoff - begin;
        let x = (r - begin) / width;
        let fade = 1.0 - x.powi(3) * (10.0 - 15.0 * x + 6.0 * x * x);
        let fade_slope = -30.0 * x * x * (1.0 - x).powi(2) / width;
        (value * fade, slope * fade + value * fade_slope)
    }

    pub fn evaluate_one(&self, structure: &Structure) -> Result<Evaluation, PotentialError> {
        let sites = structure.sites();
        let lattice = structure.lattice();
        let search = SphereSearch::new(lattice);
        let mut energy = 0.0;
        let mut virial = Matrix3::zeros();
        let mut forces = vec![Vector3::zeros(); sites.len()];
        let volume_per_atom = lattice.volume() / f64::from(u32::try_from(sites.len()).expect("small cells"));
        for (i, a) in sites.iter().enumerate() {
            if !self.elements.contains(&a.species) {
                let potential = self.identity.name.clone();
                return Err(PotentialError::Element {
                    site: i,
                    species: a.species,
                    potential,
                    known: "H to Bi".to_owned(),
                });
            }
            match i64::from(a.species.atomic_number()) {
                NOT_FINITE => energy = f64::NAN,
                DEEP => energy -= 60.0,
                REFUSED if volume_per_atom > 30.0 => {
                    return Err(PotentialError::TooClose { i, j: i, distance: 0.0, least: 0.1 });
                }
                _ => {}
            }
            for (j, b) in sites.iter().enumerate() {
                let difference = b.frac_coords - a.frac_coords;
                let complete = search.visit(&difference, self.cutoff * self.cutoff, |translation, vector, squared| {
                    if i == j && translation == [0; 3] {
                        return true;
                    }
                    let r = squared.sqrt();
                    let (value, slope) = self.pair(a.species, b.species, r);
                    energy += 0.5 * value;
                    forces[i] += vector * (slope / r);
                    virial += vector * vector.transpose() * (0.5 * slope / r);
                    true
                });
                assert!(complete, "cells of tests do not collapse");
            }
        }
        Ok(Evaluation { energy, forces, stress: virial / lattice.volume() })
    }

    /// The full cell, averaged over the group.
    fn evaluate_unit(&self, unit: &AsymmetricUnit) -> Result<Evaluation, PotentialError> {
        let full = self.evaluate_one(&unit.expand().expect("a cell"))?;
        let group = unit.space_group();
        let primitive = unit.primitive_lattice().expect("a cell");
        let mut forces = Vec::new();
        let mut first = 0;
        for site in unit.sites() {
            let frac_coords = group.centring().to_conventional().tr_mul(&site.frac_coords());
            let orbit = Orbit::in_primitive_cell(group, &frac_coords, &primitive, 1e-3);
            let mut mean = Vector3::zeros();
            for (image, force) in orbit.images().iter().zip(&full.forces[first..]) {
                let rotation = group.primitive_operations()[image.operation].cartesian_rotation(&primitive);
                mean += rotation.transpose() * force;
            }
            first += orbit.multiplicity();
            forces.push(mean / f64::from(u32::try_from(orbit.multiplicity()).expect("at most 192")));
        }
        let rotations = group.operations().iter().map(|operation| operation.cartesian_rotation(unit.lattice()));
        let turned: Vec<Matrix3<f64>> =
            rotations.map(|rotation| rotation * full.stress * rotation.transpose()).collect();
        let stress = turned.iter().sum::<Matrix3<f64>>() / f64::from(u32::try_from(turned.len()).expect("at most 48"));
        assert!((stress - full.stress).amax() < 1e-9, "the stress has the symmetry of the group");
        Ok(Evaluation { energy: full.energy, forces, stress })
    }
}

impl Potential for Pairs {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn elements(&self) -> &[Species] {
        &self.elements
    }

    fn energies(&self, structures: &[Structure]) -> Result<Vec<Result<f64, PotentialError>>, PotentialError> {
        Ok(structures.iter().map(|structure| Ok(self.evaluate_one(structure)?.energy)).collect())
    }

    fn evaluate(&self, structures: &[Structure]) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        Ok(structures.iter().map(|structure| self.evaluate_one(structure)).collect())
    }

    fn evaluate_symmetric(
        &self,
        units: &[AsymmetricUnit],
    ) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        Ok(units.iter().map(|unit| self.evaluate_unit(unit)).collect())
    }
}
