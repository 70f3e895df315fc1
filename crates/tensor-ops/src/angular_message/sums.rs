//! The sums at one site, on one thread.

use super::addition_factor;
use crate::flex::rows::{add_transposed_product, product_of_columns};
use crate::flex::{Finish, Layer, dense};

/// The sums of the angular message at one site ([`super::angular_message()`]).
#[derive(Debug)]
pub struct AngularSums<'a> {
    harmonics: &'a [f32],
    degrees: usize,
    columns: usize,
    sums: &'a mut [f32],
}

impl<'a> AngularSums<'a> {
    /// Zeros, for a site with the harmonics `[n, L²]` of its edges; `sums` is room for `[L², C]`.
    ///
    /// # Panics
    /// If the room is of another size.
    pub fn new(harmonics: &'a [f32], degrees: usize, columns: usize, sums: &'a mut [f32]) -> Self {
        assert_eq!(sums.len(), degrees * degrees * columns, "room for all degrees");
        sums.fill(0.0);
        Self { harmonics, degrees, columns, sums }
    }

    /// Adds `Σ_k Y_lm(k)·value_k` for all m of degree l; value `[n, C]`.
    pub fn add(&mut self, l: usize, value: &[f32]) {
        let (orders, columns) = (self.degrees * self.degrees, self.columns);
        let out = &mut self.sums[l * l * columns..(l + 1) * (l + 1) * columns];
        add_transposed_product(self.harmonics, orders, l * l, value, columns, out);
    }

    /// Adds `Σ_k Y_lm(k)·value_k` for all l and m; value `[n, C]`.
    pub(crate) fn add_to_all(&mut self, value: &[f32]) {
        add_transposed_product(self.harmonics, self.degrees * self.degrees, 0, value, self.columns, self.sums);
    }

    /// Multiplies the sums of degree l by 4π/(2l+1).
    fn apply_addition_factors(&mut self) {
        for l in 0..self.degrees {
            let factor = addition_factor(l);
            for sum in &mut self.sums[l * l * self.columns..(l + 1) * (l + 1) * self.columns] {
                *sum *= factor;
            }
        }
    }

    /// The message of each edge, `[n, C]`.
    pub fn read(mut self, out: &mut [f32]) {
        self.apply_addition_factors();
        let layer = Layer { weight: self.sums, bias: None, n_output: self.columns };
        dense(self.harmonics, layer, Finish::NONE, out);
    }

    /// `4π/(2l+1)·Σ_m Y_lm(k)·sums[lm]` of each edge for each degree; `out(l, values [n, C])`.
    pub(crate) fn read_degrees(mut self, room: &mut [f32], mut out: impl FnMut(usize, &[f32])) {
        self.apply_addition_factors();
        let (stride, columns) = (self.degrees * self.degrees, self.columns);
        for l in 0..self.degrees {
            let weight = &self.sums[l * l * columns..(l + 1) * (l + 1) * columns];
            let x = self.harmonics.get(l * l..).unwrap_or_default();
            product_of_columns(x, stride, weight, columns, room);
            out(l, room);
        }
    }
}
