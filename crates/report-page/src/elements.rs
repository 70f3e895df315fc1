//! How an element is drawn.

use std::sync::LazyLock;

use crystal_core::Species;

const COLOURS: &str = include_str!("../assets/tables/element_colours.csv");
const FACTS: &str = include_str!("../assets/tables/elements_pymatgen.csv");

/// Column of `elements_pymatgen.csv` with the covalent radius.
const RADIUS_COLUMN: usize = 3;
/// Radius where none is tabulated, Å.
const UNKNOWN_RADIUS: f64 = 1.5;

/// Colour and size of an element's spheres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// As CSS writes it: `#rrggbb`.
    pub colour: &'static str,
    /// Covalent radius, Å.
    pub radius: f64,
}

static LOOKS: LazyLock<Vec<Look>> = LazyLock::new(|| {
    let radius = |number: usize| {
        let row = FACTS.lines().nth(number)?;
        row.split(',').nth(RADIUS_COLUMN)?.parse().ok()
    };
    let colours = COLOURS.lines().skip(1).map(|row| row.split(',').nth(2).expect("the table has three columns"));
    colours
        .enumerate()
        .map(|(index, colour)| Look { colour, radius: radius(index + 1).unwrap_or(UNKNOWN_RADIUS) })
        .collect()
});

/// How an element is drawn.
pub fn look(species: Species) -> Look {
    LOOKS[usize::from(species.atomic_number()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree_on_every_element() {
        assert_eq!(LOOKS.len(), usize::from(Species::MAX));
        for (index, row) in COLOURS.lines().skip(1).enumerate() {
            let species = Species::from_atomic_number(index as i64 + 1).expect("an element");
            assert!(row.starts_with(&format!("{},{species},#", index + 1)), "{row}");
            let colour = look(species).colour;
            assert!(colour.len() == 7 && colour[1..].bytes().all(|digit| digit.is_ascii_hexdigit()), "{row}");
        }
        assert_eq!(look("O".parse().expect("an element")).radius, 0.66);
        assert_eq!(look("Og".parse().expect("an element")).radius, UNKNOWN_RADIUS);
    }
}
