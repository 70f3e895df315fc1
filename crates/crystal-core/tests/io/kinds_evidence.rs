//! What else a CIF states (Z, formula, density, multiplicities, crystal system) against its symmetry: kinds K6 and K7
//! of `docs/src/robustness.md`.

use super::own_files::{SITES, cell, cubic, file, formula, general, hexagonal, monoclinic, noted, operations, refused};

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
    // Two values where one structure has one.
    for loop_ in ["_space_group_IT_number\n2\n14", "_space_group_name_H-M_alt\n'P -1'\n'P 1 21/c 1'"] {
        refused(&general(&format!("loop_\n{loop_}"), &monoclinic()), "has the values");
    }
    let two_cells = "loop_\n_cell_length_a\n_cell_length_b\n_cell_length_c\n_cell_angle_alpha\n_cell_angle_beta\n_cell_angle_gamma\n5 5 5 90 90 90\n6 6 6 90 90 90\n";
    refused(&file("", two_cells, salt), "_cell_length_a has the values 5 and 6");
    let (found, notes) = noted(&file("_cell_volume 999", &cubic(5.64), all));
    assert_eq!(found, "Na4Cl4");
    assert!(notes.contains("the cell has 179.4 Å³, _cell_volume is 999"), "{notes}");
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
    assert_eq!(found, "Zr4Si4O16");
    assert!(notes.contains("origin choice 2"), "{notes}");
    // A group with one origin has nothing to tell.
    assert!(noted(&general("_space_group_name_H-M_alt 'P n m a'", &cubic(12.0))).1.is_empty());
}

const SALT: &str = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5";
const NAME: &str = "_symmetry_space_group_name_H-M 'F m -3 m'\n";

#[test]
fn k6_a_symmetry_stated_once_is_refused_where_the_file_says_otherwise() {
    let salt = |lines: &str| file(lines, &cubic(5.64), SALT);
    let of_one = "_chemical_formula_sum 'Na Cl'";
    let of_four = "_chemical_formula_sum 'Na Cl'\n_cell_formula_units_Z";
    // One word against another: a name or a list alone, and Z, a density or multiplicities.
    let p_1 = "_space_group_name_H-M_alt 'P 1'";
    let identity = operations("symmetry_equiv_pos_as_xyz", &["x,y,z"]);
    for (symmetry, formula, item, value) in [
        (NAME, of_one, "_cell_formula_units_Z", "2"),
        (NAME, "", "_cell_formula_units_Z", "3"),
        (NAME, "", "_exptl_crystal_density_diffrn", "1.08"),
        (p_1, of_one, "_cell_formula_units_Z", "4"),
        (&identity, of_one, "_cell_formula_units_Z", "4"),
        ("_space_group_name_H-M_alt 'P m -3 m'", "", "_exptl_crystal_density_diffrn", "2.16"),
    ] {
        let message = refused(&salt(&format!("{symmetry}\n{formula}\n{item} {value}")), "contradict each other");
        let item_told = message.to_ascii_lowercase().contains(&format!("remove {}", item.to_ascii_lowercase()));
        assert!(item_told, "{message}");
        // The cure that the message names.
        assert!(noted(&salt(&format!("{symmetry}\n{formula}"))).1.is_empty(), "{symmetry}");
    }
    let columns = SITES.replace("type_symbol\n", "type_symbol\n_atom_site_symmetry_multiplicity\n");
    let counted = |n: u32| {
        let rows = format!("Na1 Na {n} 0 0 0\nCl1 Cl {n} 0.5 0.5 0.5\n");
        format!("data_t\n{NAME}{}{columns}{rows}", cubic(5.64))
    };
    assert_eq!(noted(&counted(4)), ("Na4Cl4".to_owned(), String::new()));
    let message = refused(&counted(8), "contradict each other");
    assert!(message.contains("its multiplicity in the file is 8"), "{message}");
    // The order of the site symmetry says the same.
    let columns = SITES.replace("type_symbol\n", "type_symbol\n_atom_site_site_symmetry_order\n");
    let of_order = |name: &str, n: u32| {
        let rows = format!("Na1 Na {n} 0 0 0\nCl1 Cl {n} 0.5 0.5 0.5\n");
        format!("data_t\n{name}{}{columns}{rows}", cubic(5.64))
    };
    assert_eq!(noted(&of_order(NAME, 48)), ("Na4Cl4".to_owned(), String::new()));
    let message = refused(&of_order(NAME, 1), "contradict each other");
    assert!(message.contains("of order 48, which the file says is 1"), "{message}");
    refused(&of_order("_space_group_name_H-M_alt 'P 1'\n", 48), "remove _atom_site_site_symmetry_order");
    // Half a formula unit in the cell, where Z says so.
    let halved = |units: &str| salt(&format!("{NAME}_chemical_formula_sum 'Na8 Cl8'\n{units}"));
    assert_eq!(formula(&halved("_cell_formula_units_Z 0.5")), "Na4Cl4");
    refused(&halved(""), "does not agree with the formula");
    let inversion = operations("symmetry_equiv_pos_as_xyz", &["x,y,z", "-x,-y,-z"]);
    // What agrees speaks for the symmetry: then the odd one is told.
    for lines in [
        format!("{NAME}{of_four} 4\n_exptl_crystal_density_diffrn 1.08"),
        format!("{NAME}{of_four} 2\n_exptl_crystal_density_diffrn 2.16"),
        // A list and a name.
        format!("{inversion}_space_group_name_H-M_alt 'P -1'\n_cell_formula_units_Z 3"),
        // The name of a crystal system is often left over from another setting.
        format!("{NAME}_space_group_crystal_system tetragonal"),
        format!("{identity}_symmetry_cell_setting cubic"),
        // Hydrogen that was not located, or a solvent, changes a density by less.
        format!("{NAME}_exptl_crystal_density_diffrn 2.5"),
    ] {
        let (_, notes) = noted(&salt(&lines));
        assert!(notes.contains("read with the symmetry of"), "{lines}: {notes}");
    }
    // Two against a list and a name.
    let two = format!("{inversion}_space_group_name_H-M_alt 'P -1'\n{of_four} 4\n_exptl_crystal_density_diffrn 2.16");
    let message = refused(&salt(&two), "contradict each other");
    assert!(message.contains("remove _cell_formula_units_Z and _exptl_crystal_density_diffrn"), "{message}");
    // Some programs write the sum of the cell beside Z.
    let (found, notes) = noted(&salt(&format!("{NAME}_chemical_formula_sum 'Na4 Cl4'\n_cell_formula_units_Z 4")));
    assert_eq!((found.as_str(), notes.as_str()), ("Na4Cl4", ""));
    refused(&salt(&format!("{NAME}_chemical_formula_sum 'Na4 Cl4'\n_cell_formula_units_Z 2")), "contradict each other");
    // Crystal systems by their other names, and words that are none.
    for system in ["cubic", "isometric", "Cubic", "unknown", "?"] {
        assert_eq!(noted(&salt(&format!("{NAME}_symmetry_cell_setting {system}"))).1, "", "{system}");
    }
    for system in ["trigonal", "hexagonal", "rhombohedral"] {
        let lines = format!("_space_group_IT_number 147\n_symmetry_cell_setting {system}");
        assert_eq!(noted(&general(&lines, &hexagonal())).1, "", "{system}");
    }
}

#[test]
fn k6_electrons_of_the_cell_are_compared_with_f_000() {
    let salt = |lines: &str| noted(&file(&format!("{NAME}{lines}"), &cubic(5.64), SALT));
    // Newer programs count dispersion, and hydrogen may be missing.
    for value in ["112", "112(0)", "113.4", "118", "?", "."] {
        assert_eq!(salt(&format!("_exptl_crystal_F_000 {value}")), ("Na4Cl4".to_owned(), String::new()), "{value}");
    }
    let (found, notes) = salt("_exptl_crystal_F_000 56");
    assert_eq!(found, "Na4Cl4");
    assert!(notes.contains("the cell has 112 electrons, the file says F(000) = 56 (read with the symmetry"), "{notes}");
    // Neutrons see nuclei.
    for probe in
        ["_diffrn_radiation_probe neutron", "_diffrn_source 'nuclear reactor'", "_diffrn_radiation_type electron"]
    {
        assert_eq!(salt(&format!("{probe}\n_exptl_crystal_F_000 53")).1, "", "{probe}");
    }
    // Where X-rays are named it is as good as a density.
    for radiation in ["_diffrn_radiation_type MoK\\a", "_diffrn_radiation_probe x-ray", "_diffrn_source synchrotron"] {
        let lines = format!("{NAME}{radiation}\n_exptl_crystal_F_000 28");
        let message = refused(&file(&lines, &cubic(5.64), SALT), "contradict each other");
        assert!(message.to_ascii_lowercase().contains("remove _exptl_crystal_f_000"), "{message}");
        let lines = format!("{lines}\n_cell_formula_units_Z 4\n_chemical_formula_sum 'Na Cl'");
        assert_eq!(formula(&file(&lines, &cubic(5.64), SALT)), "Na4Cl4", "Z speaks for the symmetry");
    }
    // It tells an origin, and P 1 by silence.
    let silicon = "_space_group_name_H-M_alt 'F d -3 m'\n_exptl_crystal_F_000 112";
    assert_eq!(formula(&file(silicon, &cubic(5.43), "Si1 Si 0 0 0")), "Si8");
    assert!(
        noted(&file("_exptl_crystal_F_000 112", &cubic(5.64), SALT)).1.contains("read as P 1, but the cell has 28")
    );
}

#[test]
fn k6_a_number_that_is_zero_says_nothing() {
    let zero = "_symmetry_Int_Tables_number 0";
    let inversion = operations("symmetry_equiv_pos_as_xyz", &["x,y,z", "-x,-y,-z"]);
    for (symmetry, expected) in [(NAME, "Na4Cl4"), (&inversion, "NaCl"), ("_space_group_name_Hall '-P 1'", "NaCl")] {
        let (found, notes) = noted(&file(&format!("{symmetry}\n{zero}"), &cubic(5.64), SALT));
        assert_eq!(found, expected);
        assert!(notes.contains("is 0, which is not a space group"), "{notes}");
    }
    refused(&file(zero, &cubic(5.64), SALT), "give a number from 1 to 230");
    refused(&file(&format!("{NAME}_space_group_IT_number 231"), &cubic(5.64), SALT), "give a number from 1 to 230");
}

#[test]
fn k6_numbers_that_are_hardly_what_their_item_says() {
    let far = "Na1 Na 0 0 0\nCl1 Cl 2.82 2.82 2.82";
    let p_1 = "_space_group_name_H-M_alt 'P 1'";
    assert!(noted(&file(p_1, &cubic(5.64), far)).1.contains("2.82 is read as a fractional coordinate"));
    assert!(noted(&file(p_1, &cubic(5.64), &far.replace("2.82", "-1.2"))).1.is_empty());
    assert!(noted(&file(p_1, &cubic(564.0), SALT)).1.contains("lengths are read as Å"));
    assert!(noted(&file("_space_group_name_H-M_alt 'P m -3 m'", &cubic(0.564), SALT)).1.contains("only 0.56 Å"));
}
