//! Distances between the atoms of two structures in a common cell (metrics.md §7.3 and §7.4).

use std::ops::{ControlFlow, Range};

use crystal_core::{Lattice, LatticeParameters};
use nalgebra::{Matrix3, Vector3};

use super::mapping::Mapping;
use super::reduced::{ReducedCell, inverse_of_unimodular, nearest, wrap};
use super::{Match, lll};

/// Lays the first structure on the second, basis by basis. Keeps its buffers from one to the next.
pub(super) struct Aligner<'a> {
    a: &'a ReducedCell,
    b: &'a ReducedCell,
    stol: f64,
    /// Places of the atoms of each element, the same in both structures.
    groups: Vec<Range<usize>>,
    /// Atoms of `a` in the basis at hand, and of `b` displaced.
    a_coords: Vec<Vector3<f64>>,
    b_coords: Vec<Vector3<f64>>,
    /// The same in the LLL-reduced mean cell.
    a_reduced: Vec<Vector3<f64>>,
    b_reduced: Vec<Vector3<f64>>,
    /// Vectors between the atoms of one element, row by row of `b`, and their squared lengths; not finite where out of
    /// reach.
    vectors: Vec<Vector3<f64>>,
    costs: Vec<f64>,
    /// For each atom of `b` its vector to the atom of `a` that it is assigned to.
    assigned: Vec<Vector3<f64>>,
    columns: Vec<usize>,
    /// Steps of the assignments made so far.
    work: f64,
    /// The rest would take too long.
    given_up: bool,
}

/// Steps of assignments after which a comparison is given up, a minute or so: n³ for each n × n matrix that needs more
/// than a look.
#[cfg(not(test))]
const MOST_WORK: f64 = 1.5e11;
#[cfg(test)]
const MOST_WORK: f64 = 1e6;

/// Share of [`MOST_WORK`] after which the rest is foretold.
const BEGINNING: f64 = 0.02;

/// The mean cell after LLL reduction.
struct MeanCell {
    lattice: Lattice,
    /// From fractional coordinates in the mean cell.
    to_reduced: Matrix3<f64>,
    tolerances: [f64; 3],
    /// Squared half length of the shortest lattice vector: a vector within it is the shortest of its images.
    safe: f64,
}

impl<'a> Aligner<'a> {
    /// Two structures of the same composition, and the tolerance of distances in units of (V/N)^(1/3).
    pub(super) fn new(a: &'a ReducedCell, b: &'a ReducedCell, stol: f64) -> Self {
        let mut start = 0;
        let group = |(_, count): &(_, usize)| {
            start += count;
            start - count..start
        };
        let groups = a.composition.iter().map(group).collect();
        let zeros = || vec![Vector3::zeros(); a.frac_coords.len()];
        let (a_coords, b_coords, a_reduced, b_reduced, assigned) = (zeros(), zeros(), zeros(), zeros(), zeros());
        let (vectors, costs, columns, work) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        Self {
            a,
            b,
            stol,
            groups,
            a_coords,
            b_coords,
            a_reduced,
            b_reduced,
            vectors,
            costs,
            assigned,
            columns,
            work,
            given_up: false,
        }
    }

    /// Calls `visit` with the distances for every translation that may bring the structures together in this basis.
    pub(super) fn align(
        &mut self,
        mapping: &Mapping,
        mut visit: impl FnMut(Match) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let cell = self.b.lattice.parameters();
        let [a, b, c] = mapping.lengths;
        let [alpha, beta, gamma] = mapping.angles;
        let mean = LatticeParameters {
            a: (a + cell.a) / 2.0,
            b: (b + cell.b) / 2.0,
            c: (c + cell.c) / 2.0,
            alpha: (alpha + cell.alpha) / 2.0,
            beta: (beta + cell.beta) / 2.0,
            gamma: (gamma + cell.gamma) / 2.0,
        };
        // Where no cell has the mean angles, the two cells have nothing in common.
        let Ok(mean) = Lattice::from_parameters(mean) else { return ControlFlow::Continue(()) };
        let norm = (self.a.frac_coords.len() as f64 / mean.volume()).cbrt();
        let tolerances = self.tolerances(&mean, norm);
        // Rows: basis = C · lattice, so x_basis = C⁻ᵀ · x on columns.
        let to_basis = inverse_of_unimodular(&mapping.coefficients).transpose();
        for (coords, frac_coords) in self.a_coords.iter_mut().zip(&self.a.frac_coords) {
            *coords = (to_basis * frac_coords).map(wrap);
        }
        let rarest = self.groups[self.b.rarest].clone();
        let mut reduced: Option<MeanCell> = None;
        for target in rarest.clone() {
            let translation = self.a_coords[target] - self.b.frac_coords[rarest.start];
            for (coords, frac_coords) in self.b_coords.iter_mut().zip(&self.b.frac_coords) {
                *coords = frac_coords + translation;
            }
            if !self.may_meet(&tolerances) {
                continue;
            }
            let cell = match &reduced {
                Some(cell) => cell,
                None => {
                    let Some(cell) = self.mean_cell(&mean, norm) else { return ControlFlow::Continue(()) };
                    for (folded, coords) in self.a_reduced.iter_mut().zip(&self.a_coords) {
                        *folded = (cell.to_reduced * coords).map(wrap);
                    }
                    reduced.insert(cell)
                }
            };
            for (folded, coords) in self.b_reduced.iter_mut().zip(&self.b_coords) {
                *folded = (cell.to_reduced * coords).map(wrap);
            }
            if self.assign(cell) {
                visit(self.distances(norm))?;
            }
            if self.is_exhausted() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the comparison has taken more steps than are allowed, or was given up because it would.
    pub(super) fn is_exhausted(&self) -> bool {
        self.work > MOST_WORK || self.given_up
    }

    /// Whether the whole would take more steps than are allowed, as the steps of a share of it tell; once true, the
    /// comparison is given up. A share of 0 tells nothing.
    pub(super) fn would_take_too_long(&mut self, share: f64) -> bool {
        self.given_up |= self.work > BEGINNING * MOST_WORK && share > 0.0 && self.work / share > MOST_WORK;
        self.given_up
    }

    /// How far an atom may be off along each axis, in fractional coordinates.
    fn tolerances(&self, cell: &Lattice, norm: f64) -> [f64; 3] {
        cell.reciprocal_lengths().map(|length| 2.0 * self.stol * length / norm)
    }

    fn mean_cell(&self, mean: &Lattice, norm: f64) -> Option<MeanCell> {
        let transformation = lll::reduce(mean.matrix());
        let lattice = mean.transformed(&transformation).ok()?;
        let shortest = around_the_origin()
            .filter(|shift| *shift != Vector3::zeros())
            .map(|shift| lattice.to_cartesian(&shift).norm_squared())
            .fold(f64::INFINITY, f64::min);
        let to_reduced = inverse_of_unimodular(&transformation).transpose();
        Some(MeanCell { tolerances: self.tolerances(&lattice, norm), safe: shortest / 4.0, lattice, to_reduced })
    }

    /// Whether every atom of `b` has one of `a` within the tolerances.
    fn may_meet(&self, tolerances: &[f64; 3]) -> bool {
        self.groups.iter().all(|group| {
            let partners = &self.a_coords[group.clone()];
            self.b_coords[group.clone()]
                .iter()
                .all(|b_coords| partners.iter().any(|a_coords| within(&(a_coords - b_coords), tolerances)))
        })
    }

    /// Assigns the atoms of each element so that the sum of squared distances is smallest. `false` if some have no
    /// partner in reach.
    fn assign(&mut self, cell: &MeanCell) -> bool {
        for index in 0..self.groups.len() {
            let group = self.groups[index].clone();
            let n = group.len();
            self.vectors.clear();
            self.costs.clear();
            for b_coords in &self.b_reduced[group.clone()] {
                for a_coords in &self.a_reduced[group.clone()] {
                    let difference = a_coords - b_coords;
                    if within(&difference, &cell.tolerances) {
                        let vector = shortest_image(cell, &difference);
                        self.vectors.push(vector);
                        self.costs.push(vector.norm_squared());
                    } else {
                        self.vectors.push(Vector3::zeros());
                        self.costs.push(f64::INFINITY);
                    }
                }
            }
            if !assignment(&self.costs, n, &mut self.columns, &mut self.work) {
                return false;
            }
            for (row, column) in self.columns.iter().enumerate() {
                self.assigned[group.start + row] = self.vectors[row * n + column];
            }
        }
        true
    }

    /// Distances of the assigned atoms after taking out their common displacement.
    fn distances(&self, norm: f64) -> Match {
        let n_sites = self.assigned.len() as f64;
        let mean = self.assigned.iter().sum::<Vector3<f64>>() / n_sites;
        let (mut sum, mut largest) = (0.0, 0.0_f64);
        for vector in &self.assigned {
            let squared = (vector - mean).norm_squared();
            sum += squared;
            largest = largest.max(squared);
        }
        Match { rms: norm * (sum / n_sites).sqrt(), max: norm * largest.sqrt() }
    }
}

fn within(difference: &Vector3<f64>, tolerances: &[f64; 3]) -> bool {
    (0..3).all(|axis| nearest(difference[axis]).abs() <= tolerances[axis])
}

fn around_the_origin() -> impl Iterator<Item = Vector3<f64>> {
    let range = || (-1..=1).map(f64::from);
    range().flat_map(move |i| range().flat_map(move |j| range().map(move |k| Vector3::new(i, j, k))))
}

/// The shortest Cartesian vector among the images of a difference of fractional coordinates.
fn shortest_image(cell: &MeanCell, difference: &Vector3<f64>) -> Vector3<f64> {
    let centred = cell.lattice.to_cartesian(&difference.map(nearest));
    if centred.norm_squared() < cell.safe {
        return centred;
    }
    let mut shortest = (centred.norm_squared(), centred);
    for shift in around_the_origin() {
        let vector = cell.lattice.to_cartesian(&(difference + shift));
        let squared = vector.norm_squared();
        if squared < shortest.0 {
            shortest = (squared, vector);
        }
    }
    shortest.1
}

/// The column of each row of the `n` × `n` matrix `costs` that makes the sum smallest, into `columns`. `false` if there
/// is not an assignment without an infinite cost. Adds to `work` what it takes.
fn assignment(costs: &[f64], n: usize, columns: &mut Vec<usize>, work: &mut f64) -> bool {
    columns.clear();
    for row in costs.chunks_exact(n) {
        let column = (1..n).fold(0, |best, column| if row[column] < row[best] { column } else { best });
        if row[column].is_infinite() {
            return false;
        }
        columns.push(column);
    }
    // Every row has its own nearest partner: nothing can be better.
    let distinct = (1..n).all(|row| !columns[..row].contains(&columns[row]));
    if distinct {
        return true;
    }
    *work += (n as f64).powi(3);
    let largest = costs.iter().copied().filter(|cost| cost.is_finite()).fold(0.0, f64::max);
    // Costs more than any assignment without it, yet not so much that the others would be lost in its rounding.
    let out_of_reach = (largest + 1.0) * n as f64;
    let finite = |cost: &f64| if cost.is_finite() { *cost } else { out_of_reach };
    let matrix = lapjv::Matrix::from_shape_vec((n, n), costs.iter().map(finite).collect()).expect("n rows of n costs");
    let (solution, _) = lapjv::lapjv(&matrix).expect("a square matrix of finite costs");
    columns.clear();
    columns.extend_from_slice(&solution);
    columns.iter().enumerate().all(|(row, column)| costs[row * n + column].is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sixty-four atoms of one element, none of them on its lattice point.
    fn shaken(seed: usize) -> crystal_core::Structure {
        let offset = |n: usize| ((n * 7919 + seed * 104_729) % 997) as f64 / 997.0 * 0.12;
        let site = |n: usize| crystal_core::Site {
            species: "Si".parse().expect("an element"),
            frac_coords: Vector3::new((n % 4) as f64, (n / 4 % 4) as f64, (n / 16) as f64) / 4.0
                + Vector3::new(offset(3 * n), offset(3 * n + 1), offset(3 * n + 2)),
        };
        let lattice = Lattice::new(Matrix3::identity() * 10.0).expect("a cell");
        crystal_core::Structure::new(lattice, (0..64).map(site).collect()).expect("a structure")
    }

    #[test]
    fn a_comparison_that_would_not_end_is_given_up() {
        let matcher = crate::StructureMatcher::default();
        let error = matcher.rms(&shaken(1), &shaken(2)).expect_err("too many ways");
        assert!(matches!(error, crate::MetricsError::TooLong { n_sites: 64 }), "{error}");
        // The cure that the message names.
        let strict = crate::StructureMatcher { stol: 0.05, ltol: 0.05, angle_tol: 1.0 };
        assert!(strict.rms(&shaken(1), &shaken(2)).expect("compared").is_none());
        assert!(strict.rms(&shaken(1), &shaken(1)).expect("compared").is_some());
    }

    fn brute_force(costs: &[f64], n: usize, row: usize, used: &mut Vec<usize>) -> f64 {
        if row == n {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for column in 0..n {
            if !used.contains(&column) {
                used.push(column);
                best = best.min(costs[row * n + column] + brute_force(costs, n, row + 1, used));
                used.pop();
            }
        }
        best
    }

    proptest! {
        #[test]
        fn assignments_are_the_cheapest(n in 1..6_usize, seed in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64), 25)) {
            let costs: Vec<f64> = seed[..n * n].iter().map(|(cost, far)| if *far > 0.8 { f64::INFINITY } else { *cost }).collect();
            let mut columns = Vec::new();
            let found = assignment(&costs, n, &mut columns, &mut 0.0);
            let best = brute_force(&costs, n, 0, &mut Vec::new());
            prop_assert_eq!(found, best.is_finite());
            if found {
                let cost: f64 = columns.iter().enumerate().map(|(row, column)| costs[row * n + column]).sum();
                prop_assert!((cost - best).abs() < 1e-9);
            }
        }
    }
}
