//! Real spherical harmonics.

use std::sync::LazyLock;

/// Largest number of degrees: l = 0, …, 6.
pub const MAX_DEGREES: usize = 7;

/// Factors of the recurrence, which need square roots: `K_mm·P_mm/sin^m θ` with K the normalisation of the orthonormal
/// harmonics, and a and b of `P_l = a·(z·P_(l−1) − b·P_(l−2))`, for each m.
struct Factors {
    diagonal: [f64; MAX_DEGREES],
    step: [[(f64, f64); MAX_DEGREES]; MAX_DEGREES],
}

static FACTORS: LazyLock<Factors> = LazyLock::new(|| {
    let mut factors = Factors { diagonal: [0.0; MAX_DEGREES], step: [[(0.0, 0.0); MAX_DEGREES]; MAX_DEGREES] };
    let mut diagonal = (0.25 / std::f64::consts::PI).sqrt();
    for m in 0..MAX_DEGREES {
        if m > 0 {
            diagonal *= ((2 * m + 1) as f64 / (2 * m) as f64).sqrt();
        }
        factors.diagonal[m] = diagonal;
        for l in m + 1..MAX_DEGREES {
            let (l2, m2) = ((l * l) as f64, (m * m) as f64);
            let previous = ((l - 1) * (l - 1)) as f64;
            let a = ((4.0 * l2 - 1.0) / (l2 - m2)).sqrt();
            let b = ((previous - m2) / (4.0 * previous - 1.0)).sqrt();
            factors.step[m][l] = (a, b);
        }
    }
    factors
});

/// Real orthonormal harmonics `Y_lm` of a unit vector for l < `n_degrees`, entry `l² + l + m`, so that
/// `Σ_m Y_lm(u)·Y_lm(v) = (2l+1)/(4π)·P_l(u·v)`. No Condon–Shortley phase.
///
/// The zero vector gives finite values (those of the recurrence at the origin), never NaN.
///
/// # Panics
/// If `n_degrees > MAX_DEGREES` or `output` is not `n_degrees²` long: both are set by a validated configuration.
pub fn real_harmonics(direction: [f64; 3], n_degrees: usize, output: &mut [f64]) {
    assert!(n_degrees <= MAX_DEGREES && output.len() == n_degrees * n_degrees, "validated by BasisConfig");
    let [x, y, z] = direction;
    // (cos mφ, sin mφ)·sin^m θ: polynomials in x and y, no singular azimuth at the poles.
    let (mut cosine, mut sine) = (1.0, 0.0);
    let factors = &*FACTORS;
    for m in 0..n_degrees {
        if m > 0 {
            (cosine, sine) = (x * cosine - y * sine, x * sine + y * cosine);
        }
        let azimuth =
            if m == 0 { [1.0, 0.0] } else { [cosine * std::f64::consts::SQRT_2, sine * std::f64::consts::SQRT_2] };
        let (mut before, mut current) = (0.0, factors.diagonal[m]);
        for l in m..n_degrees {
            if l > m {
                let (a, b) = factors.step[m][l];
                (before, current) = (current, a * (z * current - b * before));
            }
            output[l * l + l + m] = current * azimuth[0];
            if m > 0 {
                output[l * l + l - m] = current * azimuth[1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legendre(l: usize, x: f64) -> f64 {
        let (mut before, mut current) = (1.0, x);
        if l == 0 {
            return 1.0;
        }
        for k in 1..l {
            (before, current) = (current, ((2 * k + 1) as f64 * x * current - k as f64 * before) / (k + 1) as f64);
        }
        current
    }

    fn unit(k: usize) -> [f64; 3] {
        let z = 1.0 - 2.0 * (k as f64 + 0.5) / 40.0;
        let (sin, cos) = (k as f64 * 2.399_963).sin_cos();
        let r = (1.0 - z * z).sqrt();
        [r * cos, r * sin, z]
    }

    #[test]
    fn addition_theorem() {
        let mut directions: Vec<[f64; 3]> = (0..40).map(unit).collect();
        directions.extend([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]);
        let (mut yu, mut yv) = ([0.0; 49], [0.0; 49]);
        for u in &directions {
            for v in &directions {
                real_harmonics(*u, 7, &mut yu);
                real_harmonics(*v, 7, &mut yv);
                let cosine = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
                for l in 0..7 {
                    let range = l * l..(l + 1) * (l + 1);
                    let sum: f64 = range.map(|k| yu[k] * yv[k]).sum();
                    let exact = (2 * l + 1) as f64 / (4.0 * std::f64::consts::PI) * legendre(l, cosine);
                    assert!((sum - exact).abs() < 1e-12, "l = {l}, cos = {cosine}: {sum} {exact}");
                }
            }
        }
    }

    #[test]
    fn orthonormal_on_the_sphere() {
        // Products have degree ≤ 12 in z and ≤ 12 in the azimuth: 7 Gauss points and 16 equal azimuths integrate them
        // exactly.
        const NODES: [(f64, f64); 4] = [
            (0.0, 0.417_959_183_673_469_4),
            (0.405_845_151_377_397_2, 0.381_830_050_505_118_9),
            (0.741_531_185_599_394_4, 0.279_705_391_489_276_67),
            (0.949_107_912_342_758_5, 0.129_484_966_168_869_7),
        ];
        let mut gram = vec![0.0; 49 * 49];
        let mut values = [0.0; 49];
        for (node, weight) in NODES {
            let signs: &[f64] = if node == 0.0 { &[1.0] } else { &[-1.0, 1.0] };
            for sign in signs {
                for k in 0..16 {
                    let z = sign * node;
                    let (sin, cos) = (k as f64 / 16.0 * std::f64::consts::TAU).sin_cos();
                    let r = (1.0 - z * z).sqrt();
                    real_harmonics([r * cos, r * sin, z], 7, &mut values);
                    let weight = weight * std::f64::consts::TAU / 16.0;
                    for a in 0..49 {
                        for b in 0..49 {
                            gram[a * 49 + b] += weight * values[a] * values[b];
                        }
                    }
                }
            }
        }
        for a in 0..49 {
            for b in 0..49 {
                let exact = if a == b { 1.0 } else { 0.0 };
                assert!((gram[a * 49 + b] - exact).abs() < 1e-12, "<{a}|{b}> = {}", gram[a * 49 + b]);
            }
        }
    }
}
