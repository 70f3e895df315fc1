//! `a·b + c` in single precision, rounded once, without an instruction for it.

#![allow(clippy::cast_possible_truncation, reason = "numbers are rounded from double precision to single")]

/// The nearest single number.
#[inline(always)]
pub(super) fn to_single(value: f64) -> f32 {
    value as f32
}

/// Whether a sum in double precision may lie in the middle between two single numbers: there, and nowhere else,
/// rounding it to single precision can differ from rounding the exact sum. (Were a middle between the exact sum and its
/// nearest double number, it would be nearer, being a double number itself.)
#[inline(always)]
pub(super) fn may_be_a_middle(sum: f64) -> bool {
    /// The bits of a double number that a single one has no place for, and what stands there in the middle.
    const DROPPED: u64 = (1 << 29) - 1;
    const MIDDLE: u64 = 1 << 28;
    // Below the normal numbers the middles stand elsewhere; sums of nothing but zeros are common, and exact.
    let is_small = (sum.abs() < f64::from(f32::MIN_POSITIVE)) & (sum != 0.0);
    (sum.to_bits() & DROPPED == MIDDLE) | is_small
}

/// `a·b + c` of each number. The sum in double precision is rounded to odd: where it is inexact, to that neighbour
/// whose last bit is set. No middle has it set, so that rounding on to single precision gives what rounding once does;
/// double precision has more than the two further bits that this takes (Boldo and Melquiond 2008,
/// doi:10.1109/TC.2007.70819).
#[cold]
#[inline(never)]
pub(super) fn rounded_to_odd(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
    std::array::from_fn(|k| {
        let (product, addend) = (f64::from(a[k]) * f64::from(b[k]), f64::from(c[k]));
        let sum = product + addend;
        // What rounding took away (Knuth's sum of two numbers). NaN where something is infinite.
        let part = sum - product;
        let error = (product - (sum - part)) + (addend - part);
        let bits = sum.to_bits();
        let odd = if bits & 1 == 1 || error == 0.0 || error.is_nan() {
            bits
        } else if (error > 0.0) == (sum > 0.0) {
            bits + 1
        } else {
            bits - 1
        };
        to_single(f64::from_bits(odd))
    })
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{Lanes, Plain};
    use super::*;

    fn plain(a: f32, b: f32, c: f32) -> f32 {
        let mut out = [0.0; 4];
        Plain::splat(a).multiply_add(Plain::splat(b), Plain::splat(c)).store(&mut out);
        assert!(out.iter().all(|x| x.to_bits() == out[0].to_bits()));
        out[0]
    }

    /// Compares one triple with the exact operation of the standard library; whether rounding twice gives it, too.
    fn compare(a: f32, b: f32, c: f32) -> bool {
        let exact = a.mul_add(b, c);
        let same = |x: f32| x.to_bits() == exact.to_bits() || x.is_nan() && exact.is_nan();
        assert!(same(plain(a, b, c)), "{a:e} · {b:e} + {c:e} is {exact:e}, not {:e}", plain(a, b, c));
        let slow = rounded_to_odd([a; 4], [b; 4], [c; 4])[0];
        assert!(same(slow), "{a:e} · {b:e} + {c:e} is {exact:e}, not {slow:e}");
        same((f64::from(a) * f64::from(b) + f64::from(c)) as f32)
    }

    /// Words of a linear congruential generator, their upper halves.
    fn words() -> impl FnMut() -> u32 {
        let mut state = 1_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        }
    }

    #[test]
    fn special_numbers_are_as_in_the_exact_operation() {
        let steps = [0.0, f32::MIN_POSITIVE, 1.0, 1.5, 3.0, 16_777_215.0, 1e-38, 3e-39, 1e19, 1.9e19, f32::MAX];
        let tiny = [1, 2, 3, 0x40_0000, 0x7f_ffff].map(f32::from_bits);
        let near = [1.0_f32, f32::MIN_POSITIVE, 1e19].map(|x| [x.next_up(), x.next_down()]);
        let mut numbers: Vec<f32> = [&steps[..], &tiny, near.as_flattened(), &[f32::INFINITY, f32::NAN]].concat();
        numbers.extend(numbers.clone().iter().map(|x| -x));
        for &a in &numbers {
            for &b in &numbers {
                for &c in &numbers {
                    compare(a, b, c);
                }
            }
        }
    }

    #[test]
    fn numbers_of_any_bits_are_rounded_once() {
        let mut word = words();
        for _ in 0..300_000 {
            compare(f32::from_bits(word()), f32::from_bits(word()), f32::from_bits(word()));
        }
    }

    #[test]
    fn sums_of_similar_size_are_rounded_once() {
        let mut word = words();
        let mut near_one =
            |spread: u32| f32::from_bits((word() & 0x807f_ffff) | ((127 - spread + word() % (2 * spread)) << 23));
        for _ in 0..300_000 {
            compare(near_one(2), near_one(2), near_one(30));
        }
    }

    /// Two odd numbers whose product has 25 bits lie in the middle between two single numbers; a summand that is too
    /// small for double precision to hold beside it decides to which side the sum is rounded.
    #[test]
    fn middles_are_rounded_once_where_rounding_twice_is_wrong() {
        let mut word = words();
        let mut wrong = 0;
        for _ in 0..100_000 {
            let [a, b] = [0, 1].map(|_| (4097 + 2 * (word() % 847)) as f32);
            let least = 2.0_f32.powi(-30 - (word() % 60).cast_signed());
            for c in [0.0, least, -least] {
                wrong += usize::from(!compare(a, b, c));
                compare(-a, b, c);
            }
            // Sums below the normal numbers, where the middles lie wider.
            let scale = 2.0_f32.powi(-75);
            compare(a * scale, b * scale, f32::from_bits(word() % 0x100_0000));
        }
        assert!(wrong > 50_000, "{wrong} of 300 000 sums are ones that rounding twice gets wrong");
    }
}
