//! POSCAR and CONTCAR files of VASP 5 and 6.

use std::fmt::Write;

use nalgebra::{Matrix3, Vector3};

use super::text::{Fault, Notes, checked, element, note_far, number, three_numbers};
use crate::{Composition, Lattice, Site, Species, Structure};

/// In a cell with longer vectors (Å) atoms are not all within 1 Å of one corner.
const WIDER_THAN_ATOMS: f64 = 2.0;

pub(super) fn read(text: &str, notes: &mut Notes) -> Result<Structure, Fault> {
    let lines: Vec<&str> = text.lines().collect();
    let line = |index: usize, what: &str| {
        let missing = || Fault::at(index + 1, format!("the file ends before {what}; it is cut off or no POSCAR file"));
        lines.get(index).map(|text| text.trim()).ok_or_else(missing)
    };
    let factors = scale_factors(line(1, "the scale factor")?)?;
    let mut rows = [[0.0; 3]; 3];
    for (index, row) in rows.iter_mut().enumerate() {
        *row = three_numbers(line(2 + index, "the lattice vectors")?, 3 + index, "a lattice vector")?;
    }
    let unscaled = Matrix3::from_row_slice(rows.as_flattened());
    let factors = match factors {
        Scale::Factors(factors) => factors,
        Scale::Volume(volume) => [(volume / unscaled.determinant().abs()).cbrt(); 3],
    };
    let lattice = Lattice::new(unscaled * Matrix3::from_diagonal(&Vector3::from(factors)))
        .map_err(|error| Fault::structure_at(3, error))?;

    let (species, counts, end) = groups(&lines, notes)?;
    let selective = line(end, "'Direct' or 'Cartesian'")?.starts_with(['S', 's']);
    let mode_index = if selective { end + 1 } else { end };
    let mode = line(mode_index, "'Direct' or 'Cartesian'")?;
    let cartesian = match mode.chars().next() {
        Some('D' | 'd') => false,
        Some('C' | 'c' | 'K' | 'k') => true,
        _ => {
            return Err(Fault::at(
                mode_index + 1,
                format!("'{mode}' is not a kind of coordinates; write 'Direct' or 'Cartesian'"),
            ));
        }
    };

    let mut sites = Vec::new();
    let mut largest = 0.0_f64;
    let mut index = mode_index + 1;
    for (species, count) in species.iter().zip(&counts) {
        for number in 0..*count {
            let text = line(index, &format!("the coordinates of {species} atom {} of {count}", number + 1))?;
            let coordinates = Vector3::from(three_numbers(text, index + 1, &format!("a coordinate of {species}"))?);
            let frac_coords = if cartesian {
                let coordinates = coordinates.component_mul(&Vector3::from(factors));
                largest = largest.max(coordinates.amax());
                lattice.to_fractional(&coordinates)
            } else {
                coordinates
            };
            if let Some(label) = contradicting_label(text, *species) {
                let text =
                    format!("the atom's label '{label}' contradicts the element {species} of line 6, which is read");
                notes.add(index + 1, text);
            }
            sites.push(Site { species: *species, frac_coords });
            index += 1;
        }
    }
    // What follows (velocities, predictor data) is set off by an empty line or a heading.
    if lines.get(index).is_some_and(|text| three_numbers(text, index + 1, "").is_ok()) {
        return Err(Fault::at(
            index + 1,
            format!("more coordinates than the {} atoms of line {end}; correct the counts", sites.len()),
        ));
    }
    refuse_second_structure(&lines, index)?;
    if !cartesian {
        note_far(sites.iter().map(|site| &site.frac_coords), mode_index + 2, notes);
    } else if sites.len() > 1 && largest <= 1.0 && is_wide(&lattice) {
        let text =
            format!("all Cartesian coordinates are within {largest} Å of 0; if they are fractional, write 'Direct'");
        notes.add(mode_index + 1, text);
    }
    checked(lattice, sites, 0, notes)
}

/// A label behind the coordinates (and behind the signs of selective dynamics) that names another element.
fn contradicting_label(text: &str, species: Species) -> Option<&str> {
    let label = text.split_whitespace().skip(3).find(|token| !matches!(*token, "T" | "F" | ".TRUE." | ".FALSE."))?;
    let letters = &label[..label.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(label.len())];
    letters.parse::<Species>().is_ok_and(|named| named != species).then_some(label)
}

/// Frames of a trajectory (XDATCAR), or a second POSCAR behind the first: none is chosen in silence. Velocities and
/// predictor data look like neither.
fn refuse_second_structure(lines: &[&str], behind: usize) -> Result<(), Fault> {
    let numbers = |at: usize| lines.get(at).is_some_and(|text| three_numbers(text, at + 1, "").is_ok());
    let is_symbol = |token: &str| token.starts_with(|c: char| c.is_ascii_alphabetic());
    let symbols = |at: usize| lines.get(at).is_some_and(|text| text.split_whitespace().next().is_some_and(is_symbol));
    let begins = |at: usize| {
        let is_frame = lines[at].trim_start().to_ascii_lowercase().starts_with("direct configuration");
        let has_scale = || lines.get(at + 1).is_some_and(|text| scale_factors(text).is_ok());
        is_frame || (has_scale() && (2..5).all(|offset| numbers(at + offset)) && symbols(at + 5))
    };
    match (behind..lines.len()).find(|at| begins(*at)) {
        Some(at) => Err(Fault::at(at + 1, "a second structure begins here; put each structure into its own file")),
        None => Ok(()),
    }
}

/// Elements and counts, and the index of the line behind them. VASP breaks either list after 20 groups.
fn groups(lines: &[&str], notes: &mut Notes) -> Result<(Vec<Species>, Vec<usize>, usize), Fault> {
    let begins_with_number =
        |text: &&str| text.trim_start().trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
    let rest = lines.get(5..).unwrap_or_default();
    let missing = |index: usize, what: &str| {
        Fault::at(index + 1, format!("the file ends before {what}; it is cut off or no POSCAR file"))
    };
    let Some(first) = rest.first() else { return Err(missing(5, "the element symbols")) };
    if begins_with_number(first) {
        return Err(Fault::at(
            6,
            "counts stand where the element symbols belong (VASP 4 format); insert a line with the symbols, such as 'Fe O', above the counts",
        ));
    }
    // Without counts the coordinates' heading would be taken for a symbol: the first line is always one of symbols,
    // others only until numbers come.
    let n_symbol_lines = rest.iter().position(begins_with_number).unwrap_or(1);
    let mut species = Vec::new();
    for (offset, text) in rest[..n_symbol_lines].iter().enumerate() {
        for token in words(text) {
            species.push(potcar_element(token, 6 + offset, notes)?);
        }
    }
    let mut counts = Vec::new();
    let mut index = 5 + n_symbol_lines;
    let first_count_line = index + 1;
    while counts.len() < species.len() || counts.is_empty() {
        let Some(text) = lines.get(index) else { return Err(missing(index, "the number of atoms of each element")) };
        if index + 1 > first_count_line && !begins_with_number(text) {
            break;
        }
        for token in words(text) {
            counts.push(count(token, index + 1)?);
        }
        index += 1;
    }
    if counts.len() != species.len() {
        return Err(Fault::at(
            first_count_line,
            format!(
                "{} counts for {} element symbols; give one count for each symbol of line 6",
                counts.len(),
                species.len()
            ),
        ));
    }
    Ok((species, counts, index))
}

fn is_wide(lattice: &Lattice) -> bool {
    lattice.rows().iter().all(|row| Vector3::from(*row).norm() > WIDER_THAN_ATOMS)
}

/// The words of a line up to a comment.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().take_while(|word| !word.starts_with(['!', '#']))
}

enum Scale {
    Factors([f64; 3]),
    Volume(f64),
}

/// One factor, minus the wanted volume, or one factor for each Cartesian axis.
fn scale_factors(text: &str) -> Result<Scale, Fault> {
    let what = "the scale factor";
    // A comment may follow: only leading numbers count.
    let numbers: Vec<f64> = text.split_whitespace().map_while(|token| number(token, 2, what).ok()).collect();
    match numbers[..] {
        [x, y, z] if x > 0.0 && y > 0.0 && z > 0.0 => Ok(Scale::Factors([x, y, z])),
        [factor] if factor > 0.0 => Ok(Scale::Factors([factor; 3])),
        [factor] if factor < 0.0 => Ok(Scale::Volume(-factor)),
        _ => Err(Fault::at(
            2,
            format!(
                "'{text}' is not a scale factor; write one number (negative for a volume in Å³) or three positive ones"
            ),
        )),
    }
}

/// The element of a symbol as VASP writes it, which may carry the name of a potential: `Fe_pv`, `Fe/3f2a`.
fn potcar_element(token: &str, line: usize, notes: &mut Notes) -> Result<Species, Fault> {
    let symbol = token.split(['_', '/']).next().unwrap_or(token);
    element(symbol, line, notes).map_err(|error| Fault::structure_at(line, error))
}

fn count(token: &str, line: usize) -> Result<usize, Fault> {
    let wrong = || Fault::at(line, format!("'{token}' is not a number of atoms; give a whole number of at least 1"));
    token.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)
}

/// A structure as a POSCAR file of VASP 5 and 6.
pub fn write(structure: &Structure) -> String {
    let mut text = format!("{}\n1.0\n", Composition::of(structure).formula());
    for [x, y, z] in structure.lattice().rows() {
        let _ = writeln!(text, "{x} {y} {z}");
    }
    // Runs, not totals, so that the order of the sites stays.
    let runs: Vec<&[Site]> = structure.sites().chunk_by(|a, b| a.species == b.species).collect();
    let symbols: Vec<&str> = runs.iter().map(|run| run[0].species.symbol()).collect();
    let counts: Vec<String> = runs.iter().map(|run| run.len().to_string()).collect();
    let _ = writeln!(text, "{}\n{}\nDirect", symbols.join(" "), counts.join(" "));
    for site in structure.sites() {
        let [x, y, z]: [f64; 3] = site.frac_coords.into();
        let _ = writeln!(text, "{x} {y} {z} {}", site.species);
    }
    text
}
