//! The 230 space groups in their standard setting.

use std::fmt;
use std::sync::OnceLock;

use moyo::data::{
    Centering, CrystalSystem as MoyoSystem, HallSymbol, Setting, arithmetic_crystal_class_entry, hall_symbol_entry,
};
use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::{Centring, CrystalError, SymmetryOperation, WyckoffPosition};

/// Number of a space group in the International Tables, 1 … 230.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct SpaceGroupNumber(u8);

impl SpaceGroupNumber {
    /// Checks the range.
    ///
    /// # Errors
    /// [`CrystalError::SpaceGroupNumber`] outside 1 … 230.
    pub fn new(number: i64) -> Result<Self, CrystalError> {
        let known = u8::try_from(number).ok().filter(|number| (1..=230).contains(number));
        known.map(Self).ok_or(CrystalError::SpaceGroupNumber { number })
    }

    /// The number, 1 … 230.
    pub fn get(self) -> u8 {
        self.0
    }

    /// All 230.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=230).map(Self)
    }
}

impl TryFrom<i64> for SpaceGroupNumber {
    type Error = CrystalError;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        Self::new(number)
    }
}

impl From<SpaceGroupNumber> for i64 {
    fn from(number: SpaceGroupNumber) -> Self {
        Self::from(number.0)
    }
}

impl fmt::Display for SpaceGroupNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a Hall symbol, 1 … 530: a space group in one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct HallNumber(u16);

impl HallNumber {
    /// Checks the range.
    ///
    /// # Errors
    /// [`CrystalError::HallNumber`] outside 1 … 530.
    pub fn new(number: i64) -> Result<Self, CrystalError> {
        let known = u16::try_from(number).ok().filter(|number| (1..=530).contains(number));
        known.map(Self).ok_or(CrystalError::HallNumber { number })
    }

    /// The number, 1 … 530.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for HallNumber {
    type Error = CrystalError;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        Self::new(number)
    }
}

impl From<HallNumber> for i64 {
    fn from(number: HallNumber) -> Self {
        Self::from(number.0)
    }
}

/// The seven crystal systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CrystalSystem {
    /// Space groups 1–2.
    Triclinic,
    /// Space groups 3–15, unique axis b.
    Monoclinic,
    /// Space groups 16–74.
    Orthorhombic,
    /// Space groups 75–142.
    Tetragonal,
    /// Space groups 143–167, hexagonal axes.
    Trigonal,
    /// Space groups 168–194.
    Hexagonal,
    /// Space groups 195–230.
    Cubic,
}

impl fmt::Display for CrystalSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Triclinic => "triclinic",
            Self::Monoclinic => "monoclinic",
            Self::Orthorhombic => "orthorhombic",
            Self::Tetragonal => "tetragonal",
            Self::Trigonal => "trigonal",
            Self::Hexagonal => "hexagonal",
            Self::Cubic => "cubic",
        })
    }
}

/// A space group in its standard setting, with its operations and Wyckoff positions. Made once and shared.
#[derive(Debug)]
pub struct SpaceGroup {
    number: SpaceGroupNumber,
    hall_number: HallNumber,
    symbol: &'static str,
    centring: Centring,
    system: CrystalSystem,
    operations: Vec<SymmetryOperation>,
    primitive_operations: Vec<SymmetryOperation>,
    wyckoff_positions: Vec<WyckoffPosition>,
}

impl SpaceGroup {
    /// The space group with this number.
    pub fn get(number: SpaceGroupNumber) -> &'static Self {
        static GROUPS: [OnceLock<SpaceGroup>; 230] = [const { OnceLock::new() }; 230];
        GROUPS[usize::from(number.get()) - 1].get_or_init(|| Self::build(number))
    }

    /// The space group with this number.
    ///
    /// # Errors
    /// [`CrystalError::SpaceGroupNumber`] outside 1 … 230.
    pub fn from_number(number: i64) -> Result<&'static Self, CrystalError> {
        SpaceGroupNumber::new(number).map(Self::get)
    }

    fn build(number: SpaceGroupNumber) -> Self {
        let hall =
            Setting::Standard.hall_number(i32::from(number.get())).expect("every space group has a standard setting");
        let entry = hall_symbol_entry(hall).expect("every Hall number has an entry");
        let class =
            arithmetic_crystal_class_entry(entry.arithmetic_number).expect("every group has an arithmetic class");
        let centring = match entry.centering {
            Centering::P => Centring::P,
            Centering::A => Centring::A,
            Centering::C => Centring::C,
            Centering::I => Centring::I,
            Centering::F => Centring::F,
            Centering::R => Centring::R,
            Centering::B => unreachable!("no standard setting is centred on B"),
        };
        let system = match MoyoSystem::from_geometric_crystal_class(class.geometric_crystal_class) {
            MoyoSystem::Triclinic => CrystalSystem::Triclinic,
            MoyoSystem::Monoclinic => CrystalSystem::Monoclinic,
            MoyoSystem::Orthorhombic => CrystalSystem::Orthorhombic,
            MoyoSystem::Tetragonal => CrystalSystem::Tetragonal,
            MoyoSystem::Trigonal => CrystalSystem::Trigonal,
            MoyoSystem::Hexagonal => CrystalSystem::Hexagonal,
            MoyoSystem::Cubic => CrystalSystem::Cubic,
        };
        let symbol = HallSymbol::from_hall_number(hall).expect("every Hall symbol of the table parses");
        let mut operations: Vec<SymmetryOperation> = symbol
            .traverse()
            .into_iter()
            .map(|operation| SymmetryOperation {
                rotation: operation.rotation,
                translation: operation.translation.map(snap_to_cell),
            })
            .collect();
        let identity = operations.iter().position(SymmetryOperation::is_translation).expect("a group has an identity");
        operations.swap(0, identity);
        operations[0].translation = Vector3::zeros();
        let (to_primitive, to_conventional) = (centring.to_primitive(), centring.to_conventional());
        let primitive_operations: Vec<SymmetryOperation> = operations
            .iter()
            .map(|operation| {
                let operation = operation.in_basis(&to_primitive, &to_conventional);
                SymmetryOperation { translation: operation.translation.map(snap_to_cell), ..operation }
            })
            .collect();
        let wyckoff_positions = WyckoffPosition::of_hall_number(hall, &operations, &primitive_operations, centring);
        Self {
            number,
            hall_number: HallNumber::new(i64::from(hall)).expect("Hall numbers of the table are in range"),
            symbol: entry.hm_short,
            centring,
            system,
            operations,
            primitive_operations,
            wyckoff_positions,
        }
    }

    /// Number in the International Tables.
    pub fn number(&self) -> SpaceGroupNumber {
        self.number
    }

    /// Hall number of the standard setting.
    pub fn hall_number(&self) -> HallNumber {
        self.hall_number
    }

    /// Short Hermann–Mauguin symbol, such as `F m -3 m`.
    pub fn symbol(&self) -> &'static str {
        self.symbol
    }

    /// Centring of the conventional cell.
    pub fn centring(&self) -> Centring {
        self.centring
    }

    /// Crystal system.
    pub fn system(&self) -> CrystalSystem {
        self.system
    }

    /// Operations in the conventional basis modulo all lattice translations (the centring's too); the identity is
    /// first. Their number is the order of the point group.
    pub fn operations(&self) -> &[SymmetryOperation] {
        &self.operations
    }

    /// The same operations, in the same order, in the primitive basis `P = M·C`.
    pub fn primitive_operations(&self) -> &[SymmetryOperation] {
        &self.primitive_operations
    }

    /// Wyckoff positions, the general one first.
    pub fn wyckoff_positions(&self) -> &[WyckoffPosition] {
        &self.wyckoff_positions
    }
}

/// Into [0, 1), and onto the multiple of 1/24 that a translation of a standard setting is: the sums of thirds and
/// quarters that build the table leave rounding noise.
fn snap_to_cell(x: f64) -> f64 {
    let snapped = (x * 24.0).round() / 24.0;
    assert!((snapped - x).abs() < 1e-6, "translations of standard settings are multiples of 1/24, not {x}");
    snapped.rem_euclid(1.0)
}
