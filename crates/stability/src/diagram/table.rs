//! The table of a phase diagram.

use crystal_core::SpaceGroupNumber;

use super::{Mark, PlacedMark, placed};
use crate::{Decomposition, Hull, StabilityError};

/// A phase or a candidate with its place on the hull.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// Id of the phase, label of the candidate.
    pub id: String,
    /// Its formula.
    pub formula: String,
    /// Its space group, where that is known.
    pub space_group: Option<SpaceGroupNumber>,
    /// Whether it is a candidate.
    pub is_candidate: bool,
    /// eV/atom.
    pub formation_energy_per_atom: f64,
    /// eV/atom.
    pub energy_above_hull: f64,
    /// What it decomposes into: itself for a phase on the hull.
    pub decomposition: Decomposition,
}

/// The phases on the hull and the candidates, each group by energy above the hull and then by formula.
///
/// # Errors
/// As [`Hull::stable`] and [`Hull::place`].
pub fn table(hull: &Hull, marks: &[Mark]) -> Result<Vec<TableRow>, StabilityError> {
    let mut rows = Vec::new();
    for phase in hull.stable()? {
        let placement = hull.place_phase(phase)?;
        rows.push(TableRow {
            id: phase.id().to_owned(),
            formula: phase.formula(),
            space_group: phase.space_group(),
            is_candidate: false,
            formation_energy_per_atom: placement.formation_energy_per_atom,
            energy_above_hull: placement.energy_above_hull,
            decomposition: placement.decomposition,
        });
    }
    rows.sort_by(|a, b| a.formula.cmp(&b.formula));
    let mut candidates: Vec<TableRow> = placed(hull, marks)?.into_iter().map(candidate).collect();
    candidates
        .sort_by(|a, b| a.energy_above_hull.total_cmp(&b.energy_above_hull).then_with(|| a.formula.cmp(&b.formula)));
    rows.extend(candidates);
    Ok(rows)
}

fn candidate(placed: PlacedMark<'_>) -> TableRow {
    TableRow {
        id: placed.mark.label.clone(),
        formula: placed.mark.composition.reduced().formula(),
        space_group: None,
        is_candidate: true,
        formation_energy_per_atom: placed.placement.formation_energy_per_atom,
        energy_above_hull: placed.placement.energy_above_hull,
        decomposition: placed.placement.decomposition,
    }
}

/// The rows as a Markdown table.
pub fn table_text(rows: &[TableRow]) -> String {
    let mut text = "| id | formula | space group | formation energy, eV/atom | above hull, meV/atom \
                    | decomposes into |\n"
        .to_owned();
    text.push_str("|---|---|---:|---:|---:|---|\n");
    for row in rows {
        let space_group = row.space_group.map_or_else(String::new, |number| number.to_string());
        // Not −0.
        let above = (row.energy_above_hull * 1e4).round() / 10.0 + 0.0;
        let part = |part: &crate::Part| format!("{:.3} {}", part.fraction, part.phase.formula());
        let decomposition = match &row.decomposition.parts[..] {
            [_] if !row.is_candidate => "stable".to_owned(),
            parts => parts.iter().map(part).collect::<Vec<_>>().join(" + "),
        };
        text.push_str(&format!(
            "| {} | {} | {space_group} | {:.4} | {above:.1} | {decomposition} |\n",
            row.id.replace('|', "\\|"),
            row.formula,
            row.formation_energy_per_atom
        ));
    }
    text
}
