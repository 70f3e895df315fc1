//! Uncertainty of the table's figures.

use anyhow::Result;
use metrics::{Evaluation, Fingerprints, evaluate};
use rand::RngExt;
use rand::seq::index::sample;
use random_keys::{Purpose, RandomKey};
use rayon::prelude::*;

use crate::published::Figures;
use crate::table::Measured;

/// The four figures of an evaluation. FD CGCNN is absent where no weights were given.
pub fn figures_of(evaluation: &Evaluation) -> Figures<Option<f64>> {
    Figures {
        cov_p: Some(evaluation.cov_precision),
        cov_r: Some(evaluation.cov_recall),
        fd_crystalnn: Some(evaluation.fd_crystalnn),
        fd_cgcnn: evaluation.fd_cgcnn,
    }
}

/// Mean and standard deviation of each figure over several evaluations.
pub fn over_draws(draws: &[Figures<Option<f64>>]) -> Figures<Option<Measured>> {
    each(|figure| {
        let values: Vec<f64> = draws.iter().filter_map(figure).collect();
        (!values.is_empty()).then(|| {
            let (value, std) = mean_and_std(&values);
            Measured { value, std }
        })
    })
}

/// The figures of one evaluation with the standard deviation of a bootstrap over the generated structures.
///
/// # Errors
/// Those of [`evaluate`].
pub fn with_bootstrap(
    value: &Evaluation,
    generated: &[Fingerprints],
    reference: &[Fingerprints],
    samples: usize,
    seed: u64,
) -> Result<Figures<Option<Measured>>> {
    let draws = (0..samples)
        .into_par_iter()
        .map(|draw| {
            let mut rng = RandomKey::new(seed, Purpose::Bootstrap).generator(draw as u64, 0);
            let resampled: Vec<Fingerprints> =
                (0..generated.len()).map(|_| generated[rng.random_range(0..generated.len())].clone()).collect();
            Ok(figures_of(&evaluate(&resampled, reference)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let spread = over_draws(&draws);
    let value = figures_of(value);
    let join = |value: Option<f64>, spread: Option<Measured>| Some(Measured { value: value?, std: spread?.std });
    Ok(Figures {
        cov_p: join(value.cov_p, spread.cov_p),
        cov_r: join(value.cov_r, spread.cov_r),
        fd_crystalnn: join(value.fd_crystalnn, spread.fd_crystalnn),
        fd_cgcnn: join(value.fd_cgcnn, spread.fd_cgcnn),
    })
}

/// `n` different indices below `length`, drawn with their own stream; fewer if there are not as many.
pub fn choose(length: usize, n: usize, seed: u64, stream: u64) -> Vec<usize> {
    let mut rng = RandomKey::new(seed, Purpose::Selection).generator(stream, 0);
    sample(&mut rng, length, n.min(length)).into_vec()
}

fn each(measure: impl Fn(fn(&Figures<Option<f64>>) -> Option<f64>) -> Option<Measured>) -> Figures<Option<Measured>> {
    Figures {
        cov_p: measure(|figures| figures.cov_p),
        cov_r: measure(|figures| figures.cov_r),
        fd_crystalnn: measure(|figures| figures.fd_crystalnn),
        fd_cgcnn: measure(|figures| figures.fd_cgcnn),
    }
}

fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_spread() {
        let (mean, std) = mean_and_std(&[1.0, 2.0, 3.0]);
        assert!((mean - 2.0).abs() < 1e-12 && (std - 1.0).abs() < 1e-12);
        assert_eq!(mean_and_std(&[4.0]), (4.0, 0.0));
    }

    #[test]
    fn a_missing_figure_stays_missing() {
        let draw = Figures { cov_p: Some(1.0), cov_r: Some(0.5), fd_crystalnn: Some(0.1), fd_cgcnn: None };
        let figures = over_draws(&[draw, draw]);
        assert!(figures.fd_cgcnn.is_none());
        assert_eq!(figures.cov_r.map(|m| m.value), Some(0.5));
    }

    #[test]
    fn choices_differ_by_stream_and_never_repeat() {
        let mut first = choose(100, 50, 3, 0);
        assert_ne!(first, choose(100, 50, 3, 1));
        assert_eq!(first, choose(100, 50, 3, 0));
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 50);
        assert_eq!(choose(5, 50, 3, 0).len(), 5);
    }
}
