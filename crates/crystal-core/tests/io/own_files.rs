//! Small CIFs, and what is read from them.

use std::path::Path;

use crystal_core::Composition;
use crystal_core::io::{self, Entry, Format};

pub fn entries(text: &str) -> Vec<Entry> {
    io::read_bytes(text.as_bytes(), Format::Cif, Path::new("f.cif"))
}

pub fn entry(text: &str) -> Entry {
    let mut entries = entries(text);
    assert_eq!(entries.len(), 1, "{text}");
    entries.remove(0)
}

pub fn formula(text: &str) -> String {
    match entry(text).structure {
        Ok(structure) => Composition::of(&structure).formula(),
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Formula and notes.
pub fn noted(text: &str) -> (String, String) {
    let notes: Vec<String> = entry(text).notes.iter().map(ToString::to_string).collect();
    (formula(text), notes.join("\n"))
}

pub fn refused(text: &str, words: &str) -> String {
    let message = match entry(text).structure {
        Ok(structure) => panic!("read as {}\n{text}", Composition::of(&structure).formula()),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(words), "'{words}' expected: {message}");
    assert!(message.starts_with("f.cif"), "{message}");
    message
}

pub fn cell(a: f64, b: f64, c: f64, angles: [f64; 3]) -> String {
    let [alpha, beta, gamma] = angles;
    format!(
        "_cell_length_a {a}\n_cell_length_b {b}\n_cell_length_c {c}\n_cell_angle_alpha {alpha}\n_cell_angle_beta {beta}\n_cell_angle_gamma {gamma}\n"
    )
}

pub fn cubic(a: f64) -> String {
    cell(a, a, a, [90.0; 3])
}

pub fn hexagonal() -> String {
    cell(8.0, 8.0, 11.0, [90.0, 90.0, 120.0])
}

pub fn monoclinic() -> String {
    cell(7.0, 8.0, 9.0, [90.0, 104.0, 90.0])
}

pub const SITES: &str =
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n";

/// Symmetry lines, cell and rows of sites.
pub fn file(symmetry: &str, cell: &str, sites: &str) -> String {
    format!("data_t\n{symmetry}\n{cell}{SITES}{sites}\n")
}

/// One atom in general position.
pub fn general(symmetry: &str, cell: &str) -> String {
    file(symmetry, cell, "V1 V 0.11 0.31 0.215")
}

pub fn operations(name: &str, operations: &[&str]) -> String {
    let lines: Vec<String> = operations.iter().map(|operation| format!("'{operation}'\n")).collect();
    format!("loop_\n_{name}\n{}", lines.concat())
}
