//! Magpie composition features (Ward et al., npj Comput. Mater. 2, 16028 (2016)): six statistics of 22 properties of
//! the elements.

use std::sync::LazyLock;

use crystal_core::Composition;

pub use crate::tables::N_MAGPIE;
use crate::tables::{N_PROPERTIES, magpie_properties, magpie_scaler};

static LABELS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = include_str!("../assets/tables/magpie132_labels.json");
    serde_json::from_str(text).expect("the embedded list of labels is well formed")
});

/// Names of the features, such as `MagpieData mean MeltingT`, in their order.
pub fn magpie_labels() -> &'static [String] {
    &LABELS
}

/// For each of 22 properties: minimum, maximum, range, mean, average deviation from the mean, mode; weighted by atom
/// counts. NaN where a property of an element is unknown (the mode only if it is that of a most frequent element).
/// Units are those of the Magpie tables.
pub fn magpie_features(composition: &Composition) -> [f64; N_MAGPIE] {
    let elements: Vec<_> =
        composition.iter().map(|(species, count)| (magpie_properties(species), f64::from(count))).collect();
    let mut features = [f64::NAN; N_MAGPIE];
    for property in 0..N_PROPERTIES {
        let values: Vec<(f64, f64)> =
            elements.iter().map(|(properties, count)| (properties[property], *count)).collect();
        features[6 * property..6 * (property + 1)].copy_from_slice(&statistics(&values));
    }
    features
}

/// [`magpie_features`] minus the mean over the standard deviation of CDVAE's training set; unknown ones are 0, the
/// mean.
pub fn scaled_magpie(composition: &Composition) -> [f64; N_MAGPIE] {
    let mut features = magpie_features(composition);
    for (feature, (mean, deviation)) in features.iter_mut().zip(magpie_scaler()) {
        *feature = if feature.is_nan() { 0.0 } else { (*feature - mean) / deviation };
    }
    features
}

/// Statistics of `(value, count)`.
fn statistics(values: &[(f64, f64)]) -> [f64; 6] {
    // f64::min would skip a NaN, which has to show.
    let extreme = |pick: fn(f64, f64) -> f64| {
        values
            .iter()
            .map(|(value, _)| *value)
            .reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { pick(a, b) })
            .unwrap_or(f64::NAN)
    };
    let (minimum, maximum) = (extreme(f64::min), extreme(f64::max));
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let mean = values.iter().map(|(value, count)| value * count).sum::<f64>() / total;
    let deviation = values.iter().map(|(value, count)| (value - mean).abs() * count).sum::<f64>() / total;
    let most = values.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    let mode = values
        .iter()
        .filter(|(_, count)| (count - most).abs() <= 1e-8 + 1e-5 * most)
        .map(|(value, _)| *value)
        .reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) })
        .unwrap_or(f64::NAN);
    [minimum, maximum, maximum - minimum, mean, deviation, mode]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_an_oxide() {
        assert_eq!(statistics(&[(8.0, 3.0), (13.0, 2.0)]), [8.0, 13.0, 5.0, 10.0, 2.4, 8.0]);
    }

    #[test]
    fn unknown_values_show() {
        let [minimum, .., mode] = statistics(&[(1.0, 2.0), (f64::NAN, 1.0)]);
        assert!(minimum.is_nan());
        assert_eq!(mode, 1.0);
        assert!(statistics(&[(1.0, 1.0), (f64::NAN, 1.0)])[5].is_nan());
    }

    #[test]
    fn a_common_factor_changes_nothing() {
        let small: Composition = "Al:2,O:3".parse().expect("a composition");
        let large: Composition = "Al:4,O:6".parse().expect("a composition");
        assert_eq!(scaled_magpie(&small), scaled_magpie(&large));
        assert_eq!(magpie_labels().len(), N_MAGPIE);
    }
}
