//! A structure as the page shows it.

use druse::Grown;
use druse::crystal_core::{AsymmetricUnit, Finder, find_symmetry, io};
use report_page::{Crystal, looks};
use serde::Serialize;

/// Tolerance at which the picture's cell and the structure's symmetry are found, Å.
const SYMPREC: f64 = 0.01;
/// A rougher one, Å.
const ROUGH: f64 = 0.1;
/// Images of a site closer than this (Å) are one atom.
const COINCIDENT: f64 = 1e-3;

/// A structure, all that the page says of it, and its files.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// What the viewer draws, with the CIF that `druse sample` writes.
    pub crystal: Crystal,
    /// Colours and radii of its elements.
    pub looks: serde_json::Value,
    /// All atoms of the primitive cell as a POSCAR file.
    pub poscar: String,
    /// Space group asked for.
    pub space_group: u8,
    /// Space groups found at 0.01 Å and at 0.1 Å; none where the finder found none.
    pub found: [Option<u8>; 2],
    /// Its sites.
    pub positions: Vec<Position>,
    /// How often it was drawn again because a draw diverged.
    pub redraws: usize,
}

/// A line of the table of Wyckoff positions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Position {
    /// The element.
    pub element: &'static str,
    /// Multiplicity and letter, such as `4a`.
    pub position: String,
    /// Site symmetry, such as `m-3m`.
    pub symmetry: String,
    /// Coordinates in the conventional cell.
    pub frac_coords: [f64; 3],
}

impl Shown {
    /// Of a structure that was grown.
    pub fn of(grown: &Grown) -> Self {
        let structure = grown.structure();
        let crystal = Crystal::new(&grown.id, structure, SYMPREC, Some(grown.to_cif()));
        let found = |symprec| find_symmetry(structure, symprec, Finder::Moyo).ok().map(|report| report.number.get());
        let unit = AsymmetricUnit::from_state(&grown.sample.state, COINCIDENT).ok();
        Self {
            looks: looks(std::slice::from_ref(&crystal)),
            crystal,
            poscar: io::to_poscar(structure),
            space_group: grown.space_group(),
            found: [SYMPREC, ROUGH].map(found),
            positions: unit.as_ref().map(positions_of).unwrap_or_default(),
            redraws: grown.sample.redraws,
        }
    }
}

fn positions_of(unit: &AsymmetricUnit) -> Vec<Position> {
    let position = |site: &druse::crystal_core::AsymmetricSite| {
        let letter = site.wyckoff_letter();
        let symmetry = unit.space_group().wyckoff_position(letter).map(|position| position.site_symmetry().0.clone());
        Position {
            element: site.species().symbol(),
            position: format!("{}{letter}", site.multiplicity()),
            symmetry: symmetry.unwrap_or_default(),
            frac_coords: site.frac_coords().into(),
        }
    };
    unit.sites().iter().map(position).collect()
}
