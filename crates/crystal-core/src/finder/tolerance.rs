//! The tolerance at which finders come back.
//!
//! Finders take for a symmetry of the lattice every integer matrix that keeps the lengths and angles of a reduced basis
//! within the tolerance. Where the tolerance is not a small distance in the cell (small or flat cells, or cells much
//! longer than wide, which a slight shear maps onto themselves) these matrices generate an infinite group: moyo 0.22
//! multiplies them with one another until nothing new comes, so it never returns and takes all memory, and spglib 1.16
//! crashes in its search for the Hall symbol. So the same matrices are looked at here first, and the tolerance is
//! lowered until they are finite in number.

use std::collections::{BTreeMap, BTreeSet};

use moyo::base::Lattice as MoyoLattice;
use nalgebra::{Matrix3, Vector3};

use crate::grid::SiteGrid;
use crate::{Species, Structure};

/// Order of the largest crystallographic point group.
const LARGEST_POINT_GROUP: usize = 48;
/// More than any entry of a point group's matrices in a reduced basis.
const LARGEST_ENTRY: i32 = 1000;
/// Finders may reduce to another basis of the same lattice, and may raise the tolerance again after lowering it.
const MARGIN: f64 = 1.5;
/// For cells that are not primitive, whose primitive lattice finders find after this check: how often the tolerance
/// must fit into the shortest translation `a`, and into `√(a³/c)`, the square root of what a shear of the longest
/// vector `c` by `a` costs.
const PER_TRANSLATION: f64 = 20.0;
const PER_SHEAR: f64 = 8.0;
/// Steps by [`MARGIN`] over which the tolerance is lowered: more than any cell that f64 can hold apart needs.
const MAX_STEPS: usize = 64;

/// The largest tolerance up to `symprec` (Å) that is safe for a structure; nearly always `symprec`. The error is the
/// reason.
pub(super) fn bounded_tolerance(structure: &Structure, symprec: f64) -> Result<f64, String> {
    let (reduced, _) =
        MoyoLattice::new(*structure.lattice().matrix()).minkowski_reduce().map_err(|error| error.to_string())?;
    let mut tolerance = symprec;
    let translation = shortest_translation(structure, 4.0 * symprec);
    if translation.is_finite() {
        let lengths = reduced.basis.column_iter().map(|column| column.norm());
        let longest = lengths.clone().fold(0.0, f64::max);
        let shortest = lengths.fold(translation, f64::min);
        tolerance = tolerance.min(shortest / PER_TRANSLATION).min((shortest.powi(3) / longest).sqrt() / PER_SHEAR);
    }
    for _ in 0..MAX_STEPS {
        if is_finite_group(&lattice_symmetries(&reduced.basis, MARGIN * tolerance)) {
            return Ok(tolerance);
        }
        tolerance /= MARGIN;
    }
    Err("the symmetry of its lattice cannot be told at any tolerance".to_owned())
}

/// Length (Å) of the shortest translation inside the cell that maps every atom to within `tolerance` (Å) of an atom of
/// its element; infinite if there is none: then the cell is primitive.
fn shortest_translation(structure: &Structure, tolerance: f64) -> f64 {
    let mut counts: BTreeMap<Species, usize> = BTreeMap::new();
    for site in structure.sites() {
        *counts.entry(site.species).or_default() += 1;
    }
    // Translations permute the atoms of the rarest element, so one of these translates its first atom to each of the
    // others.
    let Some(first) = structure.sites().iter().min_by_key(|site| counts[&site.species]) else { return f64::INFINITY };
    let grid = SiteGrid::new(structure.lattice(), structure.sites().iter().map(|site| site.frac_coords));
    let maps = |translation: &Vector3<f64>| {
        structure.sites().iter().all(|site| {
            let same_element = |other: usize| structure.sites()[other].species == site.species;
            grid.any_within(&(site.frac_coords + translation), tolerance, same_element)
        })
    };
    // The shortest first: the search ends at the first one that maps the structure.
    let rarest = structure.sites().iter().filter(|site| site.species == first.species).skip(1);
    let mut translations: Vec<(f64, Vector3<f64>)> = rarest
        .map(|site| site.frac_coords - first.frac_coords)
        .map(|translation| (structure.lattice().min_image_distance(&Vector3::zeros(), &translation), translation))
        .collect();
    translations.sort_by(|a, b| a.0.total_cmp(&b.0));
    translations.iter().find(|(_, translation)| maps(translation)).map_or(f64::INFINITY, |(length, _)| *length)
}

/// The integer matrices with entries −1, 0, 1 that map a reduced basis (columns, Å) onto vectors of the same lengths
/// and angles within `tolerance`: lengths to `tolerance`, angles to `sin²(Δθ)·|u||v| < tolerance²` (moyo's and spglib's
/// criterion).
fn lattice_symmetries(basis: &Matrix3<f64>, tolerance: f64) -> Vec<Matrix3<i32>> {
    let columns = [0, 1, 2].map(|i| basis.column(i).into_owned());
    let lengths = columns.map(|column| column.norm());
    let mut images: [Vec<(Vector3<i32>, Vector3<f64>)>; 3] = Default::default();
    for code in 0..27 {
        let coefficients = Vector3::new(code / 9 - 1, code / 3 % 3 - 1, code % 3 - 1);
        let vector = basis * coefficients.map(f64::from);
        for i in 0..3 {
            if (vector.norm() - lengths[i]).abs() < tolerance {
                images[i].push((coefficients, vector));
            }
        }
    }
    let same_angle = |i: usize, j: usize, u: &Vector3<f64>, v: &Vector3<f64>| {
        let sine = (u.angle(v) - columns[i].angle(&columns[j])).sin();
        sine * sine * 0.25 * (lengths[i] + u.norm()) * (lengths[j] + v.norm()) < tolerance * tolerance
    };
    let mut found = Vec::new();
    for (a, u) in &images[0] {
        for (b, v) in images[1].iter().filter(|(_, v)| same_angle(0, 1, u, v)) {
            for (c, _) in images[2].iter().filter(|(_, w)| same_angle(1, 2, v, w) && same_angle(2, 0, w, u)) {
                let matrix = Matrix3::from_columns(&[*a, *b, *c]);
                if a.cross(b).dot(c).abs() == 1 {
                    found.push(matrix);
                }
            }
        }
    }
    found
}

/// Whether the matrices generate a group no larger than a point group can be.
fn is_finite_group(matrices: &[Matrix3<i32>]) -> bool {
    let key = |matrix: &Matrix3<i32>| <[[i32; 3]; 3]>::from(*matrix);
    let mut members = vec![Matrix3::identity()];
    let mut known = BTreeSet::from([key(&members[0])]);
    let mut generators: Vec<Matrix3<i32>> = Vec::new();
    for matrix in matrices {
        if known.contains(&key(matrix)) {
            continue;
        }
        generators.push(*matrix);
        // Old members times the new generator, new ones times all of them.
        let n_old = members.len();
        let mut next = 0;
        while next < members.len() {
            let first = if next < n_old { generators.len() - 1 } else { 0 };
            for generator in &generators[first..] {
                let product = members[next] * generator;
                if known.insert(key(&product)) {
                    members.push(product);
                    // Entries of a finite group stay small in a reduced basis; those of an infinite one would overflow.
                    if members.len() > LARGEST_POINT_GROUP || product.abs().max() > LARGEST_ENTRY {
                        return false;
                    }
                }
            }
            next += 1;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubic_lattices_have_48_symmetries() {
        let matrices = lattice_symmetries(&(Matrix3::identity() * 4.0), 1e-3);
        assert_eq!(matrices.len(), 48);
        assert!(is_finite_group(&matrices));
    }

    #[test]
    fn shears_are_seen() {
        let shear = Matrix3::new(1, 1, 0, 0, 1, 0, 0, 0, 1);
        assert!(!is_finite_group(&[shear]));
        // 0.4 Å wide and 40 Å long: at 0.1 Å the long vector may as well lean by the short one.
        let needle = Matrix3::from_diagonal(&Vector3::new(0.4, 4.0, 40.0));
        assert!(!is_finite_group(&lattice_symmetries(&needle, 0.1)));
        assert!(is_finite_group(&lattice_symmetries(&needle, 1e-3)));
    }
}
