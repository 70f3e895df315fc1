//! Files that must not be read as another structure, kind by kind: each kind with several own files, the right ones
//! beside the wrong ones.

use std::collections::BTreeMap;
use std::path::Path;

use crystal_core::io::{self, Entry, Format, ReadOptions};
use crystal_core::{Composition, CrystalError};

fn entries(text: &str) -> Vec<Entry> {
    io::read_bytes(text.as_bytes(), Format::Cif, Path::new("f.cif"))
}

fn entry(text: &str) -> Entry {
    let mut entries = entries(text);
    assert_eq!(entries.len(), 1, "{text}");
    entries.remove(0)
}

fn formula(text: &str) -> String {
    match entry(text).structure {
        Ok(structure) => Composition::of(&structure).formula(),
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Formula and notes.
fn noted(text: &str) -> (String, String) {
    let notes: Vec<String> = entry(text).notes.iter().map(ToString::to_string).collect();
    (formula(text), notes.join("\n"))
}

fn refused(text: &str, words: &str) -> String {
    let message = match entry(text).structure {
        Ok(structure) => panic!("read as {}\n{text}", Composition::of(&structure).formula()),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(words), "'{words}' expected: {message}");
    assert!(message.starts_with("f.cif"), "{message}");
    message
}

fn cell(a: f64, b: f64, c: f64, angles: [f64; 3]) -> String {
    let [alpha, beta, gamma] = angles;
    format!(
        "_cell_length_a {a}\n_cell_length_b {b}\n_cell_length_c {c}\n_cell_angle_alpha {alpha}\n_cell_angle_beta {beta}\n_cell_angle_gamma {gamma}\n"
    )
}

fn cubic(a: f64) -> String {
    cell(a, a, a, [90.0; 3])
}

fn hexagonal() -> String {
    cell(8.0, 8.0, 11.0, [90.0, 90.0, 120.0])
}

fn monoclinic() -> String {
    cell(7.0, 8.0, 9.0, [90.0, 104.0, 90.0])
}

const SITES: &str =
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n";

/// Symmetry lines, cell and rows of sites.
fn file(symmetry: &str, cell: &str, sites: &str) -> String {
    format!("data_t\n{symmetry}\n{cell}{SITES}{sites}\n")
}

/// One atom in general position.
fn general(symmetry: &str, cell: &str) -> String {
    file(symmetry, cell, "V1 V 0.11 0.31 0.215")
}

fn operations(name: &str, operations: &[&str]) -> String {
    let lines: Vec<String> = operations.iter().map(|operation| format!("'{operation}'\n")).collect();
    format!("loop_\n_{name}\n{}", lines.concat())
}

#[test]
fn k1_blanks_in_hall_symbols_matter() {
    for (hall, count) in [
        ("P 3 2", 6),
        ("P 32", 3),
        ("P 3 2\"", 6),
        ("P 31", 3),
        ("P 3", 3),
        ("P 6 2", 12),
        ("P 62", 6),
        ("P 62 2 (0 0 4)", 12),
    ] {
        let hall = if hall.contains('"') { format!("'{hall}'") } else { format!("\"{hall}\"") };
        assert_eq!(
            formula(&general(&format!("_space_group_name_Hall {hall}"), &hexagonal())),
            format!("V{count}"),
            "{hall}"
        );
    }
    // Without blanks there are two ways to cut the symbol; another name decides.
    refused(&general("_space_group_name_Hall P32", &hexagonal()), "leaves the group open");
    let with_number =
        |number: u8| general(&format!("_space_group_name_Hall P32\n_space_group_IT_number {number}"), &hexagonal());
    assert_eq!(formula(&with_number(145)), "V3");
    assert_eq!(formula(&with_number(149)), "V6");
    assert_eq!(formula(&general("_space_group_name_Hall -F423", &cubic(40.0))), "V192");
}

#[test]
fn k2_hall_symbols_in_every_spelling_and_unknown_ones() {
    for hall in
        ["'-R 3 2\"'", "\"-R 3 2''\"", "-R_3_2\"", "'-R 3 2='", "'-r 3 2\"'", "'-R 3 2\u{2033}'", ";\n-R 3 2\"\n;"]
    {
        let separator = if hall.starts_with(';') { '\n' } else { ' ' };
        let text = general(&format!("_space_group_name_Hall{separator}{hall}"), &hexagonal());
        assert_eq!(formula(&text), "V36", "{hall}");
    }
    // An origin of no table: silicon with its atoms at (1/8, 1/8, 1/8) + (1/4, 0, 0) … is read all the same.
    let moved = file("_space_group_name_Hall 'F 4d 2 3 -1d (3 0 0)'", &cubic(5.43), "Si1 Si 0.25 0 0");
    assert_eq!(formula(&moved), "Si8");
    for hall in ["P 9 z", "P 5", "Q 2", "F m -3 m", "nonsense", "P 2 4"] {
        let text = general(&format!("_space_group_name_Hall '{hall}'"), &cubic(20.0));
        refused(&text, "is not understood");
        // Beside a list of operations, or beside nothing that needs it, it does no harm; a symbol does not excuse it.
        refused(
            &general(&format!("_space_group_name_Hall '{hall}'\n_space_group_name_H-M_alt 'P m m m'"), &cubic(20.0)),
            hall,
        );
        let list = operations("space_group_symop_operation_xyz", &["x,y,z", "-x,-y,-z"]);
        let (found, notes) = noted(&general(&format!("_space_group_name_Hall '{hall}'\n{list}"), &cubic(20.0)));
        assert_eq!(found, "V2");
        assert!(notes.contains("the list of operations is used"), "{notes}");
    }
}

#[test]
fn k3_centrings_and_contradictions_of_symbols() {
    let triclinic = cell(7.0, 8.0, 9.0, [95.0, 104.0, 99.0]);
    let tetragonal = cell(12.0, 12.0, 19.0, [90.0; 3]);
    for (symbol, number, cell, count) in [
        ("C -1", 2, &triclinic, 4),
        ("I -1", 2, &triclinic, 4),
        ("F -1", 2, &triclinic, 8),
        ("B 1", 1, &triclinic, 2),
        ("F 1 2/m 1", 12, &monoclinic(), 16),
        ("B 1 21 1", 4, &monoclinic(), 4),
        ("F 4/m m m", 139, &tetragonal, 64),
        ("C 4/m m m", 123, &tetragonal, 32),
        ("C 4 2 21", 90, &tetragonal, 16),
        ("F 41/d d m", 141, &tetragonal, 64),
        ("I 4/m m m", 139, &tetragonal, 32),
        ("A b m 2", 39, &cell(9.0, 10.0, 11.0, [90.0; 3]), 8),
    ] {
        let beside = general(&format!("_space_group_name_H-M_alt '{symbol}'\n_space_group_IT_number {number}"), cell);
        match (symbol, entry(&beside).structure) {
            // Two origins, and nothing tells which.
            ("F 41/d d m", Err(error)) => assert!(error.to_string().contains("leaves the origin open"), "{error}"),
            (_, structure) => {
                assert_eq!(structure.map(|structure| structure.n_sites()).unwrap_or_default(), count, "{symbol}");
                let alone = general(&format!("_space_group_name_H-M_alt '{symbol}'"), cell);
                assert_eq!(formula(&alone), format!("V{count}"), "{symbol}");
            }
        }
    }
    for (symbol, number) in
        [("F m -3 m", 216), ("P m -3 m", 225), ("P 21/c", 15), ("P n m a", 63), ("C m c a", 63), ("I 41/a", 87)]
    {
        let cell = if symbol == "P 21/c" { monoclinic() } else { cubic(30.0) };
        let text =
            general(&format!("_symmetry_space_group_name_H-M '{symbol}'\n_symmetry_Int_Tables_number {number}"), &cell);
        let message = refused(&text, "contradict each other");
        assert!(message.contains(symbol) && message.contains(&number.to_string()), "{message}");
    }
    refused(
        &general("_space_group_IT_number 2\n_symmetry_Int_Tables_number 14", &cubic(20.0)),
        "contradict each other",
    );
    refused(
        &general("_space_group_name_H-M_alt 'P 7 q'\n_space_group_IT_number 14", &monoclinic()),
        "is not understood",
    );
}

#[test]
fn k4_symmetry_that_cannot_be_used_is_never_p_1() {
    for symmetry in [
        "_space_group_ssg_name 'Pnma(0b0)000'",
        "_cell_modulation_dimension 1",
        "_space_group_magn.number_BNS 14.75",
        "_space_group_magn.name_BNS \"P 2_1'/c'\"",
        "_parent_space_group.name_H-M_alt 'P m -3 m'",
        "_symmetry_cell_setting cubic",
        "_space_group_crystal_system tetragonal",
        "_space_group_name_Schoenflies Oh.5",
        "_symmetry_space_group_name_H-M_old 'P n m a'",
        "loop_\n_space_group_symop_ssg_operation_algebraic\nx1,x2,x3,x4\n-x1,-x2,-x3,-x4",
    ] {
        refused(&general(symmetry, &cubic(9.0)), "");
    }
    for symmetry in [
        "",
        "_space_group_name_H-M_alt ?",
        "_space_group_IT_number .",
        "_symmetry_cell_setting triclinic",
        "_space_group_name_Hall '?'",
    ] {
        assert_eq!(formula(&general(symmetry, &cubic(9.0))), "V", "{symmetry}");
    }
    for name in [
        "_space_group.name_H-M_ref",
        "_space_group_name_H-M_full",
        "_symmetry_space_group_name_H-M",
        "_space_group.name_H-M_alt",
    ] {
        assert_eq!(formula(&general(&format!("{name} 'P 1 21/c 1'"), &monoclinic())), "V4", "{name}");
    }
    // The new name holds nothing, the old one does.
    let old = operations("symmetry_equiv_pos_as_xyz", &["x,y,z", "-x,-y,-z"]);
    for nothing in [
        "_space_group_symop_operation_xyz ?",
        "loop_\n_space_group_symop_operation_xyz\n.",
        "loop_\n_space_group_symop_operation_xyz",
    ] {
        assert_eq!(formula(&general(&format!("{nothing}\n{old}"), &cubic(9.0))), "V2", "{nothing}");
    }
    // Magnetic groups with anti-centring: four operations and two translations.
    let magnetic = "loop_\n_space_group_symop_magn_operation.id\n_space_group_symop_magn_operation.xyz\n1 x,y,z,+1\n2 -x,-y,-z,+1\n3 -x,y,-z,-1\n4 x,-y,z,-1\n\
                    loop_\n_space_group_symop_magn_centering.id\n_space_group_symop_magn_centering.xyz\n1 x,y,z,+1\n2 x,y,z+1/2,-1";
    let (found, notes) = noted(&general(magnetic, &monoclinic()));
    assert_eq!(found, "V8");
    assert!(notes.contains("time reversal"), "{notes}");
    // The average of a modulated structure.
    let average = format!(
        "_cell_modulation_dimension 1\n{}",
        operations("space_group_symop_operation_xyz", &["x,y,z", "-x,-y,-z"])
    );
    let (found, notes) = noted(&general(&average, &cubic(9.0)));
    assert_eq!(found, "V2");
    assert!(notes.contains("average"), "{notes}");
}

#[test]
fn k5_lists_that_are_no_group() {
    let list = |ops: &[&str]| operations("space_group_symop_operation_xyz", ops);
    for ops in [
        &["x,y,z", "-x,y+1/2,-z", "-x,-y,-z", "x,-y,z"][..],
        &["x,y,z", "-x,y+1/2,-z+1/2", "-x,-y,-z", "x,-y+1/2,z"],
        &["x,y,z", "-x,y+1/3,-z"],
        &["x,y,z", "-x,-y,z+1/4"],
        &["x,y,z", "-x,-y,z", "-y,x,z+1/2", "y,-x,z+1/3"],
        &["x,y,z", "x+1/2,y+1/2,z", "-x,y+1/2,-z", "-x,y+1/2,-z+1/2"],
        &["-x,-y,-z"],
        &["x,y,z", "y,z,x"],
    ] {
        let cell = if ops.iter().any(|op| op.contains("-y,x")) { cell(8.0, 8.0, 11.0, [90.0; 3]) } else { cubic(9.0) };
        refused(&general(&list(ops), &cell), "is not a group");
    }
    // Rounded translations are no reason to refuse.
    for ops in [
        &["x,y,z", "-y,x-y,z+0.33", "-x+y,-x,z+0.67"][..],
        &["x,y,z", "-y,x-y,z+0.3333", "-x+y,-x,z+.6667"],
        &["x,y,z", "-y,x-y,z+1/3", "-x+y,-x,z+2/3"],
    ] {
        assert_eq!(formula(&general(&list(ops), &hexagonal())), "V3");
    }
}

#[test]
fn k6_contradictions_are_decided_by_what_the_file_states_or_refused() {
    let salt = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5";
    let names = "_symmetry_space_group_name_H-M 'F m -3 m'\n_symmetry_Int_Tables_number 225";
    let only = operations("symmetry_equiv_pos_as_xyz", &["x,y,z"]);
    refused(&file(&format!("{names}\n{only}"), &cubic(5.64), salt), "contradict each other");
    for evidence in [
        "_cell_formula_units_Z 4",
        "_cell_formula_units_Z 4\n_chemical_formula_sum 'Na Cl'",
        "_exptl_crystal_density_diffrn 2.16",
    ] {
        let (found, notes) = noted(&file(&format!("{names}\n{only}\n{evidence}"), &cubic(5.64), salt));
        assert_eq!(found, "Na4Cl4", "{evidence}");
        assert!(notes.contains("contradict each other"), "{notes}");
    }
    // All atoms of the cell, beside the names of the group that was expanded.
    let all = "Na1 Na 0 0 0\nNa2 Na 0.5 0.5 0\nNa3 Na 0.5 0 0.5\nNa4 Na 0 0.5 0.5\nCl1 Cl 0.5 0.5 0.5\nCl2 Cl 0 0 0.5\nCl3 Cl 0 0.5 0\nCl4 Cl 0.5 0 0";
    for evidence in ["", "_cell_formula_units_Z 4\n_chemical_formula_sum 'Na Cl'"] {
        let (found, notes) = noted(&file(&format!("{names}\n{only}\n{evidence}"), &cubic(5.64), all));
        assert_eq!(found, "Na4Cl4");
        assert!(notes.contains("list of 1 operations"), "{notes}");
    }
    refused(&file(&format!("{names}\n_space_group_name_Hall 'P 1'"), &cubic(5.64), salt), "the Hall symbol 'P 1'");
    let inversion = operations("space_group_symop_operation_xyz", &["x,y,z", "-x,-y,-z"]);
    let message = refused(&general(&format!("_space_group_IT_number 14\n{inversion}"), &monoclinic()), "contradict");
    assert!(message.contains("group 2") && message.contains("group 14"), "{message}");
    // A list without its centring translations beside the name of the centred group.
    let primitive = operations("space_group_symop_operation_xyz", &["x,y,z", "-x,y,-z", "-x,-y,-z", "x,-y,z"]);
    refused(&general(&format!("_space_group_name_H-M_alt 'C 2/m'\n{primitive}"), &monoclinic()), "contradict");
    // Two lists.
    let twice = format!("{inversion}{}", operations("symmetry_equiv_pos_as_xyz", &["x,y,z", "-x,y,-z"]));
    refused(&general(&twice, &cubic(9.0)), "contradict");
    let same = format!("{inversion}{}", operations("symmetry_equiv_pos_as_xyz", &["-x,-y,-z", "x,y,z"]));
    assert_eq!(formula(&general(&same, &cubic(9.0))), "V2");
    // The list in another setting than the symbol: the list is what the coordinates are in.
    let in_n = operations(
        "space_group_symop_operation_xyz",
        &["x,y,z", "-x+1/2,y+1/2,-z+1/2", "-x,-y,-z", "x+1/2,-y+1/2,z+1/2"],
    );
    assert_eq!(
        formula(&general(
            &format!("_space_group_name_H-M_alt 'P 21/c'\n_space_group_IT_number 14\n{in_n}"),
            &monoclinic()
        )),
        "V4"
    );
    // P 1 by silence, though Z says otherwise.
    let (found, notes) = noted(&file("_cell_formula_units_Z 4\n_chemical_formula_sum 'Na Cl'", &cubic(5.64), salt));
    assert_eq!(found, "NaCl");
    assert!(notes.contains("read as P 1, but Z = 4"), "{notes}");
}

#[test]
fn k7_origins_that_are_not_named() {
    let silicon = |evidence: &str, x: &str| {
        file(&format!("_space_group_name_H-M_alt 'F d -3 m'\n{evidence}"), &cubic(5.43), &format!("Si1 Si {x} {x} {x}"))
    };
    let stated = "_cell_formula_units_Z 8\n_chemical_formula_sum Si";
    for evidence in [
        stated,
        "_cell_formula_units_Z 8\n_chemical_formula_sum Si\n_exptl_crystal_density_diffrn 2.33",
        "_exptl_crystal_density_diffrn 2.33",
    ] {
        for x in ["0", "0.125"] {
            let (found, notes) = noted(&silicon(evidence, x));
            assert_eq!(found, "Si8", "{evidence} {x}");
            assert!(notes.contains(if x == "0" { "origin choice 1" } else { "origin choice 2" }), "{notes}");
        }
    }
    for x in ["0", "0.125"] {
        refused(&silicon("", x), "leaves the origin open, and nothing else in the file tells");
        refused(&silicon("_cell_formula_units_Z 12\n_chemical_formula_sum Si", x), "each reading contradicts the file");
    }
    // The cure that the message names.
    assert_eq!(formula(&silicon("", "0").replace("F d -3 m", "F d -3 m :1")), "Si8");
    assert_eq!(formula(&silicon("", "0").replace("F d -3 m", "F d -3 m :2")), "Si16");
    assert_eq!(formula(&silicon("_space_group_IT_coordinate_system_code 1", "0")), "Si8");
    let columns =
        SITES.replace("type_symbol\n", "type_symbol\n_atom_site_symmetry_multiplicity\n_atom_site_Wyckoff_symbol\n");
    for (multiplicity, letter, expected) in
        [("8", "a", "Si8"), ("8", ".", "Si8"), (".", "a", "Si8"), ("16", "?", "Si16"), ("24", ".", "Si8")]
    {
        let text = format!(
            "data_t\n_space_group_IT_number 227\n{}{columns}Si1 Si {multiplicity} {letter} 0 0 0\n",
            cubic(5.43)
        );
        assert_eq!(formula(&text), expected, "{multiplicity} {letter}");
    }
    // Zircon, space group 141: distances tell, the other origin has atoms on top of each other.
    let zircon = "Zr1 Zr 0 0.75 0.125\nSi1 Si 0 0.25 0.375\nO1 O 0 0.0661 0.1953";
    let text = file(
        "_space_group_IT_number 141\n_chemical_formula_sum 'Zr Si O4'",
        &cell(6.607, 6.607, 5.982, [90.0; 3]),
        zircon,
    );
    let (found, notes) = noted(&text);
    assert_eq!(found, "O16Si4Zr4");
    assert!(notes.contains("origin choice 2"), "{notes}");
    // A group with one origin has nothing to tell.
    assert!(noted(&general("_space_group_name_H-M_alt 'P n m a'", &cubic(12.0))).1.is_empty());
}

#[test]
fn k8_labels_and_type_symbols_that_are_no_elements() {
    let labelled = |label: &str, head: &str| {
        format!(
            "data_t\n{head}{}{}{label} 0 0 0\nNa1 0.5 0.5 0.5\n",
            cubic(5.0),
            SITES.replace("_atom_site_type_symbol\n", "")
        )
    };
    for label in [
        "T1",
        "T",
        "Tet1",
        "Du1",
        "Vac1",
        "Va1",
        "RE1",
        "REE",
        "Ln1",
        "X1",
        "M2",
        "A1",
        "Oct1",
        "'Nb,Zr'",
        "Si/Al",
        "Fe+Mg",
        "OH1",
        "OH2",
        "NH3",
        "CO3",
        "Hal1",
        "Fe0.5Mn0.5",
    ] {
        let message = refused(&labelled(label, ""), label.trim_matches('\''));
        assert!(message.contains("_atom_site_type_symbol"), "{message}");
    }
    for (label, expected) in [("Wat1", "ONa"), ("Ow1", "ONa"), ("D1", "HNa"), ("Hw2", "HNa")] {
        let (found, notes) = noted(&labelled(label, ""));
        assert_eq!(found, expected);
        assert!(notes.contains("is read as"), "{notes}");
    }
    for (label, expected) in [
        ("TI1", "NaTi"),
        ("Ti1A", "NaTi"),
        ("W1", "NaW"),
        ("V2", "NaV"),
        ("O1w", "ONa"),
        ("Fe(2)", "NaFe"),
        ("Co3", "NaCo"),
    ] {
        assert_eq!(formula(&labelled(label, "")), expected, "{label}");
    }
    let with_formula = |label: &str, formula: &str| labelled(label, &format!("_chemical_formula_sum '{formula}'\n"));
    assert_eq!(formula(&with_formula("OA1", "Na O")), "ONa");
    assert_eq!(formula(&with_formula("CA1", "Na Ca")), "NaCa");
    assert_eq!(formula(&with_formula("CA1", "Na C")), "CNa");
    assert_eq!(formula(&with_formula("T1", "Na T")), "HNa");
    refused(&with_formula("T1", "Na Si"), "tetrahedral");

    let typed = |symbol: &str| file("", &cubic(5.0), &format!("X1 {symbol} 0 0 0\nNa1 Na 0.5 0.5 0.5"));
    for symbol in [
        "NH3",
        "NH4",
        "CO3",
        "CO",
        "NO3",
        "PO4",
        "SO4",
        "BH4",
        "H2O",
        "OH",
        "CN",
        "Si/Al",
        "'Fe,Mn'",
        "Fe+Mg",
        "Fe0.5Mn0.5",
        "FeMn",
        "T",
        "M",
        "X",
        "Vac",
        "RE",
        "Ln",
        "Du",
    ] {
        refused(&typed(symbol), symbol.trim_matches('\''));
    }
    for (symbol, expected) in [
        ("Fe3+", "NaFe"),
        ("Fe+3", "NaFe"),
        ("O2-", "ONa"),
        ("FE", "NaFe"),
        ("Co2", "NaCo"),
        ("D", "HNa"),
        ("3H", "HNa"),
        ("Nh", "NaNh"),
        ("Wat", "ONa"),
    ] {
        assert_eq!(formula(&typed(symbol)), expected, "{symbol}");
    }
}

#[test]
fn k9_several_structures_site_lists_and_alternatives() {
    let block = |name: &str, atoms: &str| format!("data_{name}\n{}{SITES}{atoms}\n", cubic(4.1));
    let text = format!(
        "data_global\n_publ_x y\n{}{}data_cell_only\n{}{}",
        block("a", "Na1 Na 0 0 0"),
        block("b", "K1 Kx 0 0 0"),
        cubic(3.0),
        block("a", "Po1 Po 0 0 0")
    );
    let found: Vec<(String, bool)> =
        entries(&text).into_iter().map(|entry| (entry.id, entry.structure.is_ok())).collect();
    assert_eq!(found, [("f#a".to_owned(), true), ("f#b".to_owned(), false), ("f#a-2".to_owned(), true)]);
    assert_eq!(entry(&block("a", "Na1 Na 0 0 0")).id, "f");
    let bad = entries(&text).remove(1).structure.expect_err("Kx").to_string();
    assert!(bad.starts_with("f.cif:30: "), "the line in the second block: {bad}");

    let second = format!("{}{SITES}K1 K 0.5 0 0\n", block("a", "Na1 Na 0 0 0"));
    let message = refused(&second, "other values than in line 14");
    assert!(message.starts_with("f.cif:21: "), "{message}");
    // The same list once more is not a second structure.
    assert_eq!(formula(&format!("{}{SITES}Na1 Na 0 0 0\n", block("a", "Na1 Na 0 0 0"))), "Na");

    let groups = |rows: &str| {
        let columns = format!("{SITES}_atom_site_disorder_assembly\n_atom_site_disorder_group\n");
        format!("data_t\n{}{columns}{rows}\n", cubic(4.1))
    };
    for rows in ["O1 O 0 0 0 A 1\nO2 O 0.1 0 0 A 2", "O1 O 0 0 0 . 1\nO2 O 0.5 0 0 . 2", "O1 O 0.1 0 0 . -1"] {
        let message = refused(&groups(rows), "'O");
        assert!(message.contains("keep the sites of one alternative"), "{message}");
    }
    assert_eq!(formula(&groups("O1 O 0 0 0 A 1\nO2 O 0.5 0 0 B 1")), "O2");
    assert_eq!(formula(&groups("O1 O 0 0 0 . .\nO2 O 0.5 0 0 . .")), "O2");
    // Without groups: told, not merged.
    let (found, notes) = noted(&block("a", "O1 O 0 0 0\nO2 O 0.1 0 0"));
    assert_eq!(found, "O2");
    assert!(notes.contains("0.41 Å apart"), "{notes}");
}

#[test]
fn k10_rounded_coordinates_merge_onto_the_position() {
    for (number, sites, cell, expected) in [
        (160, "Fe1 Fe 0.33 0.67 0.21", cell(10.0, 10.0, 12.0, [90.0, 90.0, 120.0]), "Fe3"),
        (148, "Fe1 Fe 0.33 0.67 0.25", cell(10.5, 10.5, 12.0, [90.0, 90.0, 120.0]), "Fe6"),
        (194, "Fe1 Fe 0.33 0.67 0.25", cell(9.0, 9.0, 12.0, [90.0, 90.0, 120.0]), "Fe2"),
        (194, "Fe1 Fe 0.17 0.33 0.1", cell(12.0, 12.0, 12.0, [90.0, 90.0, 120.0]), "Fe12"),
        (221, "Fe1 Fe 0.01 0 0", cubic(9.0), "Fe"),
        (10, "Fe1 Fe 0.2 0.02 0.3", monoclinic(), "Fe2"),
    ] {
        let (found, notes) = noted(&file(&format!("_space_group_IT_number {number}"), &cell, sites));
        assert_eq!(found, expected, "{number} {sites}");
        assert!(notes.contains("'Fe1'") && notes.contains("special position"), "{notes}");
    }
    // Full decimals: nothing to say.
    let text =
        file("_space_group_IT_number 194", &cell(3.2, 3.2, 5.2, [90.0, 90.0, 120.0]), "Mg1 Mg 0.3333 0.6667 0.25");
    assert_eq!(noted(&text), ("Mg2".to_owned(), String::new()));
    // Thirds, and near a centre besides: one of two positions, which the multiplicity tells.
    let unclear =
        file("_space_group_IT_number 148", &cell(10.5, 10.5, 12.0, [90.0, 90.0, 120.0]), "Fe1 Fe 0.33 0.67 0.17");
    refused(&unclear, "3 images or 6");
    let told = unclear
        .replace("_type_symbol\n", "_type_symbol\n_atom_site_symmetry_multiplicity\n")
        .replace("Fe1 Fe", "Fe1 Fe 3");
    assert_eq!(formula(&told), "Fe3");
    // The tolerance is an option.
    let text = file("_space_group_IT_number 10", &monoclinic(), "Fe1 Fe 0.2 0.02 0.3");
    let options = ReadOptions::default().with_merge_distance(0.1);
    let entries = io::read_bytes_with(text.as_bytes(), Format::Cif, Path::new("f.cif"), &options);
    assert_eq!(entries[0].structure.as_ref().map(|structure| structure.n_sites()).ok(), Some(4));
    // Hydrogen molecules are not merged.
    assert_eq!(formula(&file("_space_group_IT_number 2", &cubic(4.0), "H1 H 0.0925 0 0")), "H2");
}

#[test]
fn k11_right_files_in_unusual_writing() {
    let salt = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5";
    for head in [
        "_publ_author_name 'A.\tB.'",
        "_publ_author_name \"A.\tB.\"",
        "_note ;no text field",
        "_note ;x",
        "_note $x",
        "loop_\n_geom_bond_distance\n_geom_bond_atom_site_label_1",
        "loop_\n_a\n_b\nloop_\n_c\n_d\n_e 'x y'",
        "loop_\n_publ_author_name",
        "loop_\n_a\n_b\n1 ;x\n2 ;y",
        "_author 'M\u{fc}ller \u{2014} O\u{2019}Neill'",
        "_x\n;\ntext 'with ;\n ;more\n;",
    ] {
        assert_eq!(formula(&file(head, &cubic(4.1), salt)), "NaCl", "{head}");
    }
    for (symbol, count) in [
        ("A b m 2", 8),
        ("A b a 2", 8),
        ("C m c a", 16),
        ("C m m a", 16),
        ("B m a b", 16),
        ("A c a m", 16),
        ("C m 2 a", 8),
        ("C m c e", 16),
    ] {
        let cell = cell(9.0, 10.0, 11.0, [90.0; 3]);
        assert_eq!(
            formula(&general(&format!("_symmetry_space_group_name_H-M '{symbol}'"), &cell)),
            format!("V{count}"),
            "{symbol}"
        );
    }
    let mark = format!("\u{feff}{}", file("", &cubic(4.1), salt));
    assert_eq!(formula(&mark), "NaCl");
    let capitals = "data_T\nLOOP_\n_ATOM_SITE_LABEL\n_ATOM_SITE_FRACT_X\n_ATOM_SITE_FRACT_Y\n_ATOM_SITE_FRACT_Z\nTI1 0 0 0\nCL1 0.5 0.5 0.5\n";
    assert_eq!(formula(&format!("{capitals}{}", cubic(4.0))), "ClTi");
    let line = "{\"lattice\": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], \"species\": [\"Po\"], \"frac_coords\": [[0, 0, 0]]}";
    let entries =
        io::read_bytes(format!("\u{feff}{line}\n{line}\n").as_bytes(), Format::JsonLines, Path::new("f.jsonl"));
    assert!(entries.len() == 2 && entries.iter().all(|entry| entry.structure.is_ok()));
}

#[test]
fn k12_messages_say_what_stands_there() {
    let salt = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5";
    let text = file("", &cubic(4.1), salt);
    for little in [true, false] {
        for mark in ["\u{feff}", ""] {
            let unit = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let bytes: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(unit).collect();
            let entries = io::read_bytes(&bytes, Format::Cif, Path::new("f.cif"));
            assert!(entries[0].structure.is_ok(), "{little} {mark:?}");
        }
    }
    for sign in ['\u{2212}', '\u{2013}', '\u{2010}'] {
        assert_eq!(formula(&text.replace("0.5 0.5 0.5", &format!("{sign}0.5 0.5 0.5"))), "NaCl");
    }
    refused(&text.replace("0.5 0.5 0.5", "0.5\u{b0} 0.5 0.5"), "'0.5\u{b0}'");
    refused(&text.replace("_cell_length_a 4.1", "_cell_length_a 4,1"), "'4,1'");
    // Equivalent sites by their labels.
    let message = refused(
        &file("_space_group_IT_number 2", &cubic(9.0), "Fe1 Fe 0.1 0.2 0.3\nFe2 Fe 0.9 0.8 0.7"),
        "'Fe2' stands where 'Fe1'",
    );
    assert!(message.starts_with("f.cif: line 16: "), "{message}");
    // Lists of pymatgen's structures.
    let one = |symbol: &str| {
        format!(
            "{{\"lattice\": {{\"matrix\": [[3,0,0],[0,3,0],[0,0,3]]}}, \"sites\": [{{\"species\": [{{\"element\": \"{symbol}\", \"occu\": 1}}], \"abc\": [0,0,0]}}]}}"
        )
    };
    let list = format!("[{}, {}, {{}}]", one("Po"), one("Fe"));
    let found: Vec<(String, bool)> = io::read_bytes(list.as_bytes(), Format::PymatgenJson, Path::new("f.json"))
        .into_iter()
        .map(|entry| (entry.id, entry.structure.is_ok()))
        .collect();
    assert_eq!(found, [("f-1".to_owned(), true), ("f-2".to_owned(), true), ("f-3".to_owned(), false)]);
}

#[test]
fn partial_occupancies_are_read_and_named() {
    let occupied = |rows: &str| {
        let columns = format!("{SITES}_atom_site_occupancy\n");
        format!("data_t\n_space_group_IT_number 221\n{}{columns}{rows}\n", cubic(3.0))
    };
    let found = entry(&occupied("Fe1 Fe 0 0 0 0.75\nMn1 Mn 0 0 0 0.25\nO1 O 0.5 0 0 1"));
    let error = found.structure.expect_err("a shared site");
    assert!(
        matches!(error.innermost(), CrystalError::PartialOccupancy { site, occupancy } if site == "Fe1" && *occupancy == 0.75)
    );
    assert!(error.to_string().contains("druse convert --order"), "{error}");
    let disordered = found.disordered.expect("the structure with its occupancies");
    assert_eq!((disordered.sites().len(), disordered.operations().len()), (4, 48));
    let occupants: BTreeMap<&str, f64> =
        disordered.sites()[0].occupants().iter().map(|(species, occupancy)| (species.symbol(), *occupancy)).collect();
    assert_eq!(occupants, BTreeMap::from([("Fe", 0.75), ("Mn", 0.25)]));
    assert!(disordered.sites()[1].is_full());
    refused(&occupied("Fe1 Fe 0 0 0 0.75\nMn1 Mn 0 0 0 0.5"), "add up to 1.25");
    refused(&occupied("Fe1 Fe 0 0 0 1.5"), "give a number from 0 to 1");
    refused(&occupied("Fe1 Fe 0 0 0 0.5\nMn1 Mn 0.1 0 0 0.5"), "split atom");
    let (formula, notes) = noted(&occupied("Fe1 Fe 0 0 0 1\nMn1 Mn 0.5 0.5 0.5 0"));
    assert_eq!(formula, "Fe");
    assert!(notes.contains("left out"), "{notes}");
}

/// What a message says to write is written, and read.
#[test]
fn k13_advice_is_taken_when_followed() {
    let salt = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5";
    let list = operations("space_group_symop_operation_xyz", &["x,y,z", "-x,-y,-z"]);
    // Operations beside, or in place of, what is not understood.
    for symmetry in [
        "_space_group_name_Hall 'Q 7'",
        "_space_group_name_H-M_alt 'P 7 q'",
        "_symmetry_cell_setting cubic",
        "_space_group_ssg_name 'Pnma(0b0)000'",
        "_cell_modulation_dimension 1",
    ] {
        refused(&general(symmetry, &cubic(9.0)), "_space_group_symop_operation_xyz");
        assert_eq!(formula(&general(&format!("{symmetry}\n{list}"), &cubic(9.0))), "V2", "{symmetry}");
    }
    refused(&general("_symmetry_cell_setting cubic", &cubic(9.0)), "_space_group_name_H-M_alt, 'P 1'");
    let all_listed = "_symmetry_cell_setting cubic\n_space_group_name_H-M_alt 'P 1'";
    assert_eq!(formula(&general(all_listed, &cubic(9.0))), "V");
    // Operations as the messages write them.
    let with = |name: &str, operation: &str| {
        general(
            &operations(
                name,
                &["x,y,z", operation].map(|o| if name.contains("magn") && o == "x,y,z" { "x,y,z,1" } else { o }),
            ),
            &monoclinic(),
        )
    };
    refused(&with("space_group_symop_operation_xyz", "x,y"), "write it as -x,y+1/2,-z");
    assert_eq!(formula(&with("space_group_symop_operation_xyz", "-x,y+1/2,-z")), "V2");
    refused(&with("space_group_symop_magn_operation_xyz", "-x,-y"), "write it as -x,y+1/2,-z,-1");
    assert_eq!(formula(&with("space_group_symop_magn_operation_xyz", "-x,y+1/2,-z,-1")), "V2");
    // The element in a column of its own.
    let labelled = |columns: &str, row: &str| format!("data_t\n{}{columns}{row}\nNa1 Na .5 .5 .5\n", cubic(5.0));
    let only_label = SITES.replace("_atom_site_type_symbol\n", "");
    let bare = format!("data_t\n{}{only_label}T1 0 0 0\n", cubic(5.0));
    refused(&bare, "3H for tritium");
    assert_eq!(formula(&labelled(SITES, "T1 3H 0 0 0")), "HNa");
    assert_eq!(formula(&labelled(SITES, "T1 Si 0 0 0")), "NaSi");
    // One alternative, with occupancy 1 and '.' as its group.
    let groups = |rows: &str| {
        let columns = format!("{SITES}_atom_site_disorder_group\n_atom_site_occupancy\n");
        format!("data_t\n{}{columns}{rows}\n", cubic(4.1))
    };
    refused(&groups("O1 O 0 0 0 1 .5\nO2 O .1 0 0 2 .5"), "with occupancy 1 and '.' as their group");
    assert_eq!(formula(&groups("O1 O 0 0 0 . 1")), "O");
    refused(&groups("O1 O 0 0 0 . .5\nO2 O .1 0 0 . .5"), "keep one of them, with occupancy 1");
    // Hydrogen atoms that were only counted.
    let counted = |rows: &str| format!("data_t\n{}{SITES}_atom_site_attached_hydrogens\n{rows}\n", cubic(5.0));
    refused(&counted("O1 O 0 0 0 1"), "put '.' into _atom_site_attached_hydrogens");
    assert_eq!(formula(&counted("O1 O 0 0 0 .\nH1 H .2 0 0 .")), "HO");
    // A heading.
    let headless = file("", &cubic(4.1), salt).replace("data_t\n", "");
    refused(&headless, "put a line such as data_crystal before this one");
    assert_eq!(formula(&format!("data_crystal\n{headless}")), "NaCl");
    // More decimals.
    let rounded = |x: &str| {
        file("_space_group_IT_number 148", &cell(10.5, 10.5, 12.0, [90.0, 90.0, 120.0]), &format!("Fe1 Fe {x}"))
    };
    refused(&rounded("0.33 0.67 0.17"), "give them with more decimals");
    assert_eq!(formula(&rounded("0.33333 0.66667 0.16667")), "Fe3");
    // A symbol without its quotes is read, and one column of sites in another loop is not matched row by row.
    assert_eq!(formula(&general("_space_group_name_H-M_alt P m m m", &cubic(12.0))), "V8");
    let apart = format!("{}loop_\n_atom_site_occupancy\n1\n", file("", &cubic(4.1), salt));
    refused(&apart, "into one loop");

    let poscar = |text: &str| io::read_bytes(text.as_bytes(), Format::Poscar, Path::new("f.vasp")).remove(0).structure;
    let cell = "t\n1.0\n4 0 0\n0 4 0\n0 0 4\n";
    let counts = "1 1\nDirect\n0 0 0\n.5 .5 .5\n";
    let said = |text: &str| poscar(text).expect_err(text).to_string();
    assert!(said(&format!("{cell}{counts}")).contains("'Fe O', above the counts"));
    assert!(poscar(&format!("{cell}Fe O\n{counts}")).is_ok());
    assert!(said(&format!("{cell}Fe O\n{counts}").replace("1.0\n4", "1 1\n4")).contains("three positive ones"));
    for scale in ["1.0", "-64.0", "1 1 1"] {
        assert!(poscar(&format!("{cell}Fe O\n{counts}").replace("1.0\n4", &format!("{scale}\n4"))).is_ok(), "{scale}");
    }
    assert!(said(&format!("{cell}Fe O\n{counts}").replace("Direct", "here")).contains("write 'Direct' or 'Cartesian'"));
    assert!(poscar(&format!("{cell}Fe O\n{counts}").replace("Direct", "Cartesian")).is_ok());
}

/// Frames of a trajectory under the name of a POSCAR, tables of elements and occupancies beside the format, periodicity
/// that is denied: nothing is dropped without a word.
#[test]
fn k9_other_formats_drop_nothing_in_silence() {
    let head = "t\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\n";
    let poscar = |text: &str| io::read_bytes(text.as_bytes(), Format::Poscar, Path::new("f.vasp")).remove(0).structure;
    let frame = "0 0 0\n.5 .5 .5\n";
    for second in [
        format!("Direct configuration=     1\n{frame}Direct configuration=     2\n{frame}"),
        format!("Direct\n{frame}{head}Direct\n{frame}"),
        format!("Direct\n{frame}\n{head}Direct\n{frame}"),
    ] {
        let error = poscar(&format!("{head}{second}")).expect_err(&second).to_string();
        assert!(error.contains("a second structure begins here"), "{error}");
    }
    for rest in [
        "\n0 0 0\n0 0 0\n",
        "Cartesian\n0 0 0\n0 0 0\n",
        "Lattice velocities and vectors\n 1\n0 0 0\n0 0 0\n0 0 0\n4 0 0\n0 4 0\n0 0 4\n\n0 0 0\n0 0 0\n",
    ] {
        assert!(poscar(&format!("{head}Direct\n{frame}{rest}")).is_ok(), "{rest}");
    }
    let one = |format: Format, text: &str| io::read_bytes(text.as_bytes(), format, Path::new("f")).remove(0);
    let notes = |entry: &Entry| entry.notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>().join("; ");
    let xyz = |comment: &str, atom: &str| {
        one(Format::ExtXyz, &format!("1\nLattice=\"4 0 0 0 4 0 0 0 4\" {comment}\n{atom}\n"))
    };
    let open = xyz("pbc=\"T T F\"", "Na 0 0 0");
    assert!(open.structure.is_ok() && notes(&open).contains("read as periodic"), "{}", notes(&open));
    assert!(notes(&xyz("pbc=\"T T T\"", "Na 0 0 0")).is_empty());
    let more =
        xyz("Properties=species:S:1:pos:R:3", "Na 0 0 0 1").structure.expect_err("a column too many").to_string();
    assert!(more.contains("5 columns where Properties promises 4"), "{more}");
    assert!(xyz("", "Na 0 0 0 1").structure.is_ok());
    let line = |more: &str| {
        let text =
            "{\"lattice\": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], \"species\": [\"Po\"], \"frac_coords\": [[0, 0, 0]]";
        one(Format::JsonLines, &format!("{text}{more}}}\n"))
    };
    assert!(line(", \"occupancies\": [1]").structure.is_ok());
    assert!(line(", \"occupancies\": [0.5]").structure.is_err());
    let json = |lattice: &str, site: &str| {
        one(
            Format::PymatgenJson,
            &format!(
                "{{\"lattice\": {{\"matrix\": [[4,0,0],[0,4,0],[0,0,4]]{lattice}}}, \"sites\": [{{\"species\": [{{\"element\": \"Po\", \"occu\": 1}}], \"abc\": [0,0,0]{site}}}]}}"
            ),
        )
    };
    assert!(notes(&json("", ", \"xyz\": [0, 0, 0]")).is_empty());
    assert!(notes(&json("", ", \"xyz\": [1, 0, 0]")).contains("1.00 Å apart; 'abc' is read"));
    assert!(notes(&json(", \"pbc\": [true, true, false]", "")).contains("not periodic"));
    // A structure beside other things, as pymatgen's entries hold it.
    let held = format!(
        "{{\"energy\": 1, \"structure\": {}}}",
        "{\"lattice\": {\"matrix\": [[4,0,0],[0,4,0],[0,0,4]]}, \"sites\": [{\"species\": [{\"element\": \"Po\"}], \"abc\": [0,0,0]}]}"
    );
    assert!(one(Format::PymatgenJson, &held).structure.is_ok());
    assert!(one(Format::PymatgenJson, &format!("[{held}]")).structure.is_ok());
    // Labels of atoms beside the elements above them.
    let labelled = |labels: [&str; 2]| {
        let text = format!("{head}Direct\n0 0 0 {}\n.5 .5 .5 {}\n", labels[0], labels[1]);
        notes(&one(Format::Poscar, &text))
    };
    assert!(labelled(["Na", "Cl1"]).is_empty() && labelled(["T T F", "F F F Cl"]).is_empty());
    assert!(labelled(["Cl", "Na"]).contains("'Cl' contradicts the element Na"));
    let shares =
        |share: &str| xyz("Properties=species:S:1:pos:R:3:occupancy:R:1", &format!("Na 0 0 0 {share}")).structure;
    assert!(shares("1").is_ok() && shares("0.5").is_err());
    assert!(xyz("Lattice=\"5 0 0 0 5 0 0 0 5\"", "Na 0 0 0").structure.is_err());
    assert!(notes(&json(", \"a\": 5.0", "")).contains("'a' is not the length 4.000"));
    // Lengths in nanometres, and coordinates taken for another kind: told.
    let small = "{\"lattice\": [[0.6, 0, 0], [0, 0.6, 0], [0, 0, 0.6]], \"species\": [\"Na\", \"Cl\"], \"frac_coords\": [[0, 0, 0], [0.5, 0, 0]]}\n";
    assert!(notes(&one(Format::JsonLines, small)).contains("only 0.30 Å apart"));
    assert!(
        notes(&one(Format::JsonLines, &small.replace("0.6", "0.4"))).contains("only 0.40 Å; lengths are read as Å")
    );
    let tiny = small.replace("0.6", "1e-9");
    assert!(one(Format::JsonLines, &tiny).structure.expect_err("no cell").to_string().contains("give lengths in Å"));
}
