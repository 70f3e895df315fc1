//! Hall symbols, read by their grammar.
//!
//! S. R. Hall, Acta Cryst. A37 (1981) 517; International Tables for Crystallography B (2010), section A1.4.2.3:
//!
//! ```text
//! symbol      = ["-"] lattice rotation { rotation } [change]
//! lattice     = P | A | B | C | I | R | S | T | F | H
//! rotation    = ["-"] (1 | 2 | 3 | 4 | 6) { axis | screw | translation }
//! axis        = x | y | z | ' | " | *
//! screw       = 1 … 5              that part of the order along the axis
//! translation = a b c n u v w d    added up
//! change      = "(" three twelfths ")"  or  "(" triplet such as x,y,z+1/4 ")"
//! ```

use nalgebra::{Matrix3, Vector3};

use super::operations::{ChangeOfBasis, generate};
use crate::SymmetryOperation;

/// All operations of the cell that a Hall symbol describes, centring translations included, the identity first.
///
/// Underscores may replace blanks, `''`, `=` and typographic quotes for `"`, `^` for `'`; the case of letters does not
/// matter.
///
/// # Errors
/// What is wrong with the symbol, as a message.
pub(crate) fn parse(symbol: &str) -> Result<Vec<SymmetryOperation>, String> {
    let normalised = normalised(symbol);
    let (body, change) = match normalised.split_once('(') {
        Some((body, change)) => {
            let inner = change.trim_end().strip_suffix(')').ok_or("the bracket at its end is not closed")?;
            (body, Some(ChangeOfBasis::parse(inner)?))
        }
        None => (normalised.as_str(), None),
    };
    let mut rest = body.trim();
    let mut generators = Vec::new();
    if let Some(after) = rest.strip_prefix('-') {
        generators.push(SymmetryOperation { rotation: -Matrix3::identity(), translation: Vector3::zeros() });
        rest = after.trim_start();
    }
    let letter = rest.chars().next().ok_or("it is empty")?;
    let centring = centring(letter).ok_or_else(|| format!("'{letter}' is not a lattice letter"))?;
    rest = &rest[letter.len_utf8()..];
    let mut previous: Option<Rotation> = None;
    let mut count = 0;
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let length = length_of_rotation(rest);
        let (token, after) = rest.split_at(length);
        count += 1;
        let rotation = Rotation::parse(token, count, previous)?;
        generators.push(rotation.operation());
        previous = Some(rotation);
        rest = after;
    }
    if count == 0 {
        return Err("it names no rotation".to_owned());
    }
    // Of a lattice with two centrings, or with thirds, one more translation is the sum of those that are listed.
    let n_translations = centring.len() + usize::from(matches!(letter, 'r' | 's' | 't' | 'h' | 'f')) + 1;
    generators.extend(
        centring.into_iter().map(|translation| SymmetryOperation { rotation: Matrix3::identity(), translation }),
    );
    let operations = generate(&generators)?;
    if operations.iter().filter(|operation| operation.is_translation()).count() != n_translations {
        return Err(format!("its rotations need another lattice than {}", letter.to_ascii_uppercase()));
    }
    match change {
        Some(change) => change.apply(&operations),
        None => Ok(operations),
    }
}

/// One spelling of the signs that writers replace by others.
fn normalised(symbol: &str) -> String {
    let replaced: String = symbol
        .chars()
        .map(|c| match c {
            '_' | '\t' | '\u{a0}' => ' ',
            '=' | '\u{201c}' | '\u{201d}' | '\u{2033}' => '"',
            '^' | '`' | '\u{2018}' | '\u{2019}' | '\u{2032}' => '\'',
            '\u{2212}' | '\u{2010}' | '\u{2011}' | '\u{2013}' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    replaced.replace("''", "\"")
}

/// Up to the blank or sign that ends a rotation.
fn length_of_rotation(text: &str) -> usize {
    text.char_indices().skip(1).find(|(_, c)| c.is_whitespace() || *c == '-').map_or(text.len(), |(at, _)| at)
}

/// Translations that a lattice letter adds.
fn centring(letter: char) -> Option<Vec<Vector3<f64>>> {
    let half = 0.5;
    let (one, two) = (1.0 / 3.0, 2.0 / 3.0);
    Some(match letter {
        'p' => vec![],
        'a' => vec![Vector3::new(0.0, half, half)],
        'b' => vec![Vector3::new(half, 0.0, half)],
        'c' => vec![Vector3::new(half, half, 0.0)],
        'i' => vec![Vector3::new(half, half, half)],
        'r' => vec![Vector3::new(two, one, one)],
        's' => vec![Vector3::new(one, one, two)],
        't' => vec![Vector3::new(one, two, one)],
        'h' => vec![Vector3::new(two, one, 0.0)],
        'f' => vec![Vector3::new(0.0, half, half), Vector3::new(half, 0.0, half)],
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// Along a cell edge: 0, 1 or 2.
    Edge(usize),
    /// The difference of the two edges across this one (`'`).
    Difference(usize),
    /// Their sum (`"`).
    Sum(usize),
    /// The body diagonal (`*`).
    Diagonal,
}

/// One rotation of a symbol.
#[derive(Clone, Copy)]
struct Rotation {
    order: u8,
    improper: bool,
    direction: Direction,
    translation: Vector3<f64>,
}

impl Rotation {
    /// `position` counts rotations from 1: the axes that a symbol leaves out depend on it.
    fn parse(token: &str, position: usize, previous: Option<Self>) -> Result<Self, String> {
        let wrong = |why: &str| format!("'{token}' is not a rotation of a Hall symbol: {why}");
        let (improper, body) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
        let mut signs = body.chars();
        let order = match signs.next() {
            Some(digit @ ('1' | '2' | '3' | '4' | '6')) => digit as u8 - b'0',
            _ => return Err(wrong("the order must be 1, 2, 3, 4 or 6")),
        };
        let (mut edge, mut mark, mut screw) = (None, None, None);
        let mut translation = Vector3::zeros();
        for sign in signs {
            match sign {
                'x' | 'y' | 'z' if edge.is_none() => edge = Some(sign as usize - 'x' as usize),
                '\'' | '"' | '*' if mark.is_none() => mark = Some(sign),
                '1'..='5' if screw.is_none() => screw = Some(sign as u8 - b'0'),
                _ => translation += letter(sign).ok_or_else(|| wrong(&format!("'{sign}' does not belong there")))?,
            }
        }
        let across = edge.or(previous.map(Self::edge)).unwrap_or(2);
        let direction = match (mark, edge) {
            (Some('*'), None) if order == 3 => Direction::Diagonal,
            (Some('\''), _) if order == 2 => Direction::Difference(across),
            (Some('"'), _) if order == 2 => Direction::Sum(across),
            (Some(mark), _) => return Err(wrong(&format!("{mark} does not go with this order or axis"))),
            (None, Some(edge)) => Direction::Edge(edge),
            (None, None) => match (position, order, previous.map(|previous| previous.order)) {
                (1, ..) | (_, 1, _) => Direction::Edge(2),
                (2, 2, Some(2 | 4)) => Direction::Edge(0),
                (2, 2, Some(3 | 6)) => Direction::Difference(across),
                (3, 3, _) => Direction::Diagonal,
                _ => return Err(wrong("its axis is missing")),
            },
        };
        if let Some(part) = screw {
            match direction {
                Direction::Edge(edge) if part < order => translation[edge] += f64::from(part) / f64::from(order),
                _ => return Err(wrong("its screw part does not go with its order and axis")),
            }
        }
        Ok(Self { order, improper, direction, translation })
    }

    /// The edge that a following `'` or `"` refers to.
    fn edge(self) -> usize {
        match self.direction {
            Direction::Edge(edge) | Direction::Difference(edge) | Direction::Sum(edge) => edge,
            Direction::Diagonal => 2,
        }
    }

    fn operation(self) -> SymmetryOperation {
        let along_z = match (self.order, self.direction) {
            (_, Direction::Difference(_)) => Matrix3::new(0, -1, 0, -1, 0, 0, 0, 0, -1),
            (_, Direction::Sum(_)) => Matrix3::new(0, 1, 0, 1, 0, 0, 0, 0, -1),
            (_, Direction::Diagonal) => Matrix3::new(0, 0, 1, 1, 0, 0, 0, 1, 0),
            (2, _) => Matrix3::new(-1, 0, 0, 0, -1, 0, 0, 0, 1),
            (3, _) => Matrix3::new(0, -1, 0, 1, -1, 0, 0, 0, 1),
            (4, _) => Matrix3::new(0, -1, 0, 1, 0, 0, 0, 0, 1),
            (6, _) => Matrix3::new(1, -1, 0, 1, 0, 0, 0, 0, 1),
            _ => Matrix3::identity(),
        };
        // The edges x, y, z in turn: z becomes the axis.
        let turn = self.edge() + 1;
        let mut rotation = Matrix3::zeros();
        for row in 0..3 {
            for column in 0..3 {
                rotation[((row + turn) % 3, (column + turn) % 3)] = along_z[(row, column)];
            }
        }
        if self.improper {
            rotation = -rotation;
        }
        SymmetryOperation { rotation, translation: self.translation }
    }
}

fn letter(letter: char) -> Option<Vector3<f64>> {
    Some(match letter {
        'a' => Vector3::new(0.5, 0.0, 0.0),
        'b' => Vector3::new(0.0, 0.5, 0.0),
        'c' => Vector3::new(0.0, 0.0, 0.5),
        'n' => Vector3::repeat(0.5),
        'u' => Vector3::new(0.25, 0.0, 0.0),
        'v' => Vector3::new(0.0, 0.25, 0.0),
        'w' => Vector3::new(0.0, 0.0, 0.25),
        'd' => Vector3::repeat(0.25),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use moyo::data::{HallSymbol, hall_symbol_entry};

    use super::*;
    use crate::whole;

    fn keys(operations: &[SymmetryOperation]) -> BTreeSet<([i32; 9], [i32; 3])> {
        let key = |operation: &SymmetryOperation| {
            let translation = operation.translation.map(|x| whole::nearest(x * 24.0).rem_euclid(24));
            (std::array::from_fn(|i| operation.rotation[i]), translation.into())
        };
        operations.iter().map(key).collect()
    }

    fn of_table(hall_number: i32) -> BTreeSet<([i32; 9], [i32; 3])> {
        let symbol = HallSymbol::from_hall_number(hall_number).expect("a Hall number of the table");
        let mut operations = Vec::new();
        for point in symbol.centering.lattice_points() {
            operations.extend(symbol.traverse().iter().map(|operation| SymmetryOperation {
                rotation: operation.rotation,
                translation: operation.translation + point,
            }));
        }
        keys(&operations)
    }

    #[test]
    fn every_symbol_of_the_table_gives_the_tables_operations_in_every_spelling() {
        for number in 1..=530 {
            let entry = hall_symbol_entry(number).expect("a Hall number of the table");
            let expected = of_table(number);
            let printed = entry.hall_symbol.replace('=', "\"");
            let spellings = [
                entry.hall_symbol.to_owned(),
                printed.clone(),
                printed.replace('"', "''"),
                printed.replace('"', "\u{2033}"),
                printed.replace(' ', "_"),
                format!("  {}  ", printed.replace(' ', "   ")),
                printed.to_lowercase(),
                printed.to_uppercase(),
                printed.replacen(' ', "", 1),
            ];
            for spelling in spellings {
                let operations = parse(&spelling).unwrap_or_else(|error| panic!("{number} '{spelling}': {error}"));
                assert_eq!(operations[0], SymmetryOperation::identity(), "{spelling}");
                assert_eq!(keys(&operations), expected, "{number} '{spelling}'");
            }
        }
    }

    #[test]
    fn other_origins_and_bases() {
        // Diamond's second origin is its first one moved by an eighth of the diagonal: 1.5 twelfths, so by a triplet.
        assert_eq!(keys(&parse("F 4d 2 3 -1d (x-1/8,y-1/8,z-1/8)").expect("a symbol")), of_table(526));
        assert_eq!(keys(&parse("P 31 2 (0 0 4)").expect("a symbol")), of_table(440));
        assert_eq!(keys(&parse("P 31 2 (x,y,z+1/3)").expect("a symbol")), of_table(440));
        // Unique axis b from unique axis c.
        assert_eq!(keys(&parse("-P 2c (y,z,x)").expect("a symbol")), keys(&parse("-P 2yb").expect("a symbol")));
        // A cell of twice the volume.
        assert_eq!(keys(&parse("P 1 (x/2+y/2,-x/2+y/2,z)").expect("a symbol")), keys(&parse("C 1").expect("a symbol")));
        assert_eq!(parse("-H 3").expect("a symbol").len(), 18);
    }

    #[test]
    fn refuses_what_the_grammar_does_not_make() {
        for symbol in [
            "",
            "-",
            "P",
            "Q 2",
            "P 9 z",
            "P 5",
            "P 0",
            "P 7",
            "P 2 4",
            "P 22",
            "P 33",
            "P 3 3",
            "P 2*",
            "P 4'",
            "P 2x1y",
            "P 2q",
            "P 2 2 2",
            "P 2 (0 0",
            "P 2 (0 0)",
            "P 2 (0 0 a)",
            "P 2 (x,y)",
            "P 2 (x,x,z)",
            "P 6 4x",
            "P 2 2 3 3",
            "P 2 (2x,y,z)",
            "F m -3 m",
            "P 21/c",
            "Pnma",
            "F 4 2 3 -1d",
            "P 2c 2 2d",
        ] {
            assert!(parse(symbol).is_err(), "{symbol}");
        }
    }
}
