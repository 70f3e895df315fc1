//! Real spherical harmonics of degree 0 … 3 and how they turn. The polar axis is y.
//!
//! Normalised so that `Σ_m Y_lm² = 2l+1`; entry `l² + m` with m = 0 … 2l:
//! - Y₀ = 1
//! - Y₁ = √3 (x, y, z)
//! - Y₂ = (√15 xz, √15 xy, √5 (y² − (x²+z²)/2), √15 yz, (√15/2)(z² − x²))
//! - Y₃ = (√(35/8) x(3z²−x²), √105 xyz, √(21/8) x(4y²−x²−z²), (√7/2) y(2y²−3x²−3z²), √(21/8) z(4y²−x²−z²),
//!   (√105/2) y(z²−x²), √(35/8) z(z²−3x²))

use std::f64::consts::PI;
use std::sync::LazyLock;

use nalgebra::{DMatrix, Matrix3, Vector3};

use crate::ops::Real;

/// Number of harmonics of degree 0 … 3.
pub(crate) const N_HARMONICS: usize = 16;
/// Entries of the matrices of degree 1, 2 and 3 that turn features.
pub(crate) const N_ROTATION: usize = 9 + 25 + 49;

/// The harmonics of a unit vector.
#[inline(always)]
pub(crate) fn harmonics<T: Real>([x, y, z]: [T; 3]) -> [T; N_HARMONICS] {
    let c = T::of;
    let (r3, r15, r5) = (c(3f64.sqrt()), c(15f64.sqrt()), c(5f64.sqrt()));
    let (r35, r105, r21, r7) =
        (c((35f64 / 8.0).sqrt()), c(105f64.sqrt()), c((21f64 / 8.0).sqrt()), c(7f64.sqrt() / 2.0));
    let half = c(0.5);
    let (xx, yy, zz) = (x * x, y * y, z * z);
    [
        c(1.0),
        r3 * x,
        r3 * y,
        r3 * z,
        r15 * x * z,
        r15 * x * y,
        r5 * (yy - half * (xx + zz)),
        r15 * y * z,
        r15 * half * (zz - xx),
        r35 * x * (c(3.0) * zz - xx),
        r105 * x * y * z,
        r21 * x * (c(4.0) * yy - xx - zz),
        r7 * y * (c(2.0) * yy - c(3.0) * (xx + zz)),
        r21 * z * (c(4.0) * yy - xx - zz),
        r105 * half * y * (zz - xx),
        r35 * z * (zz - c(3.0) * xx),
    ]
}

/// Derivatives of the polynomials above by x, y and z. Along the sphere they are those of the harmonics.
#[inline(always)]
pub(crate) fn gradients<T: Real>([x, y, z]: [T; 3]) -> [[T; 3]; N_HARMONICS] {
    let c = T::of;
    let (r3, r15, r5) = (c(3f64.sqrt()), c(15f64.sqrt()), c(5f64.sqrt()));
    let (r35, r105, r21, r7) =
        (c((35f64 / 8.0).sqrt()), c(105f64.sqrt()), c((21f64 / 8.0).sqrt()), c(7f64.sqrt() / 2.0));
    let (o, two, three, four, six, eight, half) = (c(0.0), c(2.0), c(3.0), c(4.0), c(6.0), c(8.0), c(0.5));
    let (xx, yy, zz, xy, xz, yz) = (x * x, y * y, z * z, x * y, x * z, y * z);
    [
        [o, o, o],
        [r3, o, o],
        [o, r3, o],
        [o, o, r3],
        [r15 * z, o, r15 * x],
        [r15 * y, r15 * x, o],
        [-(r5 * x), r5 * two * y, -(r5 * z)],
        [o, r15 * z, r15 * y],
        [-(r15 * x), o, r15 * z],
        [r35 * three * (zz - xx), o, r35 * six * xz],
        [r105 * yz, r105 * xz, r105 * xy],
        [r21 * (four * yy - three * xx - zz), r21 * eight * xy, -(r21 * two * xz)],
        [-(r7 * six * xy), r7 * three * (two * yy - xx - zz), -(r7 * six * yz)],
        [-(r21 * two * xz), r21 * eight * yz, r21 * (four * yy - xx - three * zz)],
        [-(r105 * xy), r105 * half * (zz - xx), r105 * yz],
        [-(r35 * six * xz), o, r35 * three * (zz - xx)],
    ]
}

/// Two unit vectors that are perpendicular to a unit vector and to each other.
///
/// T. Duff et al., Journal of Computer Graphics Techniques 6 (1), 2017: continuous but for the sign of z.
#[inline(always)]
pub(crate) fn tangents<T: Real>([x, y, z]: [T; 3]) -> [[T; 3]; 2] {
    let one = T::of(1.0);
    let sign = if z < T::of(0.0) { -one } else { one };
    let a = -one / (sign + z);
    let b = x * y * a;
    [[one + sign * x * x * a, sign * b, -(sign * x)], [b, sign + y * y * a, -y]]
}

/// Points and weights on the unit sphere; the weighted sum of a polynomial of degree 11 is its mean over the sphere.
pub(crate) static QUADRATURE: LazyLock<Vec<(Vector3<f64>, f64)>> = LazyLock::new(|| {
    const N: usize = 6;
    let mut points = Vec::with_capacity(2 * N * N);
    for k in 0..N {
        // Gauss–Legendre nodes by Newton's method, from the usual guess.
        let mut t = (PI * (k as f64 + 0.75) / (N as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut before, mut value) = (1.0, t);
            for n in 2..=N {
                let n = n as f64;
                (before, value) = (value, ((2.0 * n - 1.0) * t * value - (n - 1.0) * before) / n);
            }
            slope = N as f64 * (t * value - before) / (t * t - 1.0);
            t -= value / slope;
        }
        let weight = 1.0 / ((1.0 - t * t) * slope * slope) / (2 * N) as f64;
        let radius = (1.0 - t * t).sqrt();
        for m in 0..2 * N {
            let phi = PI * (m as f64 + 0.5) / N as f64;
            points.push((Vector3::new(radius * phi.cos(), radius * phi.sin(), t), weight));
        }
    }
    points
});

/// Directions on which the harmonics of a degree up to 3 are independent, and what turns values there into
/// coefficients: for degree 1, 2 and 3 the pseudo-inverse of `[Y_li(u_k)]`.
struct Frame {
    directions: [Vector3<f64>; 7],
    inverses: [DMatrix<f64>; 3],
}

static FRAME: LazyLock<Frame> = LazyLock::new(|| {
    // Seven directions spread over half the sphere by the golden angle: an opposite direction would tell nothing new.
    let directions: [Vector3<f64>; 7] = std::array::from_fn(|k| {
        let height = 1.0 - (2 * k + 1) as f64 / 14.0;
        let (radius, turn) = ((1.0 - height * height).sqrt(), k as f64 * PI * (3.0 - 5f64.sqrt()));
        Vector3::new(radius * turn.cos(), radius * turn.sin(), height)
    });
    let inverses = std::array::from_fn(|l| {
        let (l, width) = (l + 1, 2 * l + 3);
        let values = DMatrix::from_fn(width, 7, |i, k| harmonics::<f64>(directions[k].into())[l * l + i]);
        let transposed = values.transpose();
        let products = (values * &transposed).try_inverse().expect("the directions are general");
        transposed * products
    });
    Frame { directions, inverses }
});

/// The matrices of degree 1, 2 and 3 of an orthogonal matrix, row by row one after the other:
/// `Y_l(R·u) = D_l(R)·Y_l(u)`. The parity (−1)^l of improper matrices is in them.
pub(crate) fn rotation_matrices(rotation: &Matrix3<f64>) -> [f64; N_ROTATION] {
    let Frame { directions, inverses } = &*FRAME;
    let turned = directions.map(|direction| harmonics::<f64>((rotation * direction).into()));
    let mut out = [0.0; N_ROTATION];
    let mut entry = 0;
    for (l, inverse) in (1..).zip(inverses) {
        let width = 2 * l + 1;
        for i in 0..width {
            for j in 0..width {
                out[entry] = (0..7).map(|k| turned[k][l * l + i] * inverse[(k, j)]).sum();
                entry += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Rotation3, Unit};

    #[test]
    fn harmonics_are_orthonormal_under_the_quadrature() {
        let mut products = [[0.0; N_HARMONICS]; N_HARMONICS];
        for (point, weight) in QUADRATURE.iter() {
            let y = harmonics::<f64>((*point).into());
            for i in 0..N_HARMONICS {
                for j in 0..N_HARMONICS {
                    products[i][j] += weight * y[i] * y[j];
                }
            }
        }
        for (i, row) in products.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                assert!((value - f64::from(u8::from(i == j))).abs() < 1e-13, "{i} {j}: {value}");
            }
        }
    }

    #[test]
    fn gradients_are_derivatives() {
        let u = Vector3::new(0.3, -0.5, 0.7).normalize();
        for (k, found) in gradients::<f64>(u.into()).iter().enumerate() {
            for axis in 0..3 {
                let mut step = Vector3::zeros();
                step[axis] = 1e-5;
                let expected = (harmonics::<f64>((u + step).into())[k] - harmonics::<f64>((u - step).into())[k]) / 2e-5;
                assert!((found[axis] - expected).abs() < 1e-8, "{k} {axis}");
            }
        }
    }

    #[test]
    fn tangents_are_perpendicular() {
        for u in [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.6, 0.0, -0.8], [0.48, -0.64, 0.6]] {
            let [a, b] = tangents::<f64>(u).map(Vector3::from);
            let u = Vector3::from(u);
            assert!(a.dot(&u).abs() + b.dot(&u).abs() + a.dot(&b).abs() < 1e-14);
            assert!((a.norm() - 1.0).abs() + (b.norm() - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn improper_rotations_turn_the_harmonics() {
        let rotation =
            -Rotation3::from_axis_angle(&Unit::new_normalize(Vector3::new(1.0, 2.0, -0.5)), 0.7).into_inner();
        let matrices = rotation_matrices(&rotation);
        let u = Vector3::new(-0.2, 0.9, 0.4).normalize();
        let (before, after) = (harmonics::<f64>(u.into()), harmonics::<f64>((rotation * u).into()));
        let mut first = 0;
        for l in 1..4 {
            let width = 2 * l + 1;
            for i in 0..width {
                let turned: f64 = (0..width).map(|j| matrices[first + i * width + j] * before[l * l + j]).sum();
                let deviation = (turned - after[l * l + i]).abs();
                assert!(deviation < 1e-13, "{l} {i}: {deviation:e}");
            }
            first += width * width;
        }
    }
}
