//! What the model learns from: Niggli-reduced cells of at most 20 atoms, without symmetry.

use crystal_core::{CrystalState, Lattice, LatticeParameters, SpaceGroup, StateSite, Structure};
use nalgebra::Matrix3;
use rayon::prelude::*;
use sealed_file::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::CdvaeError;
use crate::config::{N_COUNTS, N_TYPES};

/// Most atoms in a cell.
pub const MOST_ATOMS: usize = N_COUNTS - 1;

/// Added to the standard deviations, so that a column of equal numbers does not divide by 0.
const LEAST_DEVIATION: f64 = 1e-5;

/// A cell as six numbers: the lengths (Å) over the cube root of the number of atoms, then the angles (degrees).
pub type CellNumbers = [f64; 6];

/// Brings cells to mean 0 and variance 1 over a training set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatticeScaler {
    /// Means.
    pub means: CellNumbers,
    /// Standard deviations.
    pub deviations: CellNumbers,
}

impl LatticeScaler {
    /// Of these crystals.
    pub fn of(crystals: &Crystals) -> Self {
        let n = crystals.len().max(1) as f64;
        let column = |k: usize| crystals.cells.iter().map(move |cell| cell[k]);
        let means: CellNumbers = std::array::from_fn(|k| column(k).sum::<f64>() / n);
        let deviations = std::array::from_fn(|k| {
            (column(k).map(|x| (x - means[k]).powi(2)).sum::<f64>() / n).sqrt() + LEAST_DEVIATION
        });
        Self { means, deviations }
    }

    /// Scaled numbers of a cell.
    pub fn scale(&self, cell: &CellNumbers) -> CellNumbers {
        std::array::from_fn(|k| (cell[k] - self.means[k]) / self.deviations[k])
    }

    /// The cell of scaled numbers.
    pub fn unscale(&self, scaled: &CellNumbers) -> CellNumbers {
        std::array::from_fn(|k| scaled[k] * self.deviations[k] + self.means[k])
    }
}

/// Lengths and angles of the cell of `n_atoms` atoms that these numbers represent.
pub fn cell_of(numbers: &CellNumbers, n_atoms: usize) -> LatticeParameters {
    let size = (n_atoms as f64).cbrt();
    let [a, b, c] = [0, 1, 2].map(|k| numbers[k] * size);
    LatticeParameters { a, b, c, alpha: numbers[3], beta: numbers[4], gamma: numbers[5] }
}

/// The numbers of a lattice with this many atoms.
fn numbers_of(lattice: &Lattice, n_atoms: usize) -> CellNumbers {
    let LatticeParameters { a, b, c, alpha, beta, gamma } = lattice.parameters();
    let size = (n_atoms as f64).cbrt();
    [a / size, b / size, c / size, alpha, beta, gamma]
}

/// Crystals as the model sees them.
#[derive(Debug, Clone, Default)]
pub struct Crystals {
    pub(crate) states: Vec<CrystalState>,
    pub(crate) cells: Vec<CellNumbers>,
    left_out: usize,
    sha256: String,
}

impl Crystals {
    /// Reduces the structures. Those of more than [`MOST_ATOMS`] atoms, with elements beyond fermium, or whose cell
    /// cannot be reduced are left out.
    pub fn new<'a>(structures: impl IntoIterator<Item = &'a Structure>) -> Self {
        let all: Vec<&Structure> = structures.into_iter().collect();
        let kept: Vec<(CrystalState, CellNumbers)> = all.par_iter().filter_map(|one| reduced(one)).collect();
        let left_out = all.len() - kept.len();
        let mut text = String::new();
        for (state, cell) in &kept {
            text += &format!("{cell:?}");
            for site in &state.sites {
                text += &format!(" {} {:?}", site.species().symbol(), <[f64; 3]>::from(site.frac_coords()));
            }
            text.push('\n');
        }
        let (states, cells) = kept.into_iter().unzip();
        Self { states, cells, left_out, sha256: sha256_hex(text.as_bytes()) }
    }

    /// Number of crystals.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Number of structures that were left out.
    pub fn n_left_out(&self) -> usize {
        self.left_out
    }

    /// SHA-256 of all cells and sites, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The crystals, all sites in general positions of the group P 1.
    pub fn states(&self) -> &[CrystalState] {
        &self.states
    }

    /// Atoms of a crystal.
    pub fn n_atoms(&self, index: usize) -> usize {
        self.states[index].sites.len()
    }
}

/// The group without symmetry.
pub(crate) fn p1() -> &'static SpaceGroup {
    SpaceGroup::from_number(1).expect("group 1 is a group")
}

/// The crystal in its Niggli-reduced cell, which may be its mirror image: lengths and angles do not tell the two apart.
fn reduced(structure: &Structure) -> Option<(CrystalState, CellNumbers)> {
    let n_atoms = structure.n_sites();
    let known = |number: u8| (1..=N_TYPES).contains(&usize::from(number));
    if n_atoms > MOST_ATOMS || !structure.sites().iter().all(|site| known(site.species.atomic_number())) {
        return None;
    }
    let (lattice, transformation) = structure.lattice().niggli().ok()?;
    // Rows: reduced = T·lattice, so x_reduced = T⁻ᵀ·x on columns.
    let to_reduced: Matrix3<f64> = transformation.map(f64::from).transpose().try_inverse()?;
    let group = p1();
    let coordinates = crystal_core::LatticeCoordinates::new(group.system());
    let site = |site: &crystal_core::Site| {
        let frac_coords = (to_reduced * site.frac_coords).map(|x| x - x.floor());
        StateSite::general(site.species, frac_coords)
    };
    let sites = structure.sites().iter().map(site).collect();
    let state = CrystalState { space_group: group, lattice_coords: coordinates.encode(&lattice), sites };
    Some((state, numbers_of(&lattice, n_atoms)))
}

/// A state from a cell and its sites; the elements are those of `sites`.
///
/// # Errors
/// [`CdvaeError::Crystal`] if no cell has these lengths and angles.
pub(crate) fn state_of(cell: LatticeParameters, sites: Vec<StateSite>) -> Result<CrystalState, CdvaeError> {
    let group = p1();
    let lattice = Lattice::from_parameters(cell)?;
    let lattice_coords = crystal_core::LatticeCoordinates::new(group.system()).encode(&lattice);
    Ok(CrystalState { space_group: group, lattice_coords, sites })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::Site;

    fn structure(rows: [[f64; 3]; 3], sites: &[(&str, [f64; 3])]) -> Structure {
        let site = |(symbol, x): &(&str, [f64; 3])| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: (*x).into(),
        };
        let lattice = Lattice::from_rows(rows).expect("a cell");
        Structure::new(lattice, sites.iter().map(site).collect()).expect("a structure")
    }

    #[test]
    fn a_skewed_cell_is_reduced_with_its_sites() {
        let sites = [("Cs", [0.0, 0.0, 0.0]), ("Cl", [0.5, 0.5, 0.5])];
        let plain = structure([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]], &sites);
        // b' = b + 3a: the point at ½ of everything has other coordinates.
        let skewed =
            structure([[4.0, 0.0, 0.0], [12.0, 4.0, 0.0], [0.0, 0.0, 4.0]], &[sites[0], ("Cl", [-1.0, 0.5, 0.5])]);
        let crystals = Crystals::new([&plain, &skewed]);
        assert_eq!((crystals.len(), crystals.n_left_out()), (2, 0));
        for (state, cell) in crystals.states.iter().zip(&crystals.cells) {
            for (found, expected) in cell.iter().zip([4.0 / 2_f64.cbrt(); 3].into_iter().chain([90.0; 3])) {
                assert!((found - expected).abs() < 1e-9, "{cell:?}");
            }
            let expanded = state.expand().expect("a structure");
            let (_, _, distance) = expanded.closest_pair().expect("two atoms");
            assert!((distance - 12_f64.sqrt()).abs() < 1e-6, "{distance}");
        }
    }

    #[test]
    fn scaled_cells_come_back_and_large_ones_are_left_out() {
        let cube = |edge: f64| structure([[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]], &[("Fe", [0.0; 3])]);
        let many: Vec<(&str, [f64; 3])> = (0..21).map(|k| ("Fe", [k as f64 / 21.0, 0.0, 0.0])).collect();
        let large = structure([[60.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]], &many);
        let all = [cube(2.0), cube(4.0), large];
        let crystals = Crystals::new(&all);
        assert_eq!((crystals.len(), crystals.n_left_out()), (2, 1));
        let scaler = LatticeScaler::of(&crystals);
        assert!((scaler.means[0] - 3.0).abs() < 1e-9 && (scaler.deviations[0] - 1.0).abs() < 1e-4);
        let scaled = scaler.scale(&crystals.cells[1]);
        assert!((scaled[0] - 1.0).abs() < 1e-4 && scaled[3].abs() < 1e-9, "{scaled:?}");
        let cell = cell_of(&scaler.unscale(&scaled), 1);
        assert!((cell.a - 4.0).abs() < 1e-9 && (cell.alpha - 90.0).abs() < 1e-9);
        assert!((cell_of(&[2.0, 2.0, 2.0, 90.0, 90.0, 90.0], 8).a - 4.0).abs() < 1e-12);
    }
}
