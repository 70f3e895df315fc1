//! Radii from which the prototypes' lattice constants are estimated.

use std::collections::BTreeMap;

use crystal_core::{CrystalError, Species};
use serde::Deserialize;

/// Which radii a group of decorations uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RadiusKind {
    /// Covalent radii.
    Covalent,
    /// Metallic radii for 12 neighbours.
    Metallic,
    /// Ionic radii for 6 neighbours if not stated otherwise (`Cu+:2`).
    Ionic,
}

/// Radii in Å.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Radii {
    pub(super) covalent: BTreeMap<Species, f64>,
    metallic: BTreeMap<Species, f64>,
    ionic: BTreeMap<String, f64>,
}

impl Radii {
    /// Element and radius of a word such as `Na`, `Na+` or `Cu+:2`.
    ///
    /// # Errors
    /// What is wrong with it, as a message.
    pub(super) fn get(&self, kind: RadiusKind, word: &str) -> Result<(Species, f64), String> {
        let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        let species: Species = word[..end].parse().map_err(|error: CrystalError| error.to_string())?;
        let radius = match kind {
            RadiusKind::Ionic => self.ionic.get(word),
            _ if end < word.len() => return Err(format!("'{word}' is an ion, the group's radii are not ionic")),
            RadiusKind::Covalent => self.covalent.get(&species),
            RadiusKind::Metallic => self.metallic.get(&species),
        };
        radius
            .map(|radius| (species, *radius))
            .ok_or_else(|| format!("radii.ron has no {kind:?} radius of '{word}'").to_lowercase())
    }
}
