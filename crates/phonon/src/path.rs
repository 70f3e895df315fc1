//! The standard path through the Brillouin zone.

mod bravais;
mod tables;

use nalgebra::{Matrix3, Vector3};
use serde::Serialize;

use crate::{Crystal, PhononError};
use bravais::ExtendedBravais;

/// A special point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathPoint {
    /// Its label, such as `Γ`, `X` or `Σ_0`.
    pub label: String,
    /// The wave vector, reduced coordinates of the primitive cell.
    pub qpoint: [f64; 3],
}

/// The standard path of a Bravais lattice: special points of Hinuma et al. 2017 (the convention of seekpath), for
/// crystals with time-reversal symmetry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandPath {
    /// Symbol of the extended Bravais lattice, such as `cF2`.
    pub bravais: String,
    /// All special points of the Brillouin zone.
    pub points: Vec<PathPoint>,
    /// Straight segments; the end of one is the start of the next unless the path is interrupted there.
    pub segments: Vec<[PathPoint; 2]>,
}

impl BandPath {
    /// The path of a crystal.
    ///
    /// # Errors
    /// [`PhononError::Crystal`] if a triclinic reciprocal lattice cannot be reduced.
    pub fn new(crystal: &Crystal) -> Result<Self, PhononError> {
        let bravais = ExtendedBravais::new(crystal.space_group(), crystal.conventional_lattice())?;
        let entry =
            tables::ENTRIES.iter().find(|entry| entry.name == bravais.name).expect("every lattice is in the tables");
        let to_primitive: Matrix3<f64> = crystal.space_group().centring().to_primitive() * bravais.to_conventional;
        let points: Vec<PathPoint> = entry
            .points
            .split(';')
            .map(|point| {
                let mut words = point.split_whitespace();
                let label = words.next().expect("every point of the tables has a label").to_owned();
                let mut coordinate =
                    || value(words.next().expect("every point has three coordinates"), &bravais.parameters);
                let coordinates = Vector3::new(coordinate(), coordinate(), coordinate());
                PathPoint { label, qpoint: (to_primitive * coordinates).into() }
            })
            .collect();
        let find =
            |label: &str| points.iter().find(|point| point.label == label).expect("the path is made of points").clone();
        let segments = entry
            .path
            .split('|')
            .flat_map(|run| {
                let run: Vec<&str> = run.split_whitespace().collect();
                run.windows(2).map(|pair| [find(pair[0]), find(pair[1])]).collect::<Vec<_>>()
            })
            .collect();
        Ok(Self { bravais: bravais.name.to_owned(), points, segments })
    }
}

/// The value of a sum of terms such as `1/2`, `-1` and parameters named by a capital.
fn value(expression: &str, parameters: &[(char, f64)]) -> f64 {
    let mut sum = 0.0;
    let mut rest = expression;
    while !rest.is_empty() {
        let (sign, unsigned) = match rest.strip_prefix('-') {
            Some(unsigned) => (-1.0, unsigned),
            None => (1.0, rest.strip_prefix('+').unwrap_or(rest)),
        };
        let end = unsigned.find(['+', '-']).unwrap_or(unsigned.len());
        let (term, after) = unsigned.split_at(end);
        sum += sign * term_value(term, parameters);
        rest = after;
    }
    sum
}

fn term_value(term: &str, parameters: &[(char, f64)]) -> f64 {
    let number = |text: &str| text.parse::<f64>().expect("a number of the tables");
    let parameter =
        |name: char| parameters.iter().find(|(known, _)| *known == name).expect("a parameter of the lattice").1;
    match (term.split_once('/'), term.chars().last()) {
        (Some((numerator, denominator)), _) => number(numerator) / number(denominator),
        (None, Some(name)) if name.is_ascii_uppercase() => parameter(name),
        _ => number(term),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_tables_can_be_evaluated() {
        let parameters: Vec<(char, f64)> = ('A'..='Z').map(|name| (name, 0.1)).collect();
        for entry in &tables::ENTRIES {
            let mut labels = Vec::new();
            for point in entry.points.split(';') {
                let words: Vec<&str> = point.split_whitespace().collect();
                assert_eq!(words.len(), 4, "{}: {point}", entry.name);
                assert!(words[1..].iter().all(|word| value(word, &parameters).abs() <= 1.0), "{}: {point}", entry.name);
                labels.push(words[0]);
            }
            assert!(entry.path.split(['|', ' ']).all(|label| labels.contains(&label)), "{}", entry.name);
        }
        assert!((value("-1/4+X", &[('X', 0.3)]) - 0.05).abs() < 1e-12);
        assert!((value("1-X", &[('X', 0.3)]) - 0.7).abs() < 1e-12);
    }
}
