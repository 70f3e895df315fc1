//! Reading a split's table in either of its two formats.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use crystal_core::{Lattice, LatticeParameters, Site, Species, Structure, io};
use csv::StringRecord;
use nalgebra::Vector3;
use rayon::prelude::*;

use crate::DatasetError;

/// First bytes of a zstd frame (RFC 8878, §3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A row of a table as the file has it, not reduced.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its id: the column `material_id`, or `idx` in tables of samples.
    pub id: String,
    /// The structure.
    pub structure: Structure,
    /// Space group at 0.1 Å, where the file states it.
    pub space_group: Option<u8>,
    /// Formation energy in eV/atom, where the file states it.
    pub formation_energy: Option<f64>,
    /// Energy above the hull in eV/atom, where the file states it.
    pub energy_above_hull: Option<f64>,
}

/// Columns of a lattice in six numbers.
const PARAMETERS: [&str; 6] = ["a", "b", "c", "alpha", "beta", "gamma"];

/// A split's rows, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The rows that could be read.
    pub rows: Vec<Row>,
    /// Id (or `line N`) and reason of each row that could not be read.
    pub rejected: Vec<(String, String)>,
}

/// Which columns hold what.
#[derive(Debug, Clone, Copy)]
struct Layout {
    id: usize,
    /// At 0.1 Å. CDVAE's `spacegroup.number` is not used: the tolerance behind it is not documented.
    space_group: Option<usize>,
    formation_energy: Option<usize>,
    energy_above_hull: Option<usize>,
    structure: StructureColumns,
}

#[derive(Debug, Clone, Copy)]
enum StructureColumns {
    /// Lattice, species and coordinates in their own columns.
    Arrays { lattice: usize, species: usize, frac_coords: usize },
    /// The same with lengths (Å) and angles (degrees) in six columns for the lattice.
    Parameters { lattice: [usize; 6], species: usize, frac_coords: usize },
    /// CDVAE's public form: a CIF text in one column.
    Cif(usize),
}

impl Layout {
    fn of(header: &StringRecord, path: &Path) -> Result<Self, DatasetError> {
        let optional = |name: &str| header.iter().position(|column| column.trim() == name);
        let needed = |column: &'static str| {
            let found = || header.iter().collect::<Vec<_>>().join(", ");
            optional(column).ok_or_else(|| DatasetError::MissingColumn {
                path: path.to_owned(),
                column,
                found: found(),
            })
        };
        // Tables of samples number their rows.
        let id = optional("idx").map_or_else(|| needed("material_id"), Ok)?;
        let structure = match (optional("cif"), PARAMETERS.map(optional)) {
            (Some(cif), _) => StructureColumns::Cif(cif),
            (None, [Some(a), Some(b), Some(c), Some(alpha), Some(beta), Some(gamma)]) => StructureColumns::Parameters {
                lattice: [a, b, c, alpha, beta, gamma],
                species: needed("species")?,
                frac_coords: needed("frac_coords")?,
            },
            _ => StructureColumns::Arrays {
                lattice: needed("lattice")?,
                species: needed("species")?,
                frac_coords: needed("frac_coords")?,
            },
        };
        Ok(Self {
            id,
            space_group: optional("space_group_0.1"),
            formation_energy: optional("formation_energy_per_atom"),
            energy_above_hull: optional("e_above_hull"),
            structure,
        })
    }

    fn row(self, record: &StringRecord) -> Result<Row, String> {
        let structure = match self.structure {
            StructureColumns::Arrays { lattice, species, frac_coords } => {
                structure_of(lattice_of_vectors(&record[lattice])?, &record[species], &record[frac_coords])?
            }
            StructureColumns::Parameters { lattice, species, frac_coords } => {
                let lattice = lattice_of_parameters(lattice.map(|column| &record[column]))?;
                structure_of(lattice, &record[species], &record[frac_coords])?
            }
            StructureColumns::Cif(cif) => structure_of_cif(&record[cif])?,
        };
        let cell = |column: Option<usize>| column.map(|column| record[column].trim()).filter(|text| !text.is_empty());
        let space_group = cell(self.space_group).map(space_group_number).transpose()?;
        let energy = |column: Option<usize>, name: &str| cell(column).map(|text| energy(text, name)).transpose();
        let formation_energy = energy(self.formation_energy, "formation_energy_per_atom")?;
        let energy_above_hull = energy(self.energy_above_hull, "e_above_hull")?;
        let id = record[self.id].trim();
        if id.is_empty() {
            return Err("its id is empty".to_owned());
        }
        Ok(Row { id: id.to_owned(), structure, space_group, formation_energy, energy_above_hull })
    }
}

/// Reads a table, compressed or not.
///
/// A missing column, a file that is not a CSV and a truncated file are errors; a bad row is reported in
/// [`Table::rejected`].
pub(crate) fn read(path: &Path) -> Result<Table, DatasetError> {
    let (text, is_whole) = text_of(path)?;
    let truncated = |line: u64, reason: String| DatasetError::Truncated { path: path.to_owned(), line, reason };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_slice());
    let bad = |error: csv::Error| DatasetError::Table {
        path: path.to_owned(),
        line: error.position().map_or(1, csv::Position::line),
        reason: format!("the file is not a CSV: {error}"),
    };
    let header = reader.headers().map_err(bad)?.clone();
    if header.iter().all(|column| column.trim().is_empty()) {
        return Err(truncated(1, "it is empty".to_owned()));
    }
    let layout = Layout::of(&header, path)?;
    let records = reader.into_records().collect::<Result<Vec<_>, _>>().map_err(bad)?;
    let line_of = |record: &StringRecord| record.position().map_or(0, csv::Position::line);
    match records.last() {
        None => return Err(truncated(1, "there is no row below the header".to_owned())),
        Some(last) if last.len() < header.len() => {
            return Err(truncated(
                line_of(last),
                format!("the last row has {} of {} columns", last.len(), header.len()),
            ));
        }
        // Without an end of the last line a number in its last column may have lost digits, unless the packing vouches
        // for all of it.
        Some(last) if !is_whole && text.last() != Some(&b'\n') => {
            return Err(truncated(line_of(last), "the last line has no end".to_owned()));
        }
        Some(_) => {}
    }
    let parsed: Vec<Result<Row, (String, String)>> = records
        .par_iter()
        .map(|record| {
            let row = if record.len() == header.len() {
                layout.row(record)
            } else {
                Err(format!("the row has {} columns, the header {}", record.len(), header.len()))
            };
            let line = line_of(record);
            row.map_err(|reason| {
                let id = record.get(layout.id).map(str::trim).filter(|id| !id.is_empty());
                let id = id.map_or_else(|| format!("line {line}"), str::to_owned);
                (id, format!("{}:{line}: {reason}", path.display()))
            })
        })
        .collect();
    let mut table = Table::default();
    for row in parsed {
        match row {
            Ok(row) => table.rows.push(row),
            Err(rejected) => table.rejected.push(rejected),
        }
    }
    Ok(table)
}

/// The text, and whether it is whole for certain: a packed file that was cut off does not unpack.
fn text_of(path: &Path) -> Result<(Vec<u8>, bool), DatasetError> {
    let bytes = fs::read(path).map_err(DatasetError::io(path))?;
    if !bytes.starts_with(&ZSTD_MAGIC) {
        return Ok((bytes, false));
    }
    let mut text = Vec::new();
    match zstd::Decoder::new(bytes.as_slice()).and_then(|mut decoder| decoder.read_to_end(&mut text)) {
        Ok(_) => Ok((text, true)),
        Err(error) => {
            let line = text.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            Err(DatasetError::Truncated { path: path.to_owned(), line, reason: format!("zstd says '{error}'") })
        }
    }
}

fn space_group_number(text: &str) -> Result<u8, String> {
    let number = text.parse::<u8>().ok().filter(|number| (1..=230).contains(number));
    number.ok_or_else(|| format!("column 'space_group_0.1': '{text}' is not a space group from 1 to 230"))
}

fn energy(text: &str, column: &str) -> Result<f64, String> {
    let energy = text.parse::<f64>().ok().filter(|energy| energy.is_finite());
    energy.ok_or_else(|| format!("column '{column}': '{text}' is not an energy in eV/atom"))
}

fn numbers(text: &str, column: &str) -> Result<Vec<f64>, String> {
    let number = |word: &str| word.parse::<f64>().map_err(|_| format!("column '{column}': '{word}' is not a number"));
    text.split_whitespace().map(number).collect()
}

fn lattice_of_vectors(text: &str) -> Result<Lattice, String> {
    let vectors: [f64; 9] = numbers(text, "lattice")?
        .try_into()
        .map_err(|found: Vec<f64>| format!("column 'lattice' has {} numbers instead of 9", found.len()))?;
    Lattice::from_rows([0, 3, 6].map(|i| [vectors[i], vectors[i + 1], vectors[i + 2]]))
        .map_err(|error| format!("column 'lattice': {error}"))
}

fn lattice_of_parameters(texts: [&str; 6]) -> Result<Lattice, String> {
    let mut values = [0.0; 6];
    for ((value, text), column) in values.iter_mut().zip(texts).zip(PARAMETERS) {
        *value = text.trim().parse().map_err(|_| format!("column '{column}': '{text}' is not a number"))?;
    }
    let [a, b, c, alpha, beta, gamma] = values;
    Lattice::from_parameters(LatticeParameters { a, b, c, alpha, beta, gamma }).map_err(|error| error.to_string())
}

fn structure_of(lattice: Lattice, species: &str, frac_coords: &str) -> Result<Structure, String> {
    let species = species.split_whitespace().map(Species::from_str).collect::<Result<Vec<_>, _>>();
    let species = species.map_err(|error| format!("column 'species': {error}"))?;
    let coords = numbers(frac_coords, "frac_coords")?;
    if coords.len() != 3 * species.len() {
        return Err(format!("column 'frac_coords' has {} numbers for {} sites", coords.len(), species.len()));
    }
    let site =
        |(species, frac): (Species, &[f64])| Site { species, frac_coords: Vector3::new(frac[0], frac[1], frac[2]) };
    let sites = species.into_iter().zip(coords.chunks_exact(3)).map(site).collect();
    Structure::new(lattice, sites).map_err(|error| error.to_string())
}

fn structure_of_cif(text: &str) -> Result<Structure, String> {
    // The path is there for the message: `column 'cif':LINE: …`, with the line inside the CIF.
    let mut entries = io::read_bytes(text.as_bytes(), io::Format::Cif, Path::new("column 'cif'"));
    let entry = entries.pop().ok_or("column 'cif' is empty")?;
    entry.structure.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
