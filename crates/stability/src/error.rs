//! The error of this crate.

use std::path::PathBuf;

use crystal_core::Species;

use crate::Source;

/// What can go wrong with energies, hulls and reference sets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StabilityError {
    /// A composition without atoms.
    #[error("the composition holds no atoms; give at least one element with a positive amount")]
    EmptyComposition,
    /// An amount that is negative or not a finite number.
    #[error("the amount of {element} is {amount}; give a finite number that is not negative")]
    Amount {
        /// The element.
        element: Species,
        /// The amount found.
        amount: f64,
    },
    /// An energy that is not a finite number.
    #[error("the energy of '{id}' is {energy} eV/atom; leave out structures whose energy is not finite")]
    Energy {
        /// Id of the phase.
        id: String,
        /// The energy found, eV/atom.
        energy: f64,
    },
    /// Elements without an elementary phase, so that the hull has no corner there.
    #[error(
        "the hull has no elementary phase of {}; add a crystal of each of these elements to the phases, \
         or leave the elements out of the system",
        names(missing)
    )]
    MissingEndMember {
        /// The elements, ascending by atomic number.
        missing: Vec<Species>,
    },
    /// Elements without a reference energy.
    #[error(
        "there is no reference energy of {}; \
         a formation energy needs one for every element of the compound",
        names(missing)
    )]
    NoElementalReference {
        /// The elements, ascending by atomic number.
        missing: Vec<Species>,
    },
    /// A chemical-potential range was asked of a phase above the hull.
    #[error(
        "'{id}' lies {energy_above_hull:.6} eV/atom above the hull and is stable at no \
         chemical potentials; name a stable phase"
    )]
    NotStable {
        /// Id of the phase.
        id: String,
        /// Its energy above the hull, eV/atom.
        energy_above_hull: f64,
    },
    /// No phase has this id.
    #[error("no phase of the hull is called '{id}'; name one of its {n_phases} phases")]
    UnknownPhase {
        /// The id asked for.
        id: String,
        /// Number of phases of the hull.
        n_phases: usize,
    },
    /// A picture or a list of facets of a system with the wrong number of elements.
    #[error(
        "facets can be had for 2 or 3 elements, and {system} has {n_elements}; \
         name a smaller system, or use the table of phases"
    )]
    Dimension {
        /// The system, as in Cu-Si-K.
        system: String,
        /// Its number of elements.
        n_elements: usize,
    },
    /// A system such as Cu-Si-K that cannot be read.
    #[error(
        "'{text}' is not a chemical system: {reason}; \
         write element symbols joined by hyphens, for example Cu-Si-K"
    )]
    System {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The solver of linear programmes gave up.
    #[error(
        "the linear programme of the hull {system} was not solved ({reason}); \
         report this with the phases of the system"
    )]
    Solver {
        /// The system, as in Cu-Si-K.
        system: String,
        /// What the solver said.
        reason: String,
    },
    /// Energies of one potential set against a hull of another.
    #[error(
        "the energies are of the potential {given}, the hull is of {hull}: their errors do not cancel; \
         compute the energies with the potential of the hull, or make a hull with this one (`reproduce hull-reference`)"
    )]
    OtherPotential {
        /// The potential of the reference set.
        hull: Source,
        /// The potential of the energies.
        given: Source,
    },
    /// A file of a reference set that is not one, or is damaged.
    #[error(
        "{} is not a usable hull reference: {reason}; fetch it again or make it with `reproduce hull-reference`",
        place(path)
    )]
    ReferenceFile {
        /// The file; empty for bytes in memory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that a reference set cannot hold.
    #[error("the phase '{id}' does not fit into a reference set: {reason}")]
    ReferencePhase {
        /// Id of the phase.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a file of energies that cannot be read.
    #[error(
        "{}: line {line}: {reason}; a line is {{\"id\": \"…\", \"formula\": \"Cu2KSi\", \"energy_per_atom\": -3.1}}",
        place(path)
    )]
    EnergyLine {
        /// The file; empty for text in memory.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture could not be drawn.
    #[error("the phase diagram cannot be drawn: {reason}")]
    Drawing {
        /// What the drawing library said.
        reason: String,
    },
}

fn names(elements: &[Species]) -> String {
    elements.iter().map(|element| element.symbol()).collect::<Vec<_>>().join(", ")
}

fn place(path: &std::path::Path) -> String {
    if path.as_os_str().is_empty() { "the text in memory".to_owned() } else { path.display().to_string() }
}
