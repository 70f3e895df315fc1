//! Facets and chemical potentials against the linear programme.

use std::sync::Arc;

use approx::assert_abs_diff_eq;
use crystal_core::{Composition, Species};
use proptest::prelude::*;
use stability::{Diagram, Facet, Fractions, Hull, Mark, Phase, StabilityError, phase_diagram, table_text};

fn element(symbol: &str) -> Species {
    symbol.parse().expect("a symbol")
}

fn formula(text: &str) -> Composition {
    Composition::from_formula(text).expect("a formula")
}

/// A hull of formation energies (eV/atom) with elements at zero.
fn hull(elements: &[&str], compounds: &[(&str, f64)]) -> Hull {
    let ends = elements.iter().map(|symbol| Phase::element_at_zero(element(symbol)));
    let compounds = compounds.iter().map(|(text, energy)| Phase::new(*text, &formula(text), *energy).expect("a phase"));
    Hull::new(elements.iter().map(|symbol| element(symbol)), ends.chain(compounds).map(Arc::new))
}

fn names(phases: &[Arc<Phase>]) -> Vec<&str> {
    let mut names: Vec<&str> = phases.iter().map(|phase| phase.id()).collect();
    names.sort_unstable();
    names
}

fn mg_si() -> Hull {
    hull(&["Mg", "Si"], &[("MgSi", -1.0), ("Mg3Si", -0.5), ("MgSi3", -0.25), ("MgSi7", 0.0)])
}

#[test]
fn segments_of_a_binary() -> Result<(), StabilityError> {
    let facets = mg_si().facets()?;
    assert_eq!(facets.len(), 2);
    assert_eq!(names(&facets[0].corners), ["Mg", "MgSi"]);
    assert_eq!(names(&facets[0].between), ["Mg3Si"], "exactly on the line");
    assert_eq!(names(&facets[1].corners), ["MgSi", "Si"]);
    assert!(facets[1].between.is_empty());
    Ok(())
}

#[test]
fn a_tie_is_one_polygon() -> Result<(), StabilityError> {
    let hull = hull(&["Ga", "In", "P"], &[("GaP", -0.5), ("InP", -0.5)]);
    let facets = hull.facets()?;
    let four: Vec<&Facet> = facets.iter().filter(|facet| facet.corners.len() == 4).collect();
    assert_eq!(four.len(), 1, "{facets:?}");
    assert_eq!(names(&four[0].corners), ["Ga", "GaP", "In", "InP"]);
    assert_eq!(facets.len(), 2);
    Ok(())
}

#[test]
fn only_two_and_three_elements_have_facets() {
    let error = hull(&["Ga", "In", "P", "As"], &[]).facets().expect_err("four elements");
    assert!(matches!(error, StabilityError::Dimension { n_elements: 4, .. }), "{error}");
}

#[test]
fn chemical_potentials_of_a_binary() -> Result<(), StabilityError> {
    let hull = mg_si();
    let [mg, si] = hull.chemical_potentials("MgSi")?[..] else { panic!("two elements") };
    // Formation energy −2 eV per formula unit, shared between the elements: one at zero, the other at −2.
    for range in [mg, si] {
        assert_abs_diff_eq!(range.upper, 0.0, epsilon = 1e-9);
        assert_abs_diff_eq!(range.lower.expect("a limit"), -2.0, epsilon = 1e-9);
    }
    let [mg, si] = hull.chemical_potentials("Mg3Si")?[..] else { panic!("two elements") };
    // On the tie line: no freedom at all.
    assert_abs_diff_eq!(mg.upper, 0.0, epsilon = 1e-9);
    assert_abs_diff_eq!(mg.lower.expect("a limit"), 0.0, epsilon = 1e-9);
    assert_abs_diff_eq!(si.upper, -2.0, epsilon = 1e-9);
    let [mg, si] = hull.chemical_potentials("Mg")?[..] else { panic!("two elements") };
    assert_abs_diff_eq!(mg.lower.expect("a limit"), 0.0, epsilon = 1e-9);
    assert_eq!(si.lower, None, "without silicon");
    assert_abs_diff_eq!(si.upper, -2.0, epsilon = 1e-9);
    assert!(matches!(hull.chemical_potentials("MgSi3"), Err(StabilityError::NotStable { .. })));
    assert!(matches!(hull.chemical_potentials("MgSi9"), Err(StabilityError::UnknownPhase { .. })));
    Ok(())
}

#[test]
fn energies_apart_by_a_billionth() -> Result<(), StabilityError> {
    // GaP with In and InP with Ga are nearly as low: the solver's own tolerance must not decide.
    for step in [1e-8, 1e-9, 1e-10, 1e-11, 1e-12] {
        for (gallium, indium, expected) in [(0.0, step, ["Ga", "InP"]), (step, 0.0, ["GaP", "In"])] {
            let hull = hull(&["Ga", "In", "P"], &[("GaP", -0.5 - gallium), ("InP", -0.5 - indium)]);
            let found = hull.decompose(&Fractions::of(&formula("GaInP"))?)?;
            let phases: Vec<Arc<Phase>> = found.parts.iter().map(|part| Arc::clone(&part.phase)).collect();
            assert_eq!(names(&phases), expected, "{step}");
            assert_abs_diff_eq!(found.energy_per_atom, (-0.5 - step) * 2.0 / 3.0, epsilon = 1e-14);
        }
    }
    Ok(())
}

#[test]
fn pictures_and_tables() -> Result<(), StabilityError> {
    let mark =
        |text: &str, energy| Mark { label: format!("{text}<&"), composition: formula(text), energy_per_atom: energy };
    let Diagram::Svg(svg) = phase_diagram(&mg_si(), &[mark("Mg2Si", -0.6), mark("MgSi2", 0.9)], "a caption")? else {
        panic!("a picture of two elements")
    };
    assert!(
        svg.starts_with("<svg") && svg.contains("a caption") && svg.contains("MgSi") && svg.contains("Mg₂Si&lt;&amp;"),
        "{svg}"
    );
    let ternary = hull(&["Ga", "In", "P"], &[("GaP", -0.5), ("InP", -0.5)]);
    let Diagram::Svg(svg) = phase_diagram(&ternary, &[mark("GaInP2", -0.55)], "")? else {
        panic!("a picture of three elements")
    };
    assert!(svg.contains("Ga–P–In") || svg.contains("P–Ga–In"), "{svg}");
    let quaternary = hull(&["Ga", "In", "P", "As"], &[("GaP", -0.5), ("InAs", -0.3), ("GaAs", 0.1)]);
    let Diagram::Table(rows) = phase_diagram(&quaternary, &[mark("GaInAsP", -0.35)], "")? else { panic!("a table") };
    let text = table_text(&rows);
    assert_eq!(text.lines().count(), 2 + 6 + 1, "{text}");
    assert!(text.contains("| 50.0 | 0.500 GaP + 0.500 InAs |"), "{text}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Facets cover every composition once, and the energy on them is that of the linear programme.
    #[test]
    fn facets_are_the_linear_programme(
        compounds in prop::collection::vec((0..5_u32, 0..5_u32, 0..5_u32, -1.0..0.2_f64), 0..25),
        query in (0.01..1.0_f64, 0.01..1.0_f64, 0.01..1.0_f64),
    ) {
        let elements = [element("Al"), element("Ni"), element("Zr")];
        let mut phases: Vec<Arc<Phase>> = elements.iter().map(|element| Arc::new(Phase::element_at_zero(*element))).collect();
        for (index, (a, b, c, energy)) in compounds.into_iter().enumerate() {
            let counts = elements.into_iter().zip([a, b, c]).filter(|(_, count)| *count > 0);
            let composition: Composition = counts.collect();
            if composition.n_elements() > 1 {
                phases.push(Arc::new(Phase::new(format!("x{index}"), &composition, energy).expect("a phase")));
            }
        }
        let hull = Hull::new(elements, phases);
        let fractions = Fractions::from_amounts(elements.into_iter().zip([query.0, query.1, query.2])).expect("fractions");
        let x = elements.map(|element| fractions.of_element(element));
        let expected = hull.decompose(&fractions).expect("a decomposition").energy_per_atom;
        let mut areas = 0.0;
        let mut found = Vec::new();
        for facet in hull.facets().expect("facets") {
            let corners: Vec<([f64; 3], f64)> = facet.corners.iter().map(|phase| {
                let of_phase = Fractions::of(phase.composition()).expect("a composition");
                (elements.map(|element| of_phase.of_element(element)), phase.energy_per_atom())
            }).collect();
            for pair in corners[1..].windows(2) {
                let matrix = nalgebra::Matrix3::from_columns(&[corners[0].0.into(), pair[0].0.into(), pair[1].0.into()]);
                areas += matrix.determinant().abs();
                let weights = matrix.try_inverse().expect("a triangle") * nalgebra::Vector3::from(x);
                if weights.iter().all(|weight| *weight > -1e-12) {
                    found.push(weights[0] * corners[0].1 + weights[1] * pair[0].1 + weights[2] * pair[1].1);
                }
            }
        }
        prop_assert!((areas - 1.0).abs() < 1e-9, "the facets cover {areas} of the triangle");
        prop_assert!(!found.is_empty());
        for energy in found {
            prop_assert!((energy - expected).abs() < 1e-9, "{energy} {expected}");
        }
    }

    /// No phase lies below the hull, adding a phase never lifts it, and the energy does not depend on the order of
    /// phases.
    #[test]
    fn hulls_are_lower_bounds(
        compounds in prop::collection::vec((0..4_u32, 0..4_u32, 0..4_u32, 0..4_u32, -1.0..0.2_f64), 1..25),
    ) {
        let elements = [element("Na"), element("K"), element("O"), element("S")];
        let ends = elements.map(|element| Arc::new(Phase::element_at_zero(element)));
        let mut phases = Vec::new();
        for (index, (a, b, c, d, energy)) in compounds.into_iter().enumerate() {
            let composition: Composition = elements.into_iter().zip([a, b, c, d]).filter(|(_, count)| *count > 0).collect();
            if composition.n_elements() > 1 {
                phases.push(Arc::new(Phase::new(format!("x{index}"), &composition, energy).expect("a phase")));
            }
        }
        let hull = Hull::new(elements, ends.iter().chain(&phases).cloned());
        let turned = Hull::new(elements, phases.iter().rev().chain(&ends).cloned());
        for phase in &phases {
            let placement = hull.place_phase(phase).expect("a place");
            prop_assert!(placement.energy_above_hull >= 0.0);
            prop_assert_eq!(&placement, &turned.place_phase(phase).expect("a place"));
            let without = hull.without(&[phase.id()]).place_phase(phase).expect("a place");
            if without.energy_above_hull < -1e-9 {
                prop_assert_eq!(placement.energy_above_hull, 0.0);
            }
            if placement.energy_above_hull > 1e-9 {
                prop_assert!((without.energy_above_hull - placement.energy_above_hull).abs() < 1e-9);
            }
        }
    }
}
