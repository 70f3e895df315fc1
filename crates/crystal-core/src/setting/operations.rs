//! Groups of operations modulo the translations of a cell: generated, closed, moved to another basis.

use std::collections::{HashMap, HashSet};

use nalgebra::{Matrix3, Vector3};

use crate::SymmetryOperation;
use crate::whole::{nearest, saturated};

/// More operations than any group has, even in a cell of several conventional ones.
pub(crate) const MOST_OPERATIONS: usize = 768;

/// Order of the largest crystallographic point group.
const LARGEST_POINT_GROUP: usize = 48;

/// Translations of one list agree to this (fractions of the cell): they may be written as 0.333 and 0.667.
const TRANSLATION_TOLERANCE: f64 = 2e-3;

/// Exact translations are compared in this part of the cell; each translation of a Hall symbol is a multiple of it.
const GRID: i32 = 144;

type Key = ([i32; 9], [i32; 3]);

fn rotation_key(rotation: &Matrix3<i32>) -> [i32; 9] {
    std::array::from_fn(|i| rotation[i])
}

fn exact_key(operation: &SymmetryOperation) -> Key {
    let on_grid = operation.translation.map(|x| nearest(x * f64::from(GRID)).rem_euclid(GRID));
    (rotation_key(&operation.rotation), on_grid.into())
}

/// Into [0, 1) and onto the grid, so that sums of thirds leave no noise.
fn snapped(operation: SymmetryOperation) -> SymmetryOperation {
    let translation = operation.translation.map(|x| ((x * f64::from(GRID)).round() / f64::from(GRID)).rem_euclid(1.0));
    SymmetryOperation { translation, ..operation }
}

/// The group that these operations generate modulo the translations of the cell, the identity first.
///
/// # Errors
/// If they generate more than a space group has.
pub(super) fn generate(generators: &[SymmetryOperation]) -> Result<Vec<SymmetryOperation>, String> {
    let identity = SymmetryOperation::identity();
    let mut known = HashSet::from([exact_key(&identity)]);
    let mut rotations = HashSet::from([rotation_key(&identity.rotation)]);
    let mut operations = vec![identity];
    let mut next = 0;
    while next < operations.len() {
        for generator in generators {
            let product = snapped(operations[next].compose(generator));
            if known.insert(exact_key(&product)) {
                rotations.insert(rotation_key(&product.rotation));
                operations.push(product);
            }
        }
        if operations.len() > MOST_OPERATIONS || rotations.len() > LARGEST_POINT_GROUP {
            return Err("its rotations do not form a group".to_owned());
        }
        next += 1;
    }
    Ok(operations)
}

/// `x' = V·x + v` on fractional columns, from one cell's coordinates to another's.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangeOfBasis {
    linear: Matrix3<f64>,
    shift: Vector3<f64>,
}

impl ChangeOfBasis {
    pub(super) fn linear(linear: Matrix3<f64>) -> Self {
        Self { linear, shift: Vector3::zeros() }
    }

    /// Reads three twelfths, `0 0 4`, or a triplet, `x,y,z+1/4`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'({text})' is neither three twelfths such as (0 0 1) nor a triplet such as (x,y,z+1/4)");
        if text.contains(['x', 'y', 'z']) {
            let parts: Vec<&str> = text.split(',').collect();
            let [x, y, z] = parts[..] else { return Err(wrong()) };
            let mut change = Self { linear: Matrix3::zeros(), shift: Vector3::zeros() };
            for (row, part) in [x, y, z].into_iter().enumerate() {
                let (coefficients, shift) = sum_of_axes(part).ok_or_else(wrong)?;
                change.linear.set_row(row, &coefficients.transpose());
                change.shift[row] = shift;
            }
            return Ok(change);
        }
        let twelfths: Option<Vec<f64>> = text
            .split([' ', ','])
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().ok().filter(|x: &f64| x.is_finite() && x.abs() <= 144.0))
            .collect();
        match twelfths.as_deref() {
            Some([x, y, z]) => Ok(Self { linear: Matrix3::identity(), shift: Vector3::new(*x, *y, *z) / 12.0 }),
            _ => Err(wrong()),
        }
    }

    /// The operations `V·S·V⁻¹` of a group (centring translations included), with the translations of its old cell.
    pub(super) fn apply(&self, operations: &[SymmetryOperation]) -> Result<Vec<SymmetryOperation>, String> {
        let singular = "its change of basis is not one from cell to cell";
        let inverse = self.linear.try_inverse().filter(|m| m.iter().all(|x| x.abs() < 1e3)).ok_or(singular)?;
        let is_lattice_vector = |vector: &Vector3<f64>| {
            operations.iter().filter(|operation| operation.is_translation()).any(|operation| {
                let difference = vector - operation.translation;
                difference.iter().all(|x| (x - x.round()).abs() < 1e-6)
            })
        };
        // An edge of the new cell that the old lattice lacks would add translations that the group does not have.
        if !(0..3).all(|edge| is_lattice_vector(&inverse.column(edge).into_owned())) {
            return Err(singular.to_owned());
        }
        let mut generators = Vec::with_capacity(operations.len() + 3);
        for operation in operations {
            let linear = self.linear * operation.rotation.map(f64::from) * inverse;
            let rotation = linear.map(|x| x.round());
            if (linear - rotation).abs().max() > 1e-6 {
                return Err(singular.to_owned());
            }
            let translation = self.linear * operation.translation + self.shift - linear * self.shift;
            generators.push(snapped(SymmetryOperation { rotation: rotation.map(saturated), translation }));
        }
        for edge in 0..3 {
            let translation = self.linear.column(edge).into_owned();
            generators.push(snapped(SymmetryOperation { rotation: Matrix3::identity(), translation }));
        }
        generate(&generators)
    }
}

/// A part of a triplet: signed multiples and parts of the axes (`-x`, `1/2y`, `x/2`), and a number.
fn sum_of_axes(part: &str) -> Option<(Vector3<f64>, f64)> {
    let compact: String = part.chars().filter(|c| !c.is_whitespace()).collect();
    let mut coefficients = Vector3::zeros();
    let mut shift = 0.0;
    for term in compact.replace('-', "+-").split('+').filter(|term| !term.is_empty()) {
        let (sign, term) = term.strip_prefix('-').map_or((1.0, term), |rest| (-1.0, rest));
        match term.find(['x', 'y', 'z']) {
            Some(at) => {
                let axis = usize::from(term.as_bytes()[at] - b'x');
                let (before, after) = (term[..at].trim_end_matches('*'), &term[at + 1..]);
                let factor = if before.is_empty() { 1.0 } else { fraction(before)? };
                let divisor = if after.is_empty() { 1.0 } else { fraction(after.strip_prefix('/')?)? };
                coefficients[axis] += sign * factor / divisor;
            }
            None => shift += sign * fraction(term)?,
        }
    }
    let finite = coefficients.iter().all(|x: &f64| x.is_finite()) && f64::is_finite(shift) && shift.abs() <= 12.0;
    finite.then_some((coefficients, shift))
}

fn fraction(text: &str) -> Option<f64> {
    let number = |text: &str| {
        text.parse::<f64>().ok().filter(|x| x.is_finite() && text.starts_with(|c: char| c != '-' && c != '+'))
    };
    match text.split_once('/') {
        Some((above, below)) => Some(number(above)? / number(below)?),
        None => number(text),
    }
}

/// The distinct operations of a list, the identity first, if they are a group modulo the translations of the cell.
///
/// # Errors
/// Why they are not, as a message.
pub(crate) fn closed(list: Vec<SymmetryOperation>) -> Result<Vec<SymmetryOperation>, String> {
    let same = |a: &Vector3<f64>, b: &Vector3<f64>, tolerance: f64| {
        (a - b).iter().all(|difference| (difference - difference.round()).abs() < tolerance)
    };
    let mut by_rotation: HashMap<[i32; 9], Vec<Vector3<f64>>> = HashMap::new();
    let mut operations: Vec<SymmetryOperation> = Vec::new();
    for operation in list {
        let translations = by_rotation.entry(rotation_key(&operation.rotation)).or_default();
        if !translations.iter().any(|known| same(known, &operation.translation, TRANSLATION_TOLERANCE)) {
            translations.push(operation.translation);
            operations.push(operation);
        }
    }
    let zero = Vector3::zeros();
    let is_identity = |operation: &SymmetryOperation| {
        operation.is_translation() && same(&operation.translation, &zero, TRANSLATION_TOLERANCE)
    };
    let Some(identity) = operations.iter().position(is_identity) else {
        return Err("the identity x,y,z is missing".to_owned());
    };
    // The identity first: its image is the site itself.
    operations.swap(0, identity);
    let centring = &by_rotation[&rotation_key(&Matrix3::identity())];
    if by_rotation.len() > LARGEST_POINT_GROUP {
        return Err("the product of two operations is missing".to_owned());
    }
    if by_rotation.values().any(|translations| translations.len() != centring.len()) {
        return Err("some operations lack their centring translations".to_owned());
    }
    // Three rounded translations meet in a comparison.
    let tolerance = 3.0 * TRANSLATION_TOLERANCE;
    let contains = |operation: &SymmetryOperation| {
        by_rotation
            .get(&rotation_key(&operation.rotation))
            .is_some_and(|translations| translations.iter().any(|known| same(known, &operation.translation, tolerance)))
    };
    // Products with one operation of each rotation and with each centring translation are all there are.
    let mut seen = HashSet::new();
    let representatives: Vec<SymmetryOperation> =
        operations.iter().filter(|operation| seen.insert(rotation_key(&operation.rotation))).copied().collect();
    let centrings = centring.iter().map(|t| SymmetryOperation { rotation: Matrix3::identity(), translation: *t });
    let factors: Vec<SymmetryOperation> = representatives.into_iter().chain(centrings).collect();
    for first in &operations {
        for second in &factors {
            for (a, b) in [(first, second), (second, first)] {
                let product = a.compose(b);
                if !contains(&product) {
                    return Err(format!("the product of {a} and {b}, {product}, is missing"));
                }
            }
        }
    }
    Ok(operations)
}

/// Whether two lists hold the same operations modulo the translations of the cell.
pub(crate) fn same_operations(a: &[SymmetryOperation], b: &[SymmetryOperation]) -> bool {
    let close = |x: &SymmetryOperation, y: &SymmetryOperation| {
        x.rotation == y.rotation
            && (x.translation - y.translation).iter().all(|d| (d - d.round()).abs() < 2.0 * TRANSLATION_TOLERANCE)
    };
    a.len() == b.len() && a.iter().all(|x| b.iter().any(|y| close(x, y)))
}
