//! The 61 features of a site: for each coordination number its weight and the order parameters that belong to it.

use std::sync::LazyLock;

use crate::order_parameters::OrderParameter::{self, *};

/// Number of features of a site.
pub const N_FEATURES: usize = 61;
/// Largest coordination number with a feature.
pub(crate) const MAX_COORDINATION: usize = 24;

const SOUTH: f64 = 2.356194490192345;
const NO_PARAMETERS: &[OrderParameter] = &[];
const TETRAHEDRAL: f64 = 0.6081734479693927;
const STEINHARDT: &[OrderParameter] = &[Steinhardt(2), Steinhardt(4), Steinhardt(6)];

/// Order parameters of each coordination number from 1 on, in the order of the features (matminer's preset 'ops').
const ORDER_PARAMETERS: [&[OrderParameter]; MAX_COORDINATION] = [
    &[SingleBond],
    &[
        Bent { target: 0.5, width: 15.15 },
        Bent { target: 0.5802777777777778, width: 13.95 },
        Bent { target: 0.666666666667, width: 13.25 },
        Bent { target: 0.833333333333333, width: 12.45 },
        Bent { target: 1.0, width: 8.667 },
    ],
    &[
        Polar { target: 0.66666666667, width: 17.5, fold: 1.0 },
        Polar { target: TETRAHEDRAL, width: 18.33, fold: 1.5 },
        Pyramid { width: 15.5, fold: 1.0 },
    ],
    &[
        Bipyramid { south: SOUTH, south_width: 13.5, width: 17.7, fold: 1.0 },
        Polar { target: TETRAHEDRAL, width: 18.5, fold: 1.5 },
        SeeSaw { south: SOUTH, south_width: 11.5, width: 27.0, fold: 2.0 },
        Bipyramid { south: SOUTH, south_width: 12.75, width: 15.75, fold: 1.5 },
        Pyramid { width: 15.5, fold: 1.5 },
    ],
    &[
        PentagonalPlane { target: 0.6, width: 19.333 },
        Pyramid { width: 14.9, fold: 2.0 },
        Bipyramid { south: SOUTH, south_width: 12.0, width: 16.6, fold: 1.5 },
    ],
    &[
        HexagonalPlane { south: 2.6179938779914944, south_width: 7.5, target: 0.16666667, width: 25.0 },
        Bipyramid { south: SOUTH, south_width: 15.0, width: 18.0, fold: 2.0 },
        Pyramid { width: 13.8, fold: 2.5 },
    ],
    &[Pyramid { width: 12.5, fold: 3.0 }, Bipyramid { south: SOUTH, south_width: 12.5, width: 14.75, fold: 2.5 }],
    &[
        BodyCentredCube { south: 2.5261129449194057, south_width: 15.0, south_weight: 6.0 },
        Bipyramid { south: SOUTH, south_width: 14.1, width: 13.6, fold: 3.0 },
    ],
    STEINHARDT,
    STEINHARDT,
    STEINHARDT,
    &[Cuboctahedron, Steinhardt(2), Steinhardt(4), Steinhardt(6)],
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
    NO_PARAMETERS,
];

/// Order parameters of coordination number `number` and the index of its first feature, the weight; `None` for 0 and
/// above 24.
pub(crate) fn of_coordination(number: usize) -> Option<(usize, &'static [OrderParameter])> {
    if number == 0 || number > MAX_COORDINATION {
        return None;
    }
    let first = ORDER_PARAMETERS[..number - 1].iter().map(|parameters| 1 + parameters.len()).sum();
    Some((first, ORDER_PARAMETERS[number - 1]))
}

static LABELS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = include_str!("../assets/tables/crystalnn61_labels.json");
    serde_json::from_str(text).expect("the embedded list of labels is well formed")
});

/// Names of the features, such as `octahedral CN_6`, in their order.
pub fn feature_labels() -> &'static [String] {
    &LABELS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_matches_the_labels() {
        assert_eq!(feature_labels().len(), N_FEATURES);
        for number in 1..=MAX_COORDINATION {
            let (first, parameters) = of_coordination(number).expect("a coordination number with features");
            assert_eq!(feature_labels()[first], format!("wt CN_{number}"));
            for label in &feature_labels()[first..=first + parameters.len()] {
                assert!(label.ends_with(&format!(" CN_{number}")), "{label}");
            }
        }
        assert!(of_coordination(0).is_none() && of_coordination(25).is_none());
    }
}
