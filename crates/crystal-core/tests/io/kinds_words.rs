//! Files that must not be read as another structure, kind by kind: each kind with several own files, the right ones
//! beside the wrong ones. Messages whose advice works when followed, and nothing dropped in silence from
//! any format.

use std::path::Path;

use crystal_core::io::{self, Entry, Format};

use super::own_files::{SITES, cell, cubic, file, formula, general, monoclinic, operations, refused};

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
    // The element in its own column.
    let labelled = |columns: &str, row: &str| format!("data_t\n{}{columns}{row}\nNa1 Na .5 .5 .5\n", cubic(5.0));
    let only_label = SITES.replace("_atom_site_type_symbol\n", "");
    let bare = format!("data_t\n{}{only_label}T1 0 0 0\n", cubic(5.0));
    refused(&bare, "3H for tritium");
    assert_eq!(formula(&labelled(SITES, "T1 3H 0 0 0")), "NaH");
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
    for pbc in ["\"T T F\"", "[T, T, F]", "TTF", "\"T,F,T\"", "\"[True, True, False]\"", "\"1 1 0\"", "F"] {
        assert!(notes(&xyz(&format!("pbc={pbc}"), "Na 0 0 0")).contains("read as periodic"), "{pbc}");
    }
    for pbc in ["\"T T T\"", "[True, True, True]", "TTT", "\"1 1 1\""] {
        assert!(notes(&xyz(&format!("pbc={pbc}"), "Na 0 0 0")).is_empty(), "{pbc}");
    }
    let more =
        xyz("Properties=species:S:1:pos:R:3", "Na 0 0 0 1").structure.expect_err("a column too many").to_string();
    assert!(more.contains("5 columns where Properties promises 4"), "{more}");
    assert!(xyz("", "Na 0 0 0 1").structure.is_ok());
    // Two columns that say where, or what, an atom is.
    for (columns, atom) in [
        ("species:S:1:pos:R:3:pos:R:3", "Na 0 0 0 1 1 1"),
        ("species:S:1:pos:R:3:positions:R:3", "Na 0 0 0 0 0 0"),
        ("species:S:1:pos:R:3:Z:I:1", "Na 0 0 0 19"),
        ("species:S:1:pos:R:3:element:S:1", "Na 0 0 0 K"),
    ] {
        assert!(xyz(&format!("Properties={columns}"), atom).structure.is_err(), "{columns}");
    }
    assert!(xyz("Properties=species:S:1:pos:R:3:Z:I:1", "Na 0 0 0 11").structure.is_ok());
    for (unit, is_read) in [("bohr", false), ("\"nm, eV\"", false), ("metal", true), ("Angstrom", true)] {
        assert_eq!(xyz(&format!("units={unit}"), "Na 0 0 0").structure.is_ok(), is_read, "{unit}");
    }
    // Atoms beyond the number of the frame, and occupancies as ASE writes them.
    let beyond = one(Format::ExtXyz, "1\nLattice=\"4 0 0 0 4 0 0 0 4\"\nNa 0 0 0\nCl 2 2 2\n").structure;
    let beyond = beyond.expect_err("two atoms in a frame of one").to_string();
    assert!(beyond.contains("'Cl 2 2 2' follows the 1 atoms that line 1 promises"), "{beyond}");
    let by_kind =
        |share: &str| xyz(&format!("occupancy=\"_JSON {{\\\"0\\\": {{\\\"Na\\\": {share}}}}}\""), "Na 0 0 0").structure;
    assert!(by_kind("1.0").is_ok());
    assert!(by_kind("0.5").expect_err("half an atom").to_string().contains("partly occupied"));
    let line = |more: &str| {
        let text =
            "{\"lattice\": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], \"species\": [\"Po\"], \"frac_coords\": [[0, 0, 0]]";
        one(Format::JsonLines, &format!("{text}{more}}}\n"))
    };
    assert!(line(", \"occupancies\": [1]").structure.is_ok());
    assert!(line(", \"occupancies\": [0.5]").structure.is_err());
    for (more, is_read) in [
        ("\"coords_are_cartesian\": true", false),
        ("\"coords_are_cartesian\": false", true),
        ("\"numbers\": [11]", false),
        ("\"numbers\": [84], \"energy\": -1.5", true),
    ] {
        assert_eq!(line(&format!(", {more}")).structure.is_ok(), is_read, "{more}");
    }
    assert!(notes(&line(", \"pbc\": [true, true, false]")).contains("not true for every vector"));
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
    assert!(notes(&json(", \"gamma\": 120", "")).contains("'gamma' is not the angle 90.00"));
    assert!(notes(&json(", \"gamma\": 90.0", "")).is_empty());
    // A dummy may have the name of an element.
    let dummy = held.replace("{\"element\"", "{\"@class\": \"DummySpecies\", \"element\"");
    let refused = one(Format::PymatgenJson, &dummy).structure.expect_err("a dummy").to_string();
    assert!(refused.contains("a dummy and no element"), "{refused}");
    // Lines of our own under another name: the message says which.
    let misnamed = "{\"lattice\": [[4,0,0],[0,4,0],[0,0,4]], \"species\": [\"Po\"], \"frac_coords\": [[0,0,0]]}\n";
    let refused = one(Format::PymatgenJson, misnamed).structure.expect_err("no pymatgen").to_string();
    assert!(refused.contains("name the file .jsonl"), "{refused}");
    assert!(one(Format::JsonLines, misnamed).structure.is_ok());
    // Lengths in nanometres, and coordinates taken for another kind: told.
    let small = "{\"lattice\": [[0.6, 0, 0], [0, 0.6, 0], [0, 0, 0.6]], \"species\": [\"Na\", \"Cl\"], \"frac_coords\": [[0, 0, 0], [0.5, 0, 0]]}\n";
    assert!(notes(&one(Format::JsonLines, small)).contains("only 0.30 Å apart"));
    assert!(
        notes(&one(Format::JsonLines, &small.replace("0.6", "0.4"))).contains("only 0.40 Å; lengths are read as Å")
    );
    let tiny = small.replace("0.6", "1e-9");
    assert!(one(Format::JsonLines, &tiny).structure.expect_err("no cell").to_string().contains("give lengths in Å"));
}
