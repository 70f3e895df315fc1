//! What a search leaves in its folder: structures, certificates, a table, a document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crystal_core::io;
use druse::DruseError;
use druse::output::{writable_folder, write_file, write_json};
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::verify::decomposition_text;
use crate::{Candidate, Counts, EndedBy, Found, Kind, SearchError, Tool};

/// Folder of the candidates in that of the search.
const CANDIDATES: &str = "candidates";
/// Endings of a candidate's files.
const ENDINGS: [&str; 3] = ["cif", "vasp", "certificate.json"];

/// What `druse find --json` prints, and what lies in the folder as `search.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The list.
    pub candidates: Vec<DocumentRow>,
    /// What became of the samples.
    pub counts: Counts,
    /// Seconds of this leg, by stage.
    pub seconds: BTreeMap<String, f64>,
    /// Rounds that were done: as many again (`--rounds`) give the same list.
    pub rounds: u64,
    /// What ended the search.
    pub ended_by: EndedBy,
    /// The system.
    pub system: String,
    /// The seed.
    pub seed: u64,
    /// The network.
    pub network: Tool,
    /// The potential.
    pub potential: Tool,
    /// The reference of the hull.
    pub reference: Tool,
    /// The device.
    pub device: String,
}

/// A candidate in the document. Energies in eV/atom, frequencies in THz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentRow {
    /// Place in the list, from 1.
    pub rank: usize,
    /// Reduced formula.
    pub formula: String,
    /// Space group of the final structure.
    pub space_group: Option<u8>,
    /// Against the elementary phases.
    pub formation_energy_per_atom: f64,
    /// Above the hull.
    pub energy_above_hull: f64,
    /// Lowest frequency, where phonons were computed.
    pub min_frequency_thz: Option<f64>,
    /// Whether it is dynamically stable, where phonons were computed.
    pub dynamically_stable: Option<bool>,
    /// Whether it is none of the known ones.
    pub novel: bool,
    /// Id of the nearest known one, if any has its formula.
    pub nearest_known: Option<String>,
    /// Its textbook prototype.
    pub prototype: Option<String>,
    /// Atoms in the primitive cell.
    pub n_atoms: usize,
    /// Samples that ended in it.
    pub times: usize,
    /// The sample.
    pub sample: u64,
    /// Its CIF.
    pub file: String,
    /// Its certificate.
    pub certificate: String,
}

impl DocumentRow {
    fn of(candidate: &Candidate, folder: &Path) -> Self {
        let stem = candidate.file_stem();
        let file = |ending: &str| folder.join(CANDIDATES).join(format!("{stem}.{ending}")).display().to_string();
        Self {
            rank: candidate.rank,
            formula: candidate.formula.clone(),
            space_group: candidate.space_group,
            formation_energy_per_atom: candidate.relaxed.formation_energy_per_atom,
            energy_above_hull: candidate.relaxed.energy_above_hull,
            min_frequency_thz: candidate.min_frequency_thz(),
            dynamically_stable: candidate.dynamically_stable(),
            novel: candidate.novelty.novel,
            nearest_known: candidate.novelty.nearest.as_ref().map(|nearest| nearest.id.clone()),
            prototype: candidate.novelty.prototype.clone(),
            n_atoms: candidate.structure.n_sites(),
            times: candidate.times,
            sample: candidate.relaxed.sample,
            file: file(ENDINGS[0]),
            certificate: file(ENDINGS[2]),
        }
    }
}

/// Writes the results of a search into its folder: `candidates/` with a CIF, a POSCAR (`.vasp`) and a certificate of
/// each, `candidates.csv`, `structures.csv` (all different structures as the search found them), and last
/// `search.json`. Files of candidates of an earlier leg that are not in the list any
/// more are removed.
///
/// # Errors
/// If a file cannot be written.
pub fn write_results(found: &Found, folder: &Path, device: &str) -> Result<Document, SearchError> {
    let place = writable_folder(&folder.join(CANDIDATES))?;
    let mut written = BTreeSet::new();
    for candidate in &found.candidates {
        let stem = candidate.file_stem();
        let files = ENDINGS.map(|ending| format!("{stem}.{ending}"));
        let unit = candidate.relaxed.unit.unit()?;
        write_file(&place.join(&files[0]), io::to_cif_symmetric(&unit, &stem))?;
        io::write(&place.join(&files[1]), &candidate.structure)?;
        write_json(&place.join(&files[2]), &Certificate::of(candidate, found, device))?;
        written.extend(files);
    }
    remove_others(&place, &written)?;
    write_file(&folder.join("candidates.csv"), csv(&found.candidates))?;
    write_file(&folder.join("structures.csv"), kinds_csv(&found.kinds))?;
    let document = document(found, folder, device);
    write_json(&folder.join("search.json"), &document)?;
    Ok(document)
}

fn document(found: &Found, folder: &Path, device: &str) -> Document {
    let identity = &found.identity;
    Document {
        candidates: found.candidates.iter().map(|candidate| DocumentRow::of(candidate, folder)).collect(),
        counts: found.counts,
        seconds: found.seconds.iter().map(|(stage, seconds)| ((*stage).to_owned(), *seconds)).collect(),
        rounds: found.rounds,
        ended_by: found.ended_by,
        system: identity.settings.system(),
        seed: identity.settings.seed,
        network: identity.network.clone(),
        potential: identity.potential.clone(),
        reference: identity.reference.clone(),
        device: device.to_owned(),
    }
}

/// Removes candidates of an earlier leg: files that are named as ours are.
fn remove_others(place: &Path, written: &BTreeSet<String>) -> Result<(), DruseError> {
    let failed = |source| DruseError::Read { path: place.to_owned(), source };
    for entry in std::fs::read_dir(place).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.split('_').next().is_some_and(|rank| rank.len() >= 3 && rank.parse::<usize>().is_ok())
            && ENDINGS.iter().any(|ending| name.ends_with(&format!(".{ending}")));
        if ours && !written.contains(&name) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|source| DruseError::Write { path, source })?;
        }
    }
    Ok(())
}

const COLUMNS: &str = "rank,formula,space_group,n_atoms,formation_energy_ev_per_atom,energy_above_hull_ev_per_atom,\
                       formation_energy_kj_per_mol,energy_above_hull_kj_per_mol,min_frequency_thz,dynamically_stable,\
                       novel,nearest_known,prototype,times,decomposition,sample,order,ordered_space_group";

fn csv(candidates: &[Candidate]) -> String {
    let text = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    fn maybe<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let line = |candidate: &Candidate| {
        let relaxed = &candidate.relaxed;
        let (formation, above) = (relaxed.formation_energy_per_atom, relaxed.energy_above_hull);
        let cells = [
            candidate.rank.to_string(),
            candidate.formula.clone(),
            maybe(candidate.space_group),
            candidate.structure.n_sites().to_string(),
            format!("{formation:.6}"),
            format!("{above:.6}"),
            format!("{:.4}", candidate.formation_energy_kj_per_mol()),
            format!("{:.4}", candidate.energy_above_hull_kj_per_mol()),
            maybe(candidate.min_frequency_thz().map(|frequency| format!("{frequency:.4}"))),
            maybe(candidate.dynamically_stable()),
            candidate.novelty.novel.to_string(),
            text(&maybe(candidate.novelty.nearest.as_ref().map(|nearest| nearest.id.clone()))),
            text(&maybe(candidate.novelty.prototype.clone())),
            candidate.times.to_string(),
            text(&decomposition_text(&candidate.decomposition)),
            relaxed.sample.to_string(),
            text(&relaxed.order.sites),
            relaxed.order.space_group.to_string(),
        ];
        cells.join(",") + "\n"
    };
    let lines: String = candidates.iter().map(line).collect();
    format!("{COLUMNS}\n{lines}")
}

fn kinds_csv(kinds: &[Kind]) -> String {
    let line = |kind: &Kind| {
        let group = kind.space_group.map_or_else(String::new, |group| group.to_string());
        let Kind { formula, formation_energy_per_atom, energy_above_hull, novel, times, sample, .. } = kind;
        format!("{formula},{group},{formation_energy_per_atom:.6},{energy_above_hull:.6},{novel},{times},{sample}\n")
    };
    let lines: String = kinds.iter().map(line).collect();
    let header = "formula,space_group,formation_energy_ev_per_atom,energy_above_hull_ev_per_atom,novel,times,sample";
    format!("{header}\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_candidates_of_an_earlier_leg_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let names =
            ["001_NaCl_225.cif", "002_NaCl_221.vasp", "notes.cif", "003_NaCl.txt", "004_NaCl_1.certificate.json"];
        for name in names {
            std::fs::write(folder.path().join(name), "x").expect("written");
        }
        remove_others(folder.path(), &BTreeSet::from([names[0].to_owned()])).expect("removed");
        let left = |name: &&&str| folder.path().join(name).exists();
        assert_eq!(names.iter().filter(left).copied().collect::<Vec<_>>(), [names[0], names[2], names[3]]);
    }

    #[test]
    fn the_table_has_a_column_for_each_cell() {
        assert_eq!(COLUMNS.split(',').count(), 18);
        assert_eq!(csv(&[]), format!("{COLUMNS}\n"));
    }
}
