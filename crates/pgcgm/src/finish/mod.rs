//! From three positions and lengths to a crystal: the published way of merging images and rejecting candidates.

mod merge;

use std::ops::AddAssign;

use crystal_core::whole;
use crystal_core::{AsymmetricUnit, Finder, Lattice, Site, Species, Structure};
use nalgebra::Vector3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::crystal::{Candidate, conventional_lattice};
use crate::groups::Group;
use merge::{Radii, merged};

/// Tolerance of the symmetry finder, Å.
const SYMPREC: f64 = 0.1;
/// Rounded coordinates and translations, multiples of 1/24, are multiples of 1/600, and so are all images: there,
/// coinciding ones are equal.
const GRID: i64 = 600;
/// A hundredth of the cell on that grid, and half of it.
const HUNDREDTH: i64 = 6;
const HALF_STEP: f64 = 3.0;
/// Atoms of one element merge up to this share of the sum of their radii, and where many are left, of more.
const MERGED: [f64; 2] = [0.6, 1.5];
/// How many are many.
const MANY_ATOMS: usize = 100;
/// Different atoms are farther apart than this share of the sum of their radii.
const APART: f64 = 0.75;
/// Different elements that are closer than this before anything is merged are given up before the symmetry search.
const HOPELESS: f64 = 0.3;

/// How coordinates are rounded before the operations are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Rounding {
    /// To hundredths, as published. No third and no eighth is one: positions on a threefold axis away from the origin
    /// fall apart into images less than 0.1 Å from each other, and most hexagonal crystals are rejected.
    Hundredths,
    /// To a multiple of 1/6 or 1/8 that is at most 0.005 away, else to hundredths.
    #[default]
    Fractions,
}

/// Where a candidate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Two elements stand on one point.
    OnePoint,
    /// Different elements are closer than 0.3 of the sum of their radii before anything was merged.
    Hopeless,
    /// The symmetry of the images was not found: atoms on top of each other.
    NoSymmetry,
    /// The images have another space group.
    OtherGroup,
    /// After merging no symmetry is found.
    NoSymmetryMerged,
    /// After merging there is another space group.
    OtherGroupMerged,
    /// Atoms are closer than 0.75 of the sum of their radii.
    TooClose,
}

/// How many candidates ended where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yield {
    /// Candidates, three of each draw.
    pub candidates: usize,
    /// [`Rejection::OnePoint`].
    pub one_point: usize,
    /// [`Rejection::Hopeless`].
    pub hopeless: usize,
    /// [`Rejection::NoSymmetry`].
    pub no_symmetry: usize,
    /// [`Rejection::OtherGroup`].
    pub other_group: usize,
    /// [`Rejection::NoSymmetryMerged`].
    pub no_symmetry_merged: usize,
    /// [`Rejection::OtherGroupMerged`].
    pub other_group_merged: usize,
    /// [`Rejection::TooClose`].
    pub too_close: usize,
    /// Those that are left.
    pub kept: usize,
}

impl Yield {
    /// Counts one.
    pub fn count(&mut self, outcome: Result<(), Rejection>) {
        self.candidates += 1;
        *match outcome {
            Ok(()) => &mut self.kept,
            Err(Rejection::OnePoint) => &mut self.one_point,
            Err(Rejection::Hopeless) => &mut self.hopeless,
            Err(Rejection::NoSymmetry) => &mut self.no_symmetry,
            Err(Rejection::OtherGroup) => &mut self.other_group,
            Err(Rejection::NoSymmetryMerged) => &mut self.no_symmetry_merged,
            Err(Rejection::OtherGroupMerged) => &mut self.other_group_merged,
            Err(Rejection::TooClose) => &mut self.too_close,
        } += 1;
    }

    /// Stages in order, with what ended there.
    pub fn stages(&self) -> [(&'static str, usize); 8] {
        [
            ("two elements on one point", self.one_point),
            ("different elements closer than 0.3 of the sum of their radii", self.hopeless),
            ("no symmetry found", self.no_symmetry),
            ("another space group", self.other_group),
            ("no symmetry found after merging", self.no_symmetry_merged),
            ("another space group after merging", self.other_group_merged),
            ("atoms closer than 0.75 of the sum of their radii", self.too_close),
            ("kept", self.kept),
        ]
    }
}

impl AddAssign for Yield {
    fn add_assign(&mut self, other: Self) {
        self.candidates += other.candidates;
        self.one_point += other.one_point;
        self.hopeless += other.hopeless;
        self.no_symmetry += other.no_symmetry;
        self.other_group += other.other_group;
        self.no_symmetry_merged += other.no_symmetry_merged;
        self.other_group_merged += other.other_group_merged;
        self.too_close += other.too_close;
        self.kept += other.kept;
    }
}

/// The crystal of a candidate: its images, merged and symmetrised, in the group that was asked for.
///
/// # Errors
/// [`Rejection`], the step at which it ended.
pub fn finish(candidate: &Candidate, rounding: Rounding) -> Result<AsymmetricUnit, Rejection> {
    finished(candidate, rounding, HOPELESS)
}

/// [`finish`] of many, in their order, on all cores.
pub fn finish_all(candidates: &[Candidate], rounding: Rounding) -> Vec<Result<AsymmetricUnit, Rejection>> {
    candidates.par_iter().map(|candidate| finish(candidate, rounding)).collect()
}

fn finished(candidate: &Candidate, rounding: Rounding, hopeless: f64) -> Result<AsymmetricUnit, Rejection> {
    let group = Group::get(candidate.group);
    let number = group.space_group.number();
    let radii = Radii::of(&candidate.elements);
    let lattice = conventional_lattice(candidate.group, candidate.lengths).ok_or(Rejection::NoSymmetry)?;
    let orbits = candidate.positions.map(|position| images(group, position.map(|x| rounding.on_grid(x))));
    if (0..3).any(|k| (0..k).any(|j| orbits[j].contains(&orbits[k][0]))) {
        return Err(Rejection::OnePoint);
    }
    let orbits =
        orbits.map(|orbit| orbit.into_iter().map(|point| Vector3::from(point.map(from_grid))).collect::<Vec<_>>());
    // By symmetry, one position of an orbit meets what all meet.
    let nearest = |point: &Vector3<f64>, others: &[Vector3<f64>]| {
        others.iter().map(|other| lattice.min_image_distance(point, other)).fold(f64::INFINITY, f64::min)
    };
    for k in 0..3 {
        for j in 0..k {
            let sum = radii.sum(candidate.elements[j], candidate.elements[k]);
            if nearest(&orbits[k][0], &orbits[j]) < hopeless * sum {
                return Err(Rejection::Hopeless);
            }
        }
    }
    // The finder would say the same, after a longer search.
    if orbits.iter().any(|orbit| nearest(&orbit[0], &orbit[1..]) <= SYMPREC) {
        return Err(Rejection::NoSymmetry);
    }
    let unit = symmetrised(lattice, atoms_of(&candidate.elements, &orbits)).ok_or(Rejection::NoSymmetry)?;
    if unit.space_group().number() != number {
        return Err(Rejection::OtherGroup);
    }
    let whole = unit.expand_conventional().map_err(|_| Rejection::NoSymmetry)?;
    let mut atoms = merged(&whole, &radii, MERGED[0]);
    if atoms.len() > MANY_ATOMS {
        let whole = Structure::allowing_overlap(*whole.lattice(), atoms).map_err(|_| Rejection::NoSymmetryMerged)?;
        atoms = merged(&whole, &radii, MERGED[1]);
    }
    let unit = symmetrised(*whole.lattice(), atoms).ok_or(Rejection::NoSymmetryMerged)?;
    if unit.space_group().number() != number {
        return Err(Rejection::OtherGroupMerged);
    }
    let primitive = unit.expand().map_err(|_| Rejection::NoSymmetryMerged)?;
    if is_apart(&primitive, &radii) { Ok(unit) } else { Err(Rejection::TooClose) }
}

impl Rounding {
    /// A coordinate in units of 1/600.
    fn on_grid(self, x: f64) -> i64 {
        let units = x * GRID as f64;
        let nearest = |step: i64| whole::saturated_64((units / step as f64).round()) * step;
        let near = |step: i64| Some(nearest(step)).filter(|place| (*place as f64 - units).abs() <= HALF_STEP);
        let special = match self {
            Self::Hundredths => None,
            Self::Fractions => near(GRID / 6).or_else(|| near(GRID / 8)),
        };
        special.unwrap_or_else(|| nearest(HUNDREDTH))
    }
}

/// All images of a rounded position, in units of 1/600, the position itself first.
fn images(group: &Group, rounded: [i64; 3]) -> Vec<[i64; 3]> {
    let mut found: Vec<[i64; 3]> = Vec::with_capacity(group.operations.len());
    for operation in &group.operations {
        let image: [i64; 3] = std::array::from_fn(|row| {
            let rotated: i64 = (0..3).map(|k| i64::from(operation.rotation[(row, k)]) * rounded[k]).sum();
            (rotated + whole::saturated_64((operation.translation[row] * GRID as f64).round())).rem_euclid(GRID)
        });
        if !found.contains(&image) {
            found.push(image);
        }
    }
    found
}

fn from_grid(x: i64) -> f64 {
    x as f64 / GRID as f64
}

fn atoms_of(elements: &[Species; 3], orbits: &[Vec<Vector3<f64>>; 3]) -> Vec<Site> {
    let of = |(species, orbit): (&Species, &Vec<Vector3<f64>>)| {
        let species = *species;
        orbit.iter().map(|point| Site { species, frac_coords: *point }).collect::<Vec<_>>()
    };
    elements.iter().zip(orbits).flat_map(of).collect()
}

fn symmetrised(lattice: Lattice, atoms: Vec<Site>) -> Option<AsymmetricUnit> {
    let structure = Structure::allowing_overlap(lattice, atoms).ok()?;
    AsymmetricUnit::from_structure(&structure, SYMPREC, Finder::default()).ok()
}

/// Whether every pair of different atoms is apart; an atom's own images are not looked at.
fn is_apart(structure: &Structure, radii: &Radii) -> bool {
    let (lattice, sites) = (structure.lattice(), structure.sites());
    sites.iter().enumerate().all(|(k, a)| {
        sites[..k].iter().all(|b| {
            let least = APART * radii.sum(a.species, b.species);
            lattice.min_image_distance(&a.frac_coords, &b.frac_coords) > least
        })
    })
}

#[cfg(test)]
mod tests;
