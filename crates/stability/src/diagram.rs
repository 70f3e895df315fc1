//! Phase diagrams: a line of two elements, a triangle of three, a table of any number.

mod binary;
mod canvas;
mod table;
mod ternary;

use crystal_core::Composition;

pub use table::{TableRow, table, table_text};

use crate::{Fractions, Hull, Placement, StabilityError};

/// A candidate that is set against the phases of a hull.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its id or rank.
    pub label: String,
    /// Its composition.
    pub composition: Composition,
    /// Its energy, eV/atom on the scale of the hull's phases.
    pub energy_per_atom: f64,
}

/// A phase diagram.
#[derive(Debug, Clone, PartialEq)]
pub enum Diagram {
    /// A picture: SVG text that asks for nothing outside itself.
    Svg(String),
    /// Rows of a table, for one element and for four and more.
    Table(Vec<TableRow>),
}

/// The phase diagram of a hull with candidates on it. `caption` stands below the title; it should name the potential.
///
/// # Errors
/// As [`Hull::stable`] and [`Hull::place`]; [`StabilityError::Drawing`].
pub fn phase_diagram(hull: &Hull, marks: &[Mark], caption: &str) -> Result<Diagram, StabilityError> {
    match hull.elements().len() {
        2 => binary::svg(hull, &placed(hull, marks)?, caption).map(Diagram::Svg),
        3 => ternary::svg(hull, &placed(hull, marks)?, caption).map(Diagram::Svg),
        _ => table(hull, marks).map(Diagram::Table),
    }
}

/// A candidate with its place.
struct PlacedMark<'a> {
    mark: &'a Mark,
    fractions: Fractions,
    placement: Placement,
}

fn placed<'a>(hull: &Hull, marks: &'a [Mark]) -> Result<Vec<PlacedMark<'a>>, StabilityError> {
    let place = |mark: &'a Mark| {
        let fractions = Fractions::of(&mark.composition)?;
        let placement = hull.place(&fractions, mark.energy_per_atom)?;
        Ok(PlacedMark { mark, fractions, placement })
    };
    marks.iter().map(place).collect()
}

/// A formula with its numbers lowered.
fn with_subscripts(formula: &str) -> String {
    let digits = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    let lowered =
        |c: char| c.to_digit(10).and_then(|digit| digits.get(usize::try_from(digit).ok()?).copied()).unwrap_or(c);
    formula.chars().map(lowered).collect()
}
