//! A sealed file: eight letters, version, length and SHA-256 of a zstd frame, then the frame.

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"druse-hl";
/// Raised whenever the content is laid out anew.
const VERSION: u32 = 1;
/// Small: written once, read by every user.
const LEVEL: i32 = 19;
/// What a frame may unpack to, bytes: far above any reference set, far below what a damaged length could ask for.
const MAX_PLAIN: usize = 1 << 28;
const HEADER: usize = MAGIC.len() + 4 + 8 + 32;

/// Seals bytes.
pub(super) fn seal(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let frame = zstd::encode_all(plain, LEVEL)?;
    let length = u64::try_from(frame.len()).map_err(std::io::Error::other)?;
    Ok([MAGIC.as_slice(), &VERSION.to_le_bytes(), &length.to_le_bytes(), &Sha256::digest(&frame), &frame].concat())
}

/// The bytes that were sealed.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn open(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as one")?;
    let (header, frame) = rest.split_at_checked(HEADER - MAGIC.len()).ok_or("it is cut off in its first bytes")?;
    let (version, header) = header.split_at(4);
    let (length, hash) = header.split_at(8);
    let version = u32::from_le_bytes(version.try_into().expect("four bytes"));
    if version != VERSION {
        return Err(format!("it has version {version}, and this program reads version {VERSION}"));
    }
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    if u64::try_from(frame.len()) != Ok(length) {
        return Err(format!(
            "it should hold {length} bytes after its header and holds {}; it is cut off or was added to",
            frame.len()
        ));
    }
    if Sha256::digest(frame)[..] != *hash {
        return Err("its SHA-256 is wrong, it is damaged".to_owned());
    }
    zstd::bulk::decompress(frame, MAX_PLAIN).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_found() {
        let sealed = seal(b"some phases").expect("sealed");
        assert_eq!(open(&sealed).as_deref(), Ok(b"some phases".as_slice()));
        for end in 0..sealed.len() {
            assert!(open(&sealed[..end]).is_err(), "cut off at {end}");
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&changed).is_err(), "changed at {index}");
        }
        assert!(open(&[sealed, vec![0]].concat()).is_err(), "added to");
    }
}
