//! Inputs for density functional programs.
//!
//! - [`pw_input`]: the input of `pw.x` of Quantum ESPRESSO. File names of pseudopotentials and cut-offs come from a
//!   [`PseudopotentialTable`], which a user can replace.
//! - [`VaspInput`]: POSCAR, KPOINTS and INCAR of VASP with the settings of the Materials Project, so that energies can
//!   be set beside its own. The POTCAR cannot be distributed; the INCAR says which potentials are meant.
//!
//! [`run_pw`] runs `pw.x` on an input and reads its energy.
//!
//! Meshes of k-points follow one rule, [`KMesh::by_density`].

mod error;
mod k_mesh;
mod pseudopotentials;
mod pw;
mod run_pw;
mod vasp;

pub use error::DftInputError;
pub use k_mesh::KMesh;
pub use pseudopotentials::{Pseudopotential, PseudopotentialTable};
pub use pw::{Calculation, HubbardSyntax, PwOptions, pw_input};
pub use run_pw::{PwResult, run_pw};
pub use vasp::{VaspInput, VaspOptions};

use crystal_core::{Site, Species, Structure};

/// The elements of a structure in the order in which they first occur.
fn elements(structure: &Structure) -> Vec<Species> {
    let mut elements = Vec::new();
    for site in structure.sites() {
        if !elements.contains(&site.species) {
            elements.push(site.species);
        }
    }
    elements
}

/// The sites of one element, in their order.
fn sites_of(structure: &Structure, element: Species) -> impl Iterator<Item = &Site> {
    structure.sites().iter().filter(move |site| site.species == element)
}
