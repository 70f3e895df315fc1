//! Energies from a file, in place of a potential.

use std::io::BufRead;
use std::path::Path;

use crystal_core::Composition;
use serde::Deserialize;

use crate::StabilityError;

/// A structure's energy as a user's file gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyEntry {
    /// Its id.
    pub id: String,
    /// Its composition.
    pub composition: Composition,
    /// Its energy, eV/atom.
    pub energy_per_atom: f64,
    /// SHA-256 of the potential behind it, where the file tells.
    pub potential: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    formula: String,
    energy_per_atom: f64,
    potential: Option<String>,
}

/// Reads one entry per line of JSON, `{"id", "formula", "energy_per_atom"}`, with the SHA-256 of the potential under
/// `potential` or without; empty lines are passed over, further keys too. `path` is for messages.
///
/// # Errors
/// [`StabilityError::EnergyLine`] names the first line that cannot be read; [`StabilityError::Io`].
pub fn read_energies(input: impl BufRead, path: &Path) -> Result<Vec<EnergyEntry>, StabilityError> {
    let mut entries = Vec::new();
    for (index, line) in input.lines().enumerate() {
        let text = line.map_err(|source| StabilityError::Io { path: path.to_owned(), source })?;
        if text.trim().is_empty() {
            continue;
        }
        let bad = |reason: String| StabilityError::EnergyLine { path: path.to_owned(), line: index + 1, reason };
        let line: Line = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let composition = Composition::from_formula(&line.formula).map_err(|error| bad(error.to_string()))?;
        let Line { id, energy_per_atom, potential, .. } = line;
        entries.push(EnergyEntry { id, composition, energy_per_atom, potential });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_faults_are_placed() -> Result<(), StabilityError> {
        let good = "{\"id\": \"a\", \"formula\": \"Cu2KSi\", \"energy_per_atom\": -3.5}\n\n";
        let entries = read_energies(good.as_bytes(), Path::new("energies.jsonl"))?;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].composition.total(), 4);
        assert_eq!(entries[0].potential, None);
        let named = good.replace("{\"id\"", "{\"potential\": \"12ab\", \"id\"");
        assert_eq!(read_energies(named.as_bytes(), Path::new("x"))?[0].potential.as_deref(), Some("12ab"));
        for bad in [
            "{",
            "{\"id\": \"a\", \"formula\": \"Xx\", \"energy_per_atom\": 1}",
            "{\"id\": \"a\", \"formula\": \"Cu\"}",
        ] {
            let error = read_energies(format!("{good}{bad}").as_bytes(), Path::new("energies.jsonl"))
                .expect_err(bad)
                .to_string();
            assert!(error.starts_with("energies.jsonl: line 3: "), "{error}");
        }
        Ok(())
    }
}
