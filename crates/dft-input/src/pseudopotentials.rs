//! Tables of pseudopotentials for Quantum ESPRESSO.

use std::collections::BTreeMap;
use std::path::Path;

use crystal_core::{Species, Structure};
use serde::{Deserialize, Serialize};

use crate::{DftInputError, elements};

/// A pseudopotential and the cut-offs it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pseudopotential {
    /// Name of its file.
    pub file: String,
    /// Cut-off of wave functions, Ry.
    pub ecutwfc: f64,
    /// Cut-off of the density, Ry; at least four times `ecutwfc`.
    pub ecutrho: f64,
}

/// Pseudopotentials by element, read from a RON file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudopotentialTable {
    /// Name of the table, written into inputs.
    pub name: String,
    /// By element.
    pub elements: BTreeMap<Species, Pseudopotential>,
}

impl PseudopotentialTable {
    /// The table that is compiled in: SSSP 1.3.0 PBE efficiency (G. Prandini et al., npj Comput. Mater. 4, 72, 2018),
    /// 103 elements. The files themselves are to be had from <https://www.materialscloud.org/discover/sssp>.
    pub fn sssp() -> Self {
        let text = include_str!("../assets/tables/pseudopotentials.ron");
        Self::from_ron(text, Path::new("the shipped table")).expect("the embedded table is sound")
    }

    /// Reads a table.
    ///
    /// # Errors
    /// [`DftInputError::Io`]; [`DftInputError::Table`] if it is not a table, or a cut-off makes no sense.
    pub fn read(path: &Path) -> Result<Self, DftInputError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| DftInputError::Io { path: path.to_owned(), source })?;
        Self::from_ron(&text, path)
    }

    fn from_ron(text: &str, path: &Path) -> Result<Self, DftInputError> {
        let bad = |reason: String| DftInputError::Table { path: path.to_owned(), reason };
        let table: Self = ron::from_str(text).map_err(|error| bad(error.to_string()))?;
        for (element, Pseudopotential { file, ecutwfc, ecutrho }) in &table.elements {
            let sound = ecutwfc.is_finite() && ecutrho.is_finite() && *ecutwfc > 0.0 && *ecutrho >= 4.0 * ecutwfc;
            if !sound {
                return Err(bad(format!(
                    "{element} has the cut-offs {ecutwfc} and {ecutrho} Ry; \
                     that of the density is at least four times the other"
                )));
            }
            if file.is_empty() || file.contains(char::is_whitespace) {
                return Err(bad(format!("{element} has the file '{file}'; give a name without spaces")));
            }
        }
        Ok(table)
    }

    /// The pseudopotentials of some elements, in their order.
    ///
    /// # Errors
    /// [`DftInputError::NoPseudopotential`] names every element without one.
    /// The files of a structure's elements, in the order in which the elements first occur.
    ///
    /// # Errors
    /// [`DftInputError::NoPseudopotential`].
    pub fn files_of(&self, structure: &Structure) -> Result<Vec<String>, DftInputError> {
        Ok(self.of(&elements(structure))?.into_iter().map(|potential| potential.file.clone()).collect())
    }

    pub(crate) fn of(&self, elements: &[Species]) -> Result<Vec<&Pseudopotential>, DftInputError> {
        let missing: Vec<Species> =
            elements.iter().filter(|element| !self.elements.contains_key(element)).copied().collect();
        if !missing.is_empty() {
            return Err(DftInputError::NoPseudopotential { table: self.name.clone(), missing });
        }
        Ok(elements.iter().filter_map(|element| self.elements.get(element)).collect())
    }
}
