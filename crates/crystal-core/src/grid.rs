//! Sites in bins of the cell, so that a search near a point looks at few of them.

use nalgebra::Vector3;

use crate::Lattice;
use crate::whole::saturated_64;

/// Sites per bin, about.
const PER_BIN: f64 = 2.0;

/// Bins along one axis at most.
const MOST_BINS: usize = 48;

/// Points of a periodic cell, sorted into bins. Searches cost what the bins within their radius hold.
#[derive(Debug)]
pub(crate) struct SiteGrid {
    lattice: Lattice,
    frac_coords: Vec<Vector3<f64>>,
    n_bins: [usize; 3],
    /// Indices of the points, bin after bin.
    order: Vec<usize>,
    /// Where each bin begins in `order`; one more than there are bins.
    starts: Vec<usize>,
}

impl SiteGrid {
    pub(crate) fn new(lattice: &Lattice, frac_coords: impl IntoIterator<Item = Vector3<f64>>) -> Self {
        let frac_coords: Vec<Vector3<f64>> = frac_coords.into_iter().map(|x| x.map(|x| x - x.floor())).collect();
        let spacings = lattice.reciprocal_lengths().map(|length| 1.0 / length);
        let edge = libm::cbrt(lattice.volume() * PER_BIN / frac_coords.len().max(1) as f64);
        let n_bins = spacings.map(|spacing| (1..MOST_BINS).rev().find(|n| *n as f64 * edge <= spacing).unwrap_or(1));
        let mut grid = Self { lattice: *lattice, frac_coords, n_bins, order: Vec::new(), starts: Vec::new() };
        let bins: Vec<usize> = grid.frac_coords.iter().map(|point| grid.index(grid.bin(point))).collect();
        grid.order = (0..bins.len()).collect();
        grid.order.sort_by_key(|point| bins[*point]);
        grid.starts =
            (0..=n_bins.iter().product()).map(|bin| grid.order.partition_point(|point| bins[*point] < bin)).collect();
        grid
    }

    fn bin(&self, point: &Vector3<f64>) -> [usize; 3] {
        std::array::from_fn(|axis| {
            let n = self.n_bins[axis];
            let scaled = (point[axis] - point[axis].floor()) * n as f64;
            (0..n).rev().find(|bin| *bin as f64 <= scaled).unwrap_or(0)
        })
    }

    fn index(&self, bin: [usize; 3]) -> usize {
        (bin[0] * self.n_bins[1] + bin[1]) * self.n_bins[2] + bin[2]
    }

    /// Calls `visit(index, distance)` for every point, and every periodic image of it, within `radius` (Å) of `point`,
    /// until it returns `false`.
    pub(crate) fn visit(&self, point: &Vector3<f64>, radius: f64, mut visit: impl FnMut(usize, f64) -> bool) {
        let reach = self.lattice.reciprocal_lengths().map(|length| radius * length);
        let wrapped = point.map(|x| x - x.floor());
        // Bins as whole numbers along an endless axis: the translation is what is left after wrapping.
        let range = |axis: usize| {
            let n = self.n_bins[axis] as f64;
            let first = saturated_64(((wrapped[axis] - reach[axis]) * n - 1e-9).floor());
            let last = saturated_64(((wrapped[axis] + reach[axis]) * n + 1e-9).floor());
            first..=last
        };
        let split = |bin: i64, axis: usize| {
            let n = self.n_bins[axis] as i64;
            (usize::try_from(bin.rem_euclid(n)).expect("a bin"), bin.div_euclid(n) as f64)
        };
        for i in range(0) {
            let (bin_x, x) = split(i, 0);
            for j in range(1) {
                let (bin_y, y) = split(j, 1);
                for k in range(2) {
                    let (bin_z, z) = split(k, 2);
                    let bin = self.index([bin_x, bin_y, bin_z]);
                    let translation = Vector3::new(x, y, z) - wrapped;
                    for index in &self.order[self.starts[bin]..self.starts[bin + 1]] {
                        let distance = self.lattice.to_cartesian(&(self.frac_coords[*index] + translation)).norm();
                        if distance <= radius && !visit(*index, distance) {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Whether a point for which `accept` holds lies within `radius` (Å).
    pub(crate) fn any_within(&self, point: &Vector3<f64>, radius: f64, accept: impl Fn(usize) -> bool) -> bool {
        let mut found = false;
        self.visit(point, radius, |index, _| {
            found = accept(index);
            !found
        });
        found
    }

    /// The first point (in their order) with a later one within `radius` (Å) for which `accept(first, later)` holds,
    /// and the nearest of these: `(first, later, distance)`.
    pub(crate) fn first_pair(&self, radius: f64, accept: impl Fn(usize, usize) -> bool) -> Option<(usize, usize, f64)> {
        self.frac_coords.iter().enumerate().find_map(|(first, point)| {
            let nearest = self.nearest(point, radius, |later| later > first && accept(first, later));
            nearest.map(|(distance, later)| (first, later, distance))
        })
    }

    /// The nearest point for which `accept` holds within `radius` (Å): `(distance, index)`.
    pub(crate) fn nearest(
        &self,
        point: &Vector3<f64>,
        radius: f64,
        accept: impl Fn(usize) -> bool,
    ) -> Option<(f64, usize)> {
        let mut best: Option<(f64, usize)> = None;
        self.visit(point, radius, |index, distance| {
            if best.is_none_or(|known| (distance, index) < known) && accept(index) {
                best = Some((distance, index));
            }
            true
        });
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_look_at_all_images_finds(
            entries in proptest::array::uniform9(-2.0..2.0f64),
            points in proptest::collection::vec(proptest::array::uniform3(-1.5..1.5f64), 1..40),
            radius in 0.05..4.0f64,
        ) {
            let rows = [[entries[0] + 4.0, entries[1], entries[2]], [entries[3], entries[4] + 5.0, entries[5]], [entries[6], entries[7], entries[8] + 7.0]];
            let lattice = Lattice::from_rows(rows);
            prop_assume!(lattice.as_ref().is_ok_and(|lattice| lattice.volume() > 30.0));
            let lattice = lattice.expect("just checked");
            let points: Vec<Vector3<f64>> = points.into_iter().map(Vector3::from).collect();
            let grid = SiteGrid::new(&lattice, points.iter().copied());
            let centre = points[0];
            let mut found = vec![0; points.len()];
            grid.visit(&centre, radius, |index, _| { found[index] += 1; true });
            let mut expected = vec![0; points.len()];
            for (index, point) in points.iter().enumerate() {
                for code in 0..15 * 15 * 15 {
                    let shift = Vector3::new(f64::from(code / 225 - 7), f64::from(code / 15 % 15 - 7), f64::from(code % 15 - 7));
                    expected[index] += i32::from(lattice.to_cartesian(&(point + shift - centre)).norm() <= radius);
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
