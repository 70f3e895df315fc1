//! The file of a reference set: a sealed file with one zstd frame.

use std::path::Path;

use sealed_file::Format;

const FORMAT: Format = Format { name: "hull reference", version: 1 };
/// Small: written once, read by every user.
const LEVEL: i32 = 19;
/// What a frame may unpack to, bytes: far above any reference set, far below what a damaged length could ask for.
const MAX_PLAIN: usize = 1 << 28;

/// Seals bytes.
pub(super) fn seal(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    Ok(FORMAT.seal(&zstd::encode_all(plain, LEVEL)?))
}

/// The bytes that were sealed.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn open(bytes: &[u8], path: &Path) -> Result<Vec<u8>, String> {
    // The caller's error names the file already.
    let named = format!("{}: ", path.display());
    let frame = FORMAT.open(bytes, path).map_err(|error| error.to_string().replacen(&named, "", 1))?;
    zstd::bulk::decompress(frame, MAX_PLAIN).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_and_damage_is_found() {
        let open = |bytes: &[u8]| open(bytes, Path::new("reference"));
        let sealed = seal(b"some phases").expect("sealed");
        assert_eq!(open(&sealed).as_deref(), Ok(b"some phases".as_slice()));
        assert!(open(&sealed[..sealed.len() - 1]).is_err());
        let not_packed = FORMAT.seal(b"not a frame");
        assert!(open(&not_packed).is_err());
    }
}
