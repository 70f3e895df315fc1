//! What a search works with: network, potential, reference of the hull.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use burn::tensor::Device;
use crystal_core::{SiteMode, Species};
use druse::{Checkpoint, DeviceName};
use potential::Potential;
use serde::{Deserialize, Serialize};
use stability::{ReferenceSet, Source};
use wyckoff_model::Proposer;

use crate::journal::Identity;
use crate::known::KnownStructures;
use crate::{SearchError, Settings};

/// A network, a potential or a reference by name and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Name for people.
    pub name: String,
    /// SHA-256, hexadecimal: this alone decides whether two are the same.
    pub sha256: String,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.sha256.get(..12).unwrap_or(&self.sha256);
        write!(f, "{} (SHA-256 {digits}…)", self.name)
    }
}

/// What a search works with.
#[derive(Debug)]
pub struct Tools<'a> {
    /// The network that samples.
    pub checkpoint: &'a Checkpoint,
    /// The network that proposes crystals; needed only where the settings say so.
    pub proposer: Option<&'a Proposer>,
    /// Where the sampling network runs.
    pub device: &'a Device,
    /// Name of the device.
    pub device_name: DeviceName,
    /// The potential, on its device.
    pub potential: &'a dyn Potential,
    /// The phases of the hull.
    pub reference: &'a ReferenceSet,
    /// Name of the reference, for people.
    pub reference_name: &'a str,
    /// Structures that are known beside the reference.
    pub known: Option<&'a KnownStructures>,
}

impl Tools<'_> {
    /// The potential as the source of energies.
    pub(crate) fn source(&self) -> Source {
        let identity = self.potential.identity();
        Source { name: identity.name.clone(), sha256: identity.sha256.clone() }
    }

    /// The potential by name and hash.
    pub(crate) fn potential_tool(&self) -> Tool {
        let Source { name, sha256 } = self.source();
        Tool { name, sha256 }
    }

    /// The network by name and hash.
    pub(crate) fn network_tool(&self) -> Tool {
        Tool { name: self.checkpoint.path.clone(), sha256: self.checkpoint.sha256.clone() }
    }

    /// The proposer by name and hash, where the orders of the settings come from it.
    fn proposer_tool(&self, settings: &Settings) -> Option<Tool> {
        let weights = self.proposer.filter(|_| settings.proposes())?.weights();
        Some(Tool { name: weights.path.clone(), sha256: weights.sha256.clone() })
    }

    /// The reference by name and hash.
    pub(crate) fn reference_tool(&self) -> Tool {
        Tool { name: self.reference_name.to_owned(), sha256: self.reference.sha256().to_owned() }
    }

    /// What makes two legs one search.
    pub fn identity(&self, settings: &Settings) -> Identity {
        Identity {
            settings: settings.clone(),
            network: self.network_tool(),
            proposer: self.proposer_tool(settings),
            potential: self.potential_tool(),
            reference: self.reference_tool(),
            known: self.known.map(|known| known.tool.clone()),
            shard: None,
        }
    }

    /// Whether the tools go together and can serve the elements.
    ///
    /// # Errors
    /// [`stability::StabilityError::OtherPotential`], [`SearchError::Potential`], [`SearchError::EndMember`];
    /// [`druse::DruseError::Mode`] for a network of the other mode.
    pub fn check(&self, settings: &Settings) -> Result<(), SearchError> {
        self.check_elements(&settings.elements)?;
        let (trained, wanted) = (self.checkpoint.trained.description.mode, settings.mode());
        if trained != wanted {
            let told = |mode| match mode {
                SiteMode::General => "sites that go anywhere",
                SiteMode::Wyckoff => "sites on Wyckoff positions",
            };
            let path = self.checkpoint.path.clone();
            return Err(druse::DruseError::Mode { path, trained: told(trained), wanted: told(wanted) }.into());
        }
        Ok(())
    }

    pub(crate) fn check_elements(&self, elements: &BTreeSet<Species>) -> Result<(), SearchError> {
        self.reference.check(&self.source())?;
        let missing = |known: &dyn Fn(&Species) -> bool| elements.iter().copied().filter(|e| !known(e)).collect();
        let missing_of_potential: Vec<Species> = missing(&|element| self.potential.elements().contains(element));
        if !missing_of_potential.is_empty() {
            let potential = self.potential.identity().name.clone();
            return Err(SearchError::Potential { potential, missing: missing_of_potential });
        }
        let known = self.reference.elements();
        let missing: Vec<Species> = missing(&|element| known.contains(element));
        if !missing.is_empty() {
            return Err(SearchError::EndMember { missing, known: known.into_iter().collect() });
        }
        Ok(())
    }
}

/// Name of the reference that is compiled in, for users.
const SHIPPED: &str = "shipped";
/// Its file in the sources.
const SHIPPED_FILE: &str = "assets/hull/nequix-oam-1-pft.bin";

/// The reference of a file with its name; the one that is compiled in without a file, or for `shipped`.
///
/// # Errors
/// [`stability::StabilityError::Io`], [`stability::StabilityError::ReferenceFile`].
pub fn open_reference(path: Option<&Path>) -> Result<(ReferenceSet, String), SearchError> {
    match path.filter(|path| *path != Path::new(SHIPPED)) {
        Some(path) => Ok((ReferenceSet::read(path)?, path.display().to_string())),
        None => Ok((ReferenceSet::shipped()?, SHIPPED_FILE.to_owned())),
    }
}
