//! Crystals of the gallery: the atoms that the viewer draws.

use crystal_core::{AsymmetricUnit, Composition, Finder, Structure, io};
use metrics::density;
use serde::Serialize;

use crate::geometry::nearest_distances;

/// Atoms this close (Å) to a face of the cell are drawn on the opposite face too.
const ON_FACE: f64 = 0.05;

/// A crystal as the viewer takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crystal {
    /// Its id in the run.
    pub id: String,
    /// Reduced formula.
    pub formula: String,
    /// The space group asked for, where the id tells it.
    pub asked: Option<u8>,
    /// Number and symbol of the space group found; none if the finder failed.
    pub found: Option<(u8, &'static str)>,
    /// g/cm³.
    pub density: Option<f64>,
    /// Shortest distance between two atoms, Å.
    pub shortest: Option<f64>,
    /// Atoms of the cell that is drawn, its faces not counted twice.
    pub n_atoms: usize,
    /// Vectors of the cell that is drawn (rows, Å): the conventional one, or the sampled one if no symmetry was found.
    pub lattice: [[f64; 3]; 3],
    /// Symbols of its elements.
    pub elements: Vec<&'static str>,
    /// Atoms to draw.
    pub atoms: Vec<Atom>,
    /// The structure as a CIF.
    pub cif: String,
    /// What else is to be said of it: terms and facts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(&'static str, String)>,
}

/// Index of the element, Cartesian coordinates (Å), and the distance to the atom's nearest neighbour (Å; 0 if there is
/// none).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Atom(pub usize, pub f64, pub f64, pub f64, pub f64);

impl Crystal {
    /// Of a sampled structure; `cif` is the file that the run wrote of it, if there is one.
    pub fn new(id: &str, structure: &Structure, symprec: f64, cif: Option<String>) -> Self {
        let unit = AsymmetricUnit::from_structure(structure, symprec, Finder::default()).ok();
        let conventional = unit.as_ref().and_then(|unit| unit.expand_conventional().ok());
        let found = conventional
            .as_ref()
            .and(unit.as_ref())
            .map(|unit| (unit.space_group().number().get(), unit.space_group().symbol()));
        let drawn = conventional.as_ref().unwrap_or(structure);
        let elements: Vec<&'static str> =
            Composition::of(structure).iter().map(|(species, _)| species.symbol()).collect();
        let nearest = nearest_distances(drawn);
        Self {
            id: id.to_owned(),
            formula: Composition::of(structure).reduced().formula(),
            asked: id.split('_').nth(1).and_then(|number| number.parse().ok()),
            found,
            density: density(structure).map(rounded),
            shortest: nearest.iter().flatten().copied().min_by(f64::total_cmp).map(rounded),
            n_atoms: drawn.n_sites(),
            lattice: drawn.lattice().rows().map(|row| row.map(rounded)),
            atoms: atoms(drawn, &elements, &nearest),
            elements,
            cif: cif.unwrap_or_else(|| io::to_cif(structure, id)),
            facts: Vec::new(),
        }
    }

    /// With further facts.
    #[must_use]
    pub fn with_facts(mut self, facts: Vec<(&'static str, String)>) -> Self {
        self.facts = facts;
        self
    }
}

/// All atoms of the cell, those on its faces on every face that they belong to.
fn atoms(structure: &Structure, elements: &[&str], nearest: &[Option<f64>]) -> Vec<Atom> {
    let tolerances = structure.lattice().reciprocal_lengths().map(|length| ON_FACE * length);
    let mut atoms = Vec::new();
    for (site, nearest) in structure.sites().iter().zip(nearest) {
        let element = elements
            .iter()
            .position(|symbol| *symbol == site.species.symbol())
            .expect("the cells hold the same elements");
        let along = [0, 1, 2].map(|axis| images(site.frac_coords[axis], tolerances[axis]));
        for x in &along[0] {
            for y in &along[1] {
                for z in &along[2] {
                    let cart = structure.lattice().to_cartesian(&[*x, *y, *z].into());
                    atoms.push(Atom(
                        element,
                        rounded(cart.x),
                        rounded(cart.y),
                        rounded(cart.z),
                        nearest.map_or(0.0, rounded),
                    ));
                }
            }
        }
    }
    atoms
}

/// A coordinate within the cell, and its image where it lies on a face.
fn images(coordinate: f64, tolerance: f64) -> Vec<f64> {
    let inside = coordinate.rem_euclid(1.0);
    if inside < tolerance {
        vec![inside, inside + 1.0]
    } else if inside > 1.0 - tolerance {
        vec![inside - 1.0, inside]
    } else {
        vec![inside]
    }
}

/// Rounded to 1e-4, which no eye sees and which keeps the page small.
fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};

    /// The primitive cell of rock salt.
    fn rock_salt() -> Structure {
        let lattice = Lattice::from_rows([[0.0, 2.82, 2.82], [2.82, 0.0, 2.82], [2.82, 2.82, 0.0]]).expect("a cell");
        let site =
            |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
        Structure::new(lattice, vec![site("Na", 0.0), site("Cl", 0.5)]).expect("a structure")
    }

    #[test]
    fn the_conventional_cell_is_drawn_with_all_its_faces() {
        let crystal = Crystal::new("NaCl_225_0000_000", &rock_salt(), 0.1, None);
        assert_eq!((crystal.asked, crystal.found.map(|(number, _)| number)), (Some(225), Some(225)));
        assert_eq!(crystal.n_atoms, 8);
        // Of one kind 8 corners and 6 faces, of the other 12 edges and the middle.
        let mut counts = [0, 1].map(|element| crystal.atoms.iter().filter(|atom| atom.0 == element).count());
        counts.sort_unstable();
        assert_eq!(counts, [13, 14]);
        assert_eq!(crystal.shortest, Some(2.82));
        assert!(crystal.cif.contains("_cell_length_a"));
    }

    #[test]
    fn a_structure_without_symmetry_is_drawn_as_it_is() {
        let mut sites = rock_salt().into_sites();
        sites[1].frac_coords = [1e-4; 3].into();
        let clash = Structure::allowing_overlap(*rock_salt().lattice(), sites).expect("a structure");
        let crystal = Crystal::new("nameless", &clash, 0.1, Some("data_x\n".to_owned()));
        assert_eq!((crystal.asked, crystal.found, crystal.n_atoms), (None, None, 2));
        assert_eq!(crystal.cif, "data_x\n");
    }

    #[test]
    fn coordinates_a_hair_outside_are_on_the_face() {
        assert_eq!(images(-1e-9, 0.01).len(), 2);
        assert_eq!(images(0.5, 0.01), [0.5]);
        assert_eq!(images(1.25, 0.01), [0.25]);
    }
}
