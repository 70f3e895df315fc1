//! Inputs of VASP with the Materials Project's settings.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use crystal_core::{Composition, Species, Structure};
use serde::Deserialize;
use stability::hubbard_u;

use crate::{DftInputError, KMesh, elements, sites_of};

/// Points per Å⁻³ of the Materials Project's relaxations.
const K_DENSITY: f64 = 64.0;

#[derive(Deserialize)]
struct Row {
    symbol: String,
    potcar: String,
    initial_moment: f64,
}

static SETTINGS: LazyLock<HashMap<Species, Row>> = LazyLock::new(|| {
    let rows = csv::Reader::from_reader(include_str!("../assets/tables/mp_vasp.csv").as_bytes()).into_deserialize();
    let rows = rows.map(|row| row.expect("the embedded table is well formed"));
    rows.map(|row: Row| (row.symbol.parse().expect("the embedded table names elements"), row)).collect()
});

/// The moment that the Materials Project starts an element from, Bohr magnetons; `None` for elements it has no settings
/// for.
pub(crate) fn initial_moment(element: Species) -> Option<f64> {
    SETTINGS.get(&element).map(|row| row.initial_moment)
}

/// Settings of an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VaspOptions {
    /// Whether atoms and cell are relaxed, or the energy computed as given.
    pub relax: bool,
    /// Points per Å⁻³ of the reciprocal cell, see [`KMesh::by_density`].
    pub k_density: f64,
}

impl Default for VaspOptions {
    /// A relaxation at the Materials Project's density of 64 points per Å⁻³.
    fn default() -> Self {
        Self { relax: true, k_density: K_DENSITY }
    }
}

/// POSCAR, KPOINTS and INCAR.
#[derive(Debug, Clone, PartialEq)]
pub struct VaspInput {
    /// The structure with the sites of each element side by side, as the POSCAR has them.
    pub structure: Structure,
    /// Text of the INCAR.
    pub incar: String,
    /// Text of the KPOINTS.
    pub kpoints: String,
    /// Names of the potentials whose files, joined in this order, make the POTCAR.
    pub potentials: Vec<String>,
}

impl VaspInput {
    /// The input of a structure with the settings of the Materials Project's relaxations (PBE; U for V, Cr, Mn, Fe, Co,
    /// Ni, Mo and W beside O or F; `assets/tables/mp_vasp.csv` and `mp2020_corrections.csv`).
    ///
    /// # Errors
    /// [`DftInputError::NoVaspPotential`] names every element without settings; [`DftInputError::Setting`].
    pub fn new(structure: &Structure, options: &VaspOptions) -> Result<Self, DftInputError> {
        let elements = elements(structure);
        let missing: Vec<Species> =
            elements.iter().filter(|element| !SETTINGS.contains_key(element)).copied().collect();
        if !missing.is_empty() {
            return Err(DftInputError::NoVaspPotential { missing });
        }
        let KMesh([k1, k2, k3]) = KMesh::by_density(structure.lattice(), options.k_density)?;
        let sites = elements.iter().flat_map(|element| sites_of(structure, *element)).copied().collect();
        let potentials: Vec<String> = elements.iter().map(|element| SETTINGS[element].potcar.clone()).collect();
        Ok(Self {
            structure: Structure::new(*structure.lattice(), sites)?,
            incar: incar(structure, &elements, &potentials, options),
            kpoints: format!(
                "{} points per 1/A^3 of the reciprocal cell\n0\nGamma\n{k1} {k2} {k3}\n0 0 0\n",
                options.k_density
            ),
            potentials,
        })
    }

    /// Writes POSCAR, KPOINTS and INCAR into a folder, which must exist; older files of these names are replaced.
    ///
    /// # Errors
    /// [`DftInputError::Crystal`], [`DftInputError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), DftInputError> {
        crystal_core::io::write(&folder.join("POSCAR"), &self.structure)?;
        for (name, text) in [("KPOINTS", &self.kpoints), ("INCAR", &self.incar)] {
            let path = folder.join(name);
            sealed_file::write_atomically(&path, |file| file.write_all(text.as_bytes()))
                .map_err(|source| DftInputError::Io { path, source })?;
        }
        Ok(())
    }
}

fn incar(structure: &Structure, elements: &[Species], potentials: &[String], options: &VaspOptions) -> String {
    let composition = Composition::of(structure);
    let n_atoms = f64::from(composition.total());
    let counts = || elements.iter().map(|element| (*element, sites_of(structure, *element).count()));
    let mut text = format!("# POTCAR (PBE), in this order: {}\n", potentials.join(" "));
    // Writing to a string cannot fail.
    let mut tag = |name: &str, value: String| writeln!(text, "{name} = {value}").unwrap_or_default();
    tag("SYSTEM", composition.reduced().formula());
    tag("PREC", "Accurate".to_owned());
    tag("ALGO", "Fast".to_owned());
    tag("ENCUT", "520".to_owned());
    tag("EDIFF", format!("{:.2e}", 5e-5 * n_atoms));
    tag("NELM", "100".to_owned());
    tag("ISMEAR", "0".to_owned());
    tag("SIGMA", "0.05".to_owned());
    tag("LASPH", ".TRUE.".to_owned());
    tag("LREAL", ".FALSE.".to_owned());
    tag("ISPIN", "2".to_owned());
    let moments: Vec<String> =
        counts().map(|(element, count)| format!("{count}*{}", initial_moment(element).unwrap_or_default())).collect();
    tag("MAGMOM", moments.join(" "));
    let with_u: Vec<Option<f64>> = elements.iter().map(|element| hubbard_u(&composition, *element)).collect();
    if with_u.iter().any(Option::is_some) {
        let column = |value: &dyn Fn(f64) -> String, otherwise: &str| {
            let entries = with_u.iter().map(|u| u.map_or_else(|| otherwise.to_owned(), value));
            entries.collect::<Vec<_>>().join(" ")
        };
        tag("LDAU", ".TRUE.".to_owned());
        tag("LDAUTYPE", "2".to_owned());
        tag("LDAUL", column(&|_| "2".to_owned(), "0"));
        tag("LDAUU", column(&|u| u.to_string(), "0"));
        tag("LDAUJ", column(&|_| "0".to_owned(), "0"));
        tag("LDAUPRINT", "1".to_owned());
    }
    // d shells need 4, f shells 6: with less the charge density that restarts read is cut off.
    let highest = composition.iter().map(|(element, _)| element.atomic_number()).max().unwrap_or_default();
    tag(
        "LMAXMIX",
        if highest > 56 {
            "6"
        } else if highest > 20 {
            "4"
        } else {
            "2"
        }
        .to_owned(),
    );
    if options.relax {
        tag("IBRION", "2".to_owned());
        tag("ISIF", "3".to_owned());
        tag("NSW", "99".to_owned());
    } else {
        tag("NSW", "0".to_owned());
    }
    tag("LORBIT", "11".to_owned());
    tag("LWAVE", ".FALSE.".to_owned());
    text
}
