//! Whole numbers from floating-point ones, where nothing can be lost or the loss is meant.
//!
//! `as` brings a number beyond the range to the end of the range, and one that is not a number to 0. Elsewhere in this
//! crate the lint `cast_possible_truncation` keeps such conversions out.
#![expect(clippy::cast_possible_truncation, reason = "the one place of these conversions")]

/// The whole number `x` (that of a matrix in a lattice's basis, a translation, a bound). Its fraction is left away, and
/// beyond 32 bits it is the end of the range.
pub fn saturated(x: f64) -> i32 {
    x as i32
}

/// The same with 64 bits.
pub fn saturated_64(x: f64) -> i64 {
    x as i64
}

/// The whole number that is nearest to `x`; beyond 32 bits the end of the range.
pub fn nearest(x: f64) -> i32 {
    saturated(x.round())
}

/// `x` in single precision, rounded: what tensors hold.
pub fn single(x: f64) -> f32 {
    x as f32
}

/// A count or place as kernels and compact tables hold it.
///
/// # Panics
/// Beyond 32 bits, which no batch reaches: its size is bounded before.
#[track_caller]
pub fn compact(n: usize) -> u32 {
    u32::try_from(n).expect("batches and tables hold fewer than 2^32 entries")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_the_range_are_its_end() {
        assert_eq!([saturated(1e12), saturated(-1e12), saturated(f64::NAN)], [i32::MAX, i32::MIN, 0]);
        assert_eq!([saturated(2.0), nearest(-1.6), nearest(0.999_999)], [2, -2, 1]);
        assert_eq!([saturated_64(1e300), saturated_64(-3.0)], [i64::MAX, -3]);
        assert_eq!(compact(7), 7);
        assert!(std::panic::catch_unwind(|| compact(1 << 40)).is_err());
    }
}
