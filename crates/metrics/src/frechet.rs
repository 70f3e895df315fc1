//! Fréchet distance of two sets of vectors as if they were Gaussian (Dowson & Landau, J. Multivar. Anal. 12, 450
//! (1982)).

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::MetricsError;

/// `|μ₁−μ₂|² + tr C₁ + tr C₂ − 2·tr (C₁^½ C₂ C₁^½)^½`, C with n − 1; not square-rooted, its finite-sample bias not
/// removed. Eigenvalues below 0 (rounding; the covariances may be singular) count as 0, and so does a distance below 0.
///
/// # Errors
/// [`MetricsError::TooFewSamples`] below two vectors, [`MetricsError::Dimension`], [`MetricsError::NotFinite`].
pub fn frechet_distance(generated: &[&[f64]], reference: &[&[f64]]) -> Result<f64, MetricsError> {
    let dimension = reference.first().or(generated.first()).map_or(0, |vector| vector.len());
    let (mean_1, covariance_1) = moments("generated", generated, dimension)?;
    let (mean_2, covariance_2) = moments("reference", reference, dimension)?;
    let root = square_root(&covariance_1);
    let product = &root * &covariance_2 * &root;
    // The product is symmetric but for rounding, which the eigensolver would ignore on one side only.
    let product = (&product + product.transpose()) * 0.5;
    let cross: f64 = SymmetricEigen::new(product).eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum();
    let distance = (mean_1 - mean_2).norm_squared() + covariance_1.trace() + covariance_2.trace() - 2.0 * cross;
    // A square; rounding alone brings it below 0.
    Ok(distance.max(0.0))
}

fn moments(
    set: &'static str,
    vectors: &[&[f64]],
    dimension: usize,
) -> Result<(DVector<f64>, DMatrix<f64>), MetricsError> {
    const NEEDED: usize = 2;
    if vectors.len() < NEEDED {
        return Err(MetricsError::TooFewSamples { set, found: vectors.len(), needed: NEEDED });
    }
    let mut mean = DVector::zeros(dimension);
    for (index, vector) in vectors.iter().enumerate() {
        if vector.len() != dimension {
            return Err(MetricsError::Dimension { set, index, found: vector.len(), expected: dimension });
        }
        if vector.iter().any(|x| !x.is_finite()) {
            return Err(MetricsError::NotFinite { set, index });
        }
        mean += DVector::from_column_slice(vector);
    }
    mean /= vectors.len() as f64;
    let centred = DMatrix::from_fn(dimension, vectors.len(), |row, column| vectors[column][row] - mean[row]);
    let covariance = &centred * centred.transpose() / (vectors.len() - 1) as f64;
    Ok((mean, covariance))
}

fn square_root(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(covariance.clone());
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|value| value.max(0.0).sqrt()));
    &eigen.eigenvectors * roots * eigen.eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dimension_by_hand() {
        // N(0, 2) against N(3, 8), sample variances: 9 + 2 + 8 − 2·√16 = 11.
        let generated: [&[f64]; 2] = [&[-1.0], &[1.0]];
        let reference: [&[f64]; 2] = [&[1.0], &[5.0]];
        let distance = frechet_distance(&generated, &reference).expect("two samples each");
        assert!((distance - 11.0).abs() < 1e-12, "{distance}");
    }

    #[test]
    fn equal_sets_are_at_zero_even_if_singular() {
        let vectors: [&[f64]; 3] = [&[0.0, 1.0, 5.0], &[0.0, 2.0, 5.0], &[0.0, 4.0, 5.0]];
        assert!(frechet_distance(&vectors, &vectors).expect("three samples").abs() < 1e-12);
        // Numbers of the size and spread of fingerprints, of which rounding makes something below 0 half of the time.
        for seed in 1..40_u32 {
            let number = |i: u32, j: u32| f64::from((i * 7919 + j * 104_729 + seed * 31) % 1009) / 10.0;
            let rows: Vec<Vec<f64>> = (0..12).map(|i| (0..20).map(|j| number(i, j)).collect()).collect();
            let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
            let distance = frechet_distance(&rows, &rows).expect("twelve samples");
            assert!((0.0..1e-6).contains(&distance), "{distance}");
        }
    }

    #[test]
    fn too_few_or_ragged_samples_are_errors() {
        let good: [&[f64]; 2] = [&[1.0], &[2.0]];
        let one: [&[f64]; 1] = [&[1.0]];
        let ragged: [&[f64]; 2] = [&[1.0], &[1.0, 2.0]];
        let infinite: [&[f64]; 2] = [&[1.0], &[f64::INFINITY]];
        assert!(matches!(
            frechet_distance(&one, &good),
            Err(MetricsError::TooFewSamples { set: "generated", found: 1, .. })
        ));
        assert!(matches!(
            frechet_distance(&good, &[]),
            Err(MetricsError::TooFewSamples { set: "reference", found: 0, .. })
        ));
        assert!(matches!(frechet_distance(&ragged, &good), Err(MetricsError::Dimension { index: 1, .. })));
        assert!(matches!(frechet_distance(&infinite, &good), Err(MetricsError::NotFinite { index: 1, .. })));
    }
}
