//! Packed files of lines: zstd frames. A page of the browser has no files and is built without zstd, which is C.

#[cfg(not(target_family = "wasm"))]
pub(super) use packed::{decoder, write};
#[cfg(target_family = "wasm")]
pub(super) use refused::{decoder, write};

#[cfg(not(target_family = "wasm"))]
mod packed {
    use std::io::{BufRead, Read, Result, Write};

    /// zstd's own default, quick and about a third of the size.
    const LEVEL: i32 = 3;

    /// What the frame holds.
    pub(in super::super) fn decoder<'a>(reader: impl BufRead + 'a) -> Result<impl Read + 'a> {
        zstd::Decoder::with_buffer(reader)
    }

    /// Writes a frame of what `write` writes.
    pub(in super::super) fn write<W: Write>(
        file: W,
        write: impl FnOnce(&mut zstd::Encoder<'static, W>) -> Result<()>,
    ) -> Result<()> {
        let mut encoder = zstd::Encoder::new(file, LEVEL)?;
        write(&mut encoder)?;
        encoder.finish().map(|_| ())
    }
}

#[cfg(target_family = "wasm")]
mod refused {
    use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};

    fn no_zstd() -> Error {
        Error::new(ErrorKind::Unsupported, "this build has no zstd; unpack the file first")
    }

    pub(in super::super) fn decoder<'a>(_: impl BufRead + 'a) -> Result<impl Read + 'a> {
        Err::<std::io::Empty, _>(no_zstd())
    }

    pub(in super::super) fn write<W: Write>(_: W, _: impl FnOnce(&mut W) -> Result<()>) -> Result<()> {
        Err(no_zstd())
    }
}
