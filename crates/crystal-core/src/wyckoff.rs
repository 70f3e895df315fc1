//! Wyckoff positions and site symmetries.

mod affine;
mod free_coordinates;

use std::fmt;

use moyo::data::iter_wyckoff_positions_from_hall_number;
use nalgebra::{Matrix3, Vector3};

use crate::periodic::wrap;
use crate::{Centring, Lattice, SpaceGroup, SymmetryOperation};
use affine::AffineSubspace;
pub use free_coordinates::FreeCoordinates;

/// Site-symmetry group of a point, as the oriented symbol of the International Tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SiteSymmetry(pub String);

impl fmt::Display for SiteSymmetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A Wyckoff position of a space group in its standard setting: the points `x = A·q + b` (the representative, as the
/// tables list it first) and their images, in CONVENTIONAL fractional coordinates.
#[derive(Debug, Clone)]
pub struct WyckoffPosition {
    letter: char,
    multiplicity: usize,
    site_symmetry: SiteSymmetry,
    site_symmetry_order: usize,
    coordinates: &'static str,
    representative: AffineSubspace,
    images: Vec<WyckoffImage>,
    free_coordinates: FreeCoordinates,
}

/// One coset image of a Wyckoff position's representative.
#[derive(Debug, Clone)]
pub struct WyckoffImage {
    operation: SymmetryOperation,
    subspace: AffineSubspace,
}

impl WyckoffImage {
    /// The operation, centring translation included, that maps the representative onto this image.
    pub fn operation(&self) -> &SymmetryOperation {
        &self.operation
    }

    /// `A'` of the image `x' = A'·q + b'`.
    pub fn linear(&self) -> &Matrix3<f64> {
        &self.subspace.linear
    }

    /// `b'` of the image `x' = A'·q + b'`, conventional fractional coordinates.
    pub fn origin(&self) -> &Vector3<f64> {
        &self.subspace.origin
    }
}

/// Where a point lies among the Wyckoff positions of its group.
#[derive(Debug, Clone, Copy)]
pub struct WyckoffSite {
    /// Index into [`SpaceGroup::wyckoff_positions`].
    pub position: usize,
    /// Index into [`WyckoffPosition::images`].
    pub image: usize,
    /// The point, moved onto the position: conventional fractional coordinates, not wrapped.
    pub frac_coords: Vector3<f64>,
    /// How far it was moved, Å.
    pub distance: f64,
}

impl WyckoffPosition {
    /// The rows of moyo's table for a Hall number, general position first, with all their images.
    pub(crate) fn of_hall_number(
        hall_number: i32,
        operations: &[SymmetryOperation],
        primitive_operations: &[SymmetryOperation],
        centring: Centring,
    ) -> Vec<Self> {
        let order = operations.len() * centring.order();
        iter_wyckoff_positions_from_hall_number(hall_number)
            .map(|entry| {
                let (linear, origin) = parse_coordinates(entry.coordinates);
                let representative = AffineSubspace::new(&linear, origin);
                let mut images: Vec<WyckoffImage> = Vec::with_capacity(entry.multiplicity);
                for point in centring.lattice_points() {
                    for operation in operations {
                        let translation = operation.translation + point;
                        let mut subspace = representative.image(&operation.rotation, &translation);
                        if images.iter().any(|image| image.subspace.is_same_map(&subspace)) {
                            continue;
                        }
                        let shift = subspace.origin.map(wrap) - subspace.origin;
                        subspace.origin += shift;
                        let operation =
                            SymmetryOperation { rotation: operation.rotation, translation: translation + shift };
                        images.push(WyckoffImage { operation, subspace });
                    }
                }
                Self {
                    letter: entry.letter,
                    multiplicity: entry.multiplicity,
                    site_symmetry: SiteSymmetry(entry.site_symmetry.to_owned()),
                    site_symmetry_order: order / images.len(),
                    coordinates: entry.coordinates,
                    free_coordinates: representative
                        .free_coordinates(&centring.to_conventional(), primitive_operations),
                    representative,
                    images,
                }
            })
            .collect()
    }

    /// Wyckoff letter (`A` for the 27th position of group 47).
    pub fn letter(&self) -> char {
        self.letter
    }

    /// Number of images in the conventional cell.
    pub fn multiplicity(&self) -> usize {
        self.multiplicity
    }

    /// Oriented site-symmetry symbol.
    pub fn site_symmetry(&self) -> &SiteSymmetry {
        &self.site_symmetry
    }

    /// Number of operations that leave a point of the position where it is.
    pub fn site_symmetry_order(&self) -> usize {
        self.site_symmetry_order
    }

    /// The representative as the tables write it, such as `x,2x,1/4`.
    pub fn coordinates(&self) -> &'static str {
        self.coordinates
    }

    /// Degrees of freedom, 0 … 3: the rank of [`Self::linear`].
    pub fn n_free(&self) -> usize {
        self.representative.n_free()
    }

    /// `A` of the representative `x = A·q + b`: columns belong to the table's x, y, z; those that do not occur are
    /// zero.
    pub fn linear(&self) -> &Matrix3<f64> {
        &self.representative.linear
    }

    /// `b` of the representative `x = A·q + b`.
    pub fn origin(&self) -> &Vector3<f64> {
        &self.representative.origin
    }

    /// One image of the representative per coset of the site-symmetry group, [`Self::multiplicity`] in number, the
    /// representative itself first.
    pub fn images(&self) -> &[WyckoffImage] {
        &self.images
    }

    /// The same representative in the primitive basis, and how displacements act on it.
    pub fn free_coordinates(&self) -> &FreeCoordinates {
        &self.free_coordinates
    }

    /// The point `A·q + b`.
    pub fn point(&self, parameters: &Vector3<f64>) -> Vector3<f64> {
        self.representative.linear * parameters + self.representative.origin
    }

    /// The parameters `q` of a point of the representative (or of a lattice translate of it); zero where the table has
    /// no variable. For a point that is not on it, those of a nearby point that is.
    pub fn parameters(&self, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        self.representative.parameters(frac_coords)
    }

    /// The point of the position (any image, any translate) within `tolerance` (Å) of `frac_coords` that is nearest:
    /// `(image, point, distance in Å)`.
    pub fn nearest(
        &self,
        frac_coords: &Vector3<f64>,
        lattice: &Lattice,
        tolerance: f64,
    ) -> Option<(usize, Vector3<f64>, f64)> {
        let mut best: Option<(usize, Vector3<f64>, f64)> = None;
        for (index, image) in self.images.iter().enumerate() {
            if let Some((point, distance)) = image.subspace.project(frac_coords, lattice, tolerance) {
                // Images that differ by rounding noise must not decide: the first one wins.
                if best.is_none_or(|(_, _, shortest)| distance < shortest - 1e-9) {
                    best = Some((index, point, distance));
                }
            }
        }
        best
    }

    /// All points of the representative that are images of `frac_coords`, a point of this position: the choices for the
    /// one that is stored. `tolerance` in Å.
    pub(crate) fn representatives<'a>(
        &'a self,
        frac_coords: &'a Vector3<f64>,
        lattice: &'a Lattice,
        tolerance: f64,
    ) -> impl Iterator<Item = Vector3<f64>> + 'a {
        self.images.iter().filter_map(move |image| {
            let (point, _) = image.subspace.project(frac_coords, lattice, tolerance)?;
            let preimage = image.operation.inverse().apply(&point);
            // Through the parameters: on the position to the last bit, however often the point was moved.
            Some(self.point(&self.parameters(&preimage)))
        })
    }
}

impl SpaceGroup {
    /// Index of the Wyckoff position with this letter.
    pub fn wyckoff_index(&self, letter: char) -> Option<usize> {
        self.wyckoff_positions().iter().position(|position| position.letter == letter)
    }

    /// The Wyckoff position with this letter.
    pub fn wyckoff_position(&self, letter: char) -> Option<&WyckoffPosition> {
        self.wyckoff_index(letter).map(|index| &self.wyckoff_positions()[index])
    }

    /// The most special Wyckoff position (the one of lowest multiplicity, among those the one with fewest degrees of
    /// freedom, among those the nearest) that lies within `tolerance` (Å) of a point in conventional fractional
    /// coordinates, for the conventional `lattice`. The general position holds every point.
    pub fn locate(&self, frac_coords: &Vector3<f64>, lattice: &Lattice, tolerance: f64) -> WyckoffSite {
        let mut best: Option<((usize, usize), WyckoffSite)> = None;
        for (position, wyckoff) in self.wyckoff_positions().iter().enumerate() {
            let rank = (wyckoff.multiplicity, wyckoff.n_free());
            if best.as_ref().is_some_and(|(best_rank, _)| rank > *best_rank) {
                continue;
            }
            if let Some((image, point, distance)) = wyckoff.nearest(frac_coords, lattice, tolerance)
                && best.as_ref().is_none_or(|(best_rank, site)| rank < *best_rank || distance < site.distance - 1e-9)
            {
                best = Some((rank, WyckoffSite { position, image, frac_coords: point, distance }));
            }
        }
        best.map(|(_, site)| site).expect("the general position holds every point")
    }
}

/// Reads a row of the tables such as `x,x+1/2,-2z` into `A` and `b`.
fn parse_coordinates(coordinates: &str) -> (Matrix3<i32>, Vector3<f64>) {
    let mut linear = Matrix3::zeros();
    let mut origin = Vector3::zeros();
    for (row, text) in coordinates.split(',').enumerate() {
        let spaced: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace('-', "+-");
        for term in spaced.split('+').filter(|term| !term.is_empty()) {
            let (sign, term) = term.strip_prefix('-').map_or((1, term), |rest| (-1, rest));
            let number =
                |text: &str| text.parse::<i32>().expect("the table's terms are whole numbers, fractions and variables");
            if let Some(variable) = ["x", "y", "z"].iter().position(|variable| term.ends_with(variable)) {
                let factor = &term[..term.len() - 1];
                linear[(row, variable)] += sign * if factor.is_empty() { 1 } else { number(factor) };
            } else if let Some((numerator, denominator)) = term.split_once('/') {
                origin[row] += f64::from(sign * number(numerator)) / f64::from(number(denominator));
            } else {
                origin[row] += f64::from(sign * number(term));
            }
        }
    }
    (linear, origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tables_rows() {
        let (linear, origin) = parse_coordinates("-x+1/4, 2x , y-1/2");
        assert_eq!(linear, Matrix3::new(-1, 0, 0, 2, 0, 0, 0, 1, 0));
        assert_eq!(origin, Vector3::new(0.25, 0.0, -0.5));
    }

    #[test]
    fn a_point_near_a_line_is_moved_onto_it() {
        let group = SpaceGroup::from_number(225).expect("a group");
        let lattice = Lattice::new(Matrix3::identity() * 5.0).expect("a cell");
        let site = group.locate(&Vector3::new(0.5, 0.5, 1.001), &lattice, 0.01);
        assert_eq!(group.wyckoff_positions()[site.position].letter(), 'a');
        assert!((site.frac_coords - Vector3::new(0.5, 0.5, 1.0)).norm() < 1e-12);
        assert!((site.distance - 0.005).abs() < 1e-12);
    }
}
