//! What the readers share: faults with their line, numbers, element symbols.

use std::path::Path;

use nalgebra::Vector3;

use crate::{CrystalError, DisorderedStructure, Lattice, Site, Species, Structure};

/// Two sites closer than this (Å) stand at the same place: no reader accepts them.
const OVERLAP: f64 = 0.01;

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
/// apart here.
pub(super) fn element(symbol: &str, line: usize, notes: &mut Notes) -> Result<Species, CrystalError> {
    match symbol {
        "D" | "T" => {
            notes.add(line, isotope_note(symbol));
            "H".parse()
        }
        _ => symbol.parse(),
    }
}

/// What is said of a hydrogen isotope.
pub(super) fn isotope_note(symbol: &str) -> String {
    let name = if matches!(symbol, "T" | "3H") { "tritium" } else { "deuterium" };
    format!("{name} ('{symbol}') is read as hydrogen")
}

/// A structure of which no two sites stand at the same place.
pub(super) fn checked(lattice: Lattice, sites: Vec<Site>) -> Result<Structure, Fault> {
    let structure = Structure::new(lattice, sites)?;
    match overlap(&structure) {
        Some((i, j, distance)) => Err(CrystalError::SitesTooClose { i, j, distance }.into()),
        None => Ok(structure),
    }
}

/// The difference of two points (fractional), each component brought to -½ … ½.
pub(super) fn wrapped_difference(a: &Vector3<f64>, b: &Vector3<f64>) -> Vector3<f64> {
    (b - a).map(|x| x - x.round())
}

/// The first pair of sites within [`OVERLAP`] of each other, by a sweep along the first axis.
pub(super) fn overlap(structure: &Structure) -> Option<(usize, usize, f64)> {
    let lattice = &structure.lattice;
    // A vector of length d has fractional components of at most d times the reciprocal lengths.
    let reach = OVERLAP * lattice.reciprocal_lengths()[0];
    let mut order: Vec<(f64, usize)> =
        structure.sites.iter().enumerate().map(|(i, site)| (site.frac_coords[0].rem_euclid(1.0), i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let n = order.len();
    let mut found: Option<(usize, usize, f64)> = None;
    for first in 0..n {
        for step in 1..n {
            let (x, j) = order[(first + step) % n];
            let (gap, i) = (x - order[first].0, order[first].1);
            if gap.rem_euclid(1.0) > reach {
                break;
            }
            let difference = wrapped_difference(&structure.sites[i].frac_coords, &structure.sites[j].frac_coords);
            let distance = lattice.to_cartesian(&difference).norm();
            let pair = (i.min(j), i.max(j), distance);
            if distance < OVERLAP && found.is_none_or(|(a, b, _)| (pair.0, pair.1) < (a, b)) {
                found = Some(pair);
            }
        }
    }
    found
}

/// Bytes as text with line ends `\n`. UTF-16 is told by its byte order mark or by its zero bytes. What is neither
/// UTF-16 nor UTF-8 (a title in Latin-1, say) becomes a replacement character, which no reader accepts in a place that
/// matters.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text = match utf16(bytes) {
        Some(units) => String::from_utf16_lossy(&units),
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n")
}

/// The units of a text in UTF-16.
fn utf16(bytes: &[u8]) -> Option<Vec<u16>> {
    let little = match bytes {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        // Without a mark: structure files begin with ASCII, so every second byte is zero.
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => false,
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => true,
        _ => return None,
    };
    let unit = |pair: &[u8]| match pair {
        [a, b] if little => u16::from_le_bytes([*a, *b]),
        [a, b] => u16::from_be_bytes([*a, *b]),
        // Half a unit, where the file was cut off.
        _ => 0xfffd,
    };
    Some(bytes.chunks(2).map(unit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_encoding() {
        let expected = "data_x\n_a 1\n";
        let written = "data_x\r\n_a 1\r";
        let encoded = |little: bool, mark: bool| -> Vec<u8> {
            let mark = if mark { "\u{feff}" } else { "" };
            let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            format!("{mark}{written}").encode_utf16().flat_map(bytes).collect()
        };
        for (little, mark) in [(true, true), (true, false), (false, true), (false, false)] {
            assert_eq!(decode(&encoded(little, mark)), expected, "{little} {mark}");
        }
        assert_eq!(decode(written.as_bytes()), expected);
        assert_eq!(decode(format!("\u{feff}{written}").as_bytes()), expected);
        assert_eq!(decode(b"\xff\xfea"), "\u{fffd}");
        assert_eq!(decode(b"M\xfcller"), "M\u{fffd}ller");
    }

    #[test]
    fn numbers_with_other_minus_signs() {
        for text in ["-0.5", "\u{2212}0.5", "\u{2013}.5", "-5d-1", "\u{2212}5D\u{2212}1"] {
            assert_eq!(number(text, 1, "a coordinate").ok(), Some(-0.5), "{text}");
        }
        assert!(number("\u{2212}", 1, "a coordinate").is_err());
    }
}
