//! The facets of hulls of 2 and 3 elements, for pictures.

use std::sync::Arc;

use nalgebra::{Matrix3, Vector3};

use super::{Column, Hull, SAME_ENERGY};
use crate::{Phase, StabilityError};

/// A flat piece of a hull: a segment between two phases of a binary, a convex polygon of three or more phases of a
/// ternary. More than three corners mean that different decompositions have the same energy.
#[derive(Debug, Clone, PartialEq)]
pub struct Facet {
    /// Its corners: ascending in the second element for a segment, in order around the polygon for a polygon.
    pub corners: Vec<Arc<Phase>>,
    /// Phases that lie on it and are not corners of it.
    pub between: Vec<Arc<Phase>>,
}

impl Hull {
    /// The facets of a hull of 2 or 3 elements. Together they cover all compositions once.
    ///
    /// # Errors
    /// [`StabilityError::Dimension`] for another number of elements; otherwise as [`Hull::stable`].
    pub fn facets(&self) -> Result<Vec<Facet>, StabilityError> {
        match self.elements.len() {
            2 => Ok(self.facet_list(segments(&self.stable_columns()?))),
            3 => Ok(self.facet_list(polygons(&self.stable_columns()?))),
            n_elements => Err(StabilityError::Dimension { system: self.system(), n_elements }),
        }
    }

    fn facet_list(&self, facets: Vec<(Vec<&Column>, Vec<&Column>)>) -> Vec<Facet> {
        let phases =
            |columns: Vec<&Column>| columns.iter().map(|column| Arc::clone(&self.phases[column.phase])).collect();
        facets
            .into_iter()
            .map(|(corners, between)| Facet { corners: phases(corners), between: phases(between) })
            .collect()
    }
}

/// Corners and points between them.
type Outline<'a> = (Vec<&'a Column>, Vec<&'a Column>);

/// Segments between neighbouring corners of the lower hull of points in a plane.
fn segments<'a>(stable: &[&'a Column]) -> Vec<Outline<'a>> {
    let mut sorted = stable.to_vec();
    sorted.sort_by(|a, b| a.fractions[1].total_cmp(&b.fractions[1]));
    // How far the middle point lies below the line between the outer ones, eV/atom.
    let depth = |a: &Column, b: &Column, c: &Column| {
        let share = (b.fractions[1] - a.fractions[1]) / (c.fractions[1] - a.fractions[1]);
        a.formation_energy + share * (c.formation_energy - a.formation_energy) - b.formation_energy
    };
    let mut corners: Vec<&Column> = Vec::new();
    for &column in &sorted {
        while let [.., a, b] = corners[..] {
            if depth(a, b, column) > SAME_ENERGY {
                break;
            }
            corners.pop();
        }
        corners.push(column);
    }
    let inside = |pair: &[&Column], column: &&Column| {
        pair[0].fractions[1] < column.fractions[1] && column.fractions[1] < pair[1].fractions[1]
    };
    let segment = |pair: &[&'a Column]| {
        (pair.to_vec(), sorted.iter().filter(|column| inside(pair, column)).copied().collect::<Vec<_>>())
    };
    corners.windows(2).map(segment).collect()
}

/// Polygons of a lower hull in three dimensions. Every triple of stable phases spans a plane; it is a facet if no phase
/// lies below. Phases on one plane are gathered into one polygon. There are a few dozen stable phases in a ternary at
/// most, so that trying all triples is quick.
fn polygons<'a>(stable: &[&'a Column]) -> Vec<Outline<'a>> {
    let n = stable.len();
    let mut facets: Vec<Vec<usize>> = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            for k in j + 1..n {
                if facets.iter().any(|facet| [i, j, k].iter().all(|corner| facet.contains(corner))) {
                    continue;
                }
                let rows = [i, j, k].map(|index| Vector3::from_column_slice(&stable[index].fractions).transpose());
                let matrix = Matrix3::from_rows(&rows);
                let Some(inverse) = matrix.try_inverse().filter(|_| matrix.determinant().abs() > 1e-9) else {
                    continue;
                };
                let potentials = inverse * Vector3::from([i, j, k].map(|index| stable[index].formation_energy));
                let height = |column: &Column| {
                    column.formation_energy - Vector3::from_column_slice(&column.fractions).dot(&potentials)
                };
                if stable.iter().all(|column| height(column) > -SAME_ENERGY) {
                    facets.push((0..n).filter(|&index| height(stable[index]) < SAME_ENERGY).collect());
                }
            }
        }
    }
    facets.into_iter().map(|facet| outline(facet.iter().map(|&index| stable[index]).collect())).collect()
}

/// Corners of the convex outline of points in the plane of two fractions, counterclockwise, and the points that are not
/// corners.
fn outline(mut points: Vec<&Column>) -> Outline<'_> {
    let place = |column: &Column| (column.fractions[1], column.fractions[2]);
    points.sort_by(|a, b| place(a).partial_cmp(&place(b)).expect("fractions are numbers"));
    let turn = |a: &Column, b: &Column, c: &Column| {
        let ((ax, ay), (bx, by), (cx, cy)) = (place(a), place(b), place(c));
        (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    };
    let chain = |ordered: &mut dyn Iterator<Item = &'_ Column>| -> Vec<usize> {
        let mut half: Vec<&Column> = Vec::new();
        for column in ordered {
            while let [.., a, b] = half[..] {
                if turn(a, b, column) > 1e-12 {
                    break;
                }
                half.pop();
            }
            half.push(column);
        }
        half.pop();
        half.iter().map(|column| column.phase).collect()
    };
    let lower = chain(&mut points.iter().copied());
    let upper = chain(&mut points.iter().rev().copied());
    let order: Vec<usize> = lower.into_iter().chain(upper).collect();
    let corners: Vec<&Column> =
        order.iter().filter_map(|phase| points.iter().find(|column| column.phase == *phase)).copied().collect();
    let between = points.iter().filter(|column| !order.contains(&column.phase)).copied().collect();
    (corners, between)
}
