//! Files that must not be read as another structure, kind by kind: each kind with several own files, the right ones
//! beside the wrong ones. Sites and writing: labels, several structures, rounded coordinates, unusual writing,
//! partial occupancies.

use std::collections::BTreeMap;
use std::path::Path;

use crystal_core::CrystalError;
use crystal_core::io::{self, Format, ReadOptions};

use super::own_files::{SITES, cell, cubic, entries, entry, file, formula, general, monoclinic, noted, refused};

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
        "Nb1Zr1",
        "Fe2O3",
        "D2O",
    ] {
        let message = refused(&labelled(label, ""), label.trim_matches('\''));
        assert!(message.contains("_atom_site_type_symbol"), "{message}");
    }
    for (label, expected) in [("Wat1", "NaO"), ("Ow1", "NaO"), ("D1", "NaH"), ("Hw2", "NaH")] {
        let (found, notes) = noted(&labelled(label, ""));
        assert_eq!(found, expected);
        assert!(notes.contains("is read as"), "{notes}");
    }
    for (label, expected) in [
        ("TI1", "NaTi"),
        ("Ti1A", "NaTi"),
        ("W1", "NaW"),
        ("V2", "NaV"),
        ("O1w", "NaO"),
        ("Fe(2)", "NaFe"),
        ("Co3", "NaCo"),
        ("C1B", "NaC"),
        ("H2C1", "NaH"),
        ("Fe1A", "NaFe"),
    ] {
        assert_eq!(formula(&labelled(label, "")), expected, "{label}");
    }
    let with_formula = |label: &str, formula: &str| labelled(label, &format!("_chemical_formula_sum '{formula}'\n"));
    assert_eq!(formula(&with_formula("OA1", "Na O")), "NaO");
    assert_eq!(formula(&with_formula("CA1", "Na Ca")), "NaCa");
    assert_eq!(formula(&with_formula("CA1", "Na C")), "NaC");
    assert_eq!(formula(&with_formula("T1", "Na T")), "NaH");
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
        "D2O",
    ] {
        refused(&typed(symbol), symbol.trim_matches('\''));
    }
    for (symbol, expected) in [
        ("Fe3+", "NaFe"),
        ("Fe+3", "NaFe"),
        ("O2-", "NaO"),
        ("FE", "NaFe"),
        ("Co2", "NaCo"),
        ("D", "NaH"),
        ("3H", "NaH"),
        ("Wat", "NaO"),
    ] {
        assert_eq!(formula(&typed(symbol)), expected, "{symbol}");
    }
    // Elements of which nobody has a crystal: only a formula tells that no other word is meant.
    for symbol in ["Nh", "Og", "Ts", "Lv", "Mt"] {
        refused(&typed(symbol), symbol);
    }
    let cure = refused(&typed("Og"), "element 118");
    assert!(cure.contains("name Og in _chemical_formula_sum"), "{cure}");
    let named = file("_chemical_formula_sum 'Na Og'", &cubic(5.0), "X1 Og 0 0 0\nNa1 Na 0.5 0.5 0.5");
    assert_eq!(formula(&named), "OgNa");
    let (found, notes) = noted(&file("", &cubic(5.0), "Fe1 Mn 0 0 0\nNa1 Na 0.5 0.5 0.5"));
    assert_eq!(found, "NaMn");
    assert!(notes.contains("the label 'Fe1' names Fe, its type symbol Mn"), "{notes}");
}

#[test]
fn k9_occupancies_under_another_name_are_not_passed_over() {
    let with = |item: &str, value: &str| {
        let columns = format!("{SITES}_atom_site_{item}\n");
        format!("data_t\n_space_group_name_H-M_alt 'P 1'\n{}{columns}Na1 Na 0 0 0 {value}\n", cubic(5.0))
    };
    for item in ["sof", "site_occupancy", "frac_occupancy", "occ", "occupation", "population"] {
        let message = refused(&with(item, "0.5"), "as occupancies would");
        assert!(message.contains(&format!("_atom_site_{item}")), "{message}");
        assert_eq!(formula(&with(item, "1.000")), "Na");
    }
    // The cure of the message, and what is none.
    refused(&with("occupancy", "0.5"), "0.5");
    assert_eq!(formula(&with("refinement_flags_occupancy", "2")), "Na");
}

#[test]
fn k9_atoms_closer_than_any_are_told() {
    // Elements, distance in Å, and whether atoms of them come as close.
    for (first, second, distance, is_real) in [
        ("N", "N", 1.10, true),
        ("N", "N", 0.85, false),
        ("Na", "Cl", 0.7, false),
        ("H", "H", 0.74, true),
        ("H", "H", 0.45, false),
        ("O", "H", 0.7, true),
        ("H", "F", 0.92, true),
        ("C", "H", 0.45, false),
        ("Fe", "H", 0.8, false),
        ("H", "Li", 0.89, false),
    ] {
        let sites = format!("A1 {first} 0 0 0\nB1 {second} {} 0 0", distance / 8.0);
        let (_, notes) = noted(&file("_space_group_name_H-M_alt 'P 1'", &cubic(8.0), &sites));
        assert_eq!(
            notes.contains("Å apart; if they are alternatives"),
            !is_real,
            "{first} {second} {distance}: {notes}"
        );
    }
    // Images of one site that no rounding explains.
    let images = noted(&file("_space_group_name_H-M_alt 'P -1'", &cubic(5.0), "O1 O 0.07 0 0"));
    assert_eq!(images.0, "O2");
    assert!(images.1.contains("images of 'O1' are 0.70 Å apart"), "{}", images.1);
}

#[test]
fn k9_save_frames_are_told() {
    let frame = |heading: &str, end: &str| {
        format!("{heading}\n_space_group_name_H-M_alt 'P 1'\n{}{SITES}Po1 Po 0 0 0\n{end}", cubic(3.3))
    };
    let block = file("_space_group_name_H-M_alt 'P 1'", &cubic(4.1), "Na1 Na 0 0 0");
    let found = entries(&format!("{block}{}", frame("save_other", "save_\n")));
    let message = found[1].structure.as_ref().expect_err("frames are not read").to_string();
    assert!(found.len() == 2 && found[0].structure.is_ok(), "{message}");
    assert!(message.contains("save frame 'other' lists sites") && message.starts_with("f.cif:16: "), "{message}");
    refused(&format!("data_t\n{}", frame("save_other", "save_\n")), "write 'data_other' in place of 'save_other'");
    // The cure, and a frame without sites.
    let cured = entries(&format!("{block}{}", frame("data_other", "")));
    assert!(cured.len() == 2 && cured.iter().all(|entry| entry.structure.is_ok()));
    assert_eq!(formula(&format!("{block}save_other\n_item_name '_x'\nsave_\n")), "Na");
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
    assert_eq!(formula(&format!("{capitals}{}", cubic(4.0))), "TiCl");
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
