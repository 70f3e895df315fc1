//! A structure from a CIF: cell, sites, and all images of the sites.

use nalgebra::Vector3;

use super::super::text::{Fault, checked, element, wrapped_difference};
use super::document::{Block, Cell, blocks, prepared};
use super::symmetry;
use crate::{Composition, CrystalError, Lattice, LatticeParameters, Site, Species, Structure, SymmetryOperation};

/// Images of one site closer than this (Å) are one atom on a special position. Wide enough for coordinates of two or three
/// decimals; no two atoms of a fully occupied site are ever so close.
const MERGE: f64 = 0.1;

/// Occupancies this close to 1 are full: they carry rounding.
const OCCUPANCY_TOLERANCE: f64 = 1e-3;

const CELL: [&str; 6] =
    ["cell_length_a", "cell_length_b", "cell_length_c", "cell_angle_alpha", "cell_angle_beta", "cell_angle_gamma"];
const COORDINATES: [&str; 3] = ["atom_site_fract_x", "atom_site_fract_y", "atom_site_fract_z"];

/// The structure of the first data block that has a cell.
pub(in super::super) fn read(text: &str) -> Result<Structure, Fault> {
    let text = prepared(text);
    let blocks = blocks(&text)?;
    let has_cell = |block: &&Block<'_>| CELL.iter().any(|name| block.column(name).map_or(true, |column| column.is_some()));
    let block = blocks
        .iter()
        .find(has_cell)
        .ok_or_else(|| Fault::at(1, "no data block has a cell (_cell_length_a …); the file is empty, cut off or no structure"))?;
    let lattice = lattice(block)?;
    let sites = sites(block)?;
    symmetry::check_number(block)?;
    let operations = symmetry::operations(block, &lattice)?;
    let structure = checked(lattice, expand(&lattice, sites, &operations))?;
    check_formula(block, &structure)?;
    Ok(structure)
}

fn lattice(block: &Block<'_>) -> Result<Lattice, Fault> {
    let mut values = [0.0; 6];
    for (value, name) in values.iter_mut().zip(CELL) {
        let Some((_, cell)) = block.value(&[name])? else {
            return Err(Fault::at(
                block.heading_line(),
                format!("_{name} is missing; the cell needs three lengths and three angles"),
            ));
        };
        let number = cell.number().map_err(|text| {
            Fault::at(block.line(name, 0), format!("_{name} is '{text}', which is no number; give it in Å or degrees"))
        })?;
        *value = number.unwrap_or(f64::NAN);
    }
    let [a, b, c, alpha, beta, gamma] = values;
    Lattice::from_parameters(LatticeParameters { a, b, c, alpha, beta, gamma })
        .map_err(|error| Fault::structure_at(block.line(CELL[0], 0), error))
}

/// The sites of the list, without their images.
fn sites(block: &Block<'_>) -> Result<Vec<Site>, Fault> {
    let mut columns: [&[Cell]; 3] = [&[]; 3];
    for (column, name) in columns.iter_mut().zip(COORDINATES) {
        *column = block.column(name)?.ok_or_else(|| {
            let cure = "a structure needs _atom_site_fract_x, _y and _z (Cartesian coordinates are not read)";
            Fault::at(block.heading_line(), format!("_{name} is missing; {cure}"))
        })?;
    }
    let labels = block.column("atom_site_label")?;
    let symbols = block.column("atom_site_type_symbol")?;
    let occupancies = block.column("atom_site_occupancy")?;
    let flags = block.column("atom_site_calc_flag")?;
    let hydrogens = block.column("atom_site_attached_hydrogens")?;
    if labels.is_none() && symbols.is_none() {
        let line = block.line(COORDINATES[0], 0);
        return Err(Fault::at(
            line,
            "the sites have neither _atom_site_type_symbol nor _atom_site_label; add one of the two columns",
        ));
    }
    let mut sites = Vec::new();
    for row in 0..columns[0].len() {
        let at = |column: Option<&[Cell]>| column.and_then(|cells| cells.get(row)).cloned().unwrap_or(Cell::Missing);
        let line = || block.line(COORDINATES[0], row);
        // A dummy site marks a place, not an atom.
        if at(flags).text().is_some_and(|flag| flag.eq_ignore_ascii_case("dum")) {
            continue;
        }
        let name = at(labels).text().or_else(|| at(symbols).text()).unwrap_or_else(|| format!("number {}", row + 1));
        let species = match at(symbols).text() {
            Some(symbol) => element_of_type(&symbol).map_err(|error| Fault::structure_at(line(), error))?,
            None => element_of_label(&name).map_err(|what| what.at(line()))?,
        };
        let mut frac_coords = Vector3::zeros();
        for axis in 0..3 {
            let value = at(Some(columns[axis]))
                .number()
                .map_err(|text| Fault::at(line(), format!("site '{name}' has the coordinate '{text}', which is no number")))?;
            frac_coords[axis] = value.ok_or_else(|| {
                Fault::at(
                    line(),
                    format!("site '{name}' has no {} coordinate; give it or remove the site", ["x", "y", "z"][axis]),
                )
            })?;
        }
        let occupancy = at(occupancies)
            .number()
            .map_err(|text| Fault::at(line(), format!("site '{name}' has the occupancy '{text}', which is no number")))?;
        if let Some(occupancy) = occupancy.filter(|x| (x - 1.0).abs() > OCCUPANCY_TOLERANCE) {
            return Err(Fault::structure_at(line(), CrystalError::PartialOccupancy { site: name, occupancy }));
        }
        if let Ok(Some(count)) = at(hydrogens).number()
            && count > 0.0
        {
            let reason = format!(
                "site '{name}' stands for {count} hydrogen atoms besides itself that have no coordinates; add them as sites"
            );
            return Err(Fault::at(line(), reason));
        }
        sites.push(Site { species, frac_coords });
    }
    Ok(sites)
}

/// The element of a type symbol, which may carry a charge: `Fe3+`, `O2-`, `FE`.
fn element_of_type(symbol: &str) -> Result<Species, CrystalError> {
    let letters: String = symbol.chars().take_while(char::is_ascii_alphabetic).collect();
    element(&capitalised(&letters)).map_err(|_| CrystalError::UnknownElement { symbol: symbol.to_owned() })
}

enum LabelFault {
    Unknown(CrystalError),
    Ambiguous(String),
}

impl LabelFault {
    fn at(self, line: usize) -> Fault {
        match self {
            Self::Unknown(error) => Fault::structure_at(line, error),
            Self::Ambiguous(reason) => Fault::at(line, reason),
        }
    }
}

/// The element with which a label such as `Fe1` or `O2a` begins. `CA1` may be calcium or a carbon A: that is not guessed.
fn element_of_label(label: &str) -> Result<Species, LabelFault> {
    let letters: Vec<char> = label.chars().take_while(char::is_ascii_alphabetic).take(2).collect();
    let one = letters.first().and_then(|first| element(&first.to_ascii_uppercase().to_string()).ok());
    let two = (letters.len() == 2).then(|| element(&capitalised(&letters.iter().collect::<String>())).ok()).flatten();
    let second_is_lower = letters.get(1).is_some_and(char::is_ascii_lowercase);
    match (one, two) {
        (Some(_), Some(two)) if second_is_lower => Ok(two),
        (Some(one), Some(two)) => Err(LabelFault::Ambiguous(format!(
            "the label '{label}' may mean {one} or {two}; add the column _atom_site_type_symbol"
        ))),
        (None, Some(found)) | (Some(found), None) => Ok(found),
        (None, None) => Err(LabelFault::Unknown(CrystalError::UnknownElement { symbol: label.to_owned() })),
    }
}

fn capitalised(letters: &str) -> String {
    let mut capitalised = letters.to_ascii_lowercase();
    if let Some(first) = capitalised.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    capitalised
}

/// All images of the sites in the cell, each atom once, orbit after orbit. Where images of one site coincide (within [`MERGE`]) the
/// site is first moved to their mean, which lies on the special position exactly. Without symmetry the coordinates stay as they are;
/// with it they come into 0 … 1.
fn expand(lattice: &Lattice, sites: Vec<Site>, operations: &[SymmetryOperation]) -> Vec<Site> {
    if operations.len() <= 1 {
        return sites;
    }
    let mut expanded = Vec::new();
    for site in sites {
        let coincident = |image: &Vector3<f64>, point: &Vector3<f64>| {
            let difference = wrapped_difference(point, image);
            (lattice.to_cartesian(&difference).norm() < MERGE).then_some(difference)
        };
        let shifts: Vec<Vector3<f64>> = operations
            .iter()
            .filter_map(|operation| coincident(&operation.apply(&site.frac_coords), &site.frac_coords))
            .collect();
        let mean = shifts.iter().sum::<Vector3<f64>>() / shifts.len().max(1) as f64;
        let centre = site.frac_coords + mean;
        let mut orbit: Vec<Vector3<f64>> = Vec::new();
        for operation in operations {
            let image = operation.apply(&centre).map(into_cell);
            if !orbit.iter().any(|known| coincident(&image, known).is_some()) {
                orbit.push(image);
            }
        }
        expanded.extend(orbit.into_iter().map(|frac_coords| Site { frac_coords, ..site }));
    }
    expanded
}

/// Into 0 … 1; a number that rounding would carry to 1 becomes 0.
fn into_cell(x: f64) -> f64 {
    let wrapped = x - x.floor();
    if wrapped >= 1.0 { 0.0 } else { wrapped }
}

/// Compares the atoms with `_chemical_formula_sum`, if it can be read: they must be one multiple (at least 1) of it. Programs differ
/// in whether the sum is of a formula unit or of the cell, so the multiple itself says nothing.
fn check_formula(block: &Block<'_>, structure: &Structure) -> Result<(), Fault> {
    const NAME: &str = "chemical_formula_sum";
    let Some(formula) = block.value(&[NAME])?.and_then(|(_, cell)| cell.text()) else { return Ok(()) };
    let Some(expected) = formula_counts(&formula) else { return Ok(()) };
    let found: Vec<(Species, f64)> =
        Composition::of(structure).iter().map(|(species, count)| (species, f64::from(count))).collect();
    let count = |counts: &[(Species, f64)], species| {
        counts.iter().filter(|(known, _)| *known == species).map(|(_, count)| count).sum::<f64>()
    };
    let multiple = found.iter().map(|(species, n)| n / count(&expected, *species)).fold(0.0, f64::max);
    let fits =
        |species: Species| (count(&found, species) - multiple * count(&expected, species)).abs() < 0.01 * multiple.max(1.0);
    if multiple.is_finite() && multiple > 0.999 && expected.iter().all(|(species, _)| fits(*species)) {
        return Ok(());
    }
    let reason = format!(
        "the sites and their images are {}, which does not agree with the formula '{formula}'; sites are missing or the formula is wrong: complete the list of sites, or correct or remove _{NAME}",
        Composition::of(structure).formula()
    );
    Err(Fault::at(block.line(NAME, 0), reason))
}

/// `Fe2 O3` as counts; `None` if it is written in another way.
fn formula_counts(formula: &str) -> Option<Vec<(Species, f64)>> {
    let mut counts = Vec::new();
    for term in formula.split_whitespace() {
        let digits = term.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(term.len());
        let (symbol, number) = term.split_at(digits);
        let count = if number.is_empty() { Some(1.0) } else { number.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0) };
        counts.push((element(symbol).ok()?, count?));
    }
    (!counts.is_empty()).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_type_symbols_and_labels() {
        for (text, symbol) in [("Fe3+", "Fe"), ("O2-", "O"), ("FE", "Fe"), ("na1+", "Na"), ("D", "H"), ("Cl", "Cl")] {
            assert_eq!(element_of_type(text).expect(text).symbol(), symbol, "{text}");
        }
        for (text, symbol) in [("Fe1", "Fe"), ("O2a", "O"), ("OH1", "O"), ("Na", "Na"), ("XE1", "Xe"), ("C1A", "C"), ("D3", "H")]
        {
            assert_eq!(element_of_label(text).map_err(|_| text).expect(text).symbol(), symbol, "{text}");
        }
        assert!(element_of_type("Wat").is_err());
        assert!(matches!(element_of_label("CA1"), Err(LabelFault::Ambiguous(_))));
        assert!(matches!(element_of_label("Q1"), Err(LabelFault::Unknown(_))));
        assert!(matches!(element_of_label(""), Err(LabelFault::Unknown(_))));
    }

    #[test]
    fn formulas() {
        let counts = formula_counts("C2 H6 O").expect("a formula");
        assert_eq!(counts.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [2.0, 6.0, 1.0]);
        assert!(formula_counts("(Fe0.5 Mn0.5)2 O3").is_none());
        assert!(formula_counts("").is_none());
    }
}
