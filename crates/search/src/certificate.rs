//! The certificate of a candidate: everything that its figures rest on, in one JSON document.

use std::path::Path;

use druse::provenance::{GIT_REVISION, VERSION};
use serde::{Deserialize, Serialize};
use stability::Product;

use crate::known::Novelty;
use crate::record::{OrderRecord, PhononOutcome, UnitRecord};
use crate::{Candidate, Found, SearchError, Settings, Tool};

/// What the file says it is.
pub const FORMAT: &str = "druse certificate";
/// Version of its layout.
const LAYOUT: u32 = 1;

/// How a candidate came about, and what is claimed of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Kind of document: 'druse certificate'.
    pub format: String,
    /// Version of the layout.
    pub layout: u32,
    /// Version of Druse.
    pub version: String,
    /// Git revision of its source.
    pub git: String,
    /// Device that computed it.
    pub device: String,
    /// The network that sampled.
    pub network: Tool,
    /// The network that proposed group and positions, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposer: Option<Tool>,
    /// The potential of all energies and forces.
    pub potential: Tool,
    /// The reference of the hull.
    pub reference: Tool,
    /// Structures that were known beside the reference.
    pub known: Option<Tool>,
    /// All settings of the search: of sampling, relaxation, phonons and comparisons.
    pub settings: Settings,
    /// Where the structure comes from.
    pub origin: OriginRecord,
    /// Its place in the list of its search.
    pub rank: usize,
    /// Reduced formula.
    pub formula: String,
    /// The structure.
    pub structure: UnitRecord,
    /// Space groups before and after.
    pub space_group: SpaceGroups,
    /// Whether it was relaxed tightly.
    pub refined: bool,
    /// Energies, forces, stress.
    pub energies: Energies,
    /// What it decomposes into.
    pub decomposition: Vec<Product>,
    /// What is known of it.
    pub novelty: Novelty,
    /// Phonons, or why there are none.
    pub phonons: Result<PhononOutcome, String>,
}

/// Where a structure comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginRecord {
    /// Number of the sample; with the seed of the settings it decides all random numbers.
    pub sample: u64,
    /// What was ordered.
    pub order: OrderRecord,
    /// How often it was drawn again after an explosion.
    pub redraws: usize,
    /// How many samples of the search ended in this structure.
    pub times: usize,
}

/// Space groups of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceGroups {
    /// The one that was asked for, which the sample has.
    pub ordered: u8,
    /// The one in which it was relaxed.
    pub relaxed: u8,
    /// The one found afterwards, at the tolerance of the settings; none if the finder failed.
    pub found: Option<u8>,
}

/// Energies in eV/atom, forces in eV/Å, stress in GPa.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Energies {
    /// Of the potential.
    pub raw_energy_per_atom: f64,
    /// What the reference's scheme adds.
    pub correction_per_atom: f64,
    /// Against the elementary phases of the reference.
    pub formation_energy_per_atom: f64,
    /// Above the hull of the reference.
    pub energy_above_hull: f64,
    /// Largest force.
    pub max_force: f64,
    /// Largest component of the stress.
    pub max_stress_gpa: f64,
    /// Whether both are below the limits of the last relaxation.
    pub converged: bool,
}

impl Certificate {
    /// Of a candidate.
    pub fn of(candidate: &Candidate, found: &Found, device: &str) -> Self {
        let relaxed = &candidate.relaxed;
        let identity = &found.identity;
        let missing = || Err("not computed: the time ended before".to_owned());
        Self {
            format: FORMAT.to_owned(),
            layout: LAYOUT,
            version: VERSION.to_owned(),
            git: GIT_REVISION.to_owned(),
            device: device.to_owned(),
            network: identity.network.clone(),
            proposer: identity.proposer.clone(),
            potential: identity.potential.clone(),
            reference: identity.reference.clone(),
            known: identity.known.clone(),
            settings: identity.settings.clone(),
            origin: OriginRecord {
                sample: relaxed.sample,
                order: relaxed.order.clone(),
                redraws: relaxed.redraws,
                times: candidate.times,
            },
            rank: candidate.rank,
            formula: candidate.formula.clone(),
            structure: relaxed.unit.clone(),
            space_group: SpaceGroups {
                ordered: relaxed.order.space_group,
                relaxed: relaxed.unit.space_group,
                found: candidate.space_group,
            },
            refined: candidate.refined,
            energies: Energies {
                raw_energy_per_atom: relaxed.raw_energy_per_atom,
                correction_per_atom: candidate.energy_per_atom - relaxed.raw_energy_per_atom,
                formation_energy_per_atom: relaxed.formation_energy_per_atom,
                energy_above_hull: relaxed.energy_above_hull,
                max_force: relaxed.max_force,
                max_stress_gpa: relaxed.max_stress_gpa,
                converged: relaxed.converged,
            },
            decomposition: candidate.decomposition.clone(),
            novelty: candidate.novelty.clone(),
            phonons: candidate.phonons.as_ref().map_or_else(missing, |phonons| phonons.outcome.clone()),
        }
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// [`druse::DruseError::Read`]; [`SearchError::Certificate`] if the file is none of this layout.
    pub fn read(path: &Path) -> Result<Self, SearchError> {
        let bytes = std::fs::read(path).map_err(|source| druse::DruseError::Read { path: path.to_owned(), source })?;
        let bad = |reason: String| SearchError::Certificate { path: path.to_owned(), reason };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
            bad(format!("it is not a certificate, which is JSON: {error}; name a .certificate.json of `druse find`"))
        })?;
        if value["format"] != FORMAT {
            return Err(bad("it is JSON, but not a certificate; name a .certificate.json of `druse find`".to_owned()));
        }
        if value["layout"] != LAYOUT {
            let found = &value["layout"];
            return Err(bad(format!(
                "its layout is {found}, this version reads {LAYOUT}; take the version that wrote it"
            )));
        }
        serde_json::from_value(value).map_err(|error| bad(format!("it is damaged: {error}; take an unchanged copy")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        for (text, said) in [
            ("data_x", "JSON"),
            ("{}", "not a certificate"),
            (r#"{"format": "druse certificate", "layout": 9}"#, "layout is 9"),
            (r#"{"format": "druse certificate", "layout": 1}"#, "damaged"),
        ] {
            std::fs::write(&path, text).expect("written");
            let error = Certificate::read(&path).expect_err(text).to_string();
            assert!(error.contains(said) && error.contains("a.json"), "{error}");
        }
        assert!(Certificate::read(&folder.path().join("none")).is_err());
    }
}
