//! The structures of a CIF: for each data block its cell, its sites, and all images of the sites.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::Vector3;

use super::super::ReadOptions;
use super::super::text::{Fault, Notes, Read, closer_than_atoms, note_far, note_unlikely_cell};
use super::claims::{says_anything, unusable_names};
use super::document::{Block, Cell, blocks};
use super::evidence::{Crystal, Evidence};
use super::expand::ListedSite;
use super::labels::{Found, Symbols};
use super::prepare::prepared;
use super::symmetry::{Symmetric, symmetric_sites};
use crate::distances::Distances;
use crate::{CrystalError, DisorderedStructure, Lattice, LatticeParameters, Site, Structure};

/// Occupancies this close to 1 are full: they carry rounding.
pub(super) const OCCUPANCY_TOLERANCE: f64 = 1e-3;

/// A site moved farther than this (Å) onto a special position is worth a note.
const MOVED: f64 = 0.01;

const CELL: [&str; 6] =
    ["cell_length_a", "cell_length_b", "cell_length_c", "cell_angle_alpha", "cell_angle_beta", "cell_angle_gamma"];
/// Volumes agree to this.
const VOLUME_TOLERANCE: f64 = 0.02;
const COORDINATES: [&str; 3] = ["atom_site_fract_x", "atom_site_fract_y", "atom_site_fract_z"];

/// What one data block holds. Its name, if the file has several structures.
pub(in super::super) struct BlockRead {
    pub name: Option<String>,
    pub read: Read,
}

/// The structures of all data blocks that have sites.
pub(in super::super) fn read(text: &str, options: &ReadOptions) -> Vec<BlockRead> {
    let text = prepared(text);
    let blocks = match blocks(&text) {
        Ok(blocks) => blocks,
        Err(fault) => return vec![BlockRead { name: None, read: Read::failed(fault) }],
    };
    let has_cell = |block: &Block<'_>| block.has_any(&CELL);
    let mut chosen: Vec<&Block<'_>> = blocks.iter().filter(|block| block.has_any(&COORDINATES)).collect();
    let in_frames: Vec<BlockRead> = blocks.iter().flat_map(frames).collect();
    if chosen.is_empty() && !in_frames.is_empty() {
        return in_frames;
    }
    if chosen.is_empty() {
        // Then the first block that looks like a structure says what is missing.
        chosen = blocks.iter().find(|block| has_cell(block) || block.has_sites()).into_iter().collect();
    }
    if chosen.is_empty() {
        let reason = "no data block has a cell (_cell_length_a …); the file is empty, cut off or no structure";
        return vec![BlockRead { name: None, read: Read::failed(Fault::at(1, reason)) }];
    }
    // Some programs write what is common to all blocks into a block by itself.
    let elsewhere = blocks
        .iter()
        .filter(|block| !block.has_any(&COORDINATES))
        .find_map(|block| unusable_names(block).map(|(name, line)| (name, line, block.name().to_owned())));
    let several = chosen.len() + in_frames.len() > 1;
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let read = |block: &&Block<'_>| {
        let n_before = names.entry(block.name().to_owned()).or_default();
        *n_before += 1;
        let name = if *n_before > 1 { format!("{}-{n_before}", block.name()) } else { block.name().to_owned() };
        let read = match &elsewhere {
            Some((item, line, other)) if !says_anything(block) => {
                let reason = format!(
                    "_{item} in data_{other} states a symmetry, and data_{} has the sites and states none; put both into one \
                     block",
                    block.name()
                );
                Read::failed(Fault::at(*line, reason))
            }
            _ => read_block(block, options),
        };
        BlockRead { name: several.then_some(name), read }
    };
    chosen.iter().map(read).chain(in_frames).collect()
}

/// Structures in save frames, which belong in dictionaries: each is told instead of dropped.
fn frames(block: &Block<'_>) -> Vec<BlockRead> {
    let frame = |(name, line): (&str, usize)| {
        let reason = format!(
            "the save frame '{name}' lists sites, and frames are not read; write 'data_{name}' in place of 'save_{name}' \
             and remove the 'save_' that ends it"
        );
        BlockRead { name: Some(name.to_owned()), read: Read::failed(Fault::at(line, reason)) }
    };
    block.frames_with_sites().map(frame).collect()
}

fn read_block(block: &Block<'_>, options: &ReadOptions) -> Read {
    Read::perhaps_disordered(|notes, disordered| structure(block, options, notes, disordered))
}

fn structure(
    block: &Block<'_>,
    options: &ReadOptions,
    notes: &mut Notes,
    disordered: &mut Option<DisorderedStructure>,
) -> Result<Structure, Fault> {
    let lattice = lattice(block)?;
    note_volume(block, &lattice, notes)?;
    let sites = sites(block, notes)?;
    note_far(sites.iter().map(|site| &site.frac_coords), block.line(COORDINATES[0], 0), notes);
    let found = symmetric_sites(block, &lattice, &sites, options.merge_distance, notes)?;
    let Symmetric { operations, number, orbits } = &found;
    let crystal = Crystal { lattice: &lattice, sites: &sites, orbits, n_operations: operations.len(), number: *number };
    let evidence = Evidence::read(block)?;
    let line_of = |site: &ListedSite| block.line(COORDINATES[0], site.row);
    if let Some((site, orbit, thirds)) =
        sites.iter().zip(orbits).find_map(|(site, orbit)| orbit.unclear.map(|thirds| (site, orbit, thirds)))
        && !evidence.confirms(&crystal)
    {
        let reason = format!(
            "the coordinates of site '{}' are rounded so far that it may have {} images or {thirds}; give them with more decimals, or its _atom_site_symmetry_multiplicity",
            site.label,
            orbit.images.len()
        );
        return Err(Fault::at(line_of(site), reason));
    }
    let moved: Vec<&str> = sites
        .iter()
        .zip(orbits)
        .filter(|(_, orbit)| orbit.moved > MOVED)
        .map(|(site, _)| site.label.as_str())
        .collect();
    if let Some(first) = sites.iter().zip(orbits).find(|(_, orbit)| orbit.moved > MOVED) {
        let farthest = orbits.iter().map(|orbit| orbit.moved).fold(0.0, f64::max);
        let text = format!(
            "images of {} within {} Å of each other are read as one atom on a special position, up to {farthest:.3} Å away (rounded coordinates; another distance: druse convert --merge-distance)",
            listed(&moved),
            options.merge_distance
        );
        notes.add(line_of(first.0), text);
    }
    if let Some(partial) = sites.iter().find(|site| site.is_partial()) {
        let fault = Fault::structure_at(
            line_of(partial),
            CrystalError::PartialOccupancy { site: partial.label.clone(), occupancy: partial.occupancy },
        );
        evidence.check_formula(&crystal)?;
        let all = sites.iter().zip(orbits).flat_map(|(site, orbit)| {
            orbit.images.iter().map(|image| (site.label.as_str(), site.species, *image, site.occupancy))
        });
        let found = DisorderedStructure::from_occupants(lattice, all, operations.clone());
        *disordered = Some(found.map_err(|reason| Fault::at(line_of(partial), reason))?);
        return Err(fault);
    }
    let mut owners: Vec<usize> = Vec::new();
    let mut expanded: Vec<Site> = Vec::new();
    for (index, (site, orbit)) in sites.iter().zip(orbits).enumerate() {
        owners.extend(std::iter::repeat_n(index, orbit.images.len()));
        expanded.extend(orbit.images.iter().map(|image| Site { species: site.species, frac_coords: *image }));
    }
    // Sites at the same place are named by their labels, so they are looked for here.
    let structure = Structure::allowing_overlap(lattice, expanded)?;
    let distances = Distances::new(structure.in_reduced_cell())
        .map_err(|error| Fault::structure_at(block.line(CELL[0], 0), error))?;
    if let Some((i, j, distance)) = distances.overlap() {
        let (first, second) = (&sites[owners[i]], &sites[owners[j]]);
        return Err(Fault::structure_at(
            line_of(second),
            CrystalError::SameSite { first: first.label.clone(), second: second.label.clone(), distance },
        ));
    }
    evidence.check_formula(&crystal)?;
    note_unlikely_cell(&distances, block.line(CELL[0], 0), notes);
    if let Some((i, j, distance)) = closer_than_atoms(&structure, &distances) {
        let (first, second) = (&sites[owners[i]], &sites[owners[j]]);
        let text = if owners[i] == owners[j] {
            format!(
                "images of '{}' are {distance:.2} Å apart; the symmetry, its origin or the coordinates may be wrong, or \
                 the images are one atom (druse convert --merge-distance)",
                first.label
            )
        } else {
            format!(
                "'{}' and '{}' are {distance:.2} Å apart; if they are alternatives of one atom, remove one of them",
                first.label, second.label
            )
        };
        notes.add(line_of(second), text);
    }
    Ok(structure)
}

/// The first few labels of a list.
fn listed(labels: &[&str]) -> String {
    let shown: Vec<String> = labels.iter().take(3).map(|label| format!("'{label}'")).collect();
    let more = if labels.len() > shown.len() {
        format!(" and {} more sites", labels.len() - shown.len())
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

fn lattice(block: &Block<'_>) -> Result<Lattice, Fault> {
    let mut values = [0.0; 6];
    for (value, name) in values.iter_mut().zip(CELL) {
        let Some((_, cell)) = block.value(&[name])? else {
            return Err(Fault::at(
                block.heading_line(),
                format!("_{name} is missing; the cell needs three lengths and three angles"),
            ));
        };
        let number = cell.number().map_err(|text| {
            Fault::at(
                block.line(name, 0),
                format!("_{name} is '{text}', which is not a number; give it in Å or degrees"),
            )
        })?;
        *value = number.unwrap_or(f64::NAN);
    }
    let [a, b, c, alpha, beta, gamma] = values;
    Lattice::from_parameters(LatticeParameters { a, b, c, alpha, beta, gamma })
        .map_err(|error| Fault::structure_at(block.line(CELL[0], 0), error))
}

/// A volume that is not that of the cell: one of the six numbers is wrong, or the volume is.
fn note_volume(block: &Block<'_>, lattice: &Lattice, notes: &mut Notes) -> Result<(), Fault> {
    const VOLUME: &str = "cell_volume";
    let stated = block.value(&[VOLUME])?.and_then(|(_, cell)| cell.number().ok().flatten());
    if let Some(stated) = stated.filter(|stated| (lattice.volume() / stated - 1.0).abs() > VOLUME_TOLERANCE) {
        let text =
            format!("the cell has {:.1} Å³, _{VOLUME} is {stated}; the lengths and angles are used", lattice.volume());
        notes.add(block.line(VOLUME, 0), text);
    }
    Ok(())
}

/// The cell of a column in a row; columns that are not there are missing everywhere.
fn at(column: Option<&[Cell]>, row: usize) -> Cell {
    column.and_then(|cells| cells.get(row)).cloned().unwrap_or(Cell::Missing)
}

/// The sites of the list, without their images.
fn sites(block: &Block<'_>, notes: &mut Notes) -> Result<Vec<ListedSite>, Fault> {
    let mut columns: [&[Cell]; 3] = [&[]; 3];
    for (column, name) in columns.iter_mut().zip(COORDINATES) {
        *column = block.column(name)?.ok_or_else(|| {
            let cartesian = block.has_any(&["atom_site_cartn_x"]);
            let remark = if cartesian { " (Cartesian coordinates are not read)" } else { "" };
            let cure = format!("a structure needs _atom_site_fract_x, _y and _z{remark}");
            Fault::at(block.heading_line(), format!("_{name} is missing; {cure}"))
        })?;
    }
    let labels = block.column("atom_site_label")?;
    let symbols = block.column("atom_site_type_symbol")?;
    let occupancies = block.column("atom_site_occupancy")?;
    let flags = block.column("atom_site_calc_flag")?;
    let hydrogens = block.column("atom_site_attached_hydrogens")?;
    let multiplicities = match block.column("atom_site_symmetry_multiplicity")? {
        Some(cells) => Some(cells),
        None => block.column("atom_site_site_symmetry_multiplicity")?,
    };
    let orders = block.column("atom_site_site_symmetry_order")?;
    let letters = block.column("atom_site_wyckoff_symbol")?;
    if labels.is_none() && symbols.is_none() {
        let line = block.line(COORDINATES[0], 0);
        return Err(Fault::at(
            line,
            "the sites have neither _atom_site_type_symbol nor _atom_site_label; add one of the two columns",
        ));
    }
    // Columns of another loop are matched row by row: rows that lack there must not become what is usual.
    let n_rows = columns[0].len();
    for (name, column) in [
        (COORDINATES[1], Some(columns[1])),
        (COORDINATES[2], Some(columns[2])),
        ("atom_site_label", labels),
        ("atom_site_type_symbol", symbols),
        ("atom_site_occupancy", occupancies),
    ] {
        let n_here = column.map_or(n_rows, <[Cell]>::len);
        if n_here != n_rows {
            let reason = format!(
                "_{name} has {n_here} rows and _{} has {n_rows}; put the columns of the sites into one loop",
                COORDINATES[0]
            );
            return Err(Fault::at(block.line(name, 0), reason));
        }
    }
    refuse_alternatives(block, labels)?;
    if occupancies.is_none() {
        refuse_foreign_occupancies(block)?;
    }
    let texts =
        |column: Option<&[Cell]>| column.unwrap_or_default().iter().filter_map(Cell::text).collect::<Vec<String>>();
    let written: Vec<String> = texts(symbols).into_iter().chain(texts(labels)).collect();
    let read_symbols = Symbols::new(written.iter().map(String::as_str), Evidence::formula_symbols(block)?);
    let mut sites = Vec::new();
    let mut contradiction: Option<(usize, String)> = None;
    for row in 0..columns[0].len() {
        let line = || block.line(COORDINATES[0], row);
        // A dummy site marks a place, not an atom.
        if at(flags, row).text().is_some_and(|flag| flag.eq_ignore_ascii_case("dum")) {
            continue;
        }
        let symbol = at(symbols, row).text();
        let label = at(labels, row).text().or_else(|| symbol.clone()).unwrap_or_else(|| format!("number {}", row + 1));
        let found = match &symbol {
            Some(symbol) => read_symbols.of_type(symbol),
            None => read_symbols.of_label(&label),
        };
        let Found { species, note } = found.map_err(|reason| Fault::at(line(), reason))?;
        if contradiction.is_none()
            && let Some(other) = read_symbols.plain(&label).filter(|other| symbol.is_some() && *other != species)
        {
            contradiction = Some((
                line(),
                format!("the label '{label}' names {other}, its type symbol {species}; the type symbol is read"),
            ));
        }
        if let Some(note) = note {
            notes.add(line(), note);
        }
        let mut frac_coords = Vector3::zeros();
        for axis in 0..3 {
            let value = at(Some(columns[axis]), row).number().map_err(|text| {
                Fault::at(
                    line(),
                    format!("site '{label}' has the coordinate '{text}', which is not a number; write it as a decimal"),
                )
            })?;
            frac_coords[axis] = value.ok_or_else(|| {
                Fault::at(
                    line(),
                    format!("site '{label}' has no {} coordinate; give it or remove the site", ["x", "y", "z"][axis]),
                )
            })?;
        }
        let occupancy = at(occupancies, row)
            .number()
            .map_err(|text| {
                Fault::at(line(), format!("site '{label}' has the occupancy '{text}', which is not a number"))
            })?
            .unwrap_or(1.0);
        if !(0.0..=1.0 + OCCUPANCY_TOLERANCE).contains(&occupancy) {
            let reason = format!("site '{label}' has the occupancy {occupancy}; give a number from 0 to 1");
            return Err(Fault::at(line(), reason));
        }
        if occupancy == 0.0 {
            notes.add(line(), format!("site '{label}' has occupancy 0 and is left out"));
            continue;
        }
        if let Ok(Some(count)) = at(hydrogens, row).number()
            && count > 0.0
        {
            let reason = format!(
                "site '{label}' represents {count} hydrogen atoms besides itself that have no coordinates; add them as sites, and put '.' into _atom_site_attached_hydrogens"
            );
            return Err(Fault::at(line(), reason));
        }
        let wyckoff = at(letters, row).text().unwrap_or_default();
        sites.push(ListedSite {
            label,
            row,
            species,
            frac_coords,
            occupancy,
            multiplicity: at(multiplicities, row).number().ok().flatten(),
            order: at(orders, row).number().ok().flatten(),
            wyckoff_letter: wyckoff.chars().find(char::is_ascii_alphabetic),
        });
    }
    if let Some((line, text)) = contradiction {
        notes.add(line, text);
    }
    Ok(sites)
}

/// Occupancies under a name that no dictionary has: without them partly occupied sites would be read as full ones.
fn refuse_foreign_occupancies(block: &Block<'_>) -> Result<(), Fault> {
    let is_foreign = |name: &str| {
        let item = name.strip_prefix("atom_site_").unwrap_or_default();
        (item.contains("occup") && !item.contains("flag"))
            || matches!(item, "occ" | "sof" | "site_frac" | "site_fraction" | "population")
    };
    for name in block.names_that(is_foreign) {
        let cells = block.column(name)?.unwrap_or_default();
        let is_other =
            |cell: &Cell| cell.number().ok().flatten().is_some_and(|x| (x - 1.0).abs() > OCCUPANCY_TOLERANCE);
        if let Some(row) = cells.iter().position(is_other) {
            let reason = format!(
                "_{name} holds other numbers than 1, as occupancies would; name it _atom_site_occupancy, or remove it if it \
                 holds none"
            );
            return Err(Fault::at(block.line(name, row), reason));
        }
    }
    Ok(())
}

/// Sites that exclude each other are no structure: of each disordered assembly one group of sites must be chosen.
fn refuse_alternatives(block: &Block<'_>, labels: Option<&[Cell]>) -> Result<(), Fault> {
    let assemblies = block.column("atom_site_disorder_assembly")?;
    for name in ["atom_site_disorder_group", "atom_site_label_alt_id"] {
        let Some(groups) = block.column(name)? else { continue };
        let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (row, group) in groups.iter().enumerate() {
            let Some(group) = group.text() else { continue };
            if name == "atom_site_disorder_group" && group == "0" {
                continue;
            }
            let label = at(labels, row).text().unwrap_or_else(|| format!("number {}", row + 1));
            let assembly = at(assemblies, row).text().unwrap_or_default();
            let of_assembly = known.entry(assembly.clone()).or_default();
            of_assembly.insert(group.clone());
            let about_an_element = group.starts_with('-');
            if of_assembly.len() > 1 || about_an_element {
                let what = if about_an_element {
                    format!("site '{label}' is disordered about a symmetry element (group {group})")
                } else {
                    let groups: Vec<&str> = of_assembly.iter().map(String::as_str).collect();
                    let of = if assembly.is_empty() { String::new() } else { format!(" of assembly {assembly}") };
                    format!(
                        "site '{label}' is an alternative: the disorder groups {}{of} exclude each other",
                        groups.join(" and ")
                    )
                };
                let cure =
                    "keep the sites of one alternative, with occupancy 1 and '.' as their group, and remove the others";
                return Err(Fault::at(block.line(name, row), format!("{what}; {cure}")));
            }
        }
    }
    Ok(())
}
