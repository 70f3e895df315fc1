//! Everything in a CIF that states its symmetry: lists of operations, symbols, the number.

use super::super::text::{Fault, Notes};
use super::document::{Block, Cell};
use super::symmetry::keeps_metric;
use super::triplet;
use crate::finder::number_of_operations;
use crate::setting::{
    MOST_OPERATIONS, SETTINGS, Setting, closed, operations_of_hall_symbol, read_hermann_mauguin, same_operations,
    settings_of_number,
};
use crate::{Lattice, SpaceGroupNumber, SymmetryOperation};

/// Ordinary operations, by the new and the old dictionary.
const OPERATIONS: [&str; 2] = ["space_group_symop_operation_xyz", "symmetry_equiv_pos_as_xyz"];
const MAGNETIC_OPERATIONS: &str = "space_group_symop_magn_operation_xyz";
const MAGNETIC_CENTRING: &str = "space_group_symop_magn_centering_xyz";
/// Beginnings of the names of superspace groups and their operations.
const SUPERSPACE: [&str; 3] = ["space_group_symop_ssg_", "space_group_symop_magn_ssg_", "space_group_ssg_"];
const MODULATION: [&str; 1] = ["cell_modulation_dimension"];
/// Beginnings of the names under which modulation waves stand.
const WAVES: [&str; 10] = [
    "cell_wave_vector",
    "atom_site_fourier",
    "atom_site_displace_fourier",
    "atom_site_displace_special",
    "atom_site_displace_legendre",
    "atom_site_occ_fourier",
    "atom_site_occ_special",
    "atom_site_u_fourier",
    "atom_site_rot_fourier",
    "cell_subsystem",
];
const HALL: [&str; 2] = ["space_group_name_hall", "symmetry_space_group_name_hall"];
const HERMANN_MAUGUIN: [&str; 7] = [
    "space_group_name_h-m_alt",
    "symmetry_space_group_name_h-m",
    "space_group_name_h-m_full",
    "space_group_name_h-m",
    "symmetry_space_group_name_h-m_alt",
    "symmetry_space_group_name_h-m_full",
    "space_group_name_h-m_ref",
];
const NUMBER: [&str; 3] = ["space_group_it_number", "symmetry_int_tables_number", "symmetry_space_group_it_number"];
/// From the axes of the cell to those of the named group.
const TRANSFORMS: [&str; 2] = ["space_group_transform_pp_abc", "space_group_transform_qq_xyz"];
const CODE: [&str; 1] = ["space_group_it_coordinate_system_code"];

/// One statement of the file.
#[derive(Debug)]
pub(super) struct Claim {
    pub line: usize,
    /// What it is, for messages.
    pub source: String,
    /// What it may mean; never empty.
    pub readings: Vec<Reading>,
    /// Whether it is a list of operations.
    pub is_list: bool,
}

/// One meaning of a statement.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub name: String,
    pub number: Option<SpaceGroupNumber>,
    /// All operations of the cell, the identity first.
    pub operations: Vec<SymmetryOperation>,
}

/// All statements, the weightiest first: lists of operations, Hall symbols, Hermann–Mauguin symbols, numbers.
///
/// # Errors
/// For a list that is not a group, a name that is not known (without a list beside it), and for what does not fit the
/// cell.
pub(super) fn claims(block: &Block<'_>, lattice: &Lattice, notes: &mut Notes) -> Result<Vec<Claim>, Fault> {
    let mut claims: Vec<Claim> = Vec::new();
    for name in OPERATIONS {
        if let Some(operations) = list(block, name, triplet::parse)? {
            claims.push(list_claim(block, name, operations, lattice)?);
        }
    }
    if claims.is_empty()
        && let Some(operations) = magnetic_list(block)?
    {
        claims.push(list_claim(block, MAGNETIC_OPERATIONS, operations, lattice)?);
        notes.add(
            block.line(MAGNETIC_OPERATIONS, 0),
            "magnetic operations are read without their time reversal: moments are left out",
        );
    }
    refuse_modulation(block, !claims.is_empty(), notes)?;
    let has_list = !claims.is_empty();
    if let Some((name, transform)) = block.text_value(&TRANSFORMS)?
        && !has_list
        && !matches!(transform.replace(' ', "").to_ascii_lowercase().as_str(), "a,b,c;0,0,0" | "a,b,c" | "x,y,z")
    {
        let reason = format!(
            "_{name} is '{transform}': the group is named on other axes than those of the cell, which is not read; add \
             the operations (_space_group_symop_operation_xyz)"
        );
        return Err(Fault::at(block.line(name, 0), reason));
    }
    let code = block.text_value(&CODE)?.map(|(_, code)| code);
    for name in HALL {
        if let Some((_, symbol)) = block.text_value(&[name])? {
            let line = block.line(name, 0);
            let readings = hall_readings(&symbol, lattice);
            let source = format!("the Hall symbol '{symbol}'");
            add(&mut claims, Named { line, source, name, readings }, lattice, has_list, notes)?;
        }
    }
    let Numbers { known: numbers, zero } = numbers(block)?;
    for name in HERMANN_MAUGUIN {
        if let Some((_, symbol)) = block.text_value(&[name])? {
            let line = block.line(name, 0);
            let readings =
                symbol_readings(&symbol, code.as_deref(), numbers.first().map(|(.., number)| *number), lattice);
            let source = format!("the symbol '{symbol}'");
            add(&mut claims, Named { line, source, name, readings }, lattice, has_list, notes)?;
        }
    }
    for (name, line, number) in numbers {
        let readings = number_readings(number, code.as_deref(), lattice);
        let source = format!("the number {number}");
        let alone = claims.is_empty() && code.is_none();
        add(&mut claims, Named { line, source, name, readings }, lattice, has_list, notes)?;
        if alone
            && settings_of_number(number).any(|setting| !setting.is_standard() && setting.is_rhombohedral().is_none())
        {
            notes.add(line, format!("the number {number} alone leaves the axes open; the standard setting is taken"));
        }
    }
    match (zero, claims.first()) {
        (Some((name, line)), Some(claim)) => {
            notes.add(line, format!("_{name} is 0, which is not a space group; {} is read", claim.source));
        }
        (Some((name, line)), None) => {
            return Err(Fault::at(line, format!("_{name} is '0'; give a number from 1 to 230")));
        }
        (None, _) => {}
    }
    Ok(claims)
}

/// The stated numbers with their names and lines, and where a zero stands: programs write it for what they do not know.
#[derive(Default)]
struct Numbers {
    known: Vec<(&'static str, usize, SpaceGroupNumber)>,
    zero: Option<(&'static str, usize)>,
}

fn numbers(block: &Block<'_>) -> Result<Numbers, Fault> {
    let mut numbers = Numbers::default();
    for name in NUMBER {
        let Some((_, cell)) = block.value(&[name])? else { continue };
        let line = block.line(name, 0);
        let wrong = |text: String| Fault::at(line, format!("_{name} is '{text}'; give a number from 1 to 230"));
        let stated = cell.number().map_err(wrong)?.unwrap_or_default();
        if stated == 0.0 {
            numbers.zero = Some((name, line));
            continue;
        }
        let Some(whole) = (1..=230_u8).find(|number| f64::from(*number) == stated) else {
            return Err(wrong(stated.to_string()));
        };
        let number = SpaceGroupNumber::new(i64::from(whole)).map_err(|error| Fault::structure_at(line, error))?;
        numbers.known.push((name, line, number));
    }
    Ok(numbers)
}

struct Named {
    line: usize,
    source: String,
    name: &'static str,
    readings: Result<Vec<Reading>, String>,
}

/// Adds what a name says; beside a list a name that is not known, or does not fit the cell, is passed over with a note.
fn add(
    claims: &mut Vec<Claim>,
    named: Named,
    lattice: &Lattice,
    has_list: bool,
    notes: &mut Notes,
) -> Result<(), Fault> {
    let Named { line, source, name, readings } = named;
    let readings = match readings {
        Ok(readings) => readings,
        Err(reason) if has_list => {
            notes.add(line, format!("{source} is not understood ({reason}); the list of operations is used"));
            return Ok(());
        }
        Err(reason) => {
            let cure = "correct it or add the operations (_space_group_symop_operation_xyz)";
            return Err(Fault::at(line, format!("{source} (_{name}) is not understood: {reason}; {cure}")));
        }
    };
    let misfit =
        |reading: &Reading| reading.operations.iter().find(|operation| !keeps_metric(operation, lattice)).copied();
    let fitting: Vec<Reading> = readings.iter().filter(|reading| misfit(reading).is_none()).cloned().collect();
    match (fitting.is_empty(), claims.is_empty()) {
        (false, _) => claims.push(Claim { line, source, readings: fitting, is_list: false }),
        // What stands before it names the setting: its group is compared all the same.
        (true, false) => claims.push(Claim { line, source, readings, is_list: false }),
        (true, true) => {
            let operation =
                readings.first().and_then(misfit).map(|operation| operation.to_string()).unwrap_or_default();
            return Err(misfit_fault(line, &operation));
        }
    }
    Ok(())
}

fn misfit_fault(line: usize, operation: &str) -> Fault {
    Fault::at(
        line,
        format!(
            "the operation {operation} does not fit the cell: it does not keep lengths and angles; correct the cell or the space group (and its setting)"
        ),
    )
}

/// A list of operations under one name; `None` if it is not there or holds no value.
fn list(
    block: &Block<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<SymmetryOperation, String>,
) -> Result<Option<Vec<SymmetryOperation>>, Fault> {
    let Some(cells) = block.column(name)?.filter(|cells| cells.iter().any(|cell| *cell != Cell::Missing)) else {
        return Ok(None);
    };
    let mut operations = Vec::with_capacity(cells.len());
    for (row, cell) in cells.iter().enumerate() {
        let line = || block.line(name, row);
        let text = cell
            .text()
            .ok_or_else(|| Fault::at(line(), "a symmetry operation is missing ('?' or '.'); complete the list"))?;
        operations.push(parse(&text).map_err(|reason| Fault::at(line(), reason))?);
        if operations.len() > MOST_OPERATIONS {
            let reason = format!("more than {MOST_OPERATIONS} symmetry operations; no space group has that many");
            return Err(Fault::at(line(), reason));
        }
    }
    Ok(Some(operations))
}

fn list_claim(
    block: &Block<'_>,
    name: &'static str,
    operations: Vec<SymmetryOperation>,
    lattice: &Lattice,
) -> Result<Claim, Fault> {
    let line = block.line(name, 0);
    let operations = closed(operations).map_err(|why| {
        Fault::at(line, format!("the list of symmetry operations is not a group ({why}); complete or correct it"))
    })?;
    if let Some(operation) = operations.iter().find(|operation| !keeps_metric(operation, lattice)) {
        return Err(misfit_fault(line, &operation.to_string()));
    }
    let source = format!("the list of {} operations (_{name})", operations.len());
    let number = number_of_operations(&operations, lattice);
    let reading = Reading { name: source.clone(), number, operations };
    Ok(Claim { line, source, readings: vec![reading], is_list: true })
}

/// The operations of a magnetic group (magCIF), with its centring, time reversal left away: atoms do not see it.
fn magnetic_list(block: &Block<'_>) -> Result<Option<Vec<SymmetryOperation>>, Fault> {
    let without_reversal = |text: &str| {
        let parts: Vec<&str> = text.split(',').collect();
        match parts[..] {
            [x, y, z, reversal] if matches!(reversal.trim(), "1" | "+1" | "-1") => {
                triplet::parse(&format!("{x},{y},{z}"))
            }
            _ => Err(format!("'{text}' is not a magnetic operation; write it as -x,y+1/2,-z,-1")),
        }
    };
    let Some(operations) = list(block, MAGNETIC_OPERATIONS, without_reversal)? else { return Ok(None) };
    let centring =
        list(block, MAGNETIC_CENTRING, without_reversal)?.unwrap_or_else(|| vec![SymmetryOperation::identity()]);
    if operations.len() * centring.len() > 2 * MOST_OPERATIONS {
        let reason = format!("more than {MOST_OPERATIONS} symmetry operations; no space group has that many");
        return Err(Fault::at(block.line(MAGNETIC_OPERATIONS, 0), reason));
    }
    let all = centring.iter().flat_map(|centring| operations.iter().map(|operation| centring.compose(operation)));
    Ok(Some(all.collect()))
}

/// A modulated structure is read as its average where the file gives the operations of that.
fn refuse_modulation(block: &Block<'_>, has_list: bool, notes: &mut Notes) -> Result<(), Fault> {
    let dimension = block.value(&MODULATION)?.filter(|(_, cell)| cell.number().ok().flatten().is_some_and(|n| n > 0.0));
    let begins = |starts: &[&str]| starts.iter().find_map(|start| block.names_with(start).first().copied());
    match begins(&SUPERSPACE).or(dimension.map(|(name, _)| name)).or_else(|| begins(&WAVES)) {
        None => Ok(()),
        Some(name) if has_list => {
            notes.add(block.line(name, 0), "the structure is modulated; its average is read");
            Ok(())
        }
        Some(name) => Err(Fault::at(
            block.line(name, 0),
            format!(
                "_{name}: a modulated structure with superspace operations, which are not read; add the operations of the average structure (_space_group_symop_operation_xyz)"
            ),
        )),
    }
}

/// A Hall symbol by its grammar. One without blanks may be cut in several ways, as the tables' symbols tell.
fn hall_readings(symbol: &str, lattice: &Lattice) -> Result<Vec<Reading>, String> {
    let compact = |text: &str| text.replace([' ', '_'], "").replace("''", "\"").replace('=', "\"").to_ascii_lowercase();
    let spaced = |text: &str| text.split([' ', '_']).filter(|part| !part.is_empty()).map(compact).collect::<Vec<_>>();
    let reading = |operations: Vec<SymmetryOperation>| {
        let named = SETTINGS.iter().find(|setting| spaced(setting.hall_symbol()) == spaced(symbol));
        let number = named.map(|setting| setting.number).or_else(|| number_of_operations(&operations, lattice));
        Reading { name: format!("the Hall symbol '{symbol}'"), number, operations }
    };
    let parsed = operations_of_hall_symbol(symbol);
    if symbol.trim().contains([' ', '_']) {
        return parsed.map(|operations| vec![reading(operations)]);
    }
    let mut readings: Vec<Reading> = parsed.iter().cloned().map(reading).collect();
    for setting in SETTINGS.iter().filter(|setting| compact(setting.hall_symbol()) == compact(symbol)) {
        let operations = setting.operations();
        if !readings.iter().any(|known| same_operations(&known.operations, &operations)) {
            let name = format!("the Hall symbol '{}'", setting.hall_symbol());
            readings.push(Reading { name, number: Some(setting.number), operations });
        }
    }
    if readings.is_empty() { parsed.map(|_| readings) } else { Ok(readings) }
}

fn of_setting(setting: &Setting) -> Reading {
    let origin = setting.origin().map(|origin| format!(", origin choice {origin}")).unwrap_or_default();
    Reading {
        name: format!("{} ({}{origin})", setting.symbol, setting.number),
        number: Some(setting.number),
        operations: setting.operations(),
    }
}

/// The settings that a Hermann–Mauguin symbol names, narrowed by the code of the setting, the number, and the axes.
fn symbol_readings(
    symbol: &str,
    code: Option<&str>,
    number: Option<SpaceGroupNumber>,
    lattice: &Lattice,
) -> Result<Vec<Reading>, String> {
    if let Some(number) = symbol.trim().parse().ok().and_then(|number| SpaceGroupNumber::new(number).ok()) {
        return number_readings(number, code, lattice);
    }
    let mut reading = read_hermann_mauguin(symbol);
    if let (Some(code), false) = (code, reading.names_setting) {
        let with_code = read_hermann_mauguin(&format!("{symbol}:{code}"));
        if !with_code.settings.is_empty() {
            reading = with_code;
        }
    }
    let mut settings = reading.settings;
    if settings.is_empty() {
        return Err("it is not a Hermann–Mauguin symbol of the International Tables".to_owned());
    }
    if let Some(number) = number
        && settings.iter().any(|setting| setting.number == number)
    {
        settings.retain(|setting| setting.number == number);
    }
    Ok(on_axes_of(settings, lattice))
}

/// The standard setting of a number, with both origins where there are two, and on the axes that the cell has.
fn number_readings(number: SpaceGroupNumber, code: Option<&str>, lattice: &Lattice) -> Result<Vec<Reading>, String> {
    let all: Vec<Setting> = settings_of_number(number).cloned().collect();
    let coded = |setting: &Setting| {
        code.is_some_and(|code| {
            setting.code.eq_ignore_ascii_case(code) || setting.origin().is_some_and(|origin| code.starts_with(origin))
        })
    };
    let mut settings: Vec<Setting> = all.iter().filter(|setting| coded(setting)).cloned().collect();
    if settings.is_empty() {
        let standard = |code: &str| {
            let axes = code.trim_end_matches(|c: char| c.is_ascii_digit());
            matches!(axes.to_ascii_lowercase().as_str(), "" | "abc" | "h") || all.iter().any(|own| own.code == axes)
        };
        if let Some(code) = code.filter(|code| !standard(code)) {
            return Err(format!("group {number} has no setting with the code '{code}'"));
        }
        settings = all;
        settings.retain(|setting| setting.is_standard() || setting.is_rhombohedral().is_some());
    }
    Ok(on_axes_of(settings, lattice))
}

/// Settings whose axes the cell has; of those that differ in their axes alone, the standard one, else unique axis b, c,
/// a.
fn on_axes_of(settings: Vec<Setting>, lattice: &Lattice) -> Vec<Reading> {
    let fits = |setting: &&Setting| setting.operations().iter().all(|operation| keeps_metric(operation, lattice));
    let mut fitting: Vec<&Setting> = settings.iter().filter(fits).collect();
    if fitting.is_empty() {
        fitting = settings.iter().collect();
    }
    let numbers: Vec<SpaceGroupNumber> = fitting.iter().map(|setting| setting.number).collect();
    let one_group = numbers.iter().all(|number| *number == numbers[0]);
    let axes = |setting: &Setting| setting.code.trim_start_matches(['1', '2']).to_owned();
    if one_group && fitting.iter().any(|setting| axes(setting) != axes(fitting[0])) {
        let rank = |setting: &Setting| {
            let unique = setting.code.trim_start_matches('-').chars().next().unwrap_or('z');
            (!setting.is_standard(), ['b', 'c', 'a'].iter().position(|axis| *axis == unique).unwrap_or(3))
        };
        let best = fitting.iter().map(|setting| rank(setting)).min();
        fitting.retain(|setting| Some(rank(setting)) == best);
        let first = axes(fitting[0]);
        fitting.retain(|setting| axes(setting) == first);
    }
    fitting.into_iter().map(of_setting).collect()
}

/// Words in names under which programs outside of the dictionaries state a space group.
const SPACE_GROUP_WORDS: [&str; 16] = [
    "space_group",
    "spacegroup",
    "sg_symbol",
    "sg_number",
    "sg_name",
    "symop",
    "symmetry_op",
    "equiv_pos",
    "it_number",
    "int_tables",
    "name_h-m",
    "name_hall",
    "layer_group",
    "plane_group",
    "rod_group",
    "spgr",
];

fn states_symmetry(name: &str) -> bool {
    let starts = ["space_group", "symmetry", "magnetic_space_group", "parent_space_group", "parent_propagation", "sg_"];
    name == "sg"
        || starts.iter().any(|start| name.starts_with(start))
        || SPACE_GROUP_WORDS.iter().any(|word| name.contains(word))
}

/// Whether a block says anything on symmetry, be it P 1.
pub(super) fn says_anything(block: &Block<'_>) -> bool {
    !block.names_that(states_symmetry).is_empty()
}

/// A name that says something of the symmetry and cannot be used, with its line.
pub(super) fn unusable_names(block: &Block<'_>) -> Option<(String, usize)> {
    let says_nothing = |name: &str| {
        let is_id = name.ends_with("_id");
        let value = || block.column(name).ok().flatten().and_then(|cells| cells.iter().find_map(Cell::text));
        let is_system = matches!(name, "symmetry_cell_setting" | "space_group_crystal_system");
        let is_p_1 = || value().is_some_and(|value| matches!(value.replace(' ', "").as_str(), "P1" | "p1" | "1"));
        is_id || (is_system && value().is_some_and(|value| value.eq_ignore_ascii_case("triclinic"))) || is_p_1()
    };
    let name = block.names_that(states_symmetry).into_iter().find(|name| !says_nothing(name))?;
    Some((name.to_owned(), block.line(name, 0)))
}
