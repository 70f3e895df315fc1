//! Voronoi facets against Qhull's and against `meshless_voronoi`.

use std::f64::consts::PI;

use glam::DVec3;
use meshless_voronoi::integrals::AreaIntegral;
use meshless_voronoi::{Dimensionality, VoronoiIntegrator};
use metrics::{Facet, voronoi_facets};
use serde::Deserialize;
use test_support::{Crystal, GoldenSet, golden_tests};

#[derive(Deserialize)]
struct GoldenStructure {
    id: String,
    #[serde(flatten)]
    crystal: Crystal,
}

/// Per site, rows of distance, atomic number, solid angle, area.
#[derive(Deserialize)]
struct GoldenFacets {
    id: String,
    facets: Vec<Vec<[f64; 4]>>,
}

/// Smaller ones are left out of the golden file.
const SMALLEST_SOLID_ANGLE: f64 = 1e-6;
const TOLERANCE: f64 = 2e-8;

golden_tests!(facets_match_qhull, areas_match_meshless_voronoi);

fn facets_match_qhull(golden: GoldenSet) {
    let structures: Vec<GoldenStructure> = golden.read("structures");
    let facets: Vec<GoldenFacets> = golden.read("voronoi_facets");
    assert_eq!(structures.len(), facets.len());
    let mut worst = [0.0_f64; 3];
    let mut n_facets = 0;
    for (entry, expected) in structures.iter().zip(&facets) {
        assert_eq!(entry.id, expected.id);
        let structure = entry.crystal.structure();
        for (site, expected) in expected.facets.iter().enumerate() {
            let facets = voronoi_facets(&structure, site).unwrap_or_else(|error| panic!("{}: {error}", entry.id));
            let total: f64 = facets.iter().map(|facet| facet.solid_angle).sum();
            assert!((total - 4.0 * PI).abs() < 1e-7, "{} site {site}: the sphere has {total} sr", entry.id);
            // A little above the golden file's limit, so that a facet just at it is missing on neither side.
            let large = |row: &[f64; 4]| row[2] > 1.01 * SMALLEST_SOLID_ANGLE;
            let rows: Vec<_> = facets.iter().map(|facet| row(&structure, facet)).filter(large).collect();
            let mut expected: Vec<_> = expected.iter().filter(|row| large(row)).copied().collect();
            assert_eq!(rows.len(), expected.len(), "{} site {site}", entry.id);
            for row in rows {
                // Facets at equal distances come in any order: take the golden one that is most alike.
                let unlike = |other: &[f64; 4]| row.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                let nearest =
                    (0..expected.len()).min_by(|a, b| unlike(&expected[*a]).total_cmp(&unlike(&expected[*b])));
                let expected = expected.swap_remove(nearest.expect("as many golden rows as ours"));
                assert_eq!(row[1], expected[1], "{} site {site}", entry.id);
                for (column, worst) in [0, 2, 3].into_iter().zip(&mut worst) {
                    *worst = worst.max((row[column] - expected[column]).abs() / expected[column].max(1.0));
                }
                n_facets += 1;
            }
        }
    }
    println!("{n_facets} facets; largest difference in distance, solid angle, area: {worst:?}");
    assert!(n_facets > golden.at_least(5_000, 10_000) && worst.iter().all(|worst| *worst < TOLERANCE));
}

fn row(structure: &crystal_core::Structure, facet: &Facet) -> [f64; 4] {
    let number = structure.sites()[facet.neighbour.site].species.atomic_number();
    [facet.distance, f64::from(number), facet.solid_angle, facet.area]
}

/// Half the edge of the other code's box, Å. It panics on some crystals in larger boxes.
const HALF_BOX: f64 = 20.0;

fn areas_match_meshless_voronoi(golden: GoldenSet) {
    let structures: Vec<GoldenStructure> = golden.read("structures");
    let mut compared = 0;
    for entry in &structures {
        let structure = entry.crystal.structure();
        let facets = voronoi_facets(&structure, 0).unwrap_or_else(|error| panic!("{}: {error}", entry.id));
        // The facets' own neighbours and no others make the same cell.
        let mut points = vec![DVec3::ZERO];
        points.extend(facets.iter().map(|facet| DVec3::from_array(facet.neighbour.vector.into())));
        if points.iter().any(|point| point.abs().max_element() > HALF_BOX) {
            continue;
        }
        let mut mask = vec![false; points.len()];
        mask[0] = true;
        let integrator = VoronoiIntegrator::build(
            &points,
            Some(&mask),
            DVec3::splat(-HALF_BOX),
            DVec3::splat(2.0 * HALF_BOX),
            Dimensionality::ThreeD,
            false,
        );
        let cell = integrator.get_cell_at(0).expect("the masked cell");
        let mut areas = vec![0.0; points.len()];
        let mut open = false;
        for face in cell.compute_face_integrals::<(), AreaIntegral>(()) {
            match face.right() {
                Some(point) => areas[point] += face.integral().area,
                None => open |= face.integral().area > 0.0,
            }
        }
        if open {
            continue;
        }
        for (facet, area) in facets.iter().zip(&areas[1..]) {
            assert!((facet.area - area).abs() < 1e-7, "{}: {} {area}", entry.id, facet.area);
        }
        compared += 1;
    }
    println!("{compared} cells compared");
    assert!(compared > golden.at_least(30, 60));
}
