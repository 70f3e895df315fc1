//! Tables of a space group's primitive operations: inverses and products, exact in integers.

use std::sync::OnceLock;

use crystal_core::whole::nearest;
use crystal_core::{SpaceGroup, SymmetryOperation};
use nalgebra::{Matrix3, Vector3};

/// Operations of one space group in the primitive basis. In that basis no two operations share a rotation.
#[derive(Debug)]
pub struct GroupTable {
    /// The rotations W.
    pub rotations: Vec<Matrix3<i32>>,
    /// The rotations W as floating-point numbers.
    pub rotations_f64: Vec<Matrix3<f64>>,
    /// The translations w.
    pub translations: Vec<Vector3<f64>>,
    /// The translations w in units of 1/[`GroupTable::DENOMINATOR`].
    pub numerators: Vec<Vector3<i32>>,
    /// Index of the inverse of each operation, modulo lattice translations.
    pub inverse: Vec<usize>,
    /// The translation s with `{W|w}⁻¹ = {W⁻¹|w_inverse + s}`.
    pub inverse_shift: Vec<Vector3<i32>>,
    /// `product[o·n + h]` is the index of o∘h, modulo lattice translations.
    product: Vec<u8>,
}

impl GroupTable {
    /// Translations of the standard settings are multiples of one over this.
    pub const DENOMINATOR: i32 = 24;

    /// The table of this group, made once.
    pub fn get(group: &SpaceGroup) -> &'static Self {
        static TABLES: [OnceLock<GroupTable>; 230] = [const { OnceLock::new() }; 230];
        TABLES[usize::from(group.number().get()) - 1].get_or_init(|| Self::build(group.primitive_operations()))
    }

    fn build(operations: &[SymmetryOperation]) -> Self {
        let rotations = operations.iter().map(|operation| operation.rotation).collect::<Vec<_>>();
        let find = |rotation: Matrix3<i32>| {
            rotations
                .iter()
                .position(|known| *known == rotation)
                .expect("the operations are a group modulo the lattice")
        };
        let numerators = operations
            .iter()
            .map(|operation| operation.translation.map(|x| nearest(x * f64::from(Self::DENOMINATOR))))
            .collect::<Vec<_>>();
        let inverse = operations.iter().map(|operation| find(operation.inverse().rotation)).collect::<Vec<_>>();
        let inverse_shift = inverse
            .iter()
            .zip(&numerators)
            .map(|(&inverse, numerator)| {
                let shift = -(rotations[inverse] * numerator) - numerators[inverse];
                assert!(
                    shift.iter().all(|x| x % Self::DENOMINATOR == 0),
                    "an inverse differs by a lattice translation"
                );
                shift / Self::DENOMINATOR
            })
            .collect();
        let product = rotations
            .iter()
            .flat_map(|first| rotations.iter().map(move |second| first * second))
            .map(|rotation| u8::try_from(find(rotation)).expect("at most 192 operations"))
            .collect();
        Self {
            rotations_f64: rotations.iter().map(|rotation| rotation.map(f64::from)).collect(),
            translations: operations.iter().map(|operation| operation.translation).collect(),
            inverse,
            numerators,
            inverse_shift,
            product,
            rotations,
        }
    }

    /// Number of operations, 1 to 48.
    #[allow(clippy::len_without_is_empty, reason = "a group has at least the identity")]
    pub fn len(&self) -> usize {
        self.rotations.len()
    }

    /// Index of `first ∘ second`, modulo lattice translations.
    pub fn product(&self, first: usize, second: usize) -> usize {
        usize::from(self.product[first * self.len() + second])
    }

    /// The image `W·x + w`.
    pub fn apply(&self, operation: usize, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        self.rotations_f64[operation] * frac_coords + self.translations[operation]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::SpaceGroupNumber;

    #[test]
    fn inverses_and_products_of_all_groups() {
        for number in SpaceGroupNumber::all() {
            let group = SpaceGroup::get(number);
            let table = GroupTable::get(group);
            let point = Vector3::new(0.137, 0.291, 0.673);
            assert!(group.primitive_operations()[0].is_translation());
            for o in 0..table.len() {
                let back =
                    table.apply(table.inverse[o], &table.apply(o, &point)) + table.inverse_shift[o].map(f64::from);
                assert!((table.product(table.inverse[o], o)) == 0, "group {number}");
                // {W|w}⁻¹ = {W⁻¹|w_inverse + s}: exactly the point, not only modulo the lattice.
                assert!((back - point).norm() < 1e-12, "group {number} operation {o}: {back}");
                for h in 0..table.len() {
                    let difference = table.apply(o, &table.apply(h, &point)) - table.apply(table.product(o, h), &point);
                    assert!(difference.iter().all(|x| (x - x.round()).abs() < 1e-12), "group {number}");
                }
            }
        }
    }
}
