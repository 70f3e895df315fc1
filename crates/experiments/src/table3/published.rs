//! The paper's Table 3.

use crystal_core::{CrystalSystem, SpaceGroup};
use serde::{Deserialize, Serialize};

/// The paper's best compound of a system, by density-functional theory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Published {
    /// The system as the paper writes it.
    pub system: &'static str,
    /// The formula as the paper writes it.
    pub formula: &'static str,
    /// Its crystal family.
    pub family: Family,
    /// kJ/mol of atoms.
    pub heat_of_formation: f64,
    /// kJ/mol of atoms.
    pub energy_above_hull: f64,
}

/// The crystal families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Space groups 1 and 2.
    Triclinic,
    /// Space groups 3 to 15.
    Monoclinic,
    /// Space groups 16 to 74.
    Orthorhombic,
    /// Space groups 75 to 142.
    Tetragonal,
    /// Trigonal and hexagonal: space groups 143 to 194.
    Hexagonal,
    /// Space groups 195 to 230.
    Cubic,
}

impl Family {
    /// The family of a space group.
    pub fn of(space_group: u8) -> Option<Self> {
        let group = SpaceGroup::from_number(i64::from(space_group)).ok()?;
        Some(match group.system() {
            CrystalSystem::Triclinic => Self::Triclinic,
            CrystalSystem::Monoclinic => Self::Monoclinic,
            CrystalSystem::Orthorhombic => Self::Orthorhombic,
            CrystalSystem::Tetragonal => Self::Tetragonal,
            CrystalSystem::Trigonal | CrystalSystem::Hexagonal => Self::Hexagonal,
            CrystalSystem::Cubic => Self::Cubic,
        })
    }

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Triclinic => "triclinic",
            Self::Monoclinic => "monoclinic",
            Self::Orthorhombic => "orthorhombic",
            Self::Tetragonal => "tetragonal",
            Self::Hexagonal => "hexagonal",
            Self::Cubic => "cubic",
        }
    }
}

/// The four rows of the table.
pub const PUBLISHED: [Published; 4] = [
    Published {
        system: "Cu-Si-K",
        formula: "Cu2KSi",
        family: Family::Orthorhombic,
        heat_of_formation: -5.29,
        energy_above_hull: 0.61,
    },
    Published {
        system: "Fe-Ta-Sn",
        formula: "Fe2TaSn",
        family: Family::Orthorhombic,
        heat_of_formation: -8.96,
        energy_above_hull: 4.14,
    },
    Published {
        system: "Sb-Ta-V",
        formula: "SbTa2V3",
        family: Family::Hexagonal,
        heat_of_formation: -12.55,
        energy_above_hull: 1.57,
    },
    Published {
        system: "Al-K-Pd",
        formula: "Al3KPd6",
        family: Family::Hexagonal,
        heat_of_formation: -55.77,
        energy_above_hull: 15.38,
    },
];
