//! Extended XYZ: Cartesian coordinates, the lattice in the comment line, one or more frames.

use std::collections::BTreeMap;
use std::fmt::Write;

use nalgebra::Vector3;

use super::text::{Fault, Notes, Read, checked, element, number};
use crate::{Lattice, Site, Species, Structure};

/// All frames, each with its `id` or `name` if the comment line gives one. Reading stops at a frame whose end cannot be
/// told. A frame with a lattice is taken as periodic; where `pbc` says otherwise there is a note.
pub(super) fn read(text: &str) -> Vec<(Option<String>, Read)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut frames = Vec::new();
    let mut start = 0;
    while let Some(offset) = lines[start..].iter().position(|line| !line.trim().is_empty()) {
        start += offset;
        let Some(n_atoms) = lines[start].trim().parse::<usize>().ok().filter(|n| *n > 0) else {
            let reason = format!(
                "'{}' is not a number of atoms; a frame begins with a whole number of at least 1",
                short(lines[start])
            );
            frames.push((None, Read::failed(Fault::at(start + 1, reason))));
            break;
        };
        let rest = &lines[start + 1..];
        if n_atoms >= rest.len() {
            let reason = format!(
                "the frame promises a comment line and {n_atoms} atoms, but only {} lines follow; the file is cut off or the number is wrong",
                rest.len()
            );
            frames.push((None, Read::failed(Fault::at(start + 1, reason))));
            break;
        }
        let pairs = key_values(rest[0]);
        let id = pairs.iter().find(|(key, _)| *key == "id" || *key == "name").map(|(_, value)| value.clone());
        let mut read = Read::ordered(|notes| frame(&pairs, &rest[1..=n_atoms], notes));
        read.structure = read.structure.map_err(|fault| fault.below(start + 1).or_line(start + 1));
        read.notes = read.notes.below(start + 1);
        // Atoms beyond the number would be left out in silence, and the frame be another structure.
        let next =
            rest[n_atoms + 1..].iter().position(|line| !line.trim().is_empty()).map(|offset| n_atoms + 1 + offset);
        if let Some(next) = next.filter(|next| rest[*next].trim().parse::<usize>().is_err()) {
            let reason = format!(
                "'{}' follows the {n_atoms} atoms that line {} promises; correct that number, or begin the next frame with \
                 its own",
                short(rest[next]),
                start + 1
            );
            frames.push((id, Read::failed(Fault::at(start + next + 2, reason))));
            break;
        }
        frames.push((id, read));
        start += n_atoms + 2;
    }
    frames
}

/// One frame; its lines count from the comment line.
fn frame(pairs: &[(&str, String)], atoms: &[&str], notes: &mut Notes) -> Result<Structure, Fault> {
    let value =
        |name: &str| pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let mut cells = pairs.iter().filter(|(key, _)| key.eq_ignore_ascii_case("Lattice")).map(|(_, cell)| cell);
    if cells.next().is_some_and(|first| cells.any(|cell| cell != first)) {
        return Err(Fault::at(1, "Lattice stands there twice, with other numbers; keep one of the two"));
    }
    let cell = value("Lattice").ok_or_else(|| {
        Fault::at(
            1,
            "no lattice: the comment line needs Lattice=\"ax ay az bx by bz cx cy cz\" (Å); plain XYZ has no cell",
        )
    })?;
    let numbers = cell.split_whitespace().map(|token| number(token, 1, "a component of Lattice"));
    let numbers = numbers.collect::<Result<Vec<f64>, Fault>>()?;
    let rows: [f64; 9] = numbers
        .try_into()
        .map_err(|found: Vec<f64>| Fault::at(1, format!("Lattice has {} numbers; it needs nine", found.len())))?;
    let lattice =
        Lattice::new(nalgebra::Matrix3::from_row_slice(&rows)).map_err(|error| Fault::structure_at(1, error))?;
    let properties = value("Properties");
    let columns = Columns::parse(properties.unwrap_or("species:S:1:pos:R:3"))?;
    if let Some((key, unit)) = pairs.iter().find(|(key, unit)| is_length_unit(key) && is_foreign_length(unit)) {
        let reason = format!(
            "{key} is {}, but lengths of this format are in Å; convert Lattice and positions, and remove {key}",
            short(unit)
        );
        return Err(Fault::at(1, reason));
    }
    if let Some(pbc) = value("pbc")
        && is_open(pbc)
    {
        notes.add(1, format!("pbc is \"{}\"; the frame is read as periodic along all three vectors", short(pbc)));
    }
    if let Some(shares) = value("occupancy")
        && !all_full(shares)
    {
        return Err(Fault::at(
            1,
            "partly occupied sites (occupancy) are not read from this format; give them in a CIF",
        ));
    }
    let mut sites = Vec::new();
    for (index, text) in atoms.iter().enumerate() {
        let line = index + 2;
        let tokens: Vec<&str> = text.split_whitespace().collect();
        if tokens.len() < columns.width {
            let reason =
                format!("{} columns where Properties promises {}; the line is cut off", tokens.len(), columns.width);
            return Err(Fault::at(line, reason));
        }
        if properties.is_some() && tokens.len() > columns.width {
            let reason = format!(
                "{} columns where Properties promises {}; correct Properties, so that no column is taken for another",
                tokens.len(),
                columns.width
            );
            return Err(Fault::at(line, reason));
        }
        if let Some(column) = columns.occupancy
            && (number(tokens[column], line, "an occupancy")? - 1.0).abs() > 1e-3
        {
            return Err(Fault::at(line, "partly occupied sites are not read from this format; give them in a CIF"));
        }
        let species = columns.element(&tokens, line, notes)?;
        let mut cart_coords = Vector3::zeros();
        for axis in 0..3 {
            cart_coords[axis] = number(tokens[columns.position + axis], line, "a Cartesian coordinate")?;
        }
        sites.push(Site { species, frac_coords: lattice.to_fractional(&cart_coords) });
    }
    checked(lattice, sites, 0, notes)
}

/// Whether occupancies as ASE writes them, `_JSON {"0": {"Na": 1.0}}` by kind of site, are all 1.
fn all_full(shares: &str) -> bool {
    type Shares = BTreeMap<String, BTreeMap<String, f64>>;
    let json = shares.trim().trim_start_matches("_JSON").to_owned();
    let kinds: Option<Shares> = serde_json::from_str(&json).ok();
    kinds.is_some_and(|kinds| kinds.values().all(|kind| kind.len() == 1 && kind.values().all(|share| *share > 0.999)))
}

/// Whether a vector is marked as one without periodic images: `T T F`, `[True, False, True]`, `TTF`, `1 1 0`.
fn is_open(pbc: &str) -> bool {
    let mut words = pbc.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    words.any(|word| {
        word == "false" || (word.contains(['f', '0']) && word.chars().all(|c| matches!(c, 't' | 'f' | '0' | '1')))
    })
}

/// Whether a key names the unit of lengths.
fn is_length_unit(key: &str) -> bool {
    const KEYS: [&str; 9] = [
        "unit",
        "units",
        "length_unit",
        "length_units",
        "pos_unit",
        "pos_units",
        "position_unit",
        "positions_unit",
        "distance_unit",
    ];
    KEYS.contains(&key.to_ascii_lowercase().as_str())
}

/// Whether one of the units is of lengths and not Å.
fn is_foreign_length(units: &str) -> bool {
    const LENGTHS: [&str; 9] = ["bohr", "bohrs", "a0", "au", "atomic", "nm", "nanometer", "nanometre", "pm"];
    let mut words = units.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    words.any(|word| LENGTHS.contains(&word.as_str()))
}

/// Where the element and the position stand in an atom's line.
struct Columns {
    /// Columns of symbols and of atomic numbers; one at least. Where there are several they must agree.
    symbols: Vec<usize>,
    atomic_numbers: Vec<usize>,
    position: usize,
    /// Where the share of the atom stands that is there, if it does.
    occupancy: Option<usize>,
    width: usize,
}

impl Columns {
    fn parse(properties: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| {
            Fault::at(1, format!("Properties={} {why}; it is written as species:S:1:pos:R:3", short(properties)))
        };
        let fields: Vec<&str> = properties.split(':').collect();
        let (mut symbols, mut atomic_numbers) = (Vec::new(), Vec::new());
        let (mut position, mut occupancy) = (None, None);
        let mut width = 0_usize;
        for field in fields.chunks(3) {
            let [name, kind, count] = field else { return Err(wrong("is cut off")) };
            let count: usize = count.parse().map_err(|_| wrong("has a column count that is not a number"))?;
            match (name.to_ascii_lowercase().as_str(), *kind, count) {
                ("species" | "element", "S", 1) => symbols.push(width),
                ("z" | "numbers" | "atomic_numbers", "I", 1) => atomic_numbers.push(width),
                ("pos" | "positions", "R", 3) if position.is_some() => return Err(wrong("names positions twice")),
                ("pos" | "positions", "R", 3) => position = Some(width),
                ("occupancy" | "occupancies" | "occ", "R", 1) => occupancy = Some(width),
                _ => {}
            }
            width = width.checked_add(count).ok_or_else(|| wrong("has too many columns"))?;
        }
        let position = position.ok_or_else(|| wrong("has no pos:R:3"))?;
        if symbols.is_empty() && atomic_numbers.is_empty() {
            return Err(wrong("has no species:S:1"));
        }
        Ok(Self { symbols, atomic_numbers, position, occupancy, width })
    }

    /// The element of an atom, which all columns must name.
    fn element(&self, tokens: &[&str], line: usize, notes: &mut Notes) -> Result<Species, Fault> {
        let mut found: Option<(usize, Species)> = None;
        for column in self.symbols.iter().chain(&self.atomic_numbers).copied() {
            let named = match tokens[column].parse() {
                Ok(number) if self.atomic_numbers.contains(&column) => Species::from_atomic_number(number),
                _ => element(tokens[column], line, notes),
            };
            let named = named.map_err(|error| Fault::structure_at(line, error))?;
            match found {
                Some((first, species)) if species != named => {
                    let reason = format!(
                        "'{}' and '{}' name two elements for one atom; correct one of the columns, or remove it",
                        tokens[first], tokens[column]
                    );
                    return Err(Fault::at(line, reason));
                }
                Some(_) => {}
                None => found = Some((column, named)),
            }
        }
        found.map(|(_, species)| species).ok_or_else(|| Fault::at(line, "the atom has no element"))
    }
}

/// The `key=value` pairs of a comment line; values may stand in double or single quotes or in braces.
fn key_values(line: &str) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let key_end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_end);
        let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
            rest = after.trim_start();
            continue;
        };
        let closing = match value.chars().next() {
            Some('"') => Some('"'),
            Some('\'') => Some('\''),
            Some('{') => Some('}'),
            _ => None,
        };
        let (value, after) = match closing {
            Some(closing) => quoted(&value[1..], closing),
            None => {
                let word = || value.find(char::is_whitespace).unwrap_or(value.len());
                let (value, after) = value.split_at(closing_bracket(value).unwrap_or_else(word));
                (value.to_owned(), after)
            }
        };
        pairs.push((key, value));
        rest = after.trim_start();
    }
    pairs
}

/// The end of a list in square brackets, with lists inside it; `None` if the text begins with none that ends.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, sign) in text.char_indices() {
        match sign {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (at > 0).then_some(at + 1);
        }
    }
    None
}

/// The text up to a closing sign, and what stands behind it. A backslash before the sign or another backslash makes it
/// part of the text.
fn quoted(text: &str, closing: char) -> (String, &str) {
    let mut value = String::new();
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' if signs.peek().is_some_and(|(_, next)| *next == closing || *next == '\\') => {
                value.extend(signs.next().map(|(_, next)| next));
            }
            _ if sign == closing => return (value, &text[at + sign.len_utf8()..]),
            _ => value.push(sign),
        }
    }
    (value, "")
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// One frame. An id is written as `id="…"`; a double quote in it becomes a single one, which the format can hold.
pub(super) fn write(structure: &Structure, id: Option<&str>) -> String {
    let cell: Vec<String> = structure.lattice().rows().as_flattened().iter().map(f64::to_string).collect();
    let mut text = format!("{}\nLattice=\"{}\" Properties=species:S:1:pos:R:3", structure.n_sites(), cell.join(" "));
    if let Some(id) = id {
        let _ = write!(text, " id=\"{}\"", id.replace('"', "'").replace(char::is_control, " "));
    }
    text.push_str(" pbc=\"T T T\"\n");
    for site in structure.sites() {
        let [x, y, z]: [f64; 3] = structure.lattice().to_cartesian(&site.frac_coords).into();
        let _ = writeln!(text, "{} {x} {y} {z}", site.species);
    }
    text
}
