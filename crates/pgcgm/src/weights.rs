//! Checkpoints: the generator, and what generation needs to know of the training data.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use sealed_file::sha256_hex;
use training::{ArchiveError, TensorArchive, archive_config, archive_into_module, described_archive};

use crate::groups::N_GROUPS;
use crate::networks::Generator;
use crate::{Contacts, PgcgmConfig, PgcgmError};

/// Metadata key of the allowed distances, JSON.
const CONTACTS_KEY: &str = "contacts";
/// How many training crystals each group has.
const GROUPS: &str = "training.groups";
/// Atomic numbers of the elements of each training crystal, three each.
const TRIPLES: &str = "training.elements";

/// A trained generator and the file it came from.
#[derive(Debug, Clone)]
pub struct Weights {
    pub(crate) generator: Generator,
    /// The variant.
    pub config: PgcgmConfig,
    /// How many training crystals each of the 20 groups has: what groups are drawn by.
    pub group_counts: [u64; N_GROUPS],
    /// Atomic numbers of the elements of each training crystal.
    pub triples: Vec<[u8; 3]>,
    /// The distances that the training allowed.
    pub contacts: Contacts,
    /// The file, as it was named.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl Weights {
    /// Reads a checkpoint onto a device.
    ///
    /// # Errors
    /// [`PgcgmError::Checkpoint`], [`PgcgmError::Foreign`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, PgcgmError> {
        let content = std::fs::read(path).map_err(|source| ArchiveError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&content, path, device)
    }

    /// A checkpoint from a file's content. `path` names it in messages.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(content: &[u8], path: &Path, device: &Device) -> Result<Self, PgcgmError> {
        let archive = TensorArchive::from_bytes(content, path)?;
        let config: PgcgmConfig = archive_config(&archive, Generator::KIND, path)?;
        let foreign = |problem: &str| PgcgmError::Foreign { path: path.to_owned(), problem: problem.to_owned() };
        let contacts = serde_json::from_str(archive.metadata(CONTACTS_KEY, path)?)
            .map_err(|error| foreign(&format!("its allowed distances are unreadable: {error}")))?;
        let counts = archive.u64(GROUPS, path)?;
        let group_counts: [u64; N_GROUPS] =
            counts.try_into().map_err(|_| foreign("it has not one count for each of the 20 groups"))?;
        // Their sum is drawn below.
        let total = group_counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
        if total.is_none_or(|total| total == 0) {
            return Err(foreign("its counts of the groups make no sum"));
        }
        let numbers = archive.u64(TRIPLES, path)?;
        let known = |number: u64| config.elements.species().iter().any(|s| u64::from(s.atomic_number()) == number);
        if numbers.is_empty() || !numbers.len().is_multiple_of(3) || !numbers.iter().all(|number| known(*number)) {
            return Err(foreign("its elements are not three of its set for each crystal"));
        }
        let element = |number: u64| u8::try_from(number).expect("the number of a known element");
        let triples = numbers.chunks_exact(3).map(|triple| [0, 1, 2].map(|k| element(triple[k]))).collect();
        let part = archive.part("model").in_single_precision();
        let generator = archive_into_module(Generator::new(&config, device), &part, path)?.no_grad();
        let (path, sha256) = (path.display().to_string(), sha256_hex(content));
        Ok(Self { generator, config, group_counts, triples, contacts, path, sha256 })
    }

    /// The weights as an archive, large arrays in half precision; more metadata can be added before it is saved.
    ///
    /// # Errors
    /// [`PgcgmError::Checkpoint`] if something cannot be written as JSON.
    pub fn to_archive(&self) -> Result<TensorArchive, PgcgmError> {
        let archive = described_archive(&self.generator, Generator::KIND, &self.config)?;
        let mut archive = archive.with_large_in_half_precision();
        archive.insert_u64(GROUPS, self.group_counts.to_vec());
        archive.insert_u64(TRIPLES, self.triples.iter().flatten().map(|number| u64::from(*number)).collect());
        archive.metadata.insert(CONTACTS_KEY.to_owned(), serde_json::json!(self.contacts).to_string());
        Ok(archive)
    }
}
