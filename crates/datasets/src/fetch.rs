//! Filling the user's cache from the network: resumed, hashed and checked downloads of a data set's files.
//!
//! A file grows as `NAME.part` beside its final place and is renamed when it is whole and its SHA-256 is right; an
//! interrupted download goes on where it stopped. The hashes stand in `SHA256SUMS` (the form of `sha256sum`), which the
//! next run verifies.

mod sums;
mod transfer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{DatasetError, hashing, source::MP_20, user_cache_dir};

pub use sums::{SUMS_FILE, is_sha256};

/// Where MP-20's public files lie: the repository of CDVAE (Xie et al. 2022, MIT; data of the Materials Project, CC BY
/// 4.0), at one revision, so that what is fetched does not move.
pub const MP_20_URL: &str =
    "https://raw.githubusercontent.com/txie-93/cdvae/73874c48a46b74fedaa161fdac512b0a75e2d336/data/mp_20";
/// MP-20's public files.
pub const MP_20_FILES: [&str; 3] = ["train.csv", "val.csv", "test.csv"];

const SILENCE: Duration = Duration::from_secs(60);

/// What to download, and where to.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Address of the folder that holds the files.
    pub base_url: String,
    /// Names of the files.
    pub files: Vec<String>,
    /// Folder to fill.
    pub out: PathBuf,
    /// SHA-256 (hexadecimal) that a file must have.
    pub pinned: BTreeMap<String, String>,
    /// A connection that is silent for so long is given up; the next run resumes.
    pub silence: Duration,
    /// Whether a progress bar on standard error shows the download.
    pub progress: bool,
}

impl FetchOptions {
    /// MP-20 from [`MP_20_URL`] into the user's cache.
    ///
    /// # Errors
    /// [`DatasetError::NoCacheFolder`] if there is no home folder.
    pub fn mp_20() -> Result<Self, DatasetError> {
        Ok(Self::mp_20_into(user_cache_dir().ok_or(DatasetError::NoCacheFolder)?.join(MP_20)))
    }

    /// MP-20 from [`MP_20_URL`] into a folder.
    pub fn mp_20_into(out: PathBuf) -> Self {
        let (base_url, files) = (MP_20_URL.to_owned(), MP_20_FILES.map(str::to_owned).to_vec());
        Self { base_url, files, out, pinned: BTreeMap::new(), silence: SILENCE, progress: false }
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was there and its hash is right.
    Present,
    /// It was downloaded; `resumed_at` bytes were there already.
    Downloaded {
        /// Bytes that an earlier run had left.
        resumed_at: u64,
    },
}

/// Downloads what is missing and verifies the rest; returns each file's name, hash and outcome. Nothing with a final
/// name is ever incomplete.
///
/// # Errors
/// [`DatasetError::HttpStatus`], [`DatasetError::Download`] (run again to resume), [`DatasetError::HashMismatch`] if a
/// file does not have its pinned or recorded hash, [`DatasetError::Io`].
pub fn fetch(options: &FetchOptions) -> Result<Vec<(String, String, Outcome)>, DatasetError> {
    fs::create_dir_all(&options.out).map_err(DatasetError::io(&options.out))?;
    let mut recorded = sums::read(&options.out)?;
    let mut done = Vec::new();
    for name in &options.files {
        let pinned = options.pinned.get(name).map(|hash| hash.to_ascii_lowercase());
        let path = options.out.join(name);
        let (hash, outcome) = if path.exists() {
            (verify_present(&path, pinned.as_deref(), recorded.get(name).map(String::as_str))?, Outcome::Present)
        } else {
            let url = format!("{}/{name}", options.base_url.trim_end_matches('/'));
            let (hash, resumed_at) = transfer::download(&url, &path, pinned.as_deref(), options)?;
            (hash, Outcome::Downloaded { resumed_at })
        };
        // Written after each file, so that an interruption leaves no file without its hash.
        if recorded.insert(name.clone(), hash.clone()).as_ref() != Some(&hash) {
            sums::write(&options.out, &recorded)?;
        }
        done.push((name.clone(), hash, outcome));
    }
    Ok(done)
}

fn verify_present(path: &Path, pinned: Option<&str>, recorded: Option<&str>) -> Result<String, DatasetError> {
    let found = hashing::sha256_of_files([path])?;
    match pinned.or(recorded) {
        Some(expected) if expected != found => Err(DatasetError::HashMismatch {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found,
            cure: "the file was changed or is another version; delete it and run the command again",
        }),
        _ => Ok(found),
    }
}
