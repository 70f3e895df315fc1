//! The image of a crystal that the critic reads, and the distances in it.
//!
//! Three channels of 64 numbers, as 8 × 8. Channel k holds, in this order: set k of positions as the networks give them
//! (9), fractional (9) and Cartesian (9), the distances inside it (3), the distances between the three positions of
//! element k (3), the lengths as given (3), the volume (1), the tied lengths (3), the 23 numbers of element k, one
//! zero. Lengths and distances are in units of 10 Å, the volume is ln(V/100 Å³).

use burn::Tensor;
use burn::tensor::TensorData;
use crystal_core::whole;

use crate::conditions::Conditions;
use crate::scaling::{LENGTH_SCALE, MOST_FRACTION};

/// Unit of lengths, Å.
const LENGTH_UNIT: f64 = 10.0;
/// Unit of volumes, Å³.
const VOLUME_UNIT: f64 = 100.0;
/// Width of the image.
pub(crate) const SIDE: usize = 8;
/// Distances below this have no gradient, Å.
const LEAST_DISTANCE: f64 = 1e-3;

/// Positions and lengths of B crystals, scaled to [−1, 1].
#[derive(Debug, Clone)]
pub(crate) struct Scaled {
    /// Set, element, axis: `[B, 3, 3, 3]`.
    pub(crate) positions: Tensor<4>,
    /// `[B, 3]`.
    pub(crate) lengths: Tensor<2>,
}

/// The same in Å and fractions, with the shortest distances.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    /// Set, element, axis: `[B, 3, 3, 3]`.
    pub(crate) fractions: Tensor<4>,
    pub(crate) cell: Cell,
    /// Between the elements (0, 1), (0, 2), (1, 2) of each set, `[B, 3, 3]`, Å.
    pub(crate) inter: Tensor<3>,
    /// Between the positions (0, 1), (0, 2), (1, 2) of each element, `[B, 3, 3]`, Å.
    pub(crate) intra: Tensor<3>,
}

/// Conventional cells: a along x, b in the xy plane, c along z.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Tied lengths, `[B, 3]`, Å.
    pub(crate) lengths: Tensor<2>,
    cosine: Tensor<2>,
    sine: Tensor<2>,
}

impl Cell {
    /// Cartesian coordinates, Å, of fractional ones, `[B, P, 3]`.
    fn cartesian(&self, fractions: Tensor<3>) -> Tensor<3> {
        let along = fractions * self.lengths.clone().unsqueeze_dim(1);
        let axis = |k: usize| along.clone().narrow(2, k, 1);
        let wide = |x: &Tensor<2>| x.clone().unsqueeze_dim::<3>(2);
        Tensor::cat(vec![axis(0) + axis(1) * wide(&self.cosine), axis(1) * wide(&self.sine), axis(2)], 2)
    }

    /// Squares of the shortest lengths that differences of fractional coordinates have over all lattice translations,
    /// `[B, P, 3]` → `[B, P]`, Å².
    ///
    /// Which translation it is has no gradient. After wrapping, c is done with; of a and b at 120° it is one of the
    /// nine nearest translations.
    pub(crate) fn shortest_squares(&self, differences: Tensor<3>) -> Tensor<2> {
        let [n, n_pairs, _] = differences.dims();
        let device = differences.device();
        let held = differences.clone().detach();
        let wrapped = held.clone() - held.clone().round();
        let shifts: Vec<f32> = (0..9).flat_map(|k| [(k / 3) as f32 - 1.0, (k % 3) as f32 - 1.0, 0.0]).collect();
        let shifts = Tensor::<2>::from_data(TensorData::new(shifts, [9, 3]), &device);
        let candidates: Tensor<4> = wrapped.clone().unsqueeze_dim::<4>(2) + shifts.clone().reshape([1, 1, 9, 3]);
        let cell =
            Self { lengths: self.lengths.clone().detach(), cosine: self.cosine.clone(), sine: self.sine.clone() };
        let lengths = cell.cartesian(candidates.reshape([n, n_pairs * 9, 3])).square().sum_dim(2);
        let best = lengths.reshape([n, n_pairs, 9]).argmin(2).reshape([n * n_pairs]);
        let shift = shifts.select(0, best).reshape([n, n_pairs, 3]) + wrapped - held;
        self.cartesian(differences + shift).square().sum_dim(2).reshape([n, n_pairs])
    }

    /// Shortest lengths, Å, as [`Self::shortest_squares`].
    fn shortest(&self, differences: Tensor<3>) -> Tensor<2> {
        self.shortest_squares(differences).clamp_min(LEAST_DISTANCE * LEAST_DISTANCE).sqrt()
    }

    /// ln of the volume in units of 100 Å³, `[B, 1]`.
    fn log_volume(&self) -> Tensor<2> {
        self.lengths.clone().log().sum_dim(1) + self.sine.clone().log() - VOLUME_UNIT.ln()
    }
}

impl Geometry {
    pub(crate) fn new(scaled: &Scaled, conditions: &Conditions) -> Self {
        let n = scaled.lengths.dims()[0];
        let fractions = scaled.positions.clone().add_scalar(1.0).mul_scalar(0.5 * MOST_FRACTION);
        let scale = LENGTH_SCALE.map(whole::single);
        let scale = Tensor::<2>::from_data(TensorData::new(scale.to_vec(), [1, 3]), &scaled.lengths.device());
        let lengths = (scaled.lengths.clone().add_scalar(1.0) * scale).exp();
        let tied = (conditions.ties.clone() * lengths.unsqueeze_dim::<3>(1)).sum_dim(2).reshape([n, 3]);
        let cell = Cell { lengths: tied, cosine: conditions.cosine.clone(), sine: conditions.sine.clone() };
        let pairs = |dim: usize| {
            let of = |k: usize| fractions.clone().narrow(dim, k, 1);
            Tensor::cat(vec![of(0), of(0), of(1)], dim) - Tensor::cat(vec![of(1), of(2), of(2)], dim)
        };
        // Between elements: [B, set, pair, axis]; between sets: [B, pair, element, axis].
        let differences = Tensor::cat(vec![pairs(2), pairs(1).swap_dims(1, 2)], 1).reshape([n, 18, 3]);
        let distances = cell.shortest(differences).reshape([n, 6, 3]);
        let (inter, intra) = (distances.clone().narrow(1, 0, 3), distances.narrow(1, 3, 3));
        Self { fractions, cell, inter, intra }
    }

    /// The image, `[B, 8, 8, 3]`.
    pub(crate) fn image(&self, scaled: &Scaled, conditions: &Conditions) -> Tensor<4> {
        let n = scaled.lengths.dims()[0];
        let rows = |x: Tensor<4>| x.reshape([n, 3, 9]);
        let cartesian = self.cell.cartesian(self.fractions.clone().reshape([n, 9, 3])).div_scalar(LENGTH_UNIT);
        let same = |x: Tensor<2>| x.unsqueeze_dim::<3>(1).repeat_dim(1, 3);
        let image = Tensor::cat(
            vec![
                rows(scaled.positions.clone()),
                rows(self.fractions.clone()),
                cartesian.reshape([n, 3, 9]),
                self.inter.clone().div_scalar(LENGTH_UNIT),
                self.intra.clone().div_scalar(LENGTH_UNIT),
                same(scaled.lengths.clone()),
                same(self.cell.log_volume()),
                same(self.cell.lengths.clone().div_scalar(LENGTH_UNIT)),
                conditions.features.clone(),
                Tensor::zeros([n, 3, 1], &scaled.lengths.device()),
            ],
            2,
        );
        image.swap_dims(1, 2).reshape([n, SIDE, SIDE, 3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ElementSet;
    use crate::conditions::{Condition, Tables};
    use crate::crystal::{conventional_lattice, distance};
    use crate::groups::group_index;
    use crate::scaling;
    use crystal_core::SpaceGroupNumber;
    use random_keys::{Purpose, RandomKey};
    use tensor_ops::device::available_devices;

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    #[test]
    fn distances_are_the_shortest_and_the_image_is_whole() {
        let groups = [62, 139, 166, 194, 225]
            .map(|number| group_index(SpaceGroupNumber::new(number).expect("a number")).expect("one of the 20"));
        let conditions = groups.map(|group| Condition { group, elements: [3, 9, 30] });
        let key = RandomKey::new(2, Purpose::Training);
        let t = |k: u32| 2.0 * key.uniform(0, 0, k)[0] - 1.0;
        let (n, set) = (groups.len(), ElementSet::Published);
        let positions: Vec<f32> = (0..27 * whole::compact(n)).map(|k| whole::single(t(k))).collect();
        let lengths: Vec<f32> = (0..3 * whole::compact(n)).map(|k| whole::single(0.3 * t(1000 + k))).collect();
        for device in available_devices() {
            let tables = Tables::new(set, &device);
            let on_device = tables.conditions(&conditions);
            let scaled = Scaled {
                positions: Tensor::from_data(TensorData::new(positions.clone(), [n, 3, 3, 3]), &device),
                lengths: Tensor::from_data(TensorData::new(lengths.clone(), [n, 3]), &device),
            };
            let geometry = Geometry::new(&scaled, &on_device);
            let (inter, intra) = (values(geometry.inter.clone()), values(geometry.intra.clone()));
            let image = values(geometry.image(&scaled, &on_device));
            for (k, group) in groups.into_iter().enumerate() {
                let lengths = [0, 1, 2].map(|axis| scaling::length(axis, f64::from(lengths[3 * k + axis])));
                let tied = crate::groups::Group::get(group).tied(lengths);
                let lattice = conventional_lattice(group, tied).expect("a cell");
                let at = |set: usize, element: usize| {
                    let first = 27 * k + 9 * set + 3 * element;
                    [0, 1, 2].map(|axis| scaling::fraction(f64::from(positions[first + axis])))
                };
                for channel in 0..3 {
                    for (pair, (i, j)) in [(0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
                        let place = 9 * k + 3 * channel + pair;
                        let between = distance(&lattice, at(channel, i), at(channel, j));
                        let same = distance(&lattice, at(i, channel), at(j, channel));
                        for (found, expected) in [(inter[place], between), (intra[place], same)] {
                            let error = (f64::from(found) - expected).abs();
                            assert!(error < 1e-4 * (1.0 + expected), "{group}: {found} {expected}");
                        }
                    }
                    let slot = |slot: usize| f64::from(image[192 * k + 3 * slot + channel]);
                    assert_eq!((0..64).filter(|k| slot(*k) == 0.0).collect::<Vec<_>>(), [63], "one zero, at the end");
                    let cartesian = lattice.to_cartesian(&at(channel, 2).into()) / LENGTH_UNIT;
                    assert!((0..3).all(|axis| (slot(24 + axis) - cartesian[axis]).abs() < 1e-5));
                    assert!((slot(27) * LENGTH_UNIT - f64::from(inter[9 * k + 3 * channel])).abs() < 1e-3);
                    assert!((slot(36) - (lattice.volume() / VOLUME_UNIT).ln()).abs() < 1e-4);
                    assert!((slot(37) * LENGTH_UNIT - tied[0]).abs() < 1e-4 * tied[0]);
                    let features = set.table().features[[3, 9, 30][channel]];
                    assert!((0..23).all(|k| (slot(40 + k) - f64::from(features[k])).abs() < 1e-6));
                }
            }
        }
    }
}
