//! The losses: the penalty on the critic's slope, and the physics of the generator.

use burn::Tensor;
use burn::tensor::activation::relu;
use crystal_core::whole;
use random_keys::{Purpose, RandomKey};
use serde::{Deserialize, Serialize};

use crate::Crystal;
use crate::conditions::{Condition, Tables};
use crate::crystal::distance;
use crate::image::Geometry;
use crate::networks::{Critic, Shifts, near_root};
use crate::{ElementSet, scaling};

/// Two positions of one element that are closer than this are one atom, Å.
const ONE_ATOM: f64 = 0.2;
/// Share of the real pairs outside each end of the allowed ring.
const TAIL: f64 = 0.01;
/// Draws of each crystal behind the quantiles.
const DRAWS: u32 = 4;
/// Added under the root of a slope, whose derivative is infinite at zero.
const ROOT_FLOOR: f64 = 1e-12;

/// Allowed distances, in units of the sum of the atomic radii: the 1 % and 99 % quantiles over real picks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contacts {
    /// Between different elements.
    pub inter: (f64, f64),
    /// Between positions of one element.
    pub intra: (f64, f64),
}

impl Contacts {
    /// Of some crystals.
    ///
    /// # Panics
    /// If there are none.
    pub(crate) fn of(crystals: &[Crystal], set: ElementSet) -> Self {
        let radii = &set.table().radii;
        let key = RandomKey::new(0, Purpose::Selection);
        let (mut inter, mut intra) = (vec![], vec![]);
        for (index, crystal) in crystals.iter().enumerate() {
            let lattice = crystal.lattice();
            for draw in 0..DRAWS {
                let shown = crystal.shown(&mut key.generator(index as u64, draw));
                let at =
                    |set: usize, element: usize| shown.positions[set][element].map(|t| scaling::fraction(f64::from(t)));
                let radius = |element: usize| radii[shown.elements[element]];
                for k in 0..3 {
                    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                        inter.push(distance(&lattice, at(k, i), at(k, j)) / (radius(i) + radius(j)));
                        let distance = distance(&lattice, at(i, k), at(j, k));
                        if distance >= ONE_ATOM {
                            intra.push(distance / (2.0 * radius(k)));
                        }
                    }
                }
            }
        }
        Self { inter: quantiles(inter), intra: quantiles(intra) }
    }
}

fn quantiles(mut values: Vec<f64>) -> (f64, f64) {
    if values.is_empty() {
        // Elements with one position each: no pair is too close or too far.
        return (0.0, 1e6);
    }
    values.sort_unstable_by(f64::total_cmp);
    // Few digits, so that what is written is what was trained with.
    let at = |share: f64| (values[whole::count(((values.len() - 1) as f64 * share).round())] * 1e6).round() / 1e6;
    (at(TAIL), at(1.0 - TAIL))
}

/// `mean(relu(lo − q)² + relu(q − hi)²)` over the pairs of different elements inside each set, and over those of one
/// element in different sets, with q the distance over the sum of the radii `[B, 3]`.
pub(crate) fn contact_losses(geometry: &Geometry, radii: &Tensor<2>, contacts: &Contacts) -> [Tensor<1>; 2] {
    let of = |k: usize| radii.clone().narrow(1, k, 1);
    let sums = Tensor::cat(vec![of(0) + of(1), of(0) + of(2), of(1) + of(2)], 1);
    let inter = outside(geometry.inter.clone() / sums.unsqueeze_dim::<3>(1), contacts.inter);
    // Rows are elements here.
    let intra = outside(geometry.intra.clone() / radii.clone().mul_scalar(2.0).unsqueeze_dim::<3>(2), contacts.intra);
    let counted = geometry.intra.clone().detach().greater_elem(ONE_ATOM).float();
    [inter.mean(), (intra * counted).mean()]
}

fn outside(q: Tensor<3>, (low, high): (f64, f64)) -> Tensor<3> {
    relu(q.clone().neg().add_scalar(low)).square() + relu(q.sub_scalar(high)).square()
}

/// Mean over elements and over sets 1 and 2 of the squared distance, Å², from a position to the nearest image of that
/// of set 0: zero if the three sets are one orbit.
///
/// Which image it is has no gradient.
pub(crate) fn orbit_loss(geometry: &Geometry, conditions: &[Condition], tables: &Tables) -> Tensor<1> {
    let n = conditions.len();
    let (rotations, translations) = tables.operations(conditions);
    let n_operations = rotations.dims()[1];
    let set = |k: usize| geometry.fractions.clone().narrow(1, k, 1).reshape([n, 3, 3]);
    let first = set(0);
    // All images of set 0: [B, operation, element, axis].
    let images = images_of(first.clone().detach().reshape([n, 1, 3, 3]), rotations.clone(), translations.clone());
    let wide = |k: usize| set(k).detach().reshape([n, 1, 3, 3]);
    let differences = Tensor::cat(vec![images.clone() - wide(1), images - wide(2)], 1);
    let squares = geometry.cell.shortest_squares(differences.reshape([n, 2 * n_operations * 3, 3]));
    let nearest = squares.detach().reshape([n, 2, n_operations, 3]).argmin(2).reshape([n * 6]);
    // The nearest operation of each set and element, now with gradients: rows of the table of the B groups.
    let offsets: Vec<i32> = (0..n * 6).map(|k| whole::compact_signed(k / 6 * n_operations)).collect();
    let offsets = Tensor::<1, burn::tensor::Int>::from_data(offsets.as_slice(), &nearest.device());
    let rows = nearest + offsets;
    let rotation = rotations.reshape([n * n_operations, 9]).select(0, rows.clone()).reshape([n, 6, 3, 3]);
    let translation = translations.reshape([n * n_operations, 3]).select(0, rows).reshape([n, 6, 3]);
    let twice = first.repeat_dim(1, 2);
    let images = (rotation * twice.unsqueeze_dim::<4>(2)).sum_dim(3).reshape([n, 6, 3]) + translation;
    let others = Tensor::cat(vec![set(1), set(2)], 1);
    geometry.cell.shortest_squares(images - others).mean()
}

/// `W·x + w`: x `[B, 1, P, 3]`, rotations `[B, 192, 9]`, translations `[B, 192, 3]` → `[B, 192, P, 3]`.
fn images_of(x: Tensor<4>, rotations: Tensor<3>, translations: Tensor<3>) -> Tensor<4> {
    let [n, n_operations, _] = rotations.dims();
    let axis = |k: usize| {
        let row = |j: usize| rotations.clone().narrow(2, 3 * k + j, 1).unsqueeze_dim::<4>(2);
        let part = |j: usize| x.clone().narrow(3, j, 1) * row(j);
        part(0) + part(1) + part(2)
    };
    Tensor::cat(vec![axis(0), axis(1), axis(2)], 3) + translations.reshape([n, n_operations, 1, 3])
}

/// `mean (|∇_image D| − 1)² + mean (|∇_symmetry D| − 1)²` at these points (Gulrajani et al., arXiv 1704.00028; the
/// published program penalises either input).
pub(crate) fn gradient_penalty(critic: &Critic, image: Tensor<4>, symmetry: Tensor<4>, shifts: &Shifts) -> Tensor<1> {
    penalty(critic.input_gradients(image, symmetry, shifts))
}

/// The same of the gradients.
pub(crate) fn penalty(gradients: [Tensor<4>; 2]) -> Tensor<1> {
    let [by_image, by_symmetry] = gradients.map(|gradient| {
        let [n, height, width, channels] = gradient.dims();
        // Summed in two steps, as in the norms of the generator.
        let all = height * width * channels;
        let side = near_root(all);
        let squares = gradient.square().reshape([n, side, all / side]).sum_dim(2).sum_dim(1);
        let norm = squares.add_scalar(ROOT_FLOOR).sqrt();
        norm.sub_scalar(1.0).square().mean()
    });
    by_image + by_symmetry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Scaled;
    use crate::testing::{half_heusler, perovskite};
    use burn::tensor::TensorData;
    use tensor_ops::device::available_devices;

    /// Both crystals as they are shown, with coordinates shifted by `shift` of the cell in sets 1 and 2.
    fn shown(shift: f64, device: &burn::tensor::Device) -> (Scaled, Vec<Condition>) {
        let crystals = [half_heusler(), perovskite()];
        let key = RandomKey::new(3, Purpose::Training);
        let shown: Vec<_> = crystals.iter().map(|crystal| crystal.shown(&mut key.generator(0, 0))).collect();
        let positions = shown.iter().flat_map(|shown| {
            let moved = |(set, t): (usize, f32)| {
                let x = scaling::fraction(f64::from(t)) + if set > 0 { shift } else { 0.0 };
                whole::single(scaling::of_fraction(x))
            };
            (0..27).map(|k| (k / 9, shown.positions[k / 9][k / 3 % 3][k % 3])).map(moved).collect::<Vec<_>>()
        });
        let positions: Vec<f32> = positions.collect();
        let lengths: Vec<f32> = shown.iter().flat_map(|shown| shown.lengths).collect();
        let scaled = Scaled {
            positions: Tensor::from_data(TensorData::new(positions, [2, 3, 3, 3]), device),
            lengths: Tensor::from_data(TensorData::new(lengths, [2, 3]), device),
        };
        let conditions = crystals.iter().zip(&shown);
        let condition = |(crystal, shown): (&Crystal, &crate::crystal::Shown)| Condition {
            group: crystal.group,
            elements: shown.elements,
        };
        (scaled, conditions.map(condition).collect())
    }

    #[test]
    fn real_crystals_have_no_physical_loss() {
        for device in available_devices() {
            let tables = Tables::new(ElementSet::Published, &device);
            let (scaled, asked) = shown(0.0, &device);
            let conditions = tables.conditions(&asked);
            let geometry = Geometry::new(&scaled, &conditions);
            let contacts = Contacts::of(&[half_heusler(), perovskite()], ElementSet::Published);
            let [inter, intra] =
                contact_losses(&geometry, &conditions.radii, &contacts).map(|loss| loss.into_scalar::<f32>());
            assert!(inter < 1e-6 && intra < 1e-6, "{inter} {intra} {contacts:?}");
            let orbit = orbit_loss(&geometry, &asked, &tables).into_scalar::<f32>();
            assert!(orbit < 1e-5, "{orbit}");
            let narrow = Contacts { inter: (contacts.inter.0 + 0.1, 10.0), intra: (0.0, contacts.intra.1 - 0.1) };
            let [inter, intra] =
                contact_losses(&geometry, &conditions.radii, &narrow).map(|loss| loss.into_scalar::<f32>());
            assert!(inter > 1e-4 && intra > 1e-4, "{inter} {intra}");
        }
    }

    #[test]
    fn sets_that_are_no_orbit_have_a_loss() {
        for plain in available_devices() {
            let device = plain.clone().autodiff();
            let tables = Tables::new(ElementSet::Published, &device);
            let (scaled, asked) = shown(0.02, &device);
            let scaled = Scaled { positions: scaled.positions.require_grad(), ..scaled };
            let conditions = tables.conditions(&asked);
            let loss = orbit_loss(&Geometry::new(&scaled, &conditions), &asked, &tables);
            let gradients = loss.backward();
            let found = f64::from(loss.inner().into_scalar::<f32>());
            // Every position is 0.02·(1, 1, 1) of its cell away: 3·(0.02·a)².
            let expected = 0.5 * (3.0 * 0.02_f64.powi(2)) * (5.9_f64.powi(2) + 3.9_f64.powi(2));
            assert!((found - expected).abs() < 0.02 * expected, "{found} {expected}");
            let gradient = scaled.positions.grad(&gradients).expect("a gradient");
            assert!(gradient.abs().max().into_scalar::<f32>() > 1e-3);
        }
    }

    #[test]
    fn quantiles_leave_a_hundredth_on_either_side() {
        assert_eq!(quantiles((0..=1000).rev().map(f64::from).collect()), (10.0, 990.0));
    }
}
