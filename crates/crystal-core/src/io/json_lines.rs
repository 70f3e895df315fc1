//! One structure per line of JSON, plain or compressed with zstd.

use std::io::{BufRead, Read as _, Write};

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::text::{Fault, Notes, Read, checked, decode, element, is_minus, needs_decoding, note_far};
use crate::{CrystalError, Lattice, Site, Species, Structure};

/// Bytes of the longest line: some million atoms. A small compressed file can hold a line without end.
const LONGEST_LINE: u64 = 64 << 20;

#[derive(Deserialize)]
struct LineIn {
    id: Option<serde_json::Value>,
    lattice: [[f64; 3]; 3],
    species: Vec<String>,
    frac_coords: Vec<[f64; 3]>,
    /// No part of the format, and no small matter where it stands there.
    #[serde(alias = "occupancy", alias = "occu")]
    occupancies: Option<serde_json::Value>,
    /// What other programs add, and what would make another structure of the line.
    #[serde(alias = "cartesian")]
    coords_are_cartesian: Option<serde_json::Value>,
    #[serde(alias = "atomic_numbers")]
    numbers: Option<serde_json::Value>,
    pbc: Option<serde_json::Value>,
}

/// Whether a line holds a structure, be it a wrong one.
pub(super) fn is_structure(line: &str) -> bool {
    serde_json::from_str::<LineIn>(line).is_ok()
}

/// Reads all lines; empty ones are passed over. A reading error (a cut-off zstd frame, say) becomes a last entry with a
/// fault. Each comes with its line number and its id, if the line has one.
pub(super) fn read(mut input: impl BufRead) -> Vec<(usize, Option<String>, Read)> {
    // Letters of two or four bytes, and what is not text at all, are the whole text's matter.
    if input.fill_buf().is_ok_and(needs_decoding) {
        let mut bytes = Vec::new();
        let decoded = match input.take(LONGEST_LINE).read_to_end(&mut bytes) {
            Ok(length) if length as u64 == LONGEST_LINE => {
                let reason = format!("more than {} MiB in this encoding; write it in UTF-8", LONGEST_LINE >> 20);
                Err(Fault::at(1, reason))
            }
            Ok(_) => decode(&bytes),
            Err(error) => Err(cut_off(1, &error)),
        };
        return match decoded {
            Ok(text) => read_lines(text.as_bytes()),
            Err(fault) => vec![(1, None, Read::failed(fault))],
        };
    }
    read_lines(input)
}

fn read_lines(mut input: impl BufRead) -> Vec<(usize, Option<String>, Read)> {
    let mut entries = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        match input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
            Ok(0) => break,
            Ok(length) if length as u64 == LONGEST_LINE => {
                let reason = format!("the line is longer than {} MiB; it holds no structure", LONGEST_LINE >> 20);
                entries.push((line, None, Read::failed(Fault::at(line, reason))));
                break;
            }
            Ok(_) => {
                let text = bytes.trim_ascii();
                let text = if line == 1 { text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text) } else { text };
                if !text.is_empty() {
                    let (id, read) = read_line(text, line);
                    entries.push((line, id, read));
                }
            }
            Err(error) => {
                entries.push((line, None, Read::failed(cut_off(line, &error))));
                break;
            }
        }
    }
    entries
}

pub(super) fn cut_off(line: usize, error: &std::io::Error) -> Fault {
    Fault::at(
        line,
        format!("cannot be read from here on ({error}); the file is cut off or damaged: fetch or write it again"),
    )
}

fn read_line(bytes: &[u8], line: usize) -> (Option<String>, Read) {
    match serde_json::from_slice::<LineIn>(bytes) {
        Ok(parsed) => {
            let id = match &parsed.id {
                Some(serde_json::Value::String(id)) => Some(id.clone()),
                Some(serde_json::Value::Number(id)) => Some(id.to_string()),
                _ => None,
            };
            (id, Read::ordered(|notes| parsed.structure(line, notes).map_err(|fault| fault.or_line(line))))
        }
        Err(error) => {
            // The position inside the line is serde_json's column; its own line number is always 1 here.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let minus = if String::from_utf8_lossy(bytes).contains(is_minus) {
                " (a minus sign of another code point stands in the line; write '-')"
            } else {
                ""
            };
            let reason = format!(
                "column {}: {message}{minus}; a line is {{\"id\": …, \"lattice\": 3×3 rows in Å, \"species\": […], \"frac_coords\": [[x, y, z], …]}}",
                error.column()
            );
            (id_of(bytes), Read::failed(Fault::at(line, reason)))
        }
    }
}

/// The id of a line whose structure is malformed, so that the fault can be reported under its name.
fn id_of(bytes: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.get("id")?.as_str().map(str::to_owned)
}

impl LineIn {
    fn structure(&self, line: usize, notes: &mut Notes) -> Result<Structure, Fault> {
        if self.species.len() != self.frac_coords.len() {
            let reason = format!(
                "{} species but {} frac_coords; give one for each site",
                self.species.len(),
                self.frac_coords.len()
            );
            return Err(Fault::at(line, reason));
        }
        if let Some(occupancies) = &self.occupancies {
            let all = occupancies.as_array().map_or(std::slice::from_ref(occupancies), Vec::as_slice);
            if !all.iter().all(|occupancy| occupancy.as_f64().is_some_and(|x| (x - 1.0).abs() < 1e-3)) {
                return Err(Fault::at(line, "a line holds no occupancies; give partly occupied sites in a CIF"));
            }
        }
        self.refuse_contradictions(line)?;
        if self.pbc.as_ref().is_some_and(|pbc| has(pbc, |value| *value == false)) {
            notes.add(line, "pbc is not true for every vector; the structure is read as if it were");
        }
        let lattice = Lattice::from_rows(self.lattice)?;
        let sites = self.species.iter().zip(&self.frac_coords);
        let sites = sites
            .map(|(symbol, x)| Ok(Site { species: element(symbol, line, notes)?, frac_coords: Vector3::from(*x) }));
        let sites = sites.collect::<Result<Vec<Site>, CrystalError>>()?;
        note_far(sites.iter().map(|site| &site.frac_coords), line, notes);
        checked(lattice, sites, line, notes)
    }
}

impl LineIn {
    /// Items that say that sites or elements are others than those read.
    fn refuse_contradictions(&self, line: usize) -> Result<(), Fault> {
        if self.coords_are_cartesian.as_ref().is_some_and(|value| *value == true) {
            let reason = "the coordinates are said to be Cartesian; convert frac_coords to fractions of the vectors";
            return Err(Fault::at(line, reason));
        }
        let Some(numbers) = self.numbers.as_ref().and_then(serde_json::Value::as_array) else { return Ok(()) };
        let species = |number: &serde_json::Value| Species::from_atomic_number(number.as_i64()?).ok();
        for (index, (symbol, number)) in self.species.iter().zip(numbers).enumerate() {
            let named = if matches!(symbol.as_str(), "D" | "T") { "H".parse() } else { symbol.parse() };
            if species(number).is_some_and(|of_number| named.is_ok_and(|named: Species| named != of_number)) {
                let reason =
                    format!("site {index} is {symbol} in 'species' and {number} in 'numbers'; correct one of the two");
                return Err(Fault::at(line, reason));
            }
        }
        Ok(())
    }
}

/// Whether a value, or one of those of an array, is of a kind.
fn has(value: &serde_json::Value, is: impl Fn(&serde_json::Value) -> bool) -> bool {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().any(is)
}

#[derive(Serialize)]
struct LineOut<'a> {
    id: &'a str,
    lattice: [[f64; 3]; 3],
    species: Vec<&'static str>,
    frac_coords: Vec<[f64; 3]>,
}

pub(super) fn write_line(output: &mut impl Write, id: &str, structure: &Structure) -> std::io::Result<()> {
    let line = LineOut {
        id,
        lattice: structure.lattice().rows(),
        species: structure.sites().iter().map(|site| site.species.symbol()).collect(),
        frac_coords: structure.sites().iter().map(|site| site.frac_coords.into()).collect(),
    };
    serde_json::to_writer(&mut *output, &line)?;
    output.write_all(b"\n")
}
