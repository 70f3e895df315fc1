//! A model of how stiff a crystal is: springs between neighbours. It only sets the shape of the first steps and never
//! the result.
//!
//! In the manner of Lindh's and Packwood's model Hessians (Lindh et al., Chem. Phys. Lett. 241, 423 (1995); Packwood et
//! al., J. Chem. Phys. 144, 164109 (2016)), for positions and cell at once.

use crystal_core::{Lattice, SphereSearch};
use nalgebra::{Cholesky, DMatrix, Matrix3, Vector3};

use super::freedom::SiteFreedom;
use crate::crystal::Atom;
use crate::strain::count;

/// Springs longer than this, Å, are left out.
const REACH: f64 = 6.0;
/// Stiffness of a spring of `REFERENCE_LENGTH`, eV/Å².
const STIFFNESS: f64 = 3.0;
/// Å.
const REFERENCE_LENGTH: f64 = 2.5;
/// Shorter bonds are stiffer: power of length.
const HARDENING: i32 = 3;
/// Decay of the stiffness beyond the nearest neighbours, per relative length.
const DECAY: f64 = 4.0;
/// Bonds count as this long at least and at most, Å, so that one close contact of a bad start does not outweigh all
/// else.
const BOND_LENGTHS: [f64; 2] = [1.0, 3.5];
/// Stiffness across a spring by that along it: what angles between bonds cost.
const TRANSVERSE: f64 = 0.15;
/// Added for every displacement, eV/Å²: whole layers and molecules slide easily, but not freely.
const FLOOR_OF_POSITIONS: f64 = 0.3;
/// Added for every strain, eV per atom.
const FLOOR_OF_STRAINS: f64 = 1.0;

/// One spring: from a site to an atom.
struct Spring {
    site: usize,
    atom: usize,
    vector: Vector3<f64>,
    length: f64,
}

/// The lower triangular factor C of the model stiffness `H = C·Cᵀ` in the coordinates w.
///
/// `H = Σ_i m_i/2 Σ_e Jᵀ(k uuᵀ + k_t(1 − uuᵀ))J` over the springs e out of the sites i, with `u` the spring's direction
/// and J the derivative of its vector by w; `k = K(ℓ₀/ℓ)³ exp(−A(d/ℓ − 1))` with d its length and ℓ the mean of its
/// ends' shortest ones.
pub(super) fn factor(
    lattice: &Lattice,
    points: &[Vector3<f64>],
    atoms: &[Atom],
    sites: &[SiteFreedom],
    strains: &[Matrix3<f64>],
) -> DMatrix<f64> {
    let n_positions: usize = sites.iter().map(|site| site.n_free).sum();
    let n = n_positions + strains.len();
    let mut stiffness = DMatrix::zeros(n, n);
    let springs = springs(lattice, points, atoms);
    let mut bonds = vec![BOND_LENGTHS[1]; sites.len()];
    for spring in &springs {
        bonds[spring.site] = bonds[spring.site].min(spring.length);
    }
    let bond = |site: usize| bonds[site].max(BOND_LENGTHS[0]);
    let mut columns: Vec<(usize, Vector3<f64>)> = Vec::with_capacity(12);
    for spring in &springs {
        let atom = &atoms[spring.atom];
        let (from, to) = (&sites[spring.site], &sites[atom.site]);
        let length = 0.5 * (bond(spring.site) + bond(atom.site));
        let along = STIFFNESS
            * (REFERENCE_LENGTH / length).powi(HARDENING)
            * (-DECAY * (spring.length / length - 1.0).max(0.0)).exp();
        columns.clear();
        for k in 0..from.n_free {
            columns.push((from.offset + k, -from.directions.column(k) / from.images.sqrt()));
        }
        for k in 0..to.n_free {
            columns.push((to.offset + k, atom.cartesian * to.directions.column(k) / to.images.sqrt()));
        }
        columns.extend(strains.iter().enumerate().map(|(k, strain)| (n_positions + k, strain * spring.vector)));
        let direction = spring.vector / spring.length.max(f64::MIN_POSITIVE);
        let projector = direction * direction.transpose();
        let tensor = (projector + (Matrix3::identity() - projector) * TRANSVERSE) * (0.5 * from.images * along);
        for (row, a) in &columns {
            let force = tensor * a;
            for (column, b) in &columns {
                stiffness[(*row, *column)] += force.dot(b);
            }
        }
    }
    for k in 0..n {
        stiffness[(k, k)] += if k < n_positions { FLOOR_OF_POSITIONS } else { FLOOR_OF_STRAINS * count(atoms.len()) };
    }
    // Sums of squares plus a positive diagonal; only numbers that are not finite can break this, and those the limits
    // catch later.
    Cholesky::new(stiffness).map_or_else(|| DMatrix::identity(n, n), |cholesky| cholesky.unpack())
}

fn springs(lattice: &Lattice, points: &[Vector3<f64>], atoms: &[Atom]) -> Vec<Spring> {
    let search = SphereSearch::new(lattice);
    let mut springs = Vec::new();
    for (site, point) in points.iter().enumerate() {
        for (index, atom) in atoms.iter().enumerate() {
            let difference = atom.position(&points[atom.site]) - point;
            // A collapsed lattice ends the search early; the limits end its relaxation.
            let _complete = search.visit(&difference, REACH * REACH, |_, vector, squared| {
                if squared > 1e-6 {
                    springs.push(Spring { site, atom: index, vector, length: squared.sqrt() });
                }
                true
            });
        }
    }
    springs
}
