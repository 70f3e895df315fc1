//! The priors as a file, and those that are compiled in.
//!
//! Layout: eight letters, the SHA-256 of all that follows (32 bytes), then a zstd frame of postcard.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AssignmentPrior, FormulaPrior};
use crate::AssignmentError;

const SHIPPED: &[u8] = include_bytes!("../../assets/priors/mp20.postcard.zst");
const MAGIC: &[u8; 8] = b"druse-wp";
/// Small, and written once.
#[cfg(not(target_family = "wasm"))]
const LEVEL: i32 = 19;

/// Where priors come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the data set.
    pub data: String,
    /// SHA-256 of its files.
    pub data_sha256: String,
    /// Number of structures that were counted.
    pub n_structures: u64,
    /// Git revision of the program that counted them.
    pub git: String,
}

/// Both priors, learned from the same structures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Priors {
    /// Where they come from.
    pub origin: Origin,
    /// Over assignments.
    pub assignments: AssignmentPrior,
    /// Over space groups and cell sizes.
    pub formulas: FormulaPrior,
}

impl Priors {
    /// The priors that are compiled in: those of MP-20's training split, read once. `assets/priors/mp20.md` describes
    /// them.
    pub fn shipped() -> &'static Self {
        static SHIPPED_PRIORS: OnceLock<Priors> = OnceLock::new();
        SHIPPED_PRIORS.get_or_init(|| Self::from_bytes(SHIPPED).expect("what is compiled in is sound"))
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`AssignmentError::Priors`] if they cannot be written down.
    pub fn to_bytes(&self) -> Result<Vec<u8>, AssignmentError> {
        let plain = postcard::to_stdvec(self).map_err(bad)?;
        let frame = packed(&plain).map_err(bad)?;
        Ok([MAGIC.as_slice(), &Sha256::digest(&frame), &frame].concat())
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`AssignmentError::Priors`] if they are none, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AssignmentError> {
        let (hash, frame) = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.split_at_checked(32))
            .ok_or_else(|| bad("it begins otherwise"))?;
        if Sha256::digest(frame)[..] != *hash {
            return Err(bad("its SHA-256 is wrong, it is damaged"));
        }
        postcard::from_bytes(&unpacked(frame).map_err(bad)?).map_err(bad)
    }
}

#[cfg(not(target_family = "wasm"))]
fn packed(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::encode_all(plain, LEVEL)
}

#[cfg(target_family = "wasm")]
fn packed(_: &[u8]) -> std::io::Result<Vec<u8>> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "priors are not written in a browser"))
}

#[cfg(not(target_family = "wasm"))]
fn unpacked(frame: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::decode_all(frame)
}

#[cfg(target_family = "wasm")]
fn unpacked(frame: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(frame).map_err(std::io::Error::other)?;
    std::io::Read::read_to_end(&mut decoder, &mut plain)?;
    Ok(plain)
}

fn bad(reason: impl ToString) -> AssignmentError {
    AssignmentError::Priors { reason: reason.to_string() }
}
