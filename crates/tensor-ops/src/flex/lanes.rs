//! Vector registers of single-precision numbers, chosen when the program runs.
//!
//! A loop ([`Loop`]) is written once over [`Lanes`] and compiled for AVX-512, for AVX2 with FMA, for NEON, for
//! WebAssembly, and for plain arrays that the compiler vectorises as it can. [`vectorise`] picks the widest that the
//! processor has. The loops of this crate never add across lanes, and a product that is added is rounded once, also
//! where no instruction does that ([`Plain`]): every number of a result is computed by the same operations in the same
//! order, so that all processors, and browsers, give the same bits.

#![allow(unsafe_code, reason = "vector instructions; each type below is used behind the check of `vectorise` alone")]

use super::fused;

/// A register. The methods of a type may be called only where its instructions exist: inside of [`vectorise`].
pub(crate) trait Lanes: Copy {
    /// Numbers in a register.
    const N: usize;
    /// Whether there are 32 registers, not 16.
    const MANY: bool;

    /// The same number in all lanes.
    fn splat(value: f32) -> Self;
    /// The first `N` numbers of a slice.
    ///
    /// # Panics
    /// If there are fewer.
    fn load(values: &[f32]) -> Self;
    /// To the first `N` places of a slice.
    ///
    /// # Panics
    /// If there are fewer.
    fn store(self, values: &mut [f32]);
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    /// `self·factor + addend`, rounded once.
    fn multiply_add(self, factor: Self, addend: Self) -> Self;
    /// The smaller one; NaN where `self` is NaN.
    fn at_most(self, bound: Self) -> Self;
    /// The larger one; NaN where `self` is NaN.
    fn at_least(self, bound: Self) -> Self;
    /// 2ⁿ, with n in the low bits of the mantissa (after 1.5·2²³ was added), −126 ≤ n ≤ 127.
    fn power_of_two(self) -> Self;
    /// The bits of `magic`, as integers, less the bits of `self`: within an eighth of a reciprocal for a suitable one.
    fn reciprocal_guess(self, magic: u32) -> Self;

    /// The numbers of a slice that is shorter than a register, then zeros.
    #[inline(always)]
    fn load_part(values: &[f32]) -> Self {
        let mut padded = [0.0; 16];
        padded[..values.len()].copy_from_slice(values);
        Self::load(&padded)
    }

    /// To a slice that is shorter than a register.
    #[inline(always)]
    fn store_part(self, values: &mut [f32]) {
        let mut padded = [0.0; 16];
        self.store(&mut padded);
        values.copy_from_slice(&padded[..values.len()]);
    }
}

/// A loop that is compiled once for each kind of register.
pub(crate) trait Loop {
    /// The loop; `#[inline(always)]`, as all that it calls with `L`, so that the instructions reach it.
    fn run<L: Lanes>(self);
}

/// Runs a loop with the widest registers of this processor.
#[inline]
pub(crate) fn vectorise(body: impl Loop) {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::has_avx512() {
            // SAFETY: the instructions were found.
            return unsafe { x86::with_avx512(body) };
        }
        if x86::has_avx2() {
            // SAFETY: the instructions were found.
            return unsafe { x86::with_avx2(body) };
        }
    }
    #[cfg(target_arch = "aarch64")]
    return body.run::<arm::Neon>();
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return web::with_relaxed(body);
    #[cfg(not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))))]
    body.run::<Plain>();
}

/// The kinds of registers that this processor has.
#[cfg(test)]
pub(crate) fn kinds() -> Vec<&'static str> {
    let mut kinds = vec!["plain"];
    #[cfg(target_arch = "x86_64")]
    {
        kinds.extend(x86::has_avx512().then_some("AVX-512"));
        kinds.extend(x86::has_avx2().then_some("AVX2"));
    }
    #[cfg(target_arch = "aarch64")]
    kinds.push("NEON");
    kinds
}

/// Runs a loop with one of the [`kinds`].
#[cfg(test)]
pub(crate) fn vectorise_as(kind: &str, body: impl Loop) {
    if kind == "plain" {
        return body.run::<Plain>();
    }
    #[cfg(target_arch = "x86_64")]
    match kind {
        // SAFETY: the instructions were found.
        "AVX-512" => unsafe { x86::with_avx512(body) },
        // SAFETY: the instructions were found.
        "AVX2" => unsafe { x86::with_avx2(body) },
        _ => panic!("{kind}"),
    }
    #[cfg(target_arch = "aarch64")]
    {
        assert_eq!(kind, "NEON");
        body.run::<arm::Neon>();
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    panic!("{kind}");
}

/// Four numbers without vector instructions of ours: for processors and browsers without fused multiplication and
/// addition.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "aarch64", allow(dead_code, reason = "every such processor has NEON"))]
pub(crate) struct Plain([f32; 4]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|k| f(self.0[k], other.0[k])))
    }
}

impl Lanes for Plain {
    const N: usize = 4;
    const MANY: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }
    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        Self([values[0], values[1], values[2], values[3]])
    }
    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        values[..4].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    /// A product of two single numbers is exact in double precision, so it is a sum in double precision and a rounding
    /// to single. Rounding twice differs from rounding once only where the sum in double precision lies in the middle
    /// between two single numbers: such registers, which are rare, are computed again.
    #[inline(always)]
    fn multiply_add(self, factor: Self, addend: Self) -> Self {
        let sums: [f64; 4] =
            std::array::from_fn(|k| f64::from(self.0[k]) * f64::from(factor.0[k]) + f64::from(addend.0[k]));
        let doubtful: [bool; 4] = std::array::from_fn(|k| fused::may_be_a_middle(sums[k]));
        if doubtful[0] | doubtful[1] | doubtful[2] | doubtful[3] {
            return Self(fused::rounded_to_odd(self.0, factor.0, addend.0));
        }
        Self(sums.map(fused::to_single))
    }
    #[inline(always)]
    fn at_most(self, bound: Self) -> Self {
        self.zip(bound, |a, b| if a > b { b } else { a })
    }
    #[inline(always)]
    fn at_least(self, bound: Self) -> Self {
        self.zip(bound, |a, b| if a < b { b } else { a })
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(self.0.map(|x| f32::from_bits((x.to_bits() << 23).wrapping_add(127 << 23))))
    }
    #[inline(always)]
    fn reciprocal_guess(self, magic: u32) -> Self {
        Self(self.0.map(|x| f32::from_bits(magic.wrapping_sub(x.to_bits()))))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, Loop};

    pub(super) fn has_avx512() -> bool {
        std::arch::is_x86_feature_detected!("avx512f") && has_avx2()
    }

    pub(super) fn has_avx2() -> bool {
        std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn with_avx512(body: impl Loop) {
        body.run::<Avx512>();
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn with_avx2(body: impl Loop) {
        body.run::<Avx2>();
    }

    macro_rules! register {
        ($name:ident, $register:ty, $doc:literal, $n:literal, $many:literal, $splat:ident, $load:ident, $store:ident,
         $add:ident, $subtract:ident, $multiply:ident, $multiply_add:ident, $min:ident, $max:ident, $bits:ident,
         $float:ident, $shift:ident, $add_bits:ident, $subtract_bits:ident, $splat_bits:ident) => {
            #[doc = $doc]
            #[derive(Clone, Copy)]
            pub(crate) struct $name($register);

            impl Lanes for $name {
                const N: usize = $n;
                const MANY: bool = $many;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    Self(unsafe { $splat(value) })
                }
                #[inline(always)]
                fn load(values: &[f32]) -> Self {
                    Self(unsafe { $load(values[..$n].as_ptr()) })
                }
                #[inline(always)]
                fn store(self, values: &mut [f32]) {
                    unsafe { $store(values[..$n].as_mut_ptr(), self.0) }
                }
                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    Self(unsafe { $add(self.0, other.0) })
                }
                #[inline(always)]
                fn subtract(self, other: Self) -> Self {
                    Self(unsafe { $subtract(self.0, other.0) })
                }
                #[inline(always)]
                fn multiply(self, other: Self) -> Self {
                    Self(unsafe { $multiply(self.0, other.0) })
                }
                #[inline(always)]
                fn multiply_add(self, factor: Self, addend: Self) -> Self {
                    Self(unsafe { $multiply_add(self.0, factor.0, addend.0) })
                }
                // These instructions give the second operand where one is NaN.
                #[inline(always)]
                fn at_most(self, bound: Self) -> Self {
                    Self(unsafe { $min(bound.0, self.0) })
                }
                #[inline(always)]
                fn at_least(self, bound: Self) -> Self {
                    Self(unsafe { $max(bound.0, self.0) })
                }
                #[inline(always)]
                fn power_of_two(self) -> Self {
                    Self(unsafe { $float($add_bits($shift::<23>($bits(self.0)), $splat_bits(127 << 23))) })
                }
                #[inline(always)]
                fn reciprocal_guess(self, magic: u32) -> Self {
                    Self(unsafe { $float($subtract_bits($splat_bits(magic.cast_signed()), $bits(self.0))) })
                }
            }
        };
    }

    register!(
        Avx512,
        __m512,
        "Sixteen numbers.",
        16,
        true,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        _mm512_min_ps,
        _mm512_max_ps,
        _mm512_castps_si512,
        _mm512_castsi512_ps,
        _mm512_slli_epi32,
        _mm512_add_epi32,
        _mm512_sub_epi32,
        _mm512_set1_epi32
    );
    register!(
        Avx2,
        __m256,
        "Eight numbers.",
        8,
        false,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        _mm256_min_ps,
        _mm256_max_ps,
        _mm256_castps_si256,
        _mm256_castsi256_ps,
        _mm256_slli_epi32,
        _mm256_add_epi32,
        _mm256_sub_epi32,
        _mm256_set1_epi32
    );
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::Lanes;

    /// Four numbers.
    #[derive(Clone, Copy)]
    pub(crate) struct Neon(float32x4_t);

    impl Lanes for Neon {
        const N: usize = 4;
        const MANY: bool = true;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Self(unsafe { vdupq_n_f32(value) })
        }
        #[inline(always)]
        fn load(values: &[f32]) -> Self {
            Self(unsafe { vld1q_f32(values[..4].as_ptr()) })
        }
        #[inline(always)]
        fn store(self, values: &mut [f32]) {
            unsafe { vst1q_f32(values[..4].as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(unsafe { vaddq_f32(self.0, other.0) })
        }
        #[inline(always)]
        fn subtract(self, other: Self) -> Self {
            Self(unsafe { vsubq_f32(self.0, other.0) })
        }
        #[inline(always)]
        fn multiply(self, other: Self) -> Self {
            Self(unsafe { vmulq_f32(self.0, other.0) })
        }
        #[inline(always)]
        fn multiply_add(self, factor: Self, addend: Self) -> Self {
            Self(unsafe { vfmaq_f32(addend.0, self.0, factor.0) })
        }
        #[inline(always)]
        fn at_most(self, bound: Self) -> Self {
            Self(unsafe { vminq_f32(self.0, bound.0) })
        }
        #[inline(always)]
        fn at_least(self, bound: Self) -> Self {
            Self(unsafe { vmaxq_f32(self.0, bound.0) })
        }
        #[inline(always)]
        fn power_of_two(self) -> Self {
            Self(unsafe {
                let exponent = vshlq_n_u32::<23>(vreinterpretq_u32_f32(self.0));
                vreinterpretq_f32_u32(vaddq_u32(exponent, vdupq_n_u32(127 << 23)))
            })
        }
        #[inline(always)]
        fn reciprocal_guess(self, magic: u32) -> Self {
            Self(unsafe { vreinterpretq_f32_u32(vsubq_u32(vdupq_n_u32(magic), vreinterpretq_u32_f32(self.0))) })
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod web {
    use core::arch::wasm32::*;

    use super::{Lanes, Loop, Plain};

    #[target_feature(enable = "relaxed-simd")]
    pub(super) fn with_relaxed(body: impl Loop) {
        body.run::<Relaxed>();
    }

    /// Four numbers. The instruction for `a·b + c` is a relaxed one: whether it rounds once is the browser's choice, so
    /// that the page asks it before (`web/worker.js`).
    #[derive(Clone, Copy)]
    pub(crate) struct Relaxed(v128);

    /// What stands in the place of that instruction in the program for browsers that lack it or round twice: `cargo
    /// xtask web` puts calls of this function there, by its name.
    #[unsafe(no_mangle)]
    #[allow(improper_ctypes_definitions, reason = "both sides are WebAssembly, where a register is a value")]
    pub extern "C" fn druse_multiply_add(x: v128, factor: v128, addend: v128) -> v128 {
        let [x, factor, addend] = [x, factor, addend].map(|register| {
            let mut values = [0.0; 4];
            Relaxed(register).store(&mut values);
            Plain(values)
        });
        Relaxed::load(&x.multiply_add(factor, addend).0).0
    }

    impl Lanes for Relaxed {
        const N: usize = 4;
        const MANY: bool = false;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Self(f32x4_splat(value))
        }
        #[inline(always)]
        fn load(values: &[f32]) -> Self {
            Self(unsafe { v128_load(values[..4].as_ptr().cast()) })
        }
        #[inline(always)]
        fn store(self, values: &mut [f32]) {
            unsafe { v128_store(values[..4].as_mut_ptr().cast(), self.0) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0))
        }
        #[inline(always)]
        fn subtract(self, other: Self) -> Self {
            Self(f32x4_sub(self.0, other.0))
        }
        #[inline(always)]
        fn multiply(self, other: Self) -> Self {
            Self(f32x4_mul(self.0, other.0))
        }
        #[inline(always)]
        fn multiply_add(self, factor: Self, addend: Self) -> Self {
            Self(f32x4_relaxed_madd(self.0, factor.0, addend.0))
        }
        // No minimum: the compiler takes the relaxed one for it, whose NaN is the browser's choice.
        #[inline(always)]
        fn at_most(self, bound: Self) -> Self {
            Self(v128_bitselect(bound.0, self.0, f32x4_gt(self.0, bound.0)))
        }
        #[inline(always)]
        fn at_least(self, bound: Self) -> Self {
            Self(v128_bitselect(bound.0, self.0, f32x4_lt(self.0, bound.0)))
        }
        #[inline(always)]
        fn power_of_two(self) -> Self {
            Self(i32x4_add(i32x4_shl(self.0, 23), i32x4_splat(127 << 23)))
        }
        #[inline(always)]
        fn reciprocal_guess(self, magic: u32) -> Self {
            Self(i32x4_sub(u32x4_splat(magic), self.0))
        }
    }
}
