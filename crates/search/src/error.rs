//! What can go wrong.

use std::path::PathBuf;

use crystal_core::Species;

/// Errors of a search. What concerns one sample only is noted in its record and ends nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// No element at all.
    #[error("no element is named; give a chemical system such as Cu-Si-K, or a formula")]
    NothingAsked,
    /// A formula of other elements than those of the system.
    #[error(
        "the formula {formula} is not of the system {system}: {difference}; leave one of the two out, or make them agree"
    )]
    Contradiction {
        /// The formula.
        formula: String,
        /// The system.
        system: String,
        /// Which elements are in one of them only.
        difference: String,
    },
    /// An element that the potential was not trained on.
    #[error(
        "the potential {potential} does not know {}; leave the element out, or give another potential",
        list(missing)
    )]
    Potential {
        /// Name of the potential.
        potential: String,
        /// The elements that it lacks.
        missing: Vec<Species>,
    },
    /// An element without an elementary phase in the hull's reference.
    #[error(
        "the reference of the hull holds no elementary phase of {}; it has {} elements: {}; choose among them, or give \
         a reference with that element (--reference)",
        list(missing), known.len(), list(known)
    )]
    EndMember {
        /// The elements without one.
        missing: Vec<Species>,
        /// The elements with one.
        known: Vec<Species>,
    },
    /// A setting out of its range.
    #[error("{name} is {value}; give {cure}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// The value found.
        value: String,
        /// What to give instead.
        cure: String,
    },
    /// No formula of the system fits into a cell of the size and group asked for.
    #[error(
        "space group {space_group} holds no formula of {system} with at most {atoms} atoms in the primitive cell; ask \
         for another group"
    )]
    NothingFits {
        /// The group.
        space_group: u8,
        /// The system.
        system: String,
        /// Most atoms.
        atoms: u32,
    },
    /// More elements than any formula of the training data has.
    #[error(
        "no compound of {n_elements} elements with at most {atoms} atoms in its formula is known to the priors; name \
         fewer elements, or a formula"
    )]
    NoFormula {
        /// Number of elements.
        n_elements: usize,
        /// Most atoms.
        atoms: u32,
    },
    /// The network cannot propose what is asked for.
    #[error(
        "no crystal comes of {what}; allow another space group, or draw from the priors instead (--proposer prior)"
    )]
    NotProposed {
        /// What was asked for.
        what: String,
    },
    /// The settings need a network that proposes crystals, and none was given.
    #[error("the orders come from a proposer, and none is there; give one, or take the orders of the priors")]
    NoProposer,
    /// There is a run in the folder, and it is not to be gone on with.
    #[error("{}: a search lies there already; go on with it (--resume) or choose another folder", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// The run in the folder is another one.
    #[error(
        "{}: the search there had another {difference}; go on with what it had, or choose another folder",
        path.display()
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A certificate that cannot be used.
    #[error("{}: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate of another potential, network or reference than what is at hand.
    #[error("the certificate was made with the {what} {recorded}, and {given} is at hand; {cure}")]
    OtherTool {
        /// Potential, network or reference.
        what: &'static str,
        /// Name and hash that the certificate has.
        recorded: String,
        /// Name and hash at hand.
        given: String,
        /// What to do.
        cure: &'static str,
    },
    /// A page or a text that could not be made.
    #[error("{what} cannot be written: {reason}")]
    Text {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Files, folders, checkpoints.
    #[error(transparent)]
    Druse(#[from] druse::DruseError),
    /// Positions that cannot be assigned.
    #[error(transparent)]
    Assignment(#[from] wyckoff_assignment::AssignmentError),
    /// A structure that is not a crystal.
    #[error(transparent)]
    Crystal(#[from] crystal_core::CrystalError),
    /// Sampling failed.
    #[error(transparent)]
    Sampling(#[from] langevin::SamplingError),
    /// A relaxation could not be started, or the device failed.
    #[error(transparent)]
    Relax(#[from] relax::RelaxError),
    /// Phonons could not be started, or the device failed.
    #[error(transparent)]
    Phonon(#[from] phonon::PhononError),
    /// The device failed while energies were computed.
    #[error(transparent)]
    Energy(#[from] potential::PotentialError),
    /// The hull, above all one of another potential.
    #[error(transparent)]
    Stability(#[from] stability::StabilityError),
    /// The compiled-in prototypes cannot be read.
    #[error(transparent)]
    Prototypes(#[from] datasets::DatasetError),
    /// Structures that cannot be compared within these tolerances.
    #[error(transparent)]
    Matcher(#[from] metrics::MetricsError),
}

/// Elements as text.
pub(crate) fn list(elements: &[Species]) -> String {
    elements.iter().map(|element| element.symbol()).collect::<Vec<_>>().join(", ")
}
