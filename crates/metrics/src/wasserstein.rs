//! Wasserstein distance of two samples of a number.

use crate::MetricsError;

/// `∫ |F_g − F_r|` between the empirical distribution functions, in the unit of the numbers.
///
/// # Errors
/// [`MetricsError::EmptySet`], [`MetricsError::NotFinite`].
pub fn wasserstein_distance(generated: &[f64], reference: &[f64]) -> Result<f64, MetricsError> {
    for (set, values) in [("generated", generated), ("reference", reference)] {
        if values.is_empty() {
            return Err(MetricsError::EmptySet { set, needed: 1 });
        }
        if let Some(index) = values.iter().position(|x| !x.is_finite()) {
            return Err(MetricsError::NotFinite { set, index });
        }
    }
    let step = |values: &[f64], sign: f64| values.iter().map(|x| (*x, sign / values.len() as f64)).collect::<Vec<_>>();
    let mut steps = step(generated, 1.0);
    steps.extend(step(reference, -1.0));
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut difference, mut area) = (0.0_f64, 0.0);
    for pair in steps.windows(2) {
        difference += pair[0].1;
        area += difference.abs() * (pair[1].0 - pair[0].0);
    }
    Ok(area)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shift_costs_its_length(values in proptest::collection::vec(-5.0..5.0f64, 1..20), shift in -3.0..3.0f64) {
            let moved: Vec<f64> = values.iter().map(|x| x + shift).collect();
            let distance = wasserstein_distance(&values, &moved).expect("two samples");
            prop_assert!((distance - shift.abs()).abs() < 1e-9);
        }
    }

    #[test]
    fn different_sizes_by_hand() {
        assert!((wasserstein_distance(&[0.0, 1.0], &[0.0]).expect("two samples") - 0.5).abs() < 1e-15);
        assert!(wasserstein_distance(&[], &[1.0]).is_err());
        assert!(wasserstein_distance(&[f64::NAN], &[1.0]).is_err());
    }
}
