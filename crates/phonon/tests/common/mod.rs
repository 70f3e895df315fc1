//! A potential whose second derivatives are known, and crystals to try it on.
#![allow(dead_code, reason = "every test binary uses its own part of this module")]

use crystal_core::{
    AsymmetricSite, AsymmetricUnit, CrystalSystem, Lattice, LatticeParameters, SpaceGroup, Species, SphereSearch,
    Structure,
};
use nalgebra::{Complex, DMatrix, Matrix3, Vector3};
use potential::{Evaluation, Identity, Potential, PotentialError};
use rayon::prelude::*;

/// The value of a pair function and its first two derivatives, eV, eV/Å, eV/Å².
pub type Pair = fn(&PairPotential, (Species, Species), f64) -> [f64; 3];

/// A sum over pairs within a cut-off: every force and every second derivative is known exactly.
#[derive(Debug)]
pub struct PairPotential {
    pub cutoff: f64,
    pub pair: Pair,
    pub identity: Identity,
}

impl PairPotential {
    pub fn new(cutoff: f64, pair: Pair) -> Self {
        Self { cutoff, pair, identity: Identity { name: "pairs".to_owned(), sha256: "0".repeat(64) } }
    }

    /// All neighbours of a site: index, lattice translation, vector to it.
    pub fn neighbours(&self, structure: &Structure, site: usize) -> Vec<(usize, [i32; 3], Vector3<f64>)> {
        let search = SphereSearch::new(structure.lattice());
        let mut found = Vec::new();
        for (other, target) in structure.sites().iter().enumerate() {
            let difference = target.frac_coords - structure.sites()[site].frac_coords;
            search.visit(&difference, self.cutoff * self.cutoff, |translation, vector, squared| {
                if squared > 1e-6 {
                    found.push((other, translation, vector));
                }
                true
            });
        }
        found
    }

    /// The dynamical matrix of a crystal by the sum over neighbours: no supercell, no symmetry, no finite differences.
    /// eV/(Å² u).
    pub fn dynamical_matrix(
        &self,
        structure: &Structure,
        masses: &[f64],
        qpoint: &Vector3<f64>,
    ) -> DMatrix<Complex<f64>> {
        let n = structure.n_sites();
        let mut matrix = DMatrix::zeros(3 * n, 3 * n);
        for i in 0..n {
            for (j, translation, vector) in self.neighbours(structure, i) {
                let species = (structure.sites()[i].species, structure.sites()[j].species);
                let distance = vector.norm();
                let [_, first, second] = (self.pair)(self, species, distance);
                let unit = vector / distance;
                let projector = unit * unit.transpose();
                let spring: Matrix3<f64> = projector * second + (Matrix3::identity() - projector) * (first / distance);
                let angle = std::f64::consts::TAU * qpoint.dot(&Vector3::from(translation.map(f64::from)));
                let phase = Complex::from_polar(1.0 / (masses[i] * masses[j]).sqrt(), angle);
                for (row, column) in (0..3).flat_map(|row| (0..3).map(move |column| (row, column))) {
                    matrix[(3 * i + row, 3 * i + column)] += Complex::from(spring[(row, column)] / masses[i]);
                    matrix[(3 * i + row, 3 * j + column)] -= phase * spring[(row, column)];
                }
            }
        }
        matrix
    }
}

impl Potential for PairPotential {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn elements(&self) -> &[Species] {
        &[]
    }

    fn energies(&self, structures: &[Structure]) -> Result<Vec<Result<f64, PotentialError>>, PotentialError> {
        Ok(self
            .evaluate(structures)?
            .into_iter()
            .map(|evaluation| evaluation.map(|evaluation| evaluation.energy))
            .collect())
    }

    fn evaluate(&self, structures: &[Structure]) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        let evaluate = |structure: &Structure| {
            let mut energy = 0.0;
            let mut stress = Matrix3::zeros();
            let forces = (0..structure.n_sites())
                .map(|i| {
                    let mut force = Vector3::zeros();
                    for (j, _, vector) in self.neighbours(structure, i) {
                        let species = (structure.sites()[i].species, structure.sites()[j].species);
                        let [value, first, _] = (self.pair)(self, species, vector.norm());
                        energy += 0.5 * value;
                        let pull = vector * (first / vector.norm());
                        force += pull;
                        stress += 0.5 * pull * vector.transpose() / structure.lattice().volume();
                    }
                    force
                })
                .collect();
            Ok(Evaluation { energy, forces, stress })
        };
        Ok(structures.par_iter().map(evaluate).collect())
    }

    fn evaluate_symmetric(
        &self,
        _units: &[AsymmetricUnit],
    ) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        Err(PotentialError::Device { reason: "pairs know whole cells only".to_owned() })
    }
}

/// `A (1 − (r/r_c)²)⁴` with `A = 0.02·√(Z₁ + Z₂)` eV: smooth, without a singularity, any structure will do.
pub fn bump(potential: &PairPotential, species: (Species, Species), r: f64) -> [f64; 3] {
    let strength = 0.02 * f64::from(u16::from(species.0.atomic_number()) + u16::from(species.1.atomic_number())).sqrt();
    let square = potential.cutoff * potential.cutoff;
    let rest = 1.0 - r * r / square;
    [
        strength * rest.powi(4),
        strength * 4.0 * rest.powi(3) * (-2.0 * r / square),
        strength * (12.0 * rest.powi(2) * (2.0 * r / square).powi(2) - 8.0 * rest.powi(3) / square),
    ]
}

pub fn species(symbol: &str) -> Species {
    symbol.parse().expect("an element")
}

/// A crystal of a space group: the parameters of the conventional lattice that are free (lengths in Å, angles in
/// degrees), and sites in conventional coordinates.
pub fn unit(number: i64, free: &[f64], sites: &[(&str, [f64; 3])]) -> AsymmetricUnit {
    let space_group = SpaceGroup::from_number(number).expect("a space group");
    let [a, b, c, alpha, beta, gamma] = match (space_group.system(), free) {
        (CrystalSystem::Triclinic, &[a, b, c, alpha, beta, gamma]) => [a, b, c, alpha, beta, gamma],
        (CrystalSystem::Monoclinic, &[a, b, c, beta]) => [a, b, c, 90.0, beta, 90.0],
        (CrystalSystem::Orthorhombic, &[a, b, c]) => [a, b, c, 90.0, 90.0, 90.0],
        (CrystalSystem::Tetragonal, &[a, c]) => [a, a, c, 90.0, 90.0, 90.0],
        (CrystalSystem::Trigonal | CrystalSystem::Hexagonal, &[a, c]) => [a, a, c, 90.0, 90.0, 120.0],
        (CrystalSystem::Cubic, &[a]) => [a, a, a, 90.0, 90.0, 90.0],
        (system, _) => panic!("{free:?} are not the free parameters of a {system} lattice"),
    };
    let lattice = Lattice::from_parameters(LatticeParameters { a, b, c, alpha, beta, gamma }).expect("a cell");
    with_lattice(space_group, lattice, sites)
}

pub fn with_lattice(space_group: &'static SpaceGroup, lattice: Lattice, sites: &[(&str, [f64; 3])]) -> AsymmetricUnit {
    let sites = sites
        .iter()
        .map(|(symbol, x)| AsymmetricSite::new(space_group, &lattice, species(symbol), &Vector3::from(*x), 1e-3))
        .collect();
    // Also lattices that do not fit the group, which phonons must refuse by themselves.
    AsymmetricUnit::unchecked(space_group, lattice, sites)
}

/// Eigenvalues of a dynamical matrix as frequencies, ascending, THz.
pub fn frequencies(matrix: &DMatrix<Complex<f64>>) -> Vec<f64> {
    let mut frequencies: Vec<f64> = matrix
        .symmetric_eigenvalues()
        .iter()
        .map(|lambda| lambda.abs().sqrt().copysign(*lambda) * phonon::THZ_PER_ROOT)
        .collect();
    frequencies.sort_by(f64::total_cmp);
    frequencies
}

pub fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found_one, expected_one) in found.iter().zip(expected) {
        assert!((found_one - expected_one).abs() < tolerance, "{what}: {found:?} instead of {expected:?}");
    }
}
