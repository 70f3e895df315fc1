//! The sites of a CIF's list and all their images.

use nalgebra::Vector3;

use super::super::text::wrapped_difference;
use crate::{Lattice, Species, SymmetryOperation};

/// Images of a partly occupied site this close (Å) are one position; farther apart they may be the places of a split
/// atom.
const MERGE_PARTIAL: f64 = 0.1;

/// Rounded thirds are put right first; a site that must then still be moved farther than this (Å) may be on either of
/// two positions.
const UNCLEAR: f64 = 0.03;

/// A point this close (Å) to its image is on the position.
const ON_POSITION: f64 = 1e-3;

/// Distances (Å) within which images are merged where the file states more images than [`expand`] finds otherwise.
const NARROWER: [f64; 2] = [0.1, 0.01];

/// A site is moved to the mean of its coincident images until no further image joins them: once, nearly always.
const MOST_MOVES: usize = 8;

/// One row of the list of sites.
#[derive(Debug, Clone)]
pub(super) struct ListedSite {
    /// Its label, or a name in its place.
    pub label: String,
    /// Its row in the list, from 0.
    pub row: usize,
    pub species: Species,
    pub frac_coords: Vector3<f64>,
    pub occupancy: f64,
    /// The multiplicity that the file states, or the order of the site symmetry: programs differ.
    pub multiplicity: Option<f64>,
    /// The order of the site symmetry that the file states.
    pub order: Option<f64>,
    pub wyckoff_letter: Option<char>,
}

impl ListedSite {
    /// Whether it is partly occupied.
    pub(super) fn is_partial(&self) -> bool {
        (self.occupancy - 1.0).abs() > super::read::OCCUPANCY_TOLERANCE
    }

    /// Whether the file says, in one way or another, how many images it has.
    pub(super) fn states_images(&self) -> bool {
        self.multiplicity.is_some() || self.order.is_some() || self.wyckoff_letter.is_some()
    }
}

/// All images of one site.
#[derive(Debug, Clone)]
pub(super) struct Orbit {
    pub images: Vec<Vector3<f64>>,
    /// How far the site was moved onto a special position, Å.
    pub moved: f64,
    /// Number of images if thirds alone are taken as rounded, where the merging of near images went beyond that.
    pub unclear: Option<usize>,
}

/// The orbits of all sites, one for each. Without symmetry the coordinates stay as they are; with it they come into 0
/// … 1.
pub(super) fn expand(
    lattice: &Lattice,
    sites: &[ListedSite],
    operations: &[SymmetryOperation],
    merge: f64,
) -> Vec<Orbit> {
    let orbit_of = |site: &ListedSite| {
        if operations.len() <= 1 {
            return Orbit { images: vec![site.frac_coords], moved: 0.0, unclear: None };
        }
        let merge = if site.is_partial() { merge.min(MERGE_PARTIAL) } else { merge };
        let merged = orbit(lattice, &site.frac_coords, operations, merge);
        // A number of images that the file states goes before what is only likely.
        let is_stated =
            |orbit: &Orbit| site.multiplicity.is_some_and(|stated| (stated - orbit.images.len() as f64).abs() < 0.5);
        if site.multiplicity.is_none() || is_stated(&merged) {
            return merged;
        }
        let narrower = NARROWER.iter().filter(|narrower| **narrower < merge);
        let mut narrower = narrower.map(|narrower| orbit(lattice, &site.frac_coords, operations, *narrower));
        narrower.find(is_stated).unwrap_or(merged)
    };
    sites.iter().map(orbit_of).collect()
}

/// Each image once. Where images coincide (within `merge`, Å) the site is first moved to their mean, which lies on the
/// special position exactly.
fn orbit(lattice: &Lattice, frac_coords: &Vector3<f64>, operations: &[SymmetryOperation], merge: f64) -> Orbit {
    let coincident = |image: &Vector3<f64>, point: &Vector3<f64>| {
        let difference = wrapped_difference(point, image);
        (lattice.to_cartesian(&difference).norm() < merge).then_some(difference)
    };
    let stabiliser_order = |point: &Vector3<f64>| {
        let stays = |operation: &&SymmetryOperation| {
            lattice.to_cartesian(&wrapped_difference(point, &operation.apply(point))).norm() < ON_POSITION
        };
        operations.iter().filter(stays).count()
    };
    let with_thirds = frac_coords.map(unrounded_third);
    // A free coordinate may be a third by chance: only one that brings the site onto a position is taken as rounded.
    let gains = with_thirds != *frac_coords && stabiliser_order(&with_thirds) > stabiliser_order(frac_coords);
    let (start, n_at_thirds) = if gains { (with_thirds, stabiliser_order(&with_thirds)) } else { (*frac_coords, 1) };
    let mut centre = start;
    let mut n_coincident = 1;
    for _ in 0..MOST_MOVES {
        let shifts: Vec<Vector3<f64>> =
            operations.iter().filter_map(|operation| coincident(&operation.apply(&centre), &centre)).collect();
        if shifts.len() <= n_coincident {
            break;
        }
        n_coincident = shifts.len();
        centre += shifts.iter().sum::<Vector3<f64>>() / shifts.len() as f64;
    }
    let mut images: Vec<Vector3<f64>> = Vec::new();
    for operation in operations {
        let image = operation.apply(&centre).map(into_cell);
        if n_coincident == 1 || !images.iter().any(|known| coincident(&image, known).is_some()) {
            images.push(image);
        }
    }
    let distance = |a: &Vector3<f64>, b: &Vector3<f64>| lattice.to_cartesian(&(a - b)).norm();
    let goes_beyond = n_at_thirds > 1 && n_coincident > n_at_thirds && distance(&centre, &start) > UNCLEAR;
    let unclear = goes_beyond.then(|| operations.len() / n_at_thirds);
    Orbit { images, moved: distance(&centre, frac_coords), unclear }
}

/// 0.33, 0.667, … as the thirds that they round; other numbers as they are.
fn unrounded_third(x: f64) -> f64 {
    let thirds = (3.0 * x).round();
    let third = thirds / 3.0;
    let is_rounded = |decimals: i32| {
        let unit = 10_f64.powi(decimals);
        ((third * unit).round() / unit - x).abs() < 1e-12
    };
    if thirds.rem_euclid(3.0) != 0.0 && (2..=9).any(is_rounded) { third } else { x }
}

/// Into 0 … 1; a number that rounding would carry to 1 becomes 0.
fn into_cell(x: f64) -> f64 {
    let wrapped = x - x.floor();
    if wrapped >= 1.0 { 0.0 } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds() {
        for (x, third) in [(0.33, 1.0), (0.333, 1.0), (0.6667, 2.0), (-0.33, -1.0), (1.67, 5.0)] {
            assert_eq!(unrounded_third(x), third / 3.0, "{x}");
        }
        for x in [0.0, 0.34, 0.3, 0.17, 0.666, 1.0, 0.335] {
            assert_eq!(unrounded_third(x), x, "{x}");
        }
    }
}
