//! Space groups in the settings that files name: 530 with a Hall number, and the multiple cells beyond them.

mod hall;
mod hermann_mauguin;
mod operations;

use std::sync::LazyLock;

use moyo::data::hall_symbol_entry;
use nalgebra::Matrix3;

use self::operations::ChangeOfBasis;
use crate::{SpaceGroup, SpaceGroupNumber, SymmetryOperation};

pub(crate) use hall::parse as operations_of_hall_symbol;
pub(crate) use hermann_mauguin::read as read_hermann_mauguin;
pub(crate) use operations::{MOST_OPERATIONS, closed, same_operations};

/// A space group on certain axes with a certain origin.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Number in the International Tables.
    pub number: SpaceGroupNumber,
    /// What tells settings of one number apart: the origin (1, 2), the axes (b1, cab, H, R), or both (2ba-c).
    pub code: String,
    /// Hermann–Mauguin symbol.
    pub symbol: String,
    /// Hall symbol; of the cell without the added centring, for a `doubled` one.
    hall_symbol: String,
    /// A tetragonal cell of twice the volume: `a' = a − b`, `b' = a + b`.
    doubled: bool,
}

impl Setting {
    /// All operations of the cell, centring translations included, the identity first.
    pub fn operations(&self) -> Vec<SymmetryOperation> {
        let operations = hall::parse(&self.hall_symbol).expect("the Hall symbols of the tables parse");
        if !self.doubled {
            return operations;
        }
        // Rows: C' = M·C with M = (1 −1 0 | 1 1 0 | 0 0 1), so x' = M⁻ᵀ·x on columns.
        let to_doubled = Matrix3::new(0.5, -0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0);
        ChangeOfBasis::linear(to_doubled).apply(&operations).expect("a doubled cell of a tetragonal group")
    }

    /// Its Hall symbol, as the tables print it.
    pub fn hall_symbol(&self) -> &str {
        &self.hall_symbol
    }

    /// Origin choice, of a group that has two.
    pub fn origin(&self) -> Option<char> {
        self.code.chars().next().filter(|c| matches!(c, '1' | '2'))
    }

    /// Whether the axes are those of a rhombohedral cell (`Some(true)`) or of a hexagonal one, of a group that has
    /// both.
    pub fn is_rhombohedral(&self) -> Option<bool> {
        match self.code.as_str() {
            "R" => Some(true),
            "H" => Some(false),
            _ => None,
        }
    }

    /// Whether the International Tables' standard setting is this one (as [`SpaceGroup`] has it), except for the
    /// origin.
    pub fn is_standard(&self) -> bool {
        let standard = hall_symbol_entry(i32::from(SpaceGroup::get(self.number).hall_number().get()));
        let code = standard.map(|entry| entry.setting).unwrap_or_default();
        let axes = |code: &str| code.trim_start_matches(['1', '2']).to_owned();
        !self.doubled && axes(&self.code) == axes(code)
    }
}

/// The settings with a Hall number, in its order, and after them the multiple cells that the tables of nonstandard
/// settings list.
pub(crate) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let number = |number: i32| SpaceGroupNumber::new(i64::from(number)).expect("numbers of the table are in range");
    let listed = (1..=530).filter_map(hall_symbol_entry).map(|entry| Setting {
        number: number(entry.number),
        code: entry.setting.to_owned(),
        symbol: entry.hm_full.replace('_', ""),
        hall_symbol: entry.hall_symbol.to_owned(),
        doubled: false,
    });
    let added = MULTIPLE_CELLS.iter().map(|(of, symbol, hall_symbol)| Setting {
        number: number(*of),
        code: String::new(),
        symbol: (*symbol).to_owned(),
        hall_symbol: (*hall_symbol).to_owned(),
        doubled: false,
    });
    listed.chain(added).collect()
});

/// The settings of one number that have a Hall number.
pub(crate) fn settings_of_number(number: SpaceGroupNumber) -> impl Iterator<Item = &'static Setting> {
    SETTINGS[..530].iter().filter(move |setting| setting.number == number)
}

/// Multiple cells and second origins outside the 530: number, Hermann–Mauguin symbol, Hall symbol. International Tables
/// A (1983), tables 4.3.1 and 4.3.2; those of tetragonal groups follow from a rule (see `hermann_mauguin`).
const MULTIPLE_CELLS: [(i32, &str, &str); 28] = [
    (1, "A 1", "A 1"),
    (1, "B 1", "B 1"),
    (1, "C 1", "C 1"),
    (1, "F 1", "F 1"),
    (1, "I 1", "I 1"),
    (2, "A -1", "-A 1"),
    (2, "B -1", "-B 1"),
    (2, "C -1", "-C 1"),
    (2, "F -1", "-F 1"),
    (2, "I -1", "-I 1"),
    (3, "B 1 2 1", "B 2y"),
    (3, "C 1 1 2", "C 2"),
    (4, "B 1 21 1", "B 2yb"),
    (4, "C 1 1 21", "C 2c"),
    (5, "C 1 21 1", "C 2yb"),
    (5, "I 1 21 1", "I 2yb"),
    (5, "F 1 2 1", "F 2y"),
    (8, "F 1 m 1", "F -2y"),
    (9, "F 1 d 1", "F -2yuw"),
    (12, "F 1 2/m 1", "-F 2y"),
    (18, "P 21 21 2 (a)", "P 2ab 2a"),
    (20, "C 2 2 21 (a)", "C 2ac 2"),
    (21, "C 2 2 2 (a)", "C 2ab 2b"),
    (22, "F 2 2 2 (a)", "F 2 2c"),
    (23, "I 2 2 2 (a)", "I 2ab 2bc"),
    (94, "P 42 21 2 (a)", "P 4bc 2a"),
    (197, "I 2 3 (a)", "I 2ab 2bc 3"),
    (64, "A b a m", "-A 2 2ab"),
];
