//! What the readers share: faults with their line, numbers, element symbols.

use std::path::Path;

use nalgebra::Vector3;

use crate::{CrystalError, Lattice, Site, Species, Structure};

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

/// A finite number; Fortran's exponent letter D is understood.
pub(super) fn number(token: &str, line: usize, what: &str) -> Result<f64, Fault> {
    let parsed = token.parse().ok().or_else(|| token.replace(['d', 'D'], "e").parse().ok());
    parsed.filter(|x: &f64| x.is_finite()).ok_or_else(|| Fault::at(line, format!("'{token}' is no number; {what} belongs here")))
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

/// The element of a symbol exactly as the tables write it. D and T are hydrogen: no isotopes are told apart here.
pub(super) fn element(symbol: &str) -> Result<Species, CrystalError> {
    match symbol {
        "D" | "T" => "H".parse(),
        _ => symbol.parse(),
    }
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
fn overlap(structure: &Structure) -> Option<(usize, usize, f64)> {
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

/// Bytes as text with line ends `\n`. What is not UTF-8 (a title in Latin-1, say) becomes a replacement character, which no reader
/// accepts in a place that matters.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n")
}
