//! The processor's loops in single and double precision, with the widest vector instructions that the processor has.

use std::any::TypeId;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use burn::tensor::Element;
use pulp::{Arch, Scalar, Simd, WithSimd};

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
    /// `self·factor + term`, rounded once.
    fn fused(self, factor: Self, term: Self) -> Self;
    /// `1/(1 + e^(−self))`.
    fn sigmoid(self) -> Self;
}

macro_rules! real {
    ($type:ty, $of:expr, $wide:expr) => {
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
            fn fused(self, factor: Self, term: Self) -> Self {
                self.mul_add(factor, term)
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                1.0 / (1.0 + (-self).exp())
            }
        }
    };
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
fn narrow(value: f64) -> f32 {
    value as f32
}

real!(f32, narrow, f64::from);
real!(f64, std::convert::identity, std::convert::identity);

/// `a·b + c`, fused where the processor does that in one instruction.
#[inline(always)]
pub(crate) fn multiply_add<T: Real, const FUSED: bool>(a: T, b: T, c: T) -> T {
    if FUSED { a.fused(b, c) } else { a * b + c }
}

/// A loop that is compiled once for each set of vector instructions.
pub(crate) trait Loop {
    /// The loop. `FUSED`: multiply and add are one instruction.
    fn run<const FUSED: bool>(self);
}

struct Vectorised<L>(L);

impl<L: Loop> WithSimd for Vectorised<L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        if TypeId::of::<S>() == TypeId::of::<Scalar>() { self.0.run::<false>() } else { self.0.run::<true>() }
    }
}

/// Runs the loop with the widest instructions that this processor has.
pub(crate) fn vectorise(body: impl Loop) {
    Arch::new().dispatch(Vectorised(body));
}
