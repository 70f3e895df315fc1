//! The error of this crate.

use std::path::PathBuf;

use crystal_core::{CrystalError, Species};

/// What can go wrong with inputs for density functional programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DftInputError {
    /// Elements that the table of pseudopotentials lacks.
    #[error(
        "the table '{table}' has no pseudopotential of {}; add a line for each of them or name another table",
        names(missing)
    )]
    NoPseudopotential {
        /// Name of the table.
        table: String,
        /// The elements.
        missing: Vec<Species>,
    },
    /// Elements that the Materials Project has no VASP settings for.
    #[error("the Materials Project has no VASP potential of {}; leave these structures out", names(missing))]
    NoVaspPotential {
        /// The elements.
        missing: Vec<Species>,
    },
    /// A table of pseudopotentials that cannot be used.
    #[error("{}: {reason}; a table is \
         (name: \"…\", elements: {{\"Si\": (file: \"Si.upf\", ecutwfc: 30, ecutrho: 240)}})", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting that makes no sense.
    #[error("{setting} is {value}; {cure}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What would do.
        cure: &'static str,
    },
    /// A program that cannot be started.
    #[error("{}: cannot be started: {source}; name the program by its path", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An output that gives no energy.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A structure could not be written.
    #[error(transparent)]
    Crystal(#[from] CrystalError),
    /// A file could not be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn names(elements: &[Species]) -> String {
    elements.iter().map(|element| element.symbol()).collect::<Vec<_>>().join(", ")
}
