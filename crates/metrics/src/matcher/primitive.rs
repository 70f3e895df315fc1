//! The search for a smaller cell that describes the same structure within a tolerance (metrics.md §7.5).

use crystal_core::{Lattice, Site};
use nalgebra::{Matrix3, Vector3};

use super::reduced::{nearest, wrap};

/// How far atoms may be from where a translation puts them, in Å along each cell vector.
const TOLERANCE: f64 = 0.25;

/// The vectors (rows, Å) and atoms of the first smaller cell found, if there is one. It need not be the smallest:
/// search on in it.
pub(super) fn smaller_cell(lattice: &Lattice, sites: &[Site]) -> Option<(Matrix3<f64>, Vec<Site>)> {
    let mut sites = sites.to_vec();
    sites.sort_by(|a, b| a.species.symbol().cmp(b.species.symbol()));
    let groups: Vec<&[Site]> = sites.chunk_by(|a, b| a.species == b.species).collect();
    let common = groups.iter().fold(0, |divisor, group| gcd(divisor, group.len()));
    if common < 2 {
        return None;
    }
    let tolerances = tolerances(lattice.matrix());
    let translations = translations(&groups, &tolerances);
    if translations.len() < 2 {
        return None;
    }
    for ratio in divisors(common).filter(|ratio| *ratio > 1) {
        for transformation in hermite_forms(ratio) {
            let inverse = inverse_of_triangular(&transformation);
            let is_translation = |row: usize| {
                translations.iter().any(|translation| {
                    (0..3).all(|axis| nearest(inverse[(row, axis)] - translation[axis]).abs() < tolerances[axis])
                })
            };
            if !(0..3).all(is_translation) {
                continue;
            }
            let matrix = inverse * lattice.matrix();
            let merged: Option<Vec<Vec<Site>>> =
                groups.iter().map(|group| merge(group, &transformation, &matrix, ratio, &tolerances)).collect();
            if let Some(merged) = merged {
                return Some((matrix, merged.into_iter().flatten().collect()));
            }
        }
    }
    None
}

/// The tolerance as a share of each cell vector.
fn tolerances(matrix: &Matrix3<f64>) -> [f64; 3] {
    [0, 1, 2].map(|axis| TOLERANCE / matrix.row(axis).norm())
}

/// Translations (fractional) that put every atom on another of its element.
fn translations(groups: &[&[Site]], tolerances: &[f64; 3]) -> Vec<Vector3<f64>> {
    let mut by_size = groups.to_vec();
    by_size.sort_by_key(|group| group.len());
    let smallest = by_size[0];
    let mut translations: Vec<Vector3<f64>> =
        smallest.iter().map(|site| site.frac_coords - smallest[0].frac_coords).collect();
    for group in by_size {
        for from in group {
            translations.retain(|translation| {
                let target = translation + from.frac_coords;
                group.iter().any(|to| {
                    let off = target - to.frac_coords;
                    (0..3).all(|axis| nearest(off[axis]).abs() < 2.0 * tolerances[axis])
                })
            });
            // The identity alone is left.
            if translations.len() < 2 {
                return translations;
            }
        }
    }
    translations
}

/// Every sublattice index `determinant`, as the matrices `H` with `old = H · new`.
fn hermite_forms(determinant: usize) -> impl Iterator<Item = Matrix3<f64>> {
    let real = |n: usize| n as f64;
    divisors(determinant).flat_map(move |a| {
        divisors(determinant / a).flat_map(move |e| {
            let g = determinant / a / e;
            (0..a).flat_map(move |b| {
                (0..a).flat_map(move |c| {
                    (0..e)
                        .map(move |f| Matrix3::new(real(a), real(b), real(c), 0.0, real(e), real(f), 0.0, 0.0, real(g)))
                })
            })
        })
    })
}

fn inverse_of_triangular(h: &Matrix3<f64>) -> Matrix3<f64> {
    let (a, b, c, e, f, g) = (h[(0, 0)], h[(0, 1)], h[(0, 2)], h[(1, 1)], h[(1, 2)], h[(2, 2)]);
    Matrix3::new(1.0 / a, -b / (a * e), (b * f - c * e) / (a * e * g), 0.0, 1.0 / e, -f / (e * g), 0.0, 0.0, 1.0 / g)
}

/// The atoms of one element in the smaller cell, each the mean of the `ratio` atoms that fall together there; `None` if
/// they do not fall into such sets.
fn merge(
    group: &[Site],
    transformation: &Matrix3<f64>,
    matrix: &Matrix3<f64>,
    ratio: usize,
    big_tolerances: &[f64; 3],
) -> Option<Vec<Site>> {
    let small_tolerances = tolerances(matrix);
    let folded: Vec<Vector3<f64>> = group.iter().map(|site| transformation.tr_mul(&site.frac_coords)).collect();
    let linked = |i: usize, j: usize| {
        let near = (0..3).all(|axis| nearest(folded[i][axis] - folded[j][axis]).abs() < small_tolerances[axis]);
        // Two atoms that are close in the big cell, too, are no images of each other.
        let apart = |axis: usize| {
            nearest(group[i].frac_coords[axis] - group[j].frac_coords[axis]).abs() > 2.0 * big_tolerances[axis]
        };
        near && (i == j || (0..3).any(apart))
    };
    let links: Vec<Vec<usize>> =
        (0..group.len()).map(|i| (0..group.len()).filter(|j| linked(i, *j)).collect()).collect();
    let mut merged = Vec::with_capacity(group.len() / ratio);
    for (i, set) in links.iter().enumerate() {
        if set.len() != ratio || set.iter().any(|j| links[*j] != *set) {
            return None;
        }
        if set[0] != i {
            continue;
        }
        let mut centre = folded[i].map(wrap);
        for (n, j) in set[1..].iter().enumerate() {
            let off = (folded[*j].map(wrap) - centre).map(nearest);
            centre += off / (n + 2) as f64;
        }
        merged.push(Site { species: group[i].species, frac_coords: centre });
    }
    Some(merged)
}

fn divisors(n: usize) -> impl Iterator<Item = usize> {
    (1..=n).filter(move |divisor| n.is_multiple_of(*divisor))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_counted_and_inverted() {
        // The number of sublattices of index n: 1, 7, 13, 35, … (OEIS A001001).
        for (determinant, number) in [(1, 1), (2, 7), (3, 13), (4, 35), (6, 91)] {
            let forms: Vec<Matrix3<f64>> = hermite_forms(determinant).collect();
            assert_eq!(forms.len(), number);
            for form in forms {
                assert!((form * inverse_of_triangular(&form) - Matrix3::identity()).norm() < 1e-12);
            }
        }
    }
}
