//! One structure per line of JSON, plain or compressed with zstd.

use std::io::{BufRead, Write};

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::text::{Fault, Notes, Read, checked, decode, element, is_minus};
use crate::{CrystalError, Lattice, Site, Structure};

#[derive(Deserialize)]
struct LineIn {
    id: Option<serde_json::Value>,
    lattice: [[f64; 3]; 3],
    species: Vec<String>,
    frac_coords: Vec<[f64; 3]>,
}

/// Reads all lines; empty ones are passed over. A reading error (a cut-off zstd frame, say) becomes a last entry with a
/// fault. Each comes with its line number and its id, if the line has one.
pub(super) fn read(mut input: impl BufRead) -> Vec<(usize, Option<String>, Read)> {
    let is_utf16 = |start: &[u8]| start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    if input.fill_buf().is_ok_and(is_utf16) {
        let mut bytes = Vec::new();
        return match input.read_to_end(&mut bytes) {
            Ok(_) => read_lines(decode(&bytes).as_bytes()),
            Err(error) => vec![(1, None, Read::failed(cut_off(1, &error)))],
        };
    }
    read_lines(input)
}

fn read_lines(mut input: impl BufRead) -> Vec<(usize, Option<String>, Read)> {
    let mut entries = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        match input.read_until(b'\n', &mut bytes) {
            Ok(0) => break,
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

fn cut_off(line: usize, error: &std::io::Error) -> Fault {
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
        let lattice = Lattice::from_rows(self.lattice)?;
        let sites = self.species.iter().zip(&self.frac_coords);
        let sites = sites
            .map(|(symbol, x)| Ok(Site { species: element(symbol, line, notes)?, frac_coords: Vector3::from(*x) }));
        checked(lattice, sites.collect::<Result<Vec<Site>, CrystalError>>()?)
    }
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
        lattice: structure.lattice.rows(),
        species: structure.sites.iter().map(|site| site.species.symbol()).collect(),
        frac_coords: structure.sites.iter().map(|site| site.frac_coords.into()).collect(),
    };
    serde_json::to_writer(&mut *output, &line)?;
    output.write_all(b"\n")
}
