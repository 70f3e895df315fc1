//! Spherical Bessel functions of the first kind and their zeros.

/// `j_l(x)` for x ≥ 0.
///
/// Upward recurrence where it is stable (x > l), the power series (Abramowitz and Stegun 10.1.2) below, where the
/// recurrence would cancel.
pub fn spherical_bessel(l: usize, x: f64) -> f64 {
    if x <= l as f64 + 1.0 {
        return series(l, x);
    }
    let (sin, cos) = libm::sincos(x);
    let mut previous = sin / x;
    if l == 0 {
        return previous;
    }
    let mut current = (sin / x - cos) / x;
    for k in 1..l {
        (previous, current) = (current, (2 * k + 1) as f64 / x * current - previous);
    }
    current
}

/// `x^l/(2l+1)!! · Σ_k (−x²/2)^k / (k!·(2l+3)(2l+5)…(2l+2k+1))`.
fn series(l: usize, x: f64) -> f64 {
    let mut term = (1..=l).fold(1.0, |product, k| product * x / (2 * k + 1) as f64);
    let mut sum = term;
    for k in 1..200 {
        term *= -0.5 * x * x / (k * (2 * (l + k) + 1)) as f64;
        sum += term;
        if term.abs() <= 1e-18 * sum.abs() {
            break;
        }
    }
    sum
}

/// The first `n_zeros` positive zeros of `j_l` for each l = 0, …, n_degrees − 1.
///
/// The zeros of neighbouring degrees interlace, so those of `j_{l−1}` bracket those of `j_l`; bisection to the last
/// bit.
pub fn spherical_bessel_zeros(n_degrees: usize, n_zeros: usize) -> Vec<Vec<f64>> {
    let mut zeros: Vec<f64> = (1..=n_zeros + n_degrees).map(|n| n as f64 * std::f64::consts::PI).collect();
    let mut all = Vec::with_capacity(n_degrees);
    for l in 0..n_degrees {
        if l > 0 {
            zeros = zeros.windows(2).map(|bracket| bisect(l, bracket[0], bracket[1])).collect();
        }
        all.push(zeros[..n_zeros].to_vec());
    }
    all
}

fn bisect(l: usize, mut low: f64, mut high: f64) -> f64 {
    let sign = spherical_bessel(l, low).signum();
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if spherical_bessel(l, middle).signum() == sign {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_hold_from_tiny_to_large_arguments() {
        for x in [1e-8_f64, 1e-3, 0.1, 0.9, 1.0, 1.1, 2.0, 2.9, 3.1, 10.0, 50.0] {
            let j0 = if x < 1e-4 { 1.0 } else { x.sin() / x };
            assert!((spherical_bessel(0, x) - j0).abs() < 1e-14, "j0({x})");
            if x > 0.05 {
                let j2 = (3.0 / (x * x) - 1.0) * x.sin() / x - 3.0 * x.cos() / (x * x);
                assert!((spherical_bessel(2, x) - j2).abs() < 1e-11, "j2({x})");
            }
        }
    }

    #[test]
    fn small_arguments_follow_the_leading_power() {
        // j_6(x) → x⁶/13!!, 13!! = 135135.
        for x in [1e-6_f64, 1e-4, 1e-2] {
            let leading = x.powi(6) / 135_135.0;
            assert!((spherical_bessel(6, x) / leading - 1.0).abs() < 1e-5, "x = {x}");
        }
        assert_eq!(spherical_bessel(3, 0.0), 0.0);
    }

    #[test]
    fn both_branches_agree_where_they_meet() {
        for l in 0..=7 {
            let x = l as f64 + 1.0;
            let (below, above) = (spherical_bessel(l, x), spherical_bessel(l, x + 1e-9));
            assert!((below - above).abs() < 1e-8, "l = {l}: {below} {above}");
        }
    }

    #[test]
    fn zeros_are_zeros_in_order() {
        let zeros = spherical_bessel_zeros(8, 10);
        // First zeros of j_1 and j_2 (Abramowitz and Stegun, table 10.6).
        assert!((zeros[1][0] - 4.493_409_458).abs() < 1e-8);
        assert!((zeros[2][0] - 5.763_459_197).abs() < 1e-8);
        for (l, row) in zeros.iter().enumerate() {
            assert!(row.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(row.iter().all(|&z| spherical_bessel(l, z).abs() < 1e-12));
        }
    }
}
