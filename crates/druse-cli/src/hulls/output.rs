//! What `druse hull` prints and draws.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use crystal_core::Species;
use druse::output::{writable_folder, write_file};
use serde::Serialize;
use stability::{Diagram, Mark, Placed, Product, Source, phase_diagram, table_text};

use super::super::inputs::Row;
use super::super::terminal;
use super::candidates::Candidate;
use super::phases::Phases;

#[derive(Serialize)]
pub(super) struct Document {
    pub entries: Vec<Row<Placed>>,
    pub stable: Vec<String>,
    pub potential: Option<Source>,
    pub reference: Source,
}

impl Document {
    pub(super) fn print_json(&self) -> Result<()> {
        terminal::print_json(self)
    }

    pub(super) fn print(&self) -> Result<()> {
        let mut table = terminal::table(&[
            "id",
            "formula",
            "group",
            "formation energy, eV/atom",
            "above the hull, eV/atom",
            "decomposes into",
        ]);
        for Row { id, numbers, .. } in &self.entries {
            if let Some(placed) = numbers {
                let part = |product: &Product| format!("{:.3} {} ({})", product.fraction, product.formula, product.id);
                table.add_row([
                    id.clone(),
                    placed.formula.clone(),
                    placed.space_group.map_or_else(String::new, |group| group.to_string()),
                    format!("{:.4}", placed.formation_energy_per_atom),
                    format!("{:.4}", placed.energy_above_hull),
                    placed.decomposition.iter().map(part).collect::<Vec<_>>().join(", "),
                ]);
            }
        }
        terminal::print_table(&table)?;
        terminal::print(&format!("on the hull: {}\nreference: {}\n", self.stable.join(", "), self.reference))
    }
}

/// Writes the phase diagram of each system.
pub(super) fn draw(
    folder: &Path,
    phases: &Phases<'_>,
    systems: &[BTreeSet<Species>],
    candidates: &[Candidate],
    reference: &Source,
) -> Result<()> {
    writable_folder(folder)?;
    for elements in systems {
        let mark = |candidate: &Candidate| {
            let (composition, energy_per_atom) = candidate.energy.clone().ok()?;
            let inside = composition.iter().all(|(element, _)| elements.contains(&element));
            inside.then(|| Mark { label: candidate.id.clone(), composition, energy_per_atom })
        };
        let marks: Vec<Mark> = candidates.iter().filter_map(mark).collect();
        let hull = phases.hull(elements.clone());
        match phase_diagram(&hull, &marks, &format!("reference: {reference}"))? {
            Diagram::Svg(svg) => write_file(&folder.join(format!("{}.svg", hull.system())), svg)?,
            Diagram::Table(rows) => write_file(&folder.join(format!("{}.txt", hull.system())), table_text(&rows))?,
        }
    }
    Ok(())
}
