//! Between fractions and lengths and the numbers in [−1, 1] that the networks give.

/// Largest fractional coordinate, as in the published program.
pub(crate) const MOST_FRACTION: f64 = 0.999_96;
/// κ of `length = exp(κ·(1 + t))`, Å, for a, b and c: lengths from 1 to 21.1 and 45.2 Å.
pub(crate) const LENGTH_SCALE: [f64; 3] = [1.5237, 1.5237, 1.9051];

/// `f = ½·(1 + t)·f_max`.
pub(crate) fn fraction(t: f64) -> f64 {
    0.5 * (1.0 + t) * MOST_FRACTION
}

/// `t` of a fractional coordinate, wrapped into the cell; the last 4·10⁻⁵ of it count as 0.
pub(crate) fn of_fraction(fraction: f64) -> f64 {
    let wrapped = fraction - fraction.floor();
    if wrapped > MOST_FRACTION { -1.0 } else { 2.0 * wrapped / MOST_FRACTION - 1.0 }
}

/// `exp(κ·(1 + t))`, Å.
pub(crate) fn length(axis: usize, t: f64) -> f64 {
    (LENGTH_SCALE[axis] * (1.0 + t)).exp()
}

/// `t` of a length in Å; `None` outside the scale.
pub(crate) fn of_length(axis: usize, length: f64) -> Option<f64> {
    Some(length.ln() / LENGTH_SCALE[axis] - 1.0).filter(|t| (-1.0..=1.0).contains(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for k in 0..1000 {
            let x = f64::from(k) / 1000.0;
            let (t, again) = (of_fraction(x + 3.0), fraction(of_fraction(x)));
            assert!((-1.0..=1.0).contains(&t) && (again - x).abs() < 1e-12, "{x}");
        }
        assert_eq!(of_fraction(0.99999), -1.0, "as near to the next cell as it can be told");
        for axis in 0..3 {
            for target in [1.01, 3.9, 21.0] {
                let t = of_length(axis, target).expect("inside the scale");
                assert!((length(axis, t) - target).abs() < 1e-12);
            }
        }
        assert!((length(0, 1.0) - 21.06).abs() < 0.01 && (length(2, 1.0) - 45.15).abs() < 0.01);
        assert_eq!((of_length(0, 21.2), of_length(0, 0.9)), (None, None));
    }
}
