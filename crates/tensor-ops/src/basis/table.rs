//! The radial functions as a table.

use std::collections::HashMap;
use std::f64::consts::{PI, SQRT_2};
use std::sync::{Arc, LazyLock, Mutex};

use super::{spherical_bessel, spherical_bessel_zeros};

/// DimeNet's envelope times x: `1 + a·x^p + b·x^(p+1) + c·x^(p+2)` with p = exponent + 1 and a, b, c such that value,
/// first and second derivative vanish at x = 1 (Gasteiger, Groß, Günnemann 2020, eq. 8). Exactly 0 from x = 1 on: the
/// polynomial itself diverges there, and the published code evaluates it beyond the cut-off.
pub fn envelope(x: f64, exponent: usize) -> f64 {
    if x >= 1.0 {
        return 0.0;
    }
    let p = (exponent + 1) as f64;
    let (a, b, c) = (-0.5 * (p + 1.0) * (p + 2.0), p * (p + 2.0), -0.5 * p * (p + 1.0));
    let power = x.powi(i32::try_from(exponent + 1).expect("a small exponent"));
    1.0 + power * (a + x * (b + x * c))
}

/// A family of radial functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RadialBasis {
    /// Number of radial functions, n = 1, …, n_radial.
    pub n_radial: usize,
    /// Number of degrees of the spherical part, l = 0, …, n_spherical − 1.
    pub n_spherical: usize,
    /// Exponent of the envelope (DimeNet's p is this + 1).
    pub envelope_exponent: usize,
}

/// All radial functions of one basis over x = d/r_c ∈ [0, 1], sampled with their derivatives and read by cubic Hermite
/// interpolation.
///
/// 4096 intervals: the fastest function, frequency below 64π, is met to 1e-7 of its range, at a fraction of the cost of
/// n_spherical·n_radial Bessel functions per edge.
///
/// Columns: first the n_radial functions `√2·sin(nπx)/x·env(x)`, then for each degree l the n_radial functions
/// `√2/|j_{l+1}(z_ln)|·j_l(z_ln·x)·env(x)`, both in units of the cut-off (the factor r_c^(−3/2) of the orthonormal
/// functions is left out, so that the features are of order one in every structure). `env` is [`envelope`]: without
/// DimeNet's 1/x on the second family, all functions are finite for coinciding atoms, which random starting positions
/// do contain, and x needs no lower clamp.
#[derive(Debug)]
pub struct RadialTable {
    n_columns: usize,
    /// Value and derivative times the interval, interleaved, `[N_INTERVALS + 1][n_columns][2]`.
    samples: Vec<[f32; 2]>,
}

/// Intervals of the table.
pub const N_INTERVALS: usize = 4096;

impl RadialTable {
    /// The table of this basis; made once per basis and process.
    pub fn of(basis: RadialBasis) -> Arc<Self> {
        static TABLES: LazyLock<Mutex<HashMap<RadialBasis, Arc<RadialTable>>>> = LazyLock::new(Mutex::default);
        let mut tables = TABLES.lock().expect("no panic happens while the lock is held");
        tables.entry(basis).or_insert_with(|| Arc::new(Self::new(&basis))).clone()
    }

    #[expect(clippy::cast_possible_truncation, reason = "values in the precision of the tensors")]
    fn new(config: &RadialBasis) -> Self {
        let zeros = spherical_bessel_zeros(config.n_spherical, config.n_radial);
        let exact = |x: f64| exact_functions(x, config, &zeros);
        let n_columns = config.n_radial * (1 + config.n_spherical);
        let mut samples = Vec::with_capacity((N_INTERVALS + 1) * n_columns);
        // All functions extend smoothly to x < 0 by parity or by the series; the derivative at 0 is taken one-sided to
        // stay in the domain.
        let step = 1e-6;
        for k in 0..=N_INTERVALS {
            let x = k as f64 / N_INTERVALS as f64;
            let (low, high) = ((x - step).max(0.0), (x + step).min(1.0));
            let (values, before, after) = (exact(x), exact(low), exact(high));
            for c in 0..n_columns {
                let slope = (after[c] - before[c]) / (high - low) / N_INTERVALS as f64;
                samples.push([values[c] as f32, slope as f32]);
            }
        }
        Self { n_columns, samples }
    }

    /// Value and derivative times the interval of each function at x = 0, 1/4096, …, 1, one row of functions per x.
    pub fn samples(&self) -> &[[f32; 2]] {
        &self.samples
    }

    /// Number of functions.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Writes all functions at x = d/r_c ≥ 0, exactly 0 from x = 1 on.
    #[expect(clippy::cast_possible_truncation, reason = "x is in 0 … 1, values in the precision of the tensors")]
    pub fn evaluate(&self, x: f64, output: &mut [f32]) {
        if x >= 1.0 {
            output.fill(0.0);
            return;
        }
        let position = x.max(0.0) * N_INTERVALS as f64;
        let interval = (position as usize).min(N_INTERVALS - 1);
        let t = (position - interval as f64) as f32;
        let (left_value, left_slope) = ((1.0 + 2.0 * t) * (1.0 - t) * (1.0 - t), t * (1.0 - t) * (1.0 - t));
        let (right_value, right_slope) = (t * t * (3.0 - 2.0 * t), t * t * (t - 1.0));
        let (left, right) =
            self.samples[interval * self.n_columns..(interval + 2) * self.n_columns].split_at(self.n_columns);
        for ((out, left), right) in output.iter_mut().zip(left).zip(right) {
            *out = left_value * left[0] + left_slope * left[1] + right_value * right[0] + right_slope * right[1];
        }
    }
}

/// All functions at x, in the table's order.
fn exact_functions(x: f64, config: &RadialBasis, zeros: &[Vec<f64>]) -> Vec<f64> {
    let env = envelope(x, config.envelope_exponent);
    let radial = (1..=config.n_radial).map(|n| {
        let frequency = n as f64 * PI;
        SQRT_2 * frequency * spherical_bessel(0, frequency * x) * env
    });
    let spherical = zeros.iter().enumerate().flat_map(|(l, zeros)| {
        zeros
            .iter()
            .map(move |&zero| SQRT_2 / spherical_bessel(l + 1, zero).abs() * spherical_bessel(l, zero * x) * env)
    });
    radial.chain(spherical).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RadialBasis {
        RadialBasis { n_radial: 10, n_spherical: 7, envelope_exponent: 5 }
    }

    #[test]
    fn envelope_is_the_published_polynomial_inside_and_zero_outside() {
        for k in 0..100 {
            let x = k as f64 / 100.0;
            // p = 6: x·(1/x − 28x⁵ + 48x⁶ − 21x⁷).
            let published = 1.0 - 28.0 * x.powi(6) + 48.0 * x.powi(7) - 21.0 * x.powi(8);
            assert!((envelope(x, 5) - published).abs() < 1e-12);
        }
        for x in [1.0, 1.0 + 1e-9, 1.5, 10.0] {
            assert_eq!(envelope(x, 5), 0.0);
        }
        let step = 1e-4;
        assert!(
            envelope(1.0 - step, 5) < 60.0 * step.powi(3) * 10.0,
            "value, slope and curvature vanish at the cut-off"
        );
    }

    #[test]
    fn table_agrees_with_the_functions() {
        let config = config();
        let zeros = spherical_bessel_zeros(config.n_spherical, config.n_radial);
        let table = RadialTable::of(config);
        let mut values = vec![0.0; table.n_columns()];
        for k in 0..=3001 {
            let x = k as f64 / 3001.0;
            table.evaluate(x, &mut values);
            for (c, (value, exact)) in values.iter().zip(exact_functions(x, &config, &zeros)).enumerate() {
                assert!((f64::from(*value) - exact).abs() < 2e-5, "column {c} at {x}: {value} {exact}");
            }
        }
        table.evaluate(1.0, &mut values);
        assert!(values.iter().all(|value| *value == 0.0));
        table.evaluate(7.0, &mut values);
        assert!(values.iter().all(|value| *value == 0.0));
    }

    #[test]
    fn radial_parts_are_orthonormal_without_the_envelope() {
        let zeros = spherical_bessel_zeros(7, 10);
        let n_points = 4000;
        for (l, zeros) in zeros.iter().enumerate() {
            let norm = |zero: f64| SQRT_2 / spherical_bessel(l + 1, zero).abs();
            for (a, &za) in zeros.iter().enumerate() {
                for (b, &zb) in zeros.iter().enumerate().skip(a) {
                    // Midpoint rule; the integrand is smooth and vanishes at both ends.
                    let integral: f64 = (0..n_points)
                        .map(|k| {
                            let x = (k as f64 + 0.5) / n_points as f64;
                            x * x * spherical_bessel(l, za * x) * spherical_bessel(l, zb * x)
                        })
                        .sum::<f64>()
                        * norm(za)
                        * norm(zb)
                        / n_points as f64;
                    let exact = if a == b { 1.0 } else { 0.0 };
                    assert!((integral - exact).abs() < 1e-4, "l = {l}, <{a}|{b}> = {integral}");
                }
            }
        }
    }
}
