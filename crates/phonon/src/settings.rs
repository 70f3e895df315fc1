//! How phonons are computed.

use serde::{Deserialize, Serialize};

use crate::PhononError;

/// How phonons are computed. The defaults are those of the documentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Multiples of the primitive lattice vectors. `None`: the smallest that reach `least_height`.
    pub supercell: Option<[usize; 3]>,
    /// The least distance between opposite faces of the default supercell, Å.
    pub least_height: f64,
    /// Length of a displacement, Å.
    pub displacement: f64,
    /// Divisions of the Monkhorst-Pack mesh. `None`: multiples of the supercell's that reach `mesh_length`.
    pub mesh: Option<[usize; 3]>,
    /// The least period to which the points of the default mesh belong, Å: divisions times the distance between lattice
    /// planes.
    pub mesh_length: f64,
    /// Tolerance of the symmetry finder, Å.
    pub symprec: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { supercell: None, least_height: 8.0, displacement: 0.01, mesh: None, mesh_length: 40.0, symprec: 0.01 }
    }
}

impl Settings {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// [`PhononError::Setting`] names the first that does not.
    pub fn check(&self) -> Result<(), PhononError> {
        let lengths = [
            ("least_height", self.least_height, 1e-3, 100.0, "it must be a length from 0.001 to 100 Å"),
            ("displacement", self.displacement, 1e-5, 0.5, "it must be a length from 0.00001 to 0.5 Å; 0.01 is usual"),
            ("mesh_length", self.mesh_length, 1e-3, 1000.0, "it must be a length from 0.001 to 1000 Å"),
            ("symprec", self.symprec, 1e-8, 1.0, "it must be a length from 0.00000001 to 1 Å; 0.01 is usual"),
        ];
        for (name, value, least, most, reason) in lengths {
            if !(least..=most).contains(&value) {
                return Err(PhononError::Setting { name, value: value.to_string(), reason });
            }
        }
        for (name, divisions) in [("supercell", self.supercell), ("mesh", self.mesh)] {
            if let Some(divisions) = divisions.filter(|divisions| divisions.iter().any(|n| !(1..=1000).contains(n))) {
                let reason = "it must be three whole numbers from 1 to 1000";
                return Err(PhononError::Setting { name, value: format!("{divisions:?}"), reason });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_settings_are_named() {
        assert!(Settings::default().check().is_ok());
        let cases = [
            (Settings { displacement: 0.0, ..Settings::default() }, "displacement"),
            (Settings { least_height: f64::NAN, ..Settings::default() }, "least_height"),
            (Settings { supercell: Some([2, 0, 2]), ..Settings::default() }, "supercell"),
            (Settings { mesh: Some([0, 1, 1]), ..Settings::default() }, "mesh"),
        ];
        for (settings, expected) in cases {
            match settings.check() {
                Err(PhononError::Setting { name, .. }) => assert_eq!(name, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
