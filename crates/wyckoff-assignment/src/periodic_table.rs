//! Where elements stand in the periodic table.

use crystal_core::Species;

/// Rank from left to right through the columns of the periodic table, and down each.
pub(crate) fn place(species: Species) -> u32 {
    let column = match family(species.atomic_number()) {
        // Lanthanides and actinides stand below scandium.
        19 | 20 => 3,
        column => column,
    };
    u32::from(column) * 1000 + u32::from(species.atomic_number())
}

/// The column of the periodic table, 1 … 18; 0 for hydrogen, 19 for lanthanides, 20 for actinides.
pub(crate) fn family(atomic_number: u8) -> u8 {
    match atomic_number {
        1 => 0,
        2 => 18,
        3..=10 => column(atomic_number - 2, 8),
        11..=18 => column(atomic_number - 10, 8),
        19..=36 => column(atomic_number - 18, 18),
        37..=54 => column(atomic_number - 36, 18),
        57..=71 => 19,
        89..=103 => 20,
        55..=86 => column(if atomic_number > 71 { atomic_number - 68 } else { atomic_number - 54 }, 18),
        _ => column(if atomic_number > 103 { atomic_number - 100 } else { atomic_number - 86 }, 18),
    }
}

/// The column of the n-th element of a period: in a period of 8 the columns 3 to 12 are missing.
fn column(index: u8, length: u8) -> u8 {
    if length == 8 && index > 2 { index + 10 } else { index }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_columns() {
        let family_of = |symbol: &str| family(symbol.parse::<Species>().expect("an element").atomic_number());
        for (column, symbols) in [
            (1, "Li Na K Rb Cs Fr"),
            (2, "Be Mg Ca Sr Ba Ra"),
            (3, "Sc Y"),
            (4, "Ti Zr Hf Rf"),
            (11, "Cu Ag Au Rg"),
            (13, "B Al Ga In Tl Nh"),
            (17, "F Cl Br I At Ts"),
            (18, "He Ne Ar Kr Xe Rn Og"),
            (19, "La Ce Lu"),
            (20, "Ac U Lr"),
        ] {
            assert!(symbols.split(' ').all(|symbol| family_of(symbol) == column), "{symbols}");
        }
    }
}
