//! Coverage of a reference set by a generated one (COV of Xu et al., ICLR 2022 'GeoDiff', for crystals: CDVAE, ICLR
//! 2022).

use rayon::prelude::*;

use crate::MetricsError;

/// How near counts as covered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoverageCutoffs {
    /// Largest Euclidean distance of mean CrystalNN vectors.
    pub structure: f64,
    /// Largest Euclidean distance of scaled Magpie vectors.
    pub composition: f64,
}

impl CoverageCutoffs {
    /// CDVAE's cut-offs for MP-20.
    pub const MP_20: Self = Self { structure: 0.4, composition: 10.0 };
    /// CDVAE's cut-offs for Perov-5 and Carbon-24.
    pub const PEROV_5: Self = Self { structure: 0.2, composition: 4.0 };
}

/// Coverage and mean nearest distances, both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Share of the generated structures near the reference (COV-P), of ALL generated ones: also of those without a
    /// fingerprint.
    pub precision: f64,
    /// Share of the reference structures near a generated one (COV-R).
    pub recall: f64,
    /// Mean over the generated of the smallest structure distance to the reference.
    pub amsd_precision: f64,
    /// Mean over the reference of the smallest structure distance to the generated.
    pub amsd_recall: f64,
    /// Mean over the generated of the smallest composition distance to the reference.
    pub amcd_precision: f64,
    /// Mean over the reference of the smallest composition distance to the generated.
    pub amcd_recall: f64,
}

/// The fingerprints of one structure that coverage compares.
#[derive(Debug, Clone, Copy)]
pub struct CoveragePoint<'a> {
    /// Mean CrystalNN vector.
    pub structure: &'a [f64],
    /// Scaled Magpie vector.
    pub composition: &'a [f64],
}

/// Coverage of `reference` by `generated`, the points that have fingerprints. `n_generated_total` is the number of
/// generated structures including those without (the denominator of COV-P). The nearest structure and the nearest
/// composition of a point may belong to different partners, as in CDVAE.
///
/// # Errors
/// [`MetricsError::EmptySet`], [`MetricsError::Dimension`], [`MetricsError::NotFinite`].
pub fn coverage(
    generated: &[CoveragePoint<'_>],
    reference: &[CoveragePoint<'_>],
    n_generated_total: usize,
    cutoffs: CoverageCutoffs,
) -> Result<Coverage, MetricsError> {
    check(generated, reference)?;
    let structures =
        nearest(&columns(generated, |point| point.structure), &columns(reference, |point| point.structure));
    let compositions =
        nearest(&columns(generated, |point| point.composition), &columns(reference, |point| point.composition));
    let covered = |structures: &[f64], compositions: &[f64]| {
        let near = |(structure, composition): (&f64, &f64)| {
            *structure <= cutoffs.structure && *composition <= cutoffs.composition
        };
        structures.iter().zip(compositions).filter(|distances| near(*distances)).count() as f64
    };
    let mean = |distances: &[f64]| distances.iter().sum::<f64>() / distances.len() as f64;
    Ok(Coverage {
        precision: covered(&structures.0, &compositions.0) / n_generated_total.max(generated.len()) as f64,
        recall: covered(&structures.1, &compositions.1) / reference.len() as f64,
        amsd_precision: mean(&structures.0),
        amsd_recall: mean(&structures.1),
        amcd_precision: mean(&compositions.0),
        amcd_recall: mean(&compositions.1),
    })
}

fn check(generated: &[CoveragePoint<'_>], reference: &[CoveragePoint<'_>]) -> Result<(), MetricsError> {
    let first = |set, points: &[CoveragePoint<'_>]| match points.first() {
        Some(point) => Ok([point.structure.len(), point.composition.len()]),
        None => Err(MetricsError::EmptySet { set, needed: 1 }),
    };
    first("generated", generated)?;
    let lengths = first("reference", reference)?;
    for (set, points) in [("generated", generated), ("reference", reference)] {
        for (index, point) in points.iter().enumerate() {
            for (vector, expected) in [point.structure, point.composition].into_iter().zip(lengths) {
                if vector.len() != expected {
                    return Err(MetricsError::Dimension { set, index, found: vector.len(), expected });
                }
                if vector.iter().any(|x| !x.is_finite()) {
                    return Err(MetricsError::NotFinite { set, index });
                }
            }
        }
    }
    Ok(())
}

fn columns<'a>(points: &[CoveragePoint<'a>], pick: impl Fn(&CoveragePoint<'a>) -> &'a [f64]) -> Vec<&'a [f64]> {
    points.iter().map(pick).collect()
}

/// Distance of each point of either set to the nearest of the other.
fn nearest(generated: &[&[f64]], reference: &[&[f64]]) -> (Vec<f64>, Vec<f64>) {
    (nearest_one_way(generated, reference), nearest_one_way(reference, generated))
}

fn nearest_one_way(from: &[&[f64]], to: &[&[f64]]) -> Vec<f64> {
    from.par_iter()
        .map(|point| to.iter().fold(f64::INFINITY, |best, other| squared_distance_below(point, other, best)).sqrt())
        .collect()
}

/// The smaller of `best` and the squared distance. The sum runs in lanes, which the compiler turns into vector
/// instructions, and is given up as soon as it cannot win.
fn squared_distance_below(a: &[f64], b: &[f64], best: f64) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (blocks_a, blocks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = blocks_a.remainder().iter().zip(blocks_b.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (index, (block_a, block_b)) in blocks_a.zip(blocks_b).enumerate() {
        for lane in 0..LANES {
            let difference = block_a[lane] - block_b[lane];
            lanes[lane] += difference * difference;
        }
        if index % 4 == 3 && lanes.iter().sum::<f64>() >= best {
            return best;
        }
    }
    best.min(rest + lanes.iter().sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: [f64; 2] = [9.0, 0.0];
    const ORIGIN: [f64; 2] = [0.0, 0.0];

    #[test]
    fn minima_may_have_different_partners() {
        // The generated point is near the first reference point in structure only, near the second in composition only.
        let generated = [CoveragePoint { structure: &ORIGIN, composition: &ORIGIN }];
        let far = [900.0, 0.0];
        let reference = [
            CoveragePoint { structure: &ORIGIN, composition: &far },
            CoveragePoint { structure: &FAR, composition: &ORIGIN },
        ];
        let found = coverage(&generated, &reference, 2, CoverageCutoffs::MP_20).expect("two sets");
        assert_eq!((found.precision, found.recall), (0.5, 0.0));
        assert_eq!((found.amsd_precision, found.amsd_recall, found.amcd_recall), (0.0, 4.5, 450.0));
    }

    #[test]
    fn empty_and_ragged_sets_are_errors() {
        let point = CoveragePoint { structure: &ORIGIN, composition: &ORIGIN };
        let ragged = CoveragePoint { structure: &ORIGIN[..1], composition: &ORIGIN };
        let nan = [f64::NAN, 0.0];
        let broken = CoveragePoint { structure: &nan, composition: &ORIGIN };
        assert!(matches!(
            coverage(&[], &[point], 0, CoverageCutoffs::MP_20),
            Err(MetricsError::EmptySet { set: "generated", .. })
        ));
        assert!(matches!(
            coverage(&[point], &[], 1, CoverageCutoffs::MP_20),
            Err(MetricsError::EmptySet { set: "reference", .. })
        ));
        assert!(matches!(
            coverage(&[ragged], &[point], 1, CoverageCutoffs::MP_20),
            Err(MetricsError::Dimension { .. })
        ));
        assert!(matches!(
            coverage(&[broken], &[point], 1, CoverageCutoffs::MP_20),
            Err(MetricsError::NotFinite { .. })
        ));
    }
}
