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

/// The fraction of `x` left away, as a number of things: 0 for what is negative or no number.
pub fn count(x: f64) -> usize {
    x as usize
}

/// The same with 64 bits on every machine.
pub fn count_64(x: f64) -> u64 {
    x as u64
}

/// `x` in single precision, rounded: what tensors hold.
pub const fn single(x: f64) -> f32 {
    x as f32
}

/// A place among at most 256: a space group, a Wyckoff position, an element.
///
/// # Panics
/// Beyond 8 bits.
#[track_caller]
pub fn byte(n: usize) -> u8 {
    u8::try_from(n).expect("groups, positions and elements are fewer than 256")
}

/// A count or place as tensors of signed numbers hold it.
///
/// # Panics
/// Beyond 31 bits, which no batch reaches: its size is bounded before.
#[track_caller]
pub fn compact_signed(n: usize) -> i32 {
    i32::try_from(n).expect("batches and tables hold fewer than 2^31 entries")
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
        assert_eq!([count(2.9), count(-1.0), count(f64::NAN)], [2, 0, 0]);
        assert_eq!([count_64(1e30), count_64(7.0)], [u64::MAX, 7]);
        assert_eq!((compact(7), byte(255), compact_signed(3)), (7, 255, 3));
        assert!(std::panic::catch_unwind(|| byte(256)).is_err());
        assert!(std::panic::catch_unwind(|| compact_signed(1 << 31)).is_err());
        assert!(std::panic::catch_unwind(|| compact(1 << 40)).is_err());
    }
}
