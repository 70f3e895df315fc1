//! The file of hashes, in the form that `sha256sum --check` reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use sealed_file::write_atomically;

use crate::DatasetError;

/// Name of the file of hashes.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// Names and hashes; none if the file is not there.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, String>, DatasetError> {
    let path = folder.join(SUMS_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(DatasetError::io(path)(error)),
    };
    let entry = |(index, line): (usize, &str)| {
        let bad = || DatasetError::HashFile { path: path.clone(), line: index + 1, text: line.to_owned() };
        let (hash, name) = line.split_once("  ").ok_or_else(bad)?;
        if is_sha256(hash) && !name.is_empty() { Ok((name.to_owned(), hash.to_ascii_lowercase())) } else { Err(bad()) }
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(entry).collect()
}

pub(super) fn write(folder: &Path, sums: &BTreeMap<String, String>) -> Result<(), DatasetError> {
    let path = folder.join(SUMS_FILE);
    let text: String = sums.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
    write_atomically(&path, |file| file.write_all(text.as_bytes())).map_err(DatasetError::io(&path))
}

/// Whether a text is 64 hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
