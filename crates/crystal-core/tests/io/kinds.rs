//! Files that must not be read as another structure, kind by kind: each kind with several own files, the right ones
//! beside the wrong ones. Symmetry: Hall and Hermann–Mauguin symbols, lists of operations.

use super::own_files::{cell, cubic, entry, file, formula, general, hexagonal, monoclinic, noted, operations, refused};

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
        "loop_\n_cell_wave_vector_seq_id\n_cell_wave_vector_z\n1 0.3",
        "_atom_site_Fourier_wave_vector_z 0.3",
        "_aflow_Space_group_number 225",
        "_cod_original_sg_symbol_H-M 'P n m a'",
        "_spacegroup_name Pnma",
        "_sg_name Pnma",
        "_SG Pnma",
        "_layer_group_name 'p -1'",
        "_plane_group p4mm",
        "_symmetry_space_group_name_H-M 'P -1'\n_space_group_ssg_name_WJJ 'P:P-1:-1'",
        "_symmetry_equivalent_pos_as_xyz 'x,y,z'",
    ] {
        refused(&general(symmetry, &cubic(9.0)), "");
    }
    for symmetry in [
        "",
        "_space_group_name_H-M_alt ?",
        "_space_group_IT_number .",
        "_symmetry_cell_setting triclinic",
        "_space_group_name_Hall '?'",
        "_aflow_Space_group_number 1",
        "_cod_original_sg_symbol_H-M 'P 1'",
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
    // A symmetry in another block than the sites.
    for common in ["_space_group_name_H-M_alt 'P -1'", "_symmetry_equiv_pos_as_xyz '-x,-y,-z'"] {
        let apart = format!("data_global\n{common}\n{}", general("", &cubic(9.0)));
        refused(&apart, "put both into one block");
        let both = format!("data_global\n{common}\n{}", general("_space_group_name_H-M_alt 'P 1'", &cubic(9.0)));
        assert_eq!(formula(&both), "V");
    }
    // A named group on other axes, and a code that no setting has.
    let moved = |transform: &str| {
        general(&format!("_space_group_IT_number 14\n_space_group.transform_Pp_abc '{transform}'"), &monoclinic())
    };
    refused(&moved("-a-c,b,a;1/4,0,0"), "on other axes");
    assert_eq!(formula(&moved("a,b,c;0,0,0")), "V4");
    let coded = |code: &str| {
        general(&format!("_space_group_IT_number 14\n_space_group.IT_coordinate_system_code {code}"), &monoclinic())
    };
    refused(&coded("zz"), "no setting with the code 'zz'");
    let sites = |code: &str| entry(&coded(code)).structure.expect("a structure").sites().to_vec();
    assert_ne!(sites("b1"), sites("b2"));
    assert_eq!(noted(&coded("b2")), ("V4".to_owned(), String::new()));
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
