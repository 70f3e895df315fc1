//! CIF files as other programs write them, and what is wrong with bad ones.

use std::path::Path;

use crystal_core::io::{self, Format};
use crystal_core::{Composition, CrystalError, Structure};

fn parse(text: &str) -> Result<Structure, CrystalError> {
    io::read_bytes(text.as_bytes(), Format::Cif, Path::new("a.cif")).remove(0).structure
}

fn failure(text: &str, line: usize, words: &str) {
    let message = parse(text).expect_err(text).to_string();
    let places = [format!("a.cif:{line}: "), format!("a.cif: line {line}: ")];
    assert!(places.iter().any(|place| message.starts_with(place)), "line {line} expected: {message}");
    assert!(message.contains(words), "'{words}' expected: {message}");
}

fn formula(text: &str) -> String {
    Composition::of(&parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))).formula()
}

fn cell(a: f64, b: f64, c: f64, angles: [f64; 3]) -> String {
    let [alpha, beta, gamma] = angles;
    format!(
        "data_t\n_cell_length_a {a}\n_cell_length_b {b}\n_cell_length_c {c}\n_cell_angle_alpha {alpha}\n_cell_angle_beta {beta}\n_cell_angle_gamma {gamma}\n"
    )
}

const SITES: &str =
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n";
const RIGHT: [f64; 3] = [90.0, 90.0, 90.0];

#[test]
fn a_published_file() {
    // The habits of journals and data bases: text fields, letters outside ASCII, uncertainties, charges, quotes, a
    // block without a cell.
    let text = "#------\ndata_global\n_publ_author 'M\u{fc}ller, J.'\n_note\n;\nA; text\n 'with quotes\n;\ndata_I\n_cell_length_a 5.6402(2)\n\
                _cell_length_b '5.6402(2)'\n_cell_length_c 5.6402\n_cell_angle_alpha 90\n_cell_angle_beta 90.\n_cell_angle_gamma 90.000(1)\n\
                _symmetry_space_group_name_H-M 'F m -3 m'\n_symmetry_Int_Tables_number 225\nloop_\n_atom_site_label _atom_site_type_symbol\n\
                _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z _atom_site_occupancy _atom_site_attached_hydrogens\n\
                Na1 Na1+ 0.00000 0. .0 1.0(2) 0 # comment\nCl1\n Cl1- 1/2 0.5 0.5 . ?\n";
    failure(text, 22, "'1/2', which is not a number");
    let structure = parse(&text.replace("1/2", "0.5(1)")).expect("rock salt");
    assert_eq!(Composition::of(&structure).formula(), "Na4Cl4");
    assert_eq!(structure.closest_pair().map(|(_, _, d)| (d * 1e4).round()), Some(28201.0));
    // The byte 0xfc alone is Latin-1, not UTF-8.
    let latin = text.replace("1/2", "0.5").replace('\u{fc}', "#").into_bytes();
    let latin: Vec<u8> = latin
        .iter()
        .enumerate()
        .map(|(at, byte)| if latin[..at].ends_with(b"'M") && *byte == b'#' { 0xfc } else { *byte })
        .collect();
    assert!(io::read_bytes(&latin, Format::Cif, Path::new("a.cif"))[0].structure.is_ok());
}

#[test]
fn newer_names_and_capitals() {
    let text = "data_x\n_CELL.LENGTH_A 3\n_cell.length_b 3\n_cell.length_c 3\n_cell.angle_alpha 90\n_cell.angle_beta 90\n_cell.angle_gamma 90\n\
                LOOP_\n_atom_site.type_symbol\n_atom_site.fract_x\n_atom_site.fract_y\n_atom_site.fract_z\nPo 0 0 0\n";
    assert_eq!(formula(text), "Po");
    assert_eq!(formula(&format!("#\\#CIF_2.0\n{text}_list [1 [2 3]]\n")), "Po");
}

#[test]
fn rounded_special_positions_are_put_in_their_place() {
    // Hexagonal close packing with three decimals: 12 images of each rounded site must come out as one orbit.
    let text = format!(
        "{}_space_group_IT_number 194\n{SITES}Mg1 Mg 0.333 0.667 0.25\n",
        cell(3.21, 3.21, 5.21, [90.0, 90.0, 120.0])
    );
    let structure = parse(&text).expect("magnesium");
    assert_eq!(structure.n_sites(), 2);
    for site in structure.sites() {
        let x = site.frac_coords[0];
        assert!((x - 1.0 / 3.0).abs() < 1e-12 || (x - 2.0 / 3.0).abs() < 1e-12, "{x}");
    }
}

#[test]
fn settings_named_in_words() {
    let cubic = cell(8.0, 8.0, 8.0, RIGHT);
    let monoclinic = cell(5.0, 6.0, 7.0, [90.0, 100.0, 90.0]);
    let hexagonal = cell(5.0, 5.0, 13.0, [90.0, 90.0, 120.0]);
    let rhombohedral = cell(5.0, 5.0, 5.0, [60.0, 60.0, 60.0]);
    let with = |cell: &str, symmetry: &str, site: &str| format!("{cell}{symmetry}\n{SITES}C1 C {site}\n");
    let count = |text: &str| parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")).n_sites();
    // Diamond: origin choice 2 puts atoms at 1/8, choice 1 at 0.
    let z = "_space_group_IT_number 227\n_cell_formula_units_Z 8\n_chemical_formula_sum C";
    assert_eq!(count(&with(&cubic, z, "0.125 0.125 0.125")), 8);
    assert_eq!(count(&with(&cubic, "_space_group_name_H-M_alt 'F d -3 m:1'", "0 0 0")), 8);
    assert_eq!(count(&with(&cubic, "_space_group_name_H-M_alt 'F d -3 m :2'", "0 0 0")), 16);
    assert_eq!(count(&with(&cubic, "_space_group_name_Hall 'F 4d 2 3 -1d'", "0 0 0")), 8);
    failure(&with(&cubic, "_symmetry_space_group_name_H-M Fd-3m", "0.125 0.125 0.125"), 8, "leaves the origin open");
    // An old spelling beside a number that has one setting only.
    assert_eq!(
        count(&with(&cubic, "_symmetry_Int_Tables_number 225\n_symmetry_space_group_name_H-M 'F m 3 m'", "0 0 0")),
        4
    );
    for (symbol, expected) in [("P 21/n", [0.4, 0.7, 0.2]), ("P 1 21/c 1", [0.9, 0.7, 0.2]), ("P21/a", [0.4, 0.7, 0.7])]
    {
        let text = with(&monoclinic, &format!("_symmetry_space_group_name_H-M '{symbol}'"), "0.1 0.2 0.3");
        let structure = parse(&text).expect(symbol);
        assert_eq!(structure.n_sites(), 4);
        let is_image =
            |site: &crystal_core::Site| site.frac_coords.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-9);
        assert!(structure.sites().iter().any(is_image), "{symbol}: {structure:?}");
    }
    for symmetry in ["_space_group_IT_number 166", "_space_group_name_H-M_alt 'R -3 m'"] {
        assert_eq!(count(&with(&hexagonal, symmetry, "0 0 0")), 3);
        assert_eq!(count(&with(&rhombohedral, symmetry, "0 0 0")), 1);
    }
    assert_eq!(count(&with(&monoclinic, "", "0.1 0.2 0.3")), 1, "no word on symmetry is P 1");
    failure(&with(&hexagonal, "_space_group_name_H-M_alt 'R -3 m:R'", "0 0 0"), 8, "does not fit the cell");
    failure(&with(&monoclinic, "_space_group_IT_number 225", "0 0 0"), 8, "does not fit the cell");
    failure(&with(&cubic, "_space_group_name_H-M_alt 'Q 7'", "0 0 0"), 8, "add the operations");
    for number in ["0", "231", "-3"] {
        failure(&with(&cubic, &format!("_space_group_IT_number {number}"), "0 0 0"), 8, "give a number from 1 to 230");
    }
    failure(&with(&cubic, "_space_group_IT_number many", "0 0 0"), 8, "'many'");
}

#[test]
fn operations_of_the_file() {
    let cell = cell(4.0, 4.0, 4.0, RIGHT);
    let with = |operations: &[&str]| {
        let lines: Vec<String> = operations.iter().map(|operation| format!("'{operation}'\n")).collect();
        format!("{cell}loop_\n_symmetry_equiv_pos_as_xyz\n{}{SITES}Fe1 Fe 0 0 0\n", lines.concat())
    };
    assert_eq!(formula(&with(&["x, y, z", "x+1/2, y+1/2, z+0.5"])), "Fe2");
    assert_eq!(formula(&with(&["x,y,z", "x,y,z"])), "Fe");
    failure(&with(&["x,y,z", "y,z,x"]), 10, "is not a group");
    failure(&with(&["-x,-y,-z"]), 10, "identity");
    failure(&with(&["x,y,z", "x+1/2,y+1/2,z", "-x,-y,-z"]), 10, "centring");
    failure(&with(&["x,y,z", "x+1/2,y+1/2,z", "x+1/2,y,z+1/2"]), 10, "x,y+1/2,z+1/2, is missing");
    failure(&with(&["x,y,z", "x,y,w"]), 11, "'w' cannot be read");
    failure(&with(&["x,y,z", "x,x,z"]), 11, "volumes");
}

#[test]
fn bad_input() {
    let cell = cell(4.0, 4.0, 4.0, RIGHT);
    for (body, line, words) in [
        ("", 1, "_atom_site_fract_x is missing"),
        (
            "loop_\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n0 0 0\n",
            12,
            "neither _atom_site_type_symbol nor",
        ),
        (
            "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nFE1 0 0 0\nF1 0.5 0 0\n",
            13,
            "may mean F or Fe",
        ),
        (
            "_chemical_formula_sum 'Fe O2'\nloop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nFe1 0 0 0\nO1 0.5 0.5 0.5\n",
            8,
            "sites are missing",
        ),
    ] {
        failure(&format!("{cell}{body}"), line, words);
    }
    for (site, words) in [
        ("Fe1 Fe 0 0", "is cut off: 4 values do not fill rows of 5"),
        ("Fe1 Xx3+ 0 0 0", "'Xx3+' names a place without an atom"),
        ("Fe1 Fe 0 ? 0", "site 'Fe1' has no y coordinate"),
        ("Fe1 Fe 0 0 1e999", "'inf', which is not a number"),
    ] {
        failure(&format!("{cell}{SITES}{site}\n"), 14, words);
    }
    let occupancy = SITES.replace("_label\n", "_label\n_atom_site_occupancy\n");
    let partial = format!("{cell}{occupancy}Fe1 1 Fe 0 0 0\nMn1 0.75(1) Mn 0.5 0.5 0.5\n");
    failure(&partial, 16, "site 'Mn1' has occupancy 0.75");
    assert!(matches!(
        parse(&partial).as_ref().map_err(CrystalError::innermost),
        Err(CrystalError::PartialOccupancy { site, occupancy }) if site == "Mn1" && *occupancy == 0.75
    ));
    let hydrogens = SITES.replace("_label\n", "_label\n_atom_site_attached_hydrogens\n");
    failure(&format!("{cell}{hydrogens}O1 2 O 0 0 0\n"), 15, "2 hydrogen atoms");
    let dummy = SITES.replace("_label\n", "_label\n_atom_site_calc_flag\n");
    assert_eq!(formula(&format!("{cell}{dummy}O1 d O 0 0 0\nX1 dum . 0 0 0\n")), "O");
    let error = parse(&format!("{cell}{SITES}Fe1 Fe 0 0 0\nFe2 Fe 1 0 0.002\n")).expect_err("an overlap");
    assert!(
        matches!(error.innermost(), CrystalError::SameSite { first, second, .. } if first == "Fe1" && second == "Fe2"),
        "{error}"
    );
    failure("", 1, "no data block has a cell");
    failure("data_a\n_x 1\n", 1, "no data block has a cell");
    failure("\n\ndata_a\n_cell_length_a 1\n", 3, "_cell_length_b is missing");
    failure(&cell.replace("_b 4", "_b four"), 3, "'four'");
    failure(&cell.replace("_b 4", "_b -4"), 2, "no cell has");
    failure("data_a\n_cell_length_a 'open\n_x 1\n", 2, "no valid CIF near");
    failure("data_a\n_cell_length_a\n", 2, "at the end of the file");
    failure("<html>\n", 1, "a web page");
    failure("<xml>\n", 1, "no valid CIF");
    failure(&format!("#\\#CIF_2.0\ndata_a\n_x {}\n", "[".repeat(100_000)), 3, "nested");
}

/// A file cut at any byte gives an error or, where only the end of the last line is lost, the same structure: never
/// another one.
#[test]
fn truncated_files_are_noticed() {
    let lattice =
        crystal_core::Lattice::from_rows([[5.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.3, 7.0]]).expect("a cell");
    let sites = [("Ti", 0.1), ("Ti", 0.6), ("O", 0.25), ("O", 0.4), ("O", 0.85), ("O", 0.95)];
    let site = |(symbol, x): (&str, f64)| crystal_core::Site {
        species: symbol.parse().expect("an element"),
        frac_coords: nalgebra::Vector3::new(x, 0.2 + x / 3.0, 0.7),
    };
    let expected = Structure::new(lattice, sites.into_iter().map(site).collect()).expect("a structure");
    let text = io::to_cif(&expected, "rutile?");
    for length in 0..text.len() {
        if let Ok(found) = parse(&text[..length]) {
            assert_eq!(found.n_sites(), expected.n_sites(), "cut to {length} bytes");
            assert!(text.len() - length <= 1, "cut to {length} of {} bytes", text.len());
        }
    }
}
