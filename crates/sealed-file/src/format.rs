//! The header.

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{SealedFileError, write_atomically};

/// First bytes of every sealed file.
const MAGIC: &[u8; 8] = b"sealed\r\n";
/// Bytes of the name of the kind, filled up with zeros.
const NAME_LENGTH: usize = 24;
/// Magic, name, version, length, SHA-256.
const HEADER_LENGTH: usize = MAGIC.len() + NAME_LENGTH + 4 + 8 + 32;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Its name, at most 24 bytes.
    pub name: &'static str,
    /// The version that is written and read.
    pub version: u32,
}

impl Format {
    /// The content with its header.
    pub fn seal(&self, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + content.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.padded_name());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(content));
        bytes.extend_from_slice(content);
        bytes
    }

    /// The content of a sealed file. `path` is named in the error.
    ///
    /// # Errors
    /// [`SealedFileError::Kind`], [`SealedFileError::Version`], [`SealedFileError::Length`] or
    /// [`SealedFileError::Hash`].
    pub fn open<'a>(&self, bytes: &'a [u8], path: &Path) -> Result<&'a [u8], SealedFileError> {
        let foreign = || SealedFileError::Kind { path: path.to_owned(), expected: self.name };
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(foreign)?;
        let (name, rest) = rest.split_first_chunk::<NAME_LENGTH>().ok_or_else(foreign)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(foreign)?;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(foreign)?;
        let (hash, content) = rest.split_first_chunk::<32>().ok_or_else(foreign)?;
        if magic != MAGIC || *name != self.padded_name() {
            return Err(foreign());
        }
        let (path, found) = (path.to_owned(), u32::from_le_bytes(*version));
        if found != self.version {
            return Err(SealedFileError::Version { path, name: self.name, found, expected: self.version });
        }
        let (expected, found) = (u64::from_le_bytes(*length), content.len() as u64);
        if expected != found {
            return Err(SealedFileError::Length { path, expected, found });
        }
        let digest = Sha256::digest(content);
        if digest.as_slice() != hash {
            return Err(SealedFileError::Hash { path, expected: hexadecimal(hash), found: hexadecimal(&digest) });
        }
        Ok(content)
    }

    /// Writes a sealed file under a temporary name and renames it.
    ///
    /// # Errors
    /// [`SealedFileError::Write`]; what stood under this name is then untouched.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), SealedFileError> {
        write_atomically(path, |file| file.write_all(&self.seal(content)))
            .map_err(|source| SealedFileError::Write { path: path.to_owned(), source })
    }

    /// Reads a sealed file.
    ///
    /// # Errors
    /// [`SealedFileError::Read`], and those of [`Self::open`].
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, SealedFileError> {
        let bytes = std::fs::read(path).map_err(|source| SealedFileError::Read { path: path.to_owned(), source })?;
        Ok(self.open(&bytes, path)?.to_vec())
    }

    fn padded_name(&self) -> [u8; NAME_LENGTH] {
        let mut padded = [0; NAME_LENGTH];
        let name = self.name.as_bytes();
        assert!(name.len() <= NAME_LENGTH, "the name of a format has at most {NAME_LENGTH} bytes: {}", self.name);
        padded[..name.len()].copy_from_slice(name);
        padded
    }
}

/// SHA-256 of some bytes, hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes, hexadecimal, as a digest is written.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { name: "test", version: 3 };

    fn open(bytes: &[u8]) -> Result<Vec<u8>, SealedFileError> {
        FORMAT.open(bytes, Path::new("file")).map(<[u8]>::to_vec)
    }

    #[test]
    fn what_was_sealed_is_opened_and_every_damage_is_told() {
        let sealed = FORMAT.seal(b"content");
        assert_eq!(open(&sealed).expect("intact"), b"content");
        assert_eq!(open(&FORMAT.seal(b"")).expect("intact"), b"");
        for length in 0..HEADER_LENGTH {
            assert!(matches!(open(&sealed[..length]), Err(SealedFileError::Kind { .. })), "{length}");
        }
        for length in HEADER_LENGTH..sealed.len() {
            assert!(matches!(open(&sealed[..length]), Err(SealedFileError::Length { .. })), "{length}");
        }
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(open(&damaged).is_err(), "byte {place}");
        }
    }

    #[test]
    fn other_kinds_and_versions_are_named() {
        let other = Format { name: "tests", version: 3 }.seal(b"content");
        assert!(matches!(open(&other), Err(SealedFileError::Kind { expected: "test", .. })));
        let older = Format { name: "test", version: 2 }.seal(b"content");
        let error = open(&older).expect_err("another version").to_string();
        assert!(error.contains("version 2") && error.contains("expected 3"), "{error}");
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
