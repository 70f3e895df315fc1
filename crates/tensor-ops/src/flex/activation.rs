//! The exponential, σ and swish on registers.

use super::lanes::{Lanes, Loop, vectorise};

/// `e^x` to one unit in the last place. `x = n·ln 2 + r`, |r| ≤ ½ ln 2, ln 2 in two parts (Cody and Waite), a
/// polynomial of degree 6 that is the best one for the relative error (3e-9, by Remez's exchange). Beyond ±87, e^±87.
#[inline(always)]
pub(crate) fn exponential<L: Lanes>(x: L) -> L {
    // 1.5·2²³: adding it leaves the rounded integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.at_most(L::splat(87.0)).at_least(L::splat(-87.0));
    let shifted = x.multiply_add(L::splat(std::f32::consts::LOG2_E), L::splat(ROUND));
    let n = shifted.subtract(L::splat(ROUND));
    let r = n.multiply_add(L::splat(-LN2_HIGH), x);
    let r = n.multiply_add(L::splat(-LN2_LOW), r);
    let mut sum = L::splat(0.001_381_457_7);
    for coefficient in [0.008_368_728, 0.041_668_39, 0.166_665_21, 0.499_999_94, 1.0, 1.0] {
        sum = sum.multiply_add(r, L::splat(coefficient));
    }
    sum.multiply(shifted.power_of_two())
}

/// `1/x` to one unit in the last place, for x from 1 to 1e38. A guess from the bits, a quadratic that is best for its
/// error (1.2e-4 is left), one step of Newton's: cheaper than a division, and the same on every processor, which the
/// instructions for approximate reciprocals are not.
#[inline(always)]
fn reciprocal<L: Lanes>(x: L) -> L {
    const MAGIC: u32 = 0x7eb5_8000;
    /// The quadratic is `guess·(1.44 − x·guess)/0.518…`.
    const SCALE: f32 = 1.0 / 0.518_339_33;
    let guess = x.reciprocal_guess(MAGIC);
    let product = x.multiply(guess);
    let better = guess.multiply(product.multiply_add(L::splat(-SCALE), L::splat(1.44 * SCALE)));
    let error = x.multiply(L::splat(-1.0)).multiply_add(better, L::splat(1.0));
    better.multiply_add(error, better)
}

/// `1/(1 + e^(−x))`.
#[inline(always)]
pub(crate) fn sigmoid<L: Lanes>(x: L) -> L {
    reciprocal(exponential(x.multiply(L::splat(-1.0))).add(L::splat(1.0)))
}

/// `f(x)` in place of each number x; a macro, because a closure's body would not get the loop's instructions.
macro_rules! for_each_register {
    ($lanes:ty, $out:expr, [$($x:expr),+], |$($name:ident),+| $value:expr) => {{
        let out: &mut [f32] = $out;
        let whole = out.len() / <$lanes>::N * <$lanes>::N;
        for start in (0..whole).step_by(<$lanes>::N) {
            $(let $name = <$lanes>::load(&$x[start..]);)+
            let value: $lanes = $value;
            value.store(&mut out[start..]);
        }
        if whole < out.len() {
            $(let $name = <$lanes>::load_part(&$x[whole..]);)+
            let value: $lanes = $value;
            value.store_part(&mut out[whole..]);
        }
    }};
}
pub(crate) use for_each_register;

/// `x·σ(x)` of each number.
struct Swish<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for Swish<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for_each_register!(L, self.out, [self.x], |x| x.multiply(sigmoid(x)));
    }
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))` of each number.
struct SwishGradient<'a> {
    grad: &'a [f32],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Loop for SwishGradient<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for_each_register!(L, self.out, [self.grad, self.x], |grad, x| {
            let (sigma, one) = (sigmoid(x), L::splat(1.0));
            grad.multiply(sigma).multiply(x.multiply_add(one.subtract(sigma), one))
        });
    }
}

/// `x·σ(x)` of each number.
pub(crate) fn swish(x: &[f32], out: &mut [f32]) {
    vectorise(Swish { x, out });
}

struct ExponentialInPlace<'a>(&'a mut [f32]);

impl Loop for ExponentialInPlace<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut chunks = self.0.chunks_exact_mut(L::N);
        for chunk in &mut chunks {
            exponential(L::load(chunk)).store(chunk);
        }
        let rest = chunks.into_remainder();
        if !rest.is_empty() {
            exponential(L::load_part(rest)).store_part(rest);
        }
    }
}

/// `e^x` in place of each number, to two units in the last place; beyond ±87, e^±87.
pub fn exponential_in_place(values: &mut [f32]) {
    vectorise(ExponentialInPlace(values));
}

struct SwishInPlace<'a>(&'a mut [f32]);

impl Loop for SwishInPlace<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut chunks = self.0.chunks_exact_mut(L::N);
        for chunk in &mut chunks {
            let x = L::load(chunk);
            x.multiply(sigmoid(x)).store(chunk);
        }
        let rest = chunks.into_remainder();
        if !rest.is_empty() {
            let x = L::load_part(rest);
            x.multiply(sigmoid(x)).store_part(rest);
        }
    }
}

/// `x·σ(x)` in place of each number.
pub fn swish_in_place(values: &mut [f32]) {
    vectorise(SwishInPlace(values));
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))` of each number.
pub(crate) fn swish_gradient(grad: &[f32], x: &[f32], out: &mut [f32]) {
    vectorise(SwishGradient { grad, x, out });
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Plain;
    use super::*;

    /// The exponential of each number.
    struct Exponential<'a>(&'a mut [f32]);
    impl Loop for Exponential<'_> {
        #[inline(always)]
        fn run<L: Lanes>(self) {
            for x in self.0 {
                let mut padded = [0.0; 16];
                exponential(L::splat(*x)).store(&mut padded);
                *x = padded[0];
            }
        }
    }

    /// σ of each number.
    struct Sigmoid<'a>(&'a mut [f32]);
    impl Loop for Sigmoid<'_> {
        #[inline(always)]
        fn run<L: Lanes>(self) {
            for x in self.0 {
                let mut padded = [0.0; 16];
                sigmoid(L::splat(*x)).store(&mut padded);
                *x = padded[0];
            }
        }
    }

    fn inputs() -> Vec<f32> {
        (-86_990..=86_990).map(|k| k as f32 * 0.001).collect()
    }

    /// Largest relative error of what a loop makes of the inputs.
    fn worst(found: &[f32], exact: impl Fn(f64) -> f64) -> f64 {
        let error = |(&x, &y): (&f32, &f32)| (f64::from(y) / exact(f64::from(x)) - 1.0).abs();
        inputs().iter().zip(found).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        let (mut vector, mut plain) = (inputs(), inputs());
        vectorise(Exponential(&mut vector));
        Exponential(&mut plain).run::<Plain>();
        assert!(worst(&vector, f64::exp) < 1.5e-7, "{}", worst(&vector, f64::exp));
        assert_eq!(vector, plain);
    }

    #[test]
    fn the_sigmoid_is_within_three_units_in_the_last_place() {
        let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (mut vector, mut plain) = (inputs(), inputs());
        vectorise(Sigmoid(&mut vector));
        Sigmoid(&mut plain).run::<Plain>();
        assert!(worst(&vector, sigma) < 3e-7, "{}", worst(&vector, sigma));
        assert_eq!(vector, plain);
    }

    #[test]
    fn the_width_of_a_register_does_not_change_the_bits() {
        let results = super::super::lanes::kinds().into_iter().map(|kind| {
            let mut values = inputs();
            super::super::lanes::vectorise_as(kind, Sigmoid(&mut values));
            values
        });
        let results: Vec<_> = results.collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn the_sigmoid_saturates_without_nan() {
        let mut values = [1e30, -1e30, f32::NAN, f32::INFINITY];
        vectorise(Sigmoid(&mut values));
        assert_eq!(values[0], 1.0);
        assert!(values[1] < 1e-37 && values[1] >= 0.0);
        assert!(values[2].is_nan());
        assert_eq!(values[3], 1.0);
    }

    #[test]
    fn swish_of_any_length() {
        for n in [0, 1, 7, 16, 37] {
            let x: Vec<f32> = (0..n).map(|k| k as f32 - 5.0).collect();
            let mut out = vec![f32::NAN; n];
            swish(&x, &mut out);
            let mut in_place = x.clone();
            swish_in_place(&mut in_place);
            for ((x, y), z) in x.iter().zip(&out).zip(&in_place) {
                assert!((y - x / (1.0 + (-x).exp())).abs() < 1e-6);
                assert_eq!(y, z);
            }
        }
    }
}
