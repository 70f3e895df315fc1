//! The embedded data set: textbook prototypes decorated with elements, for machines with neither data nor network.
//!
//! The tables stand in `assets/prototypes/*.ron`. A prototype is a space group, Wyckoff sites in the standard setting
//! with their free parameters, and axial ratios; a group of decorations says which elements take which role and where
//! their radii come from. The one free length of a structure follows from its radii: the cell is the smallest in which
//! no listed contact is shorter than `factor · (r_i + r_j)`. The structures are estimates, not measurements.

mod build;
mod expression;
mod radii;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::DatasetError;
use crate::data_set::Split;
use crate::table::{Row, Table};

use radii::{Radii, RadiusKind};

/// Name of the embedded data set.
pub const NAME: &str = "prototypes";

/// Tables of prototypes, in order of their names.
const TABLES: [(&str, &str); 6] = [
    ("ax.ron", include_str!("../assets/prototypes/ax.ron")),
    ("ax2.ron", include_str!("../assets/prototypes/ax2.ron")),
    ("ax3.ron", include_str!("../assets/prototypes/ax3.ron")),
    ("elements.ron", include_str!("../assets/prototypes/elements.ron")),
    ("intermetallic.ron", include_str!("../assets/prototypes/intermetallic.ron")),
    ("ternary.ron", include_str!("../assets/prototypes/ternary.ron")),
];
const RADII: (&str, &str) = ("radii.ron", include_str!("../assets/prototypes/radii.ron"));

/// Shares of train and validation in percent; the rest is test.
const TRAIN: u64 = 70;
const VALIDATION: u64 = 10;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prototype {
    name: String,
    space_group: u8,
    /// Role, Wyckoff position such as `8c`, coordinates such as `x x+1/2 0` (conventional cell, standard setting).
    sites: Vec<(String, String, String)>,
    /// Pairs of roles whose distance fixes the size of the cell.
    contacts: Vec<(String, String)>,
    /// b/a.
    #[serde(default = "one")]
    b_a: f64,
    /// c/a.
    #[serde(default = "one")]
    c_a: f64,
    /// Values of the coordinates' free parameters.
    #[serde(default)]
    free: BTreeMap<String, f64>,
    groups: Vec<Group>,
}

/// Decorations that share a kind of radii.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    radii: RadiusKind,
    #[serde(default = "one")]
    factor: f64,
    /// Instead of the prototype's.
    b_a: Option<f64>,
    /// Instead of the prototype's.
    c_a: Option<f64>,
    /// Instead of the prototype's, one by one.
    #[serde(default)]
    free: BTreeMap<String, f64>,
    /// One word per role, in the order in which `sites` names them first; `A|B` represents either.
    elements: Vec<String>,
}

fn one() -> f64 {
    1.0
}

/// All structures of the tables with their stated space groups, in splits.
pub(crate) fn tables() -> Result<[Table; 3], DatasetError> {
    let mut tables: [Table; 3] = Default::default();
    for row in rows()? {
        tables[split_of(&row.id) as usize].rows.push(row);
    }
    Ok(tables)
}

/// A textbook prototype without coordinates and elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructureType {
    /// Its name, such as `rock-salt`.
    pub name: String,
    /// Number of its space group.
    pub space_group: u8,
    /// Role and Wyckoff position of each site, such as `A` and `8c` (standard setting); sites of one element share a
    /// role.
    pub sites: Vec<(String, String)>,
}

/// The prototypes that the embedded structures are of.
///
/// # Errors
/// None but those of a damaged program.
pub fn structure_types() -> Result<Vec<StructureType>, DatasetError> {
    let mut types = Vec::new();
    for (file, text) in TABLES {
        for Prototype { name, space_group, sites, .. } in read::<Vec<Prototype>>(file, text)? {
            let sites = sites.into_iter().map(|(role, position, _)| (role, position)).collect();
            types.push(StructureType { name, space_group, sites });
        }
    }
    Ok(types)
}

fn rows() -> Result<Vec<Row>, DatasetError> {
    let radii: Radii = read(RADII.0, RADII.1)?;
    let mut rows = Vec::new();
    for (file, text) in TABLES {
        for prototype in read::<Vec<Prototype>>(file, text)? {
            let fault =
                |reason| DatasetError::Prototype { file: file.to_owned(), place: prototype.name.clone(), reason };
            rows.extend(build::structures(&prototype, &radii).map_err(fault)?);
        }
    }
    Ok(rows)
}

fn read<T: for<'a> Deserialize<'a>>(file: &str, text: &str) -> Result<T, DatasetError> {
    ron::from_str(text).map_err(|error| DatasetError::Prototype {
        file: file.to_owned(),
        place: format!("line {}", error.span),
        reason: error.code.to_string(),
    })
}

/// The split an id belongs to: from its hash, so that adding a prototype moves no other structure.
fn split_of(id: &str) -> Split {
    let hash = sealed_file::sha256_hex(id.as_bytes());
    let percent = u64::from_str_radix(&hash[..12], 16).expect("a digest is hexadecimal") % 100;
    match percent {
        _ if percent < TRAIN => Split::Train,
        _ if percent < TRAIN + VALIDATION => Split::Validation,
        _ => Split::Test,
    }
}

#[cfg(test)]
mod tests;
