//! Draws the phase diagrams of the documentation from invented energies:
//! `cargo run -p druse-stability --example phase_diagrams -- DIR`.

use std::path::PathBuf;
use std::sync::Arc;

use crystal_core::{Composition, Species};
use stability::{Diagram, Hull, Mark, Phase, phase_diagram};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A hull of formation energies (eV/atom) with elements at zero.
fn hull(elements: &[&str], compounds: &[(&str, f64)]) -> Result<Hull, Box<dyn std::error::Error>> {
    let elements = elements.iter().map(|symbol| symbol.parse()).collect::<Result<Vec<Species>, _>>()?;
    let mut phases: Vec<Arc<Phase>> =
        elements.iter().map(|element| Arc::new(Phase::element_at_zero(*element))).collect();
    for (formula, energy) in compounds {
        phases.push(Arc::new(Phase::new(*formula, &Composition::from_formula(formula)?, *energy)?));
    }
    Ok(Hull::new(elements, phases))
}

fn marks(candidates: &[(&str, f64)]) -> Result<Vec<Mark>, Box<dyn std::error::Error>> {
    let mark = |(formula, energy): &(&str, f64)| {
        let composition = Composition::from_formula(formula)?;
        Ok(Mark { label: (*formula).to_owned(), composition, energy_per_atom: *energy })
    };
    candidates.iter().map(mark).collect()
}

fn main() -> Outcome {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder for the pictures")?);
    let caption = "Invented energies, for the documentation";
    let binary = hull(
        &["Mg", "Si"],
        &[
            ("Mg2Si", -0.21),
            ("MgSi", -0.11),
            ("Mg3Si", -0.09),
            ("MgSi2", -0.02),
            ("Mg5Si6", -0.16),
            ("Mg9Si5", -0.12),
            ("MgSi3", 0.09),
        ],
    )?;
    let of_binary = marks(&[("Mg3Si2", -0.20), ("MgSi4", -0.01), ("Mg4Si", 0.13), ("Mg2Si3", -0.10)])?;
    let ternary = hull(
        &["Cu", "Si", "K"],
        &[
            ("Cu3Si", -0.06),
            ("Cu5Si", -0.04),
            ("KSi", -0.17),
            ("K8Si46", -0.08),
            ("KSi2", -0.05),
            ("Cu2K", 0.05),
            ("KCu4Si", 0.01),
            ("KCu2Si2", -0.05),
            ("K3Cu8Si6", -0.06),
        ],
    )?;
    let of_ternary =
        marks(&[("Cu2KSi", -0.11), ("CuKSi", -0.04), ("Cu4K2Si3", -0.02), ("CuK3Si", 0.12), ("Cu3KSi4", -0.04)])?;
    for (name, hull, marks) in [("binary", &binary, &of_binary), ("ternary", &ternary, &of_ternary)] {
        if let Diagram::Svg(svg) = phase_diagram(hull, marks, caption)? {
            std::fs::write(folder.join(format!("phase-diagram-{name}.svg")), svg)?;
        }
    }
    Ok(())
}
