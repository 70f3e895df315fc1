//! Symmetry operations as coordinate triplets: `-x, y+1/2, -z`.

use std::fmt;

use nalgebra::{Matrix3, Vector3};

use super::super::text::is_minus;
use crate::SymmetryOperation;

/// Reads a triplet. Terms may come in any order; translations may be fractions or decimals.
///
/// # Errors
/// What is wrong with it, as a message.
pub(super) fn parse(text: &str) -> Result<SymmetryOperation, String> {
    let compact: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| if is_minus(c) { '-' } else { c.to_ascii_lowercase() })
        .collect();
    let parts: Vec<&str> = compact.trim_matches(['\'', '"']).split(',').collect();
    let wrong = |why: &str| format!("'{text}' is not a symmetry operation ({why}); write it as -x,y+1/2,-z");
    let [x, y, z] = parts[..] else {
        return Err(wrong("it needs three parts; one with blanks must stand in quotes"));
    };
    let mut rotation = Matrix3::zeros();
    let mut translation = Vector3::zeros();
    for (row, part) in [x, y, z].into_iter().enumerate() {
        let (coefficients, shift) = component(part).ok_or_else(|| wrong(&format!("'{part}' cannot be read")))?;
        rotation.set_row(row, &coefficients.transpose());
        translation[row] = shift;
    }
    let determinant = rotation.map(f64::from).determinant().round();
    if determinant.abs() != 1.0 {
        return Err(wrong("it does not keep volumes"));
    }
    Ok(SymmetryOperation { rotation, translation })
}

/// One part: a sum of signed axes and numbers.
fn component(part: &str) -> Option<(Vector3<i32>, f64)> {
    let mut coefficients = Vector3::<i32>::zeros();
    let mut shift = 0.0;
    let mut rest = part;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (sign, after) = match rest.as_bytes()[0] {
            b'+' => (1, &rest[1..]),
            b'-' => (-1, &rest[1..]),
            // Only the first term may do without a sign.
            _ if rest.len() == part.len() => (1, rest),
            _ => return None,
        };
        let end = after.find(['+', '-']).unwrap_or(after.len());
        let (term, next) = after.split_at(end);
        rest = next;
        match term {
            "x" => coefficients[0] += sign,
            "y" => coefficients[1] += sign,
            "z" => coefficients[2] += sign,
            _ => shift += f64::from(sign) * fraction(term)?,
        }
    }
    coefficients.iter().all(|c| c.abs() <= 1).then_some((coefficients, shift))
}

fn fraction(term: &str) -> Option<f64> {
    let unsigned = |digits: &str| {
        digits
            .parse::<f64>()
            .ok()
            .filter(|x| x.is_finite() && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
    };
    let value = match term.split_once('/') {
        Some((above, below)) => unsigned(above)? / unsigned(below)?,
        None => unsigned(term)?,
    };
    // 0.33 means 1/3: crystallographic translations are multiples of 1/24 in every standard setting. A number may be
    // off by half of its last decimal.
    let decimals = term.split_once('.').map_or(0, |(_, decimals)| decimals.len().min(9));
    let rounding = 0.51 * 10_f64.powi(-i32::try_from(decimals.max(2)).unwrap_or(9)) + 1e-4;
    let snapped = (value * 24.0).round() / 24.0;
    (value.is_finite() && value.abs() <= 100.0).then_some(if (value - snapped).abs() < rounding {
        snapped
    } else {
        value
    })
}

/// As a triplet with translations in 0 … 1: fractions where they are multiples of 1/24, decimals elsewhere.
impl fmt::Display for SymmetryOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in 0..3 {
            let mut part = String::new();
            for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
                match self.rotation[(row, axis)] {
                    0 => {}
                    1 if part.is_empty() => part.push_str(name),
                    1 => part.push_str(&format!("+{name}")),
                    -1 => part.push_str(&format!("-{name}")),
                    other => part.push_str(&format!("{other:+}{name}")),
                }
            }
            let shift = self.translation[row].rem_euclid(1.0);
            let twenty_fourths = (shift * 24.0).round();
            if (shift * 24.0 - twenty_fourths).abs() > 24e-3 {
                part.push_str(&format!("+{shift:.4}"));
            } else if let Some((above, below)) = lowest_terms(twenty_fourths.rem_euclid(24.0)) {
                part.push_str(&format!("+{above}/{below}"));
            }
            let separator = if row == 0 { "" } else { "," };
            write!(f, "{separator}{part}")?;
        }
        Ok(())
    }
}

/// A number of twenty-fourths in lowest terms; `None` for 0.
fn lowest_terms(twenty_fourths: f64) -> Option<(u8, u8)> {
    let count = (1..24_u8).find(|count| f64::from(*count) == twenty_fourths)?;
    let divisor = (1..=24_u8).rev().find(|d| count.is_multiple_of(*d) && 24_u8.is_multiple_of(*d))?;
    Some((count / divisor, 24 / divisor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SpaceGroup;

    #[test]
    fn every_operation_of_the_tables_round_trips() {
        for number in 1..=230 {
            for operation in SpaceGroup::from_number(number).expect("a space group").operations() {
                let text = operation.to_string();
                let read = parse(&text).expect("own text");
                assert_eq!(read.rotation, operation.rotation, "{text}");
                assert!((read.translation - operation.translation).abs().max() < 1e-12, "{text}");
            }
        }
    }

    #[test]
    fn reads_the_ways_of_writing() {
        for text in ["1/2-x, y+.5, -Z", "-x+1/2,1/2+y,-z", " 0.5-x , 0.5+y , -z "] {
            let operation = parse(text).expect(text);
            assert_eq!(operation.rotation, Matrix3::new(-1, 0, 0, 0, 1, 0, 0, 0, -1), "{text}");
            assert_eq!(operation.translation, Vector3::new(0.5, 0.5, 0.0), "{text}");
        }
        for (written, third) in [("0.333", 1.0), ("0.33", 1.0), ("0.67", 2.0), (".6667", 2.0), ("0.17", 0.5)] {
            assert_eq!(parse(&format!("x-y,x,z+{written}")).expect("a screw").translation[2], third / 3.0, "{written}");
        }
        assert_eq!(parse("x,y,z+0.2").expect("a fifth").translation[2], 0.2);
    }

    #[test]
    fn refuses_what_is_no_operation() {
        for text in [
            "",
            "x,y",
            "x,y,z,t",
            "x,x,z",
            "x,y,q",
            "x,y,z+",
            "x,y,z+1/0",
            "xy,y,z",
            "2x,y,z",
            "x,y,z+inf",
            "x,y,--z",
            "x,y,z+1e5",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
