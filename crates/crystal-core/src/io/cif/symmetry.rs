//! The symmetry operations of a CIF: its own list, else the setting that its symbols and number name.

use std::collections::{HashMap, HashSet};

use moyo::data::{HallSymbol, HallSymbolEntry, hall_symbol_entry};
use nalgebra::{Matrix3, Vector3};

use super::super::text::{Fault, wrapped_difference};
use super::document::Block;
use super::triplet;
use crate::{CrystalError, Lattice, SpaceGroup, SymmetryOperation};

const OPERATIONS: [&str; 2] = ["space_group_symop_operation_xyz", "symmetry_equiv_pos_as_xyz"];
const HALL: [&str; 2] = ["space_group_name_hall", "symmetry_space_group_name_hall"];
const HERMANN_MAUGUIN: [&str; 3] = ["space_group_name_h-m_alt", "symmetry_space_group_name_h-m", "space_group_name_h-m_full"];
const NUMBER: [&str; 2] = ["space_group_it_number", "symmetry_int_tables_number"];

/// More operations than any group has, even in a cell of several conventional ones.
const MOST_OPERATIONS: usize = 768;

/// Translations of one list agree to this (fractions of the cell): they may be written as 0.333 and 0.667.
const TRANSLATION_TOLERANCE: f64 = 2e-3;

/// All operations of the cell, centring translations included. A file without any word on symmetry is taken as P 1.
pub(super) fn operations(block: &Block<'_>, lattice: &Lattice) -> Result<Vec<SymmetryOperation>, Fault> {
    let (line, operations) = match block.first_column(&OPERATIONS)? {
        Some((name, cells)) if cells.iter().any(|cell| cell.text().is_some()) => {
            let mut operations = Vec::new();
            for (row, cell) in cells.iter().enumerate() {
                let line = || block.line(name, row);
                let text = cell
                    .text()
                    .ok_or_else(|| Fault::at(line(), "a symmetry operation is missing ('?' or '.'); complete the list"))?;
                operations.push(triplet::parse(&text).map_err(|reason| Fault::at(line(), reason))?);
                if operations.len() > MOST_OPERATIONS {
                    return Err(Fault::at(
                        line(),
                        format!("more than {MOST_OPERATIONS} symmetry operations; no space group has so many"),
                    ));
                }
            }
            let line = block.line(name, 0);
            (line, group(operations).map_err(|reason| Fault::at(line, reason))?)
        }
        _ => named_operations(block, lattice)?,
    };
    match operations.iter().find(|operation| !keeps_metric(operation, lattice)) {
        Some(operation) => Err(Fault::at(
            line,
            format!(
                "the operation {} does not fit the cell: it does not keep lengths and angles; correct the cell or the space group (and its setting)",
                triplet::format(operation)
            ),
        )),
        None => Ok(operations),
    }
}

/// Whether `WᵀGW = G` to 2 %, with `G` the metric of the cell: enough to tell a wrong setting from a rounded cell.
fn keeps_metric(operation: &SymmetryOperation, lattice: &Lattice) -> bool {
    let metric = lattice.matrix() * lattice.matrix().transpose();
    let rotation = operation.rotation.map(f64::from);
    let change: Matrix3<f64> = rotation.transpose() * metric * rotation - metric;
    (0..3).all(|i| (0..3).all(|j| change[(i, j)].abs() <= 0.02 * (metric[(i, i)] * metric[(j, j)]).sqrt()))
}

/// The distinct operations of a list, if they can be a group: a list that was cut off is no group.
fn group(list: Vec<SymmetryOperation>) -> Result<Vec<SymmetryOperation>, String> {
    let same = |a: &Vector3<f64>, b: &Vector3<f64>| wrapped_difference(a, b).abs().max() < TRANSLATION_TOLERANCE;
    let key = |rotation: &Matrix3<i32>| -> [i32; 9] { std::array::from_fn(|i| rotation[i]) };
    let mut by_rotation: HashMap<[i32; 9], Vec<Vector3<f64>>> = HashMap::new();
    let mut operations: Vec<SymmetryOperation> = Vec::new();
    for operation in list {
        let translations = by_rotation.entry(key(&operation.rotation)).or_default();
        if !translations.iter().any(|known| same(known, &operation.translation)) {
            translations.push(operation.translation);
            operations.push(operation);
        }
    }
    let incomplete = |why: &str| Err(format!("the list of symmetry operations is no group ({why}); complete it"));
    let Some(centring) = by_rotation.get(&key(&Matrix3::identity())) else {
        return incomplete("the identity x,y,z is missing");
    };
    if !centring.iter().any(|translation| same(translation, &Vector3::zeros())) {
        return incomplete("the identity x,y,z is missing");
    }
    if by_rotation.values().any(|translations| translations.len() != centring.len()) {
        return incomplete("some operations lack their centring translations");
    }
    if centring.iter().any(|a| centring.iter().any(|b| !centring.iter().any(|c| same(&(a + b), c)))) {
        return incomplete("a centring translation is missing");
    }
    let rotations: Vec<Matrix3<i32>> = by_rotation.keys().map(|key| Matrix3::from_column_slice(key)).collect();
    let known: HashSet<[i32; 9]> = by_rotation.keys().copied().collect();
    if rotations.len() > 48 || rotations.iter().any(|a| rotations.iter().any(|b| !known.contains(&key(&(a * b))))) {
        return incomplete("the product of two operations is not in it");
    }
    // The identity first: its image is the site itself.
    let identity =
        operations.iter().position(|operation| operation.is_translation() && same(&operation.translation, &Vector3::zeros()));
    operations.swap(0, identity.unwrap_or(0));
    Ok(operations)
}

/// Operations from the Hall symbol, the Hermann–Mauguin symbol or the number; with the line that names them.
fn named_operations(block: &Block<'_>, lattice: &Lattice) -> Result<(usize, Vec<SymmetryOperation>), Fault> {
    if let Some((name, cell)) = block.value(&HALL)? {
        let symbol = cell.text().unwrap_or_default();
        if let Some(entry) = entries().find(|entry| compact(entry.hall_symbol) == compact(&symbol)) {
            return Ok((block.line(name, 0), operations_of(&entry)));
        }
    }
    let number = match block.value(&NUMBER)? {
        Some((name, cell)) => {
            let line = block.line(name, 0);
            let whole = cell.number().ok().flatten().filter(|x| x.fract() == 0.0 && x.abs() < 1e9);
            let number = whole.ok_or_else(|| {
                let text = cell.text().unwrap_or_default();
                Fault::at(line, format!("'{text}' is no space-group number; give a number from 1 to 230"))
            })?;
            let group = SpaceGroup::from_number(number as i64).map_err(|error| Fault::structure_at(line, error))?;
            Some((line, group))
        }
        None => None,
    };
    if let Some((name, cell)) = block.value(&HERMANN_MAUGUIN)? {
        let line = block.line(name, 0);
        let symbol = cell.text().unwrap_or_default();
        let number = number.map(|(_, group)| i32::from(group.number().get()));
        match setting(&symbol, number, lattice) {
            Some(entry) => return Ok((line, operations_of(&entry))),
            // An old or odd spelling does no harm where the number leaves no choice.
            None if number.is_some_and(|number| entries().filter(|entry| entry.number == number).count() == 1) => {}
            None => {
                let reason = format!(
                    "the setting of the space group '{symbol}' cannot be told; add its operations (_space_group_symop_operation_xyz)"
                );
                return Err(Fault::at(line, reason));
            }
        }
    }
    match number {
        Some((line, group)) => {
            let standard = i32::from(group.hall_number().get());
            let number = i32::from(group.number().get());
            let candidates: Vec<HallSymbolEntry> = entries().filter(|entry| entry.number == number).collect();
            let entry = by_axes(&candidates, lattice).or_else(|| hall_symbol_entry(standard));
            Ok((line, entry.map(|entry| operations_of(&entry)).unwrap_or_default()))
        }
        None => Ok((block.heading_line(), vec![SymmetryOperation::identity()])),
    }
}

fn entries() -> impl Iterator<Item = HallSymbolEntry> {
    (1..=530).filter_map(hall_symbol_entry)
}

/// A symbol without what writers differ in: spaces, underscores, brackets, case.
fn compact(symbol: &str) -> String {
    symbol.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '(' | ')')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The setting that a Hermann–Mauguin symbol names, perhaps with `:1`, `:2`, `:H` or `:R` after it. Where the symbol leaves a choice
/// it is the standard setting, or hexagonal or rhombohedral axes as the cell has them.
fn setting(symbol: &str, number: Option<i32>, lattice: &Lattice) -> Option<HallSymbolEntry> {
    let (symbol, suffix) = symbol.split_once(':').map_or((symbol, None), |(symbol, suffix)| (symbol, Some(suffix.trim())));
    let name = compact(symbol);
    // 'P 21/n' is short for 'P 1 21/n 1'.
    let unique_b = name.get(..1).zip(name.get(1..)).map(|(letter, rest)| format!("{letter}1{rest}1")).unwrap_or_default();
    let suits = |entry: &HallSymbolEntry| {
        number.is_none_or(|number| number == entry.number)
            && suffix.is_none_or(|suffix| suffix.is_empty() || entry.setting.eq_ignore_ascii_case(suffix))
    };
    let full = |entry: &HallSymbolEntry| compact(entry.hm_full) == name || compact(entry.hm_full) == unique_b;
    let mut candidates: Vec<HallSymbolEntry> = entries().filter(|entry| suits(entry) && full(entry)).collect();
    if candidates.is_empty() {
        candidates = entries().filter(|entry| suits(entry) && compact(entry.hm_short) == name).collect();
    }
    if let [only] = &candidates[..] {
        return Some(only.clone());
    }
    let is_standard = |entry: &&HallSymbolEntry| {
        SpaceGroup::from_number(i64::from(entry.number))
            .is_ok_and(|group| i32::from(group.hall_number().get()) == entry.hall_number)
    };
    by_axes(&candidates, lattice).or_else(|| candidates.iter().find(is_standard).cloned())
}

/// Among settings in hexagonal and rhombohedral axes, the one whose axes the cell has.
fn by_axes(candidates: &[HallSymbolEntry], lattice: &Lattice) -> Option<HallSymbolEntry> {
    let with = |setting: &str| candidates.iter().find(|entry| entry.setting == setting).cloned();
    let (hexagonal, rhombohedral) = (with("H")?, with("R")?);
    let hexagonal_cell = (lattice.parameters().gamma - 120.0).abs() < 1.0 && (lattice.parameters().alpha - 90.0).abs() < 1.0;
    Some(if hexagonal_cell { hexagonal } else { rhombohedral })
}

/// Every operation of a setting in its conventional cell, the identity first.
fn operations_of(entry: &HallSymbolEntry) -> Vec<SymmetryOperation> {
    let symbol = HallSymbol::from_hall_number(entry.hall_number).expect("every Hall symbol of the table parses");
    let points = entry.centering.lattice_points();
    let mut operations: Vec<SymmetryOperation> = symbol
        .traverse()
        .into_iter()
        .flat_map(|operation| {
            let with = |point: &Vector3<f64>| SymmetryOperation {
                rotation: operation.rotation,
                translation: (operation.translation + point).map(|x| x.rem_euclid(1.0)),
            };
            points.iter().map(with).collect::<Vec<_>>()
        })
        .collect();
    let is_identity = |operation: &SymmetryOperation| operation.is_translation() && operation.translation.norm() < 1e-9;
    let identity = operations.iter().position(is_identity).expect("a group has an identity");
    operations.swap(0, identity);
    operations
}

/// A space-group number that exists, or the error for one that does not: a wrong number is an error even beside operations.
pub(super) fn check_number(block: &Block<'_>) -> Result<(), Fault> {
    let Some((name, cell)) = block.value(&NUMBER)? else { return Ok(()) };
    match cell.number() {
        Ok(Some(number)) if !(1.0..=230.0).contains(&number) => {
            Err(Fault::structure_at(block.line(name, 0), CrystalError::SpaceGroupNumber { number: number as i64 }))
        }
        _ => Ok(()),
    }
}
