//! What the readers share: faults with their line, numbers, element symbols.

use std::path::Path;

use nalgebra::Vector3;

use crate::distances::Distances;
use crate::{CrystalError, DisorderedStructure, Lattice, Site, Species, Structure};

/// Two sites closer than this (Å) are worth a note: they may be alternatives of one atom, or the units are wrong.
/// Hydrogen is found as close to a light atom with X-rays.
const CLOSE: f64 = 0.5;

/// No two atoms without hydrogen come as close as this (Å), and none but a light one comes as close to hydrogen: the
/// shortest bonds are those of N₂ (1.10) and of the hydrides of heavier elements (Be 1.33).
const CLOSEST: f64 = 0.9;

/// Of the light atoms that bind hydrogen (B to F), by atomic number.
const LIGHT: std::ops::RangeInclusive<u8> = 5..=9;

/// No atom but hydrogen under pressure has its own image as close as this (Å): lengths in nm are as short.
const THIN: f64 = 1.0;

/// No cell is that wide in every direction, Å: lengths in pm are.
const WIDE: f64 = 100.0;

/// Molecules reach into the next cell, not into the one behind it.
const FAR: f64 = 2.0;

/// What is wrong in a file whose path the reader does not know.
#[derive(Debug)]
pub(super) struct Fault {
    line: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Text(String),
    Structure(CrystalError),
}

impl Fault {
    /// The text of the file is wrong at `line` (from 1).
    pub(super) fn at(line: usize, reason: impl Into<String>) -> Self {
        Self { line, what: What::Text(reason.into()) }
    }

    /// The structure that `line` describes is wrong.
    pub(super) fn structure_at(line: usize, error: CrystalError) -> Self {
        Self { line, what: What::Structure(error) }
    }

    /// Counts lines from a place inside a larger file.
    pub(super) fn below(self, lines_before: usize) -> Self {
        Self { line: if self.line == 0 { 0 } else { self.line + lines_before }, ..self }
    }

    /// Gives a fault without a place (of the structure as a whole) the line on which the structure begins.
    pub(super) fn or_line(self, line: usize) -> Self {
        Self { line: if self.line == 0 { line } else { self.line }, ..self }
    }

    pub(super) fn in_file(self, path: &Path) -> CrystalError {
        let Self { line, what } = self;
        let path = path.to_owned();
        match what {
            What::Text(reason) => CrystalError::Parse { path, line, reason },
            What::Structure(source) if line == 0 => CrystalError::InFile { path, source: Box::new(source) },
            What::Structure(source) => {
                CrystalError::InFile { path, source: Box::new(CrystalError::AtLine { line, source: Box::new(source) }) }
            }
        }
    }
}

/// A fault of the structure as a whole.
impl From<CrystalError> for Fault {
    fn from(error: CrystalError) -> Self {
        Self::structure_at(0, error)
    }
}

/// What came of one structure in a file.
#[derive(Debug)]
pub(super) struct Read {
    pub structure: Result<Structure, Fault>,
    /// The structure with its occupancies, where these are the fault.
    pub disordered: Option<DisorderedStructure>,
    pub notes: Notes,
}

impl Read {
    pub(super) fn failed(fault: Fault) -> Self {
        Self { structure: Err(fault), disordered: None, notes: Notes::default() }
    }

    /// Reads a structure that cannot be disordered.
    pub(super) fn ordered(read: impl FnOnce(&mut Notes) -> Result<Structure, Fault>) -> Self {
        let mut notes = Notes::default();
        Self { structure: read(&mut notes), disordered: None, notes }
    }

    /// As [`Self::ordered`], for one that can be.
    pub(super) fn perhaps_disordered(
        read: impl FnOnce(&mut Notes, &mut Option<DisorderedStructure>) -> Result<Structure, Fault>,
    ) -> Self {
        let (mut notes, mut disordered) = (Notes::default(), None);
        Self { structure: read(&mut notes, &mut disordered), disordered, notes }
    }

    pub(super) fn entry(self, id: String, path: &Path) -> super::Entry {
        super::Entry {
            id,
            structure: self.structure.map_err(|fault| fault.in_file(path)),
            disordered: self.disordered,
            notes: self.notes.in_file(path),
        }
    }
}

/// What a reader did that a user should know of, each with its line (0 where there are no lines).
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(usize, String)>);

impl Notes {
    /// Adds a note, unless the same one stands there already.
    pub(super) fn add(&mut self, line: usize, text: impl Into<String>) {
        let note = (line, text.into());
        if !self.0.iter().any(|(_, text)| *text == note.1) {
            self.0.push(note);
        }
    }

    /// Counts lines from a place inside a larger file.
    pub(super) fn below(self, lines_before: usize) -> Self {
        Self(self.0.into_iter().map(|(line, text)| (if line == 0 { 0 } else { line + lines_before }, text)).collect())
    }

    pub(super) fn in_file(self, path: &Path) -> Vec<super::Note> {
        self.0.into_iter().map(|(line, text)| super::Note { path: path.to_owned(), line, text }).collect()
    }
}

/// The minus signs and hyphens that text programs write for `-`.
pub(super) fn is_minus(sign: char) -> bool {
    matches!(
        sign,
        '\u{2212}' | '\u{2010}' | '\u{2011}' | '\u{2012}' | '\u{2013}' | '\u{2014}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// A finite number; Fortran's exponent letter D and minus signs of other code points are understood.
pub(super) fn number(token: &str, line: usize, what: &str) -> Result<f64, Fault> {
    let parse = |text: &str| text.parse().ok().or_else(|| text.replace(['d', 'D'], "e").parse().ok());
    let parsed =
        parse(token).or_else(|| token.contains(is_minus).then(|| parse(&token.replace(is_minus, "-"))).flatten());
    parsed
        .filter(|x: &f64| x.is_finite())
        .ok_or_else(|| Fault::at(line, format!("'{token}' is not a number; {what} belongs here")))
}

/// The first three tokens of a line as numbers.
pub(super) fn three_numbers(text: &str, line: usize, what: &str) -> Result<[f64; 3], Fault> {
    let mut tokens = text.split_whitespace();
    let mut next = || match tokens.next() {
        Some(token) => number(token, line, what),
        None => Err(Fault::at(line, format!("the line ends too early; {what} (three numbers) belongs here"))),
    };
    Ok([next()?, next()?, next()?])
}

/// The element of a symbol exactly as the tables write it. D and T are hydrogen, with a note: no isotopes are told
/// apart here. An element of which nobody has a crystal is told.
pub(super) fn element(symbol: &str, line: usize, notes: &mut Notes) -> Result<Species, CrystalError> {
    match symbol {
        "D" | "T" => {
            notes.add(line, isotope_note(symbol));
            "H".parse()
        }
        _ => {
            let species: Species = symbol.parse()?;
            if species.atomic_number() > LAST_IN_CRYSTALS {
                let number = species.atomic_number();
                notes.add(line, format!("'{symbol}' is read as element {number}, of which nobody has a crystal"));
            }
            Ok(species)
        }
    }
}

/// Lawrencium: of what comes behind it, a few atoms were made.
pub(super) const LAST_IN_CRYSTALS: u8 = 103;

/// What is said of a hydrogen isotope.
pub(super) fn isotope_note(symbol: &str) -> String {
    let name = if matches!(symbol, "T" | "3H") { "tritium" } else { "deuterium" };
    format!("{name} ('{symbol}') is read as hydrogen")
}

/// A structure of which no two sites stand at the same place. Sites that are close all the same are worth a note.
pub(super) fn checked(lattice: Lattice, sites: Vec<Site>, line: usize, notes: &mut Notes) -> Result<Structure, Fault> {
    let (structure, distances) = Structure::with_distances(lattice, sites)?;
    note_unlikely_cell(&distances, line, notes);
    if let Some((i, j, distance)) = closer_than_atoms(&structure, &distances) {
        let [first, second] = [i, j].map(|site| structure.sites()[site].species);
        notes.add(line, format!("sites {i} ({first}) and {j} ({second}) are only {distance:.2} Å apart"));
    }
    Ok(structure)
}

/// The difference of two points (fractional), each component brought to -½ … ½.
pub(super) fn wrapped_difference(a: &Vector3<f64>, b: &Vector3<f64>) -> Vector3<f64> {
    (b - a).map(|x| x - x.round())
}

/// Bytes as text with line ends `\n`. UTF-16 and UTF-32 are told by their byte order mark or by their zero bytes. What
/// is none of them nor UTF-8 (a title in Latin-1, say) becomes a replacement character, which no reader accepts in a
/// place that matters.
///
/// # Errors
/// For a file that is not text at all.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Fault> {
    if let Some((what, cure)) = foreign(bytes) {
        return Err(Fault::at(1, format!("the file is {what}, not the text of a structure; {cure}")));
    }
    let text = match wide(bytes) {
        Some(text) => text,
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
    // The mark with which DOS ended a text.
    Ok(text.trim_end_matches(['\u{1a}', '\0']).to_owned())
}

/// Whether bytes with this beginning are something else than UTF-8.
pub(super) fn needs_decoding(start: &[u8]) -> bool {
    foreign(start).is_some() || wide(start.get(..16).unwrap_or(start)).is_some()
}

/// What people have by mistake under the name of a structure file, by its first bytes.
fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const UNPACK: &str = "unpack it first";
    const STARTS: [(&[u8], &str, &str); 7] = [
        (b"\x1f\x8b", "compressed with gzip", UNPACK),
        (b"PK\x03\x04", "a zip archive", UNPACK),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
        (b"BZh", "compressed with bzip2", UNPACK),
        (b"\xfd7zXZ", "compressed with xz", UNPACK),
        (b"%PDF", "a PDF", "ask for the CIF of the article"),
        (b"\x89HDF", "HDF5", "write it as a CIF or extended XYZ"),
    ];
    let start = bytes.trim_ascii_start();
    let is_page = |tag: &str| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    if is_page("<!doctype") || is_page("<html") {
        return Some(("a web page, perhaps an error page of a server", "download it again"));
    }
    STARTS.iter().find(|(magic, ..)| bytes.starts_with(magic)).map(|(_, what, cure)| (*what, *cure))
}

/// A text of two or four bytes a letter.
fn wide(bytes: &[u8]) -> Option<String> {
    let units = |width: usize, little: bool| {
        bytes.chunks(width).map(move |unit| {
            let value = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
            match unit.len() == width {
                true if little => unit.iter().rev().fold(0, value),
                true => unit.iter().fold(0, value),
                // A part of a unit, where the file was cut off.
                false => 0xfffd,
            }
        })
    };
    let utf_32 = |little| units(4, little).map(|unit| char::from_u32(unit).unwrap_or('\u{fffd}')).collect();
    let utf_16 = |little| {
        let units: Vec<u16> = units(2, little).map(|unit| u16::try_from(unit).unwrap_or(0xfffd)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => Some(utf_32(true)),
        [0, 0, 0xfe, 0xff, ..] => Some(utf_32(false)),
        [0xff, 0xfe, ..] => Some(utf_16(true)),
        [0xfe, 0xff, ..] => Some(utf_16(false)),
        // Without a mark: structure files begin with ASCII, so that the other bytes are zero.
        [first, 0, 0, 0, second, 0, 0, 0, ..] if *first != 0 && *second != 0 => Some(utf_32(true)),
        [0, 0, 0, first, 0, 0, 0, second, ..] if *first != 0 && *second != 0 => Some(utf_32(false)),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some(utf_16(false)),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some(utf_16(true)),
        _ => None,
    }
}

/// Tells of a cell in which every atom is closer to its own images than atoms are, and of one so wide that its lengths
/// are hardly in Å.
pub(super) fn note_unlikely_cell(distances: &Distances, line: usize, notes: &mut Notes) {
    let shortest = distances.shortest_vector();
    if shortest < THIN {
        notes.add(line, format!("the shortest vector of the lattice is only {shortest:.2} Å; lengths are read as Å"));
    } else if shortest > WIDE {
        notes.add(line, format!("the shortest vector of the lattice is {shortest:.0} Å; lengths are read as Å"));
    }
}

/// Tells of fractional coordinates that may be Cartesian ones under the wrong name.
pub(super) fn note_far<'a>(frac_coords: impl Iterator<Item = &'a Vector3<f64>>, line: usize, notes: &mut Notes) {
    let far = frac_coords.flat_map(|point| point.iter()).find(|x| (*x - 0.5).abs() > FAR);
    if let Some(far) = far {
        notes.add(line, format!("{far} is read as a fractional coordinate, in units of the cell; is it in Å?"));
    }
}

/// The first pair of sites closer than atoms of their elements come.
pub(super) fn closer_than_atoms(structure: &Structure, distances: &Distances) -> Option<(usize, usize, f64)> {
    // In a cell as thin as that the number of images grows without bound, and its own images are closer still.
    if distances.shortest_vector() < CLOSE {
        return None;
    }
    let sites = structure.sites();
    let is_hydrogen = |site: usize| sites[site].species.atomic_number() == 1;
    let is_light = |site: usize| LIGHT.contains(&sites[site].species.atomic_number());
    let may_be_closer = |i: usize, j: usize| match (is_hydrogen(i), is_hydrogen(j)) {
        (true, true) => true,
        (true, false) => is_light(j),
        (false, true) => is_light(i),
        (false, false) => false,
    };
    distances.first_pair(CLOSE, |_, _| true).or_else(|| distances.first_pair(CLOSEST, |i, j| !may_be_closer(i, j)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        decode(bytes).unwrap_or_else(|fault| panic!("{fault:?}"))
    }

    #[test]
    fn text_of_every_encoding() {
        let expected = "data_x\n_a 1\n";
        let written = "data_x\r\n_a 1\r";
        for (little, mark) in [(true, true), (true, false), (false, true), (false, false)] {
            let marked = format!("{}{written}", if mark { "\u{feff}" } else { "" });
            let of_16 = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let of_32 = |c: char| if little { u32::from(c).to_le_bytes() } else { u32::from(c).to_be_bytes() };
            let utf_16: Vec<u8> = marked.encode_utf16().flat_map(of_16).collect();
            let utf_32: Vec<u8> = marked.chars().flat_map(of_32).collect();
            assert_eq!(text(&utf_16), expected, "{little} {mark}");
            assert_eq!(text(&utf_32), expected, "{little} {mark}");
        }
        assert_eq!(text(written.as_bytes()), expected);
        assert_eq!(text(format!("\u{feff}{written}\u{1a}").as_bytes()), expected);
        assert_eq!(text(b"\xff\xfea"), "\u{fffd}");
        assert_eq!(text(b"M\xfcller"), "M\u{fffd}ller");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn files_of_another_kind_are_named() {
        for (bytes, what) in [
            (&b"\x1f\x8b\x08\x00"[..], "gzip"),
            (b"PK\x03\x04", "zip"),
            (b"%PDF-1.4", "PDF"),
            (b"\n<!DOCTYPE html>", "web page"),
            (b"<HTML><body>", "web page"),
        ] {
            let message = decode(bytes).expect_err(what).in_file(Path::new("a.cif")).to_string();
            assert!(message.contains(what), "{message}");
        }
    }

    #[test]
    fn numbers_with_other_minus_signs() {
        for text in ["-0.5", "\u{2212}0.5", "\u{2013}.5", "-5d-1", "\u{2212}5D\u{2212}1"] {
            assert_eq!(number(text, 1, "a coordinate").ok(), Some(-0.5), "{text}");
        }
        assert!(number("\u{2212}", 1, "a coordinate").is_err());
    }
}
