//! Supercells: diagonal multiples of the primitive cell.

use crystal_core::{Lattice, Site, Structure, SymmetryOperation};
use nalgebra::{Matrix3, Vector3};

use crate::crystal::to_integers;
use crate::{Crystal, PhononError, Settings, SiteImage};

/// More atoms than this in a supercell are refused.
const MAX_ATOMS: usize = 20_000;

/// Translations whose lengths differ by less than this (Å) are equally short.
const EQUAL_LENGTHS: f64 = 1e-5;

/// A multiple `n₁ × n₂ × n₃` of the primitive cell. Atom `(site, cell)` has the index `site · n_cells + cell`; the
/// first cell is the one at the origin, and the first coordinate of a cell runs fastest.
#[derive(Debug, Clone)]
pub struct Supercell {
    multiples: [usize; 3],
    structure: Structure,
    n_cells: usize,
    symmetric: Vec<usize>,
    n_operations: usize,
}

impl Supercell {
    /// The supercell that the settings ask for: the given multiples, else the smallest that are at least `least_height`
    /// high along each lattice vector, raised to be equal where the space group would not map the supercell onto itself
    /// otherwise.
    ///
    /// # Errors
    /// [`PhononError::Supercell`] if it would have too many atoms.
    pub fn new(crystal: &Crystal, settings: &Settings) -> Result<Self, PhononError> {
        let multiples = settings.supercell.unwrap_or_else(|| {
            let smallest = multiples_reaching(crystal.lattice(), settings.least_height);
            if crystal.operations().iter().all(|operation| maps_onto_itself(operation, smallest)) {
                smallest
            } else {
                [smallest.into_iter().max().unwrap_or(1); 3]
            }
        });
        Self::of_multiples(crystal, multiples)
    }

    fn of_multiples(crystal: &Crystal, multiples: [usize; 3]) -> Result<Self, PhononError> {
        let refused = |reason: String| PhononError::Supercell { multiples, reason };
        let n_cells = multiples.iter().try_fold(1_usize, |product, n| product.checked_mul(*n)).filter(|n| *n > 0);
        let n_atoms = n_cells.and_then(|n_cells| n_cells.checked_mul(crystal.n_sites()));
        let (Some(n_cells), Some(n_atoms)) = (n_cells, n_atoms) else {
            return Err(refused("give three positive multiples of the primitive lattice vectors".to_owned()));
        };
        if n_atoms > MAX_ATOMS {
            return Err(refused(format!("{n_atoms} atoms are more than {MAX_ATOMS}; give smaller multiples")));
        }
        let scale = Vector3::from(multiples.map(as_float));
        let lattice = crystal.lattice().transformed(&Matrix3::from_diagonal(&scale))?;
        let place = |site: &Site, cell: usize| {
            let cell = Vector3::from(cell_at(multiples, cell).map(f64::from));
            Site { species: site.species, frac_coords: (site.frac_coords + cell).component_div(&scale) }
        };
        let sites = crystal.primitive().sites().iter().flat_map(|site| (0..n_cells).map(move |cell| place(site, cell)));
        let structure = Structure::allowing_overlap(lattice, sites.collect())?;
        let operations = crystal.operations();
        let symmetric =
            (0..operations.len()).filter(|index| maps_onto_itself(&operations[*index], multiples)).collect();
        Ok(Self { multiples, structure, n_cells, symmetric, n_operations: operations.len() })
    }

    /// Multiples of the three primitive lattice vectors.
    pub fn multiples(&self) -> [usize; 3] {
        self.multiples
    }

    /// Number of primitive cells.
    pub fn n_cells(&self) -> usize {
        self.n_cells
    }

    /// The undisplaced supercell.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Indices of the crystal's operations that map the lattice of the supercell onto itself; a group.
    pub fn symmetric_operations(&self) -> &[usize] {
        &self.symmetric
    }

    /// Whether all operations of the space group map the supercell onto itself.
    pub fn has_full_symmetry(&self) -> bool {
        self.symmetric.len() == self.n_operations
    }

    /// The integer coordinates of a cell.
    pub fn cell(&self, index: usize) -> [i32; 3] {
        cell_at(self.multiples, index)
    }

    /// The atom of a site in the cell with these integer coordinates, modulo the supercell.
    pub fn atom(&self, site: usize, cell: [i32; 3]) -> usize {
        let [i, j, k] = std::array::from_fn(|axis| {
            let n = i64::try_from(self.multiples[axis]).expect("multiples are small");
            usize::try_from(i64::from(cell[axis]).rem_euclid(n)).expect("remainders are not negative")
        });
        site * self.n_cells + (k * self.multiples[1] + j) * self.multiples[0] + i
    }

    /// Where an operation, followed by the translation of minus `origin`, sends atom `atom`. `images` are those of the
    /// operation.
    pub(crate) fn image(&self, rotation: &Matrix3<i32>, images: &[SiteImage], origin: [i32; 3], atom: usize) -> usize {
        let cell = rotation * Vector3::from(self.cell(atom % self.n_cells));
        let SiteImage { site, translation } = images[atom / self.n_cells];
        self.atom(site, std::array::from_fn(|axis| cell[axis] + translation[axis] - origin[axis]))
    }

    /// The shortest vectors from site `from` in the cell at the origin to all periodic images of atom `to`: the integer
    /// coordinates of the primitive cells these lie in. Images that are equally short within 1e-5 Å are all given.
    pub(crate) fn shortest_translations(&self, reduced: &ReducedSupercell, from: usize, to: usize) -> Vec<[i32; 3]> {
        let sites = self.structure.sites();
        let difference = sites[to].frac_coords - sites[from * self.n_cells].frac_coords;
        let cell = self.cell(to % self.n_cells);
        let shift = |period: Vector3<f64>| {
            let period = to_integers(&period.map(f64::round));
            let n = self.multiples.map(|n| i32::try_from(n).expect("multiples are small"));
            std::array::from_fn(|axis| cell[axis] + period[axis] * n[axis])
        };
        reduced.shortest(&difference).into_iter().map(shift).collect()
    }
}

/// The reduced basis of a supercell, in which the shortest image of a vector is one of the nearest few.
#[derive(Debug)]
pub(crate) struct ReducedSupercell {
    lattice: Lattice,
    to_reduced: Matrix3<f64>,
    from_reduced: Matrix3<f64>,
}

impl ReducedSupercell {
    /// # Errors
    /// As [`Lattice::niggli`].
    pub(crate) fn new(supercell: &Supercell) -> Result<Self, PhononError> {
        let (lattice, transformation) = supercell.structure.lattice().niggli()?;
        // Rows: reduced = T·lattice, so x = Tᵀ·x_reduced on columns.
        let from_reduced = transformation.map(f64::from).transpose();
        let to_reduced = from_reduced.try_inverse().expect("a change of basis is invertible").map(f64::round);
        Ok(Self { lattice, to_reduced, from_reduced })
    }

    /// The lattice translations, in the basis of the supercell, that make `difference` (fractional) shortest.
    fn shortest(&self, difference: &Vector3<f64>) -> Vec<Vector3<f64>> {
        let difference = self.to_reduced * difference;
        let nearest = difference.map(|x| -x.round());
        // Of a Niggli-reduced basis, the shortest images lie within one step of the rounded one; two steps are certain.
        let steps = -2..=2_i32;
        let mut candidates = Vec::with_capacity(125);
        for i in steps.clone() {
            for j in steps.clone() {
                for k in steps.clone() {
                    let period = nearest + Vector3::new(f64::from(i), f64::from(j), f64::from(k));
                    candidates.push((self.lattice.to_cartesian(&(difference + period)).norm(), period));
                }
            }
        }
        let least = candidates.iter().map(|(length, _)| *length).fold(f64::INFINITY, f64::min);
        let equally_short = candidates.into_iter().filter(|(length, _)| *length < least + EQUAL_LENGTHS);
        equally_short.map(|(_, period)| self.from_reduced * period).collect()
    }
}

/// The smallest multiples for which opposite faces are at least `least_height` (Å) apart.
pub(crate) fn multiples_reaching(lattice: &Lattice, least_height: f64) -> [usize; 3] {
    // Heights that symmetry makes equal differ by rounding: they must give equal multiples.
    lattice.reciprocal_lengths().map(|length| to_count((least_height * length - 1e-6).ceil().max(1.0)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive whole number; saturates if absurd"
)]
fn to_count(x: f64) -> usize {
    x as usize
}

/// Whether an operation maps the lattice of the multiple onto itself: `W_ij · n_j` is a multiple of `n_i`.
fn maps_onto_itself(operation: &SymmetryOperation, multiples: [usize; 3]) -> bool {
    let n = multiples.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    (0..3).all(|i| {
        (0..3).all(|j| i64::from(operation.rotation[(i, j)]).wrapping_mul(n[j]).wrapping_rem(n[i].max(1)) == 0)
    })
}

fn cell_at(multiples: [usize; 3], index: usize) -> [i32; 3] {
    let [a, b, _] = multiples;
    [index % a, index / a % b, index / (a * b)].map(|n| i32::try_from(n).expect("multiples are small"))
}

/// A count as a float, exactly.
pub(crate) fn as_float(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("counts of cells and modes are small"))
}
