//! The processor's loops in single and double precision, with the widest vector instructions that the processor has.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use burn::tensor::Element;
use pulp::{Arch, Simd, WithSimd};

/// A floating-point type of the loops.
pub(crate) trait Real:
    Element
    + pulp::bytemuck::Pod
    + Copy
    + Default
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
    /// The nearest number of this type.
    fn of(value: f64) -> Self;
    /// As double precision.
    fn wide(self) -> f64;
    /// The square root.
    fn root(self) -> Self;
    /// Several numbers in one register.
    type Lanes<S: Simd>: Copy;
    /// How many.
    fn n_lanes<S: Simd>() -> usize;
    /// The same number in all lanes.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    /// The first numbers of a slice, zeros after its end.
    fn load<S: Simd>(simd: S, values: &[Self]) -> Self::Lanes<S>;
    /// To the beginning of a slice; what does not fit is dropped.
    fn store<S: Simd>(simd: S, values: &mut [Self], lanes: Self::Lanes<S>);
    /// The products, lane by lane.
    fn multiply<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `a·b + c`, lane by lane, fused where that is one instruction.
    fn multiply_add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>) -> Self::Lanes<S>;
    /// The sum of all lanes.
    fn total<S: Simd>(simd: S, lanes: Self::Lanes<S>) -> Self;
    /// `1/(1 + e^(−self))`.
    fn sigmoid(self) -> Self;
}

macro_rules! real {
    ($type:ty, $of:expr, $wide:expr, $lanes:ident, $n:ident, $as_simd:ident, $as_mut_simd:ident, $splat:ident, $load:ident,
     $store:ident, $multiply:ident, $multiply_add:ident, $total:ident) => {
        impl Real for $type {
            #[inline(always)]
            fn of(value: f64) -> Self {
                $of(value)
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                $wide(self)
            }
            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                1.0 / (1.0 + (-self).exp())
            }

            type Lanes<S: Simd> = S::$lanes;

            #[inline(always)]
            fn n_lanes<S: Simd>() -> usize {
                S::$n
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$lanes {
                simd.$splat(value)
            }
            #[inline(always)]
            fn load<S: Simd>(simd: S, values: &[Self]) -> S::$lanes {
                match S::$as_simd(values).0.first() {
                    Some(lanes) => *lanes,
                    None => simd.$load(values),
                }
            }
            #[inline(always)]
            fn store<S: Simd>(simd: S, values: &mut [Self], lanes: S::$lanes) {
                if values.len() >= S::$n {
                    S::$as_mut_simd(values).0[0] = lanes;
                } else {
                    simd.$store(values, lanes);
                }
            }
            #[inline(always)]
            fn multiply<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$multiply(a, b)
            }
            #[inline(always)]
            fn multiply_add<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes, c: S::$lanes) -> S::$lanes {
                simd.$multiply_add(a, b, c)
            }
            #[inline(always)]
            fn total<S: Simd>(simd: S, lanes: S::$lanes) -> Self {
                simd.$total(lanes)
            }
        }
    };
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
fn narrow(value: f64) -> f32 {
    value as f32
}

real!(
    f32,
    narrow,
    f64::from,
    f32s,
    F32_LANES,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    partial_load_f32s,
    partial_store_f32s,
    mul_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s
);
real!(
    f64,
    std::convert::identity,
    std::convert::identity,
    f64s,
    F64_LANES,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    partial_load_f64s,
    partial_store_f64s,
    mul_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s
);

/// A loop that is compiled once for each set of vector instructions.
pub(crate) trait Loop {
    /// The loop.
    fn run<S: Simd>(self, simd: S);
}

struct Vectorised<L>(L);

impl<L: Loop> WithSimd for Vectorised<L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(simd);
    }
}

/// Runs the loop with the widest instructions that this processor has.
pub(crate) fn vectorise(body: impl Loop) {
    Arch::new().dispatch(Vectorised(body));
}
