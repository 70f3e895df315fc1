//! The linear programme of a decomposition.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOptions};
use nalgebra::{DMatrix, DVector};

/// Costs go to the solver in units of 0.01 meV: it stops at reduced costs of about 1e-9, which are then 1e-14 eV.
const COST_SCALE: f64 = 1e5;
/// The smallest tolerance the solver takes for `Σ w_k x_k = x`.
const FEASIBILITY: f64 = 1e-10;
/// A weight below this is 0. No composition of fewer than a million atoms has a smaller one.
const LEAST_WEIGHT: f64 = 1e-9;

/// Weights `w ≥ 0` with `Σ w_k points_k = target` and the least `Σ w_k costs_k`, as `(index, weight)`; weights of 0 are
/// left out. All points and the target have non-negative entries with the sum 1, and every corner `(1, 0, …)` must be
/// among the points.
///
/// # Errors
/// What the solver said.
pub(super) fn lowest(points: &[Vec<f64>], costs: &[f64], target: &[f64]) -> Result<Vec<(usize, f64)>, String> {
    if let ([_], [_]) = (target, points) {
        return Ok(vec![(0, 1.0)]);
    }
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let variables: Vec<_> = costs.iter().map(|cost| problem.add_var(cost * COST_SCALE, (0.0, f64::INFINITY))).collect();
    for (row, amount) in target.iter().enumerate() {
        let terms = variables.iter().zip(points).filter(|(_, point)| point[row] != 0.0);
        problem.add_constraint(terms.map(|(variable, point)| (*variable, point[row])), ComparisonOp::Eq, *amount);
    }
    let mut options = SolveOptions::default();
    options.tolerances.feasibility = FEASIBILITY;
    // Nothing to simplify: no row is redundant, and there are no whole-number variables.
    options.presolve = false;
    let outcome = problem.solve_with(options).map_err(|error| error.to_string())?;
    let solution = outcome.into_solution().map_err(|_| "it was interrupted".to_owned())?;
    let weights: Vec<(usize, f64)> = variables
        .iter()
        .enumerate()
        .map(|(index, variable)| (index, solution.var_value(*variable)))
        .filter(|(_, weight)| *weight > LEAST_WEIGHT)
        .collect();
    Ok(sharpened(points, target, &weights).unwrap_or(weights))
}

/// The weights of the chosen points to machine precision: the solver's are only as good as its tolerance.
fn sharpened(points: &[Vec<f64>], target: &[f64], weights: &[(usize, f64)]) -> Option<Vec<(usize, f64)>> {
    if let [(index, _)] = weights {
        return Some(vec![(*index, 1.0)]);
    }
    let matrix = DMatrix::from_fn(target.len(), weights.len(), |row, column| points[weights[column].0][row]);
    let target = DVector::from_column_slice(target);
    let solved = matrix.clone().svd(true, true).solve(&target, 1e-12).ok()?;
    let exact = (&matrix * &solved - &target).amax() < 1e-13;
    let sound = exact && solved.iter().all(|weight| *weight > 0.0);
    sound.then(|| weights.iter().zip(solved.iter()).map(|((index, _), weight)| (*index, *weight)).collect())
}
