//! Reading and writing: round trips, the many ways of writing a file, and every kind of bad input.

use std::fs;
use std::path::{Path, PathBuf};

use crystal_core::io::{self, Entry, Format};
use crystal_core::whole;
use crystal_core::{AsymmetricSite, AsymmetricUnit, CrystalError, Lattice, Site, SpaceGroup, Structure};
use nalgebra::Vector3;
use proptest::prelude::*;

fn parse(format: Format, text: &str) -> Result<Structure, CrystalError> {
    one(io::read_bytes(text.as_bytes(), format, Path::new("folder/file")))
}

fn one(mut entries: Vec<Entry>) -> Result<Structure, CrystalError> {
    assert_eq!(entries.len(), 1);
    entries.remove(0).structure
}

/// The message of a failure; it must name the file and, where `line` is not 0, the line.
fn failure(format: Format, text: &str, line: usize) -> String {
    let error = parse(format, text).expect_err(text);
    let message = error.to_string();
    assert!(message.contains("folder/file"), "{message}");
    if line > 0 {
        let places = [format!("folder/file:{line}: "), format!("folder/file: line {line}: ")];
        assert!(places.iter().any(|place| message.starts_with(place)), "line {line} expected: {message}");
    }
    message
}

fn structure() -> Structure {
    let lattice = Lattice::from_rows([[3.1, 0.2, -0.1], [-1.0, 4.3, 0.7], [0.05, -0.4, 5.9]]).expect("a cell");
    let site = |symbol: &str, x: f64, y: f64, z: f64| Site {
        species: symbol.parse().expect("an element"),
        frac_coords: Vector3::new(x, y, z),
    };
    let third = 1.0 / 3.0;
    // Sites outside the cell, and an element that comes back after another one: neither may be changed.
    let sites = vec![
        site("Fe", 0.0, 0.0, 0.0),
        site("O", third, -0.2, 1.7),
        site("Fe", 0.5, 0.123456789012345, 1e-9),
        site("H", -3.25, 0.7, 0.4),
    ];
    Structure::new(lattice, sites).expect("a structure")
}

/// Species and fractional coordinates exactly as they were, and the same cell up to a rotation.
fn assert_same(found: &Structure, expected: &Structure) {
    assert_eq!(found.n_sites(), expected.n_sites());
    for (a, b) in found.sites().iter().zip(expected.sites()) {
        assert_eq!(a.species, b.species);
        assert!((a.frac_coords - b.frac_coords).abs().max() < 1e-10, "{} {}", a.frac_coords, b.frac_coords);
    }
    let metric = |structure: &Structure| structure.lattice().matrix() * structure.lattice().matrix().transpose();
    assert!((metric(found) - metric(expected)).abs().max() < 1e-10);
}

#[test]
fn every_format_gives_back_what_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = structure();
    for name in
        ["a.cif", "a.vasp", "POSCAR", "CONTCAR_2", "a.POSCAR", "a.xyz", "a.extxyz", "a.json", "a.jsonl", "a.jsonl.zst"]
    {
        let path = folder.path().join(name);
        io::write(&path, &expected).expect(name);
        let found = io::read(&path).expect(name);
        assert_same(&found, &expected);
        if !name.ends_with(".cif") {
            assert!(
                (found.lattice().matrix() - expected.lattice().matrix()).abs().max() < 1e-12,
                "{name} lost the orientation"
            );
        }
    }
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|item| item.expect("an item").file_name()).collect();
    assert_eq!(left.len(), 10, "temporary files were left behind: {left:?}");
}

proptest! {
    #[test]
    fn random_structures_round_trip(
        rows in prop::array::uniform3(prop::array::uniform3(-9.0..9.0_f64)),
        points in prop::collection::vec((1_i64..119, prop::array::uniform3(-2.0..2.0_f64)), 1..6),
    ) {
        let lattice = Lattice::from_rows(rows);
        prop_assume!(lattice.as_ref().is_ok_and(|lattice| lattice.volume() > 20.0));
        let sites = points.iter().map(|(z, x)| Site {
            species: crystal_core::Species::from_atomic_number(*z).expect("an element"),
            frac_coords: Vector3::from(*x),
        });
        let expected = Structure::new(lattice.expect("a cell"), sites.collect()).expect("a structure");
        prop_assume!(expected.closest_pair().is_none_or(|(_, _, distance)| distance > 0.05));
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.cif", "a.vasp", "a.xyz", "a.json", "a.jsonl"] {
            let path = folder.path().join(name);
            io::write(&path, &expected).expect(name);
            assert_same(&io::read(&path).expect(name), &expected);
        }
    }
}

#[test]
fn many_structures_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = vec![("first".to_owned(), structure()), ("mp-2/x".to_owned(), structure())];
    for (name, second) in
        [("all.jsonl", "mp-2/x"), ("all.jsonl.zst", "mp-2/x"), ("all.extxyz", "mp-2/x"), ("all", "mp-2_x")]
    {
        let path = folder.path().join(name);
        io::write_all(&path, &entries).expect(name);
        let found = io::read_all(&path).expect(name);
        assert_eq!(found.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["first", second], "{name}");
        for entry in found {
            assert_same(&entry.structure.expect(name), &structure());
        }
    }
    let error = io::write_all(&folder.path().join("all.cif"), &entries).expect_err("one structure per CIF");
    assert!(error.to_string().contains("all.cif: this format holds one structure, not 2"), "{error}");
    let twice = vec![("A/b".to_owned(), structure()), ("a_B".to_owned(), structure())];
    assert!(io::write_all(&folder.path().join("twice"), &twice).is_err());
    assert!(!folder.path().join("twice").exists());
    let error = io::read(&folder.path().join("all.jsonl")).expect_err("two structures");
    assert!(error.to_string().contains("holds 2 structures"), "{error}");
}

#[test]
fn one_bad_file_does_not_stop_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    io::write(&folder.path().join("c.cif"), &structure()).expect("written");
    fs::write(folder.path().join("b.cif"), "data_x\n_cell_length_a 3\n").expect("written");
    fs::write(folder.path().join("a.jsonl"), "{\"id\": 7}\n\nnonsense\n").expect("written");
    for passed_over in ["notes.txt", ".hidden.cif"] {
        fs::write(folder.path().join(passed_over), "x").expect("written");
    }
    fs::create_dir(folder.path().join("deeper.cif")).expect("made");
    let entries = io::read_all(folder.path()).expect("entries");
    let ids: Vec<_> = entries.iter().map(|entry| (entry.id.as_str(), entry.structure.is_ok())).collect();
    assert_eq!(ids, [("a-1", false), ("a-3", false), ("b", false), ("c", true)]);
}

#[test]
fn paths_that_cannot_be_read_or_written() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(io::read_all(folder.path()), Err(CrystalError::NothingToRead { .. })));
    assert!(matches!(io::read(folder.path()), Err(CrystalError::NothingToRead { .. })));
    for name in ["none.cif", "none.txt", "none"] {
        assert!(matches!(io::read(&folder.path().join(name)), Err(CrystalError::Io { .. })), "{name}");
    }
    fs::write(folder.path().join("a.txt"), "x").expect("written");
    assert!(matches!(io::read(&folder.path().join("a.txt")), Err(CrystalError::UnknownFormat { .. })));
    assert!(matches!(io::write(&folder.path().join("a.pdb"), &structure()), Err(CrystalError::UnknownFormat { .. })));
    assert!(matches!(io::write(&folder.path().join("no/a.cif"), &structure()), Err(CrystalError::Io { .. })));
    for name in ["empty.xyz", "empty.jsonl"] {
        fs::write(folder.path().join(name), "\n").expect("written");
        assert!(matches!(io::read_all(&folder.path().join(name)), Err(CrystalError::NothingToRead { .. })), "{name}");
    }
}

#[test]
fn names_tell_formats() {
    for (name, format) in [
        ("x/POSCAR", Some(Format::Poscar)),
        ("POSCAR_mp-1", Some(Format::Poscar)),
        ("CONTCAR-3", Some(Format::Poscar)),
        ("POSCAR.gz", None),
        ("A.CIF", Some(Format::Cif)),
        ("a.b.json", Some(Format::PymatgenJson)),
        ("a.jsonl.zst", Some(Format::JsonLines)),
        (".cif", None),
        ("cif", None),
    ] {
        assert_eq!(Format::of_path(&PathBuf::from(name)).ok(), format, "{name}");
    }
}

#[test]
fn poscar_ways_of_writing() {
    let body = "Si Si\n 1 1\nDirect\n0 0 0\n0.25 0.25 0.25\n";
    let plain = parse(Format::Poscar, &format!("t\n1\n0 2.7 2.7\n2.7 0 2.7\n2.7 2.7 0\n{body}")).expect("plain");
    let scaled = parse(Format::Poscar, &format!("t\n2.7 ! scale\n0 1 1\n1 0 1\n1 1 0\n{body}")).expect("scaled");
    let volume = parse(Format::Poscar, &format!("t\r\n-39.366\r\n0 1 1\r\n1 0 1\r\n1 1 0\r\n{body}")).expect("volume");
    let three = parse(Format::Poscar, &format!("t\n2.7 2.7 2.7\n0 1 1\n1 0 1\n1 1 0\n{body}")).expect("three factors");
    let selective = "Si_pv/1f2a\n2\nSelective dynamics\ncart\n0 0 0 T T F\n0.5D0 0.5 0.5 F F F Si\n\n0 0 0\n0 0 0\n";
    let cartesian = parse(Format::Poscar, &format!("t\n2.7\n0 1 1\n1 0 1\n1 1 0\n{selective}")).expect("Cartesian");
    for other in [scaled, volume, three, cartesian] {
        assert_same(&other, &plain);
    }
}

#[test]
fn poscar_faults() {
    let head = "t\n1\n3 0 0\n0 3 0\n0 0 3\n";
    for (body, line, words) in [
        ("1 1\nDirect\n0 0 0\n0 0 0.5\n", 6, "VASP 4"),
        ("Si\n1 1\nDirect\n0 0 0\n0 0 0.5\n", 7, "2 counts for 1"),
        ("Si\n2\nDirect\n0 0 0\n", 10, "Si atom 2 of 2"),
        ("Si\n1\nDirect\n0 0 0\n0.5 0 0\n", 10, "more coordinates"),
        ("Si\n1\n0 0 0\n", 8, "'Direct' or 'Cartesian'"),
        ("Si\n1\nDirect\n0 0 zero\n", 9, "'zero'"),
        ("Si\n1\nDirect\n0 0\n", 9, "too early"),
        ("Si\n1\nDirect\n0 0 nan\n", 9, "'nan'"),
        ("Xx\n1\nDirect\n0 0 0\n", 6, "'Xx' is not a chemical element"),
        ("Si\n0\nDirect\n0 0 0\n", 7, "at least 1"),
        ("Si\n99999999999999999999\nDirect\n0 0 0\n", 7, "whole number"),
        ("Si O\n1 1\nDirect\n0 0 0\n1 1 1.001\n", 0, "sites 0 and 1 are 0.0030 Å apart"),
        ("", 6, "ends before the element symbols"),
    ] {
        let message = failure(Format::Poscar, &format!("{head}{body}"), line);
        assert!(message.contains(words), "{message}");
    }
    assert!(failure(Format::Poscar, "t\n0\n", 2).contains("scale factor"));
    assert!(failure(Format::Poscar, "t\n1\n3 0 0\n3 0 0\n0 0 3\nSi\n1\nDirect\n0 0 0\n", 3).contains("zero volume"));
}

#[test]
fn extended_xyz_ways_of_writing() {
    let text = "2\nenergy=-1.5 note='a b=c' lattice=\"4 0 0 0 4 0 0 0 4\" Properties=id:I:1:species:S:1:forces:R:3:pos:R:3 flag\n\
                1 Na 0 0 0 0 0 0\n2 Cl 9 9 9 2 2 2\n\n2\nLattice=\"4 0 0 0 4 0 0 0 4\" Properties=Z:I:1:pos:R:3 id=\"two\"\n11 0 0 0\n17 2 2 2\n";
    let frames = io::read_bytes(text.as_bytes(), Format::ExtXyz, Path::new("a.xyz"));
    assert_eq!(frames.iter().map(|frame| frame.id.as_str()).collect::<Vec<_>>(), ["a-1", "two"]);
    let [first, second] = frames.try_into().expect("two frames");
    let second = second.structure.expect("the second frame");
    assert_same(&first.structure.expect("the first frame"), &second);
    assert_eq!(second.sites()[1].species.symbol(), "Cl");
    assert_eq!(second.sites()[1].frac_coords, Vector3::new(0.5, 0.5, 0.5));
}

#[test]
fn extended_xyz_faults() {
    let cell = "Lattice=\"4 0 0 0 4 0 0 0 4\"";
    for (text, line, words) in [
        ("1\nplain\nNa 0 0 0\n".to_owned(), 2, "no lattice"),
        (format!("2\n{cell}\nNa 0 0 0\n"), 1, "cut off"),
        (format!("1\n{cell}\nNa 0 0\n"), 3, "3 columns"),
        (format!("1\n{cell}\nNx 0 0 0\n"), 3, "'Nx'"),
        (format!("1\n{cell}\nNa 0 0 inf\n"), 3, "'inf'"),
        (format!("x\n{cell}\nNa 0 0 0\n"), 1, "'x' is not a number of atoms"),
        (format!("18446744073709551615\n{cell}\nNa 0 0 0\n"), 1, "cut off"),
        ("1\nLattice=\"4 0 0\"\nNa 0 0 0\n".to_owned(), 2, "needs nine"),
        (format!("1\n{cell} Properties=species:S:1\nNa 0 0 0\n"), 2, "no pos:R:3"),
        (format!("1\n{cell} Properties=species:S\nNa 0 0 0\n"), 2, "is cut off"),
        (format!("2\n{cell}\nNa 0 0 0\nNa 4 0 0\n"), 1, "0.0000 Å apart"),
    ] {
        assert!(failure(Format::ExtXyz, &text, line).contains(words), "{text}");
    }
    // A frame that is bad inside does not hide the next one.
    let text = format!("1\n{cell}\nNx 0 0 0\n1\n{cell}\nNa 0 0 0\n");
    let frames = io::read_bytes(text.as_bytes(), Format::ExtXyz, Path::new("a.xyz"));
    assert_eq!(frames.iter().map(|frame| frame.structure.is_ok()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn pymatgen_json_faults() {
    let with =
        |sites: &str| format!("{{\"lattice\": {{\"matrix\": [[3,0,0],[0,3,0],[0,0,3]]}},\n\"sites\": [{sites}]}}");
    let cartesian = r#"{"species": [{"element": "Fe", "oxidation_state": 2, "occu": 1.0}], "xyz": [1.5, 0, 0]}"#;
    let found = parse(Format::PymatgenJson, &with(cartesian)).expect("Cartesian only");
    assert_eq!(found.sites()[0].frac_coords, Vector3::new(0.5, 0.0, 0.0));
    for (sites, words) in [
        (
            r#"{"species": [{"element": "Fe", "occu": 0.5}], "abc": [0,0,0], "label": "Fe7"}"#,
            "site 'Fe7' has occupancy 0.5",
        ),
        (
            r#"{"species": [{"element": "Fe", "occu": 0.5}, {"element": "Mn", "occu": 0.5}], "abc": [0,0,0]}"#,
            "site 'number 1'",
        ),
        (r#"{"species": [{"element": "Fe", "occu": 1}]}"#, "neither 'abc' nor 'xyz'"),
        (r#"{"species": [{"element": "X0+", "occu": 1}], "abc": [0,0,0]}"#, "'X0+' is not a chemical element"),
        ("", "no sites"),
    ] {
        assert!(failure(Format::PymatgenJson, &with(sites), 0).contains(words), "{sites}");
    }
    assert!(failure(Format::PymatgenJson, "{\"lattice\":\n {}}", 2).contains("missing field `matrix`"));
    assert!(failure(Format::PymatgenJson, "{\n\"latt", 2).contains("EOF"));
}

#[test]
fn json_lines_faults() {
    let lines = [
        r#"{"id": "good", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Fe"], "frac_coords": [[0,0,0]]}"#,
        r#"{"id": "short", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Fe"], "frac_coords": []}"#,
        r#"{"id": "odd", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Xx"], "frac_coords": [[0,0,0]]}"#,
        r#"{"id": "flat", "lattice": [[3,0,0],[0,3,0],[0,0,0]], "species": ["Fe"], "frac_coords": [[0,0,0]]}"#,
        r#"{"id": "close", "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Fe", "O"], "frac_coords": [[0,0,0.999],[0,0,0]]}"#,
        r#"{"id": "bare", "species": ["Fe"]}"#,
        r#"{"id": "cut", "lattice": [[3,0"#,
        r#"{"id": 12, "lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": ["Fe"], "frac_coords": [[0,0,0]]}"#,
    ];
    let entries = io::read_bytes(lines.join("\n").as_bytes(), Format::JsonLines, Path::new("a.jsonl"));
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["good", "short", "odd", "flat", "close", "bare", "a-7", "12"]);
    let words =
        ["", "1 species but 0", "'Xx'", "zero volume", "0.0030 Å apart", "missing field `lattice`", "column 30", ""];
    for (index, (entry, words)) in entries.iter().zip(words).enumerate() {
        match &entry.structure {
            Ok(_) => assert!(words.is_empty(), "{}", entry.id),
            Err(error) => {
                let message = error.to_string();
                assert!(!words.is_empty() && message.contains(words), "{message}");
                assert!(message.contains(&format!("{}: ", index + 1)), "no line in: {message}");
            }
        }
    }
    assert!(matches!(
        entries[4].structure.as_ref().map_err(CrystalError::innermost),
        Err(CrystalError::SitesTooClose { i: 0, j: 1, .. })
    ));
}

#[test]
fn a_damaged_archive_keeps_the_whole_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let entries: Vec<_> = (0..3000).map(|index| (format!("s{index}"), structure())).collect();
    io::write_all(&path, &entries).expect("written");
    let bytes = fs::read(&path).expect("bytes");
    fs::write(&path, &bytes[..bytes.len() - 10]).expect("written");
    let found = io::read_all(&path).expect("entries");
    let good = found.iter().filter(|entry| entry.structure.is_ok()).count();
    assert_eq!(good + 1, found.len());
    assert!(found.last().is_some_and(|entry| entry.structure.is_err()));
}

/// What `to_cif_symmetric` writes must read back as the orbits of the unit's sites.
#[test]
fn symmetric_cifs_expand_to_the_orbits() {
    for number in [
        1, 2, 5, 12, 14, 15, 19, 38, 43, 62, 70, 88, 139, 141, 155, 160, 166, 167, 176, 194, 198, 205, 216, 225, 227,
        230,
    ] {
        let group = SpaceGroup::from_number(number).expect("a space group");
        let (a, b, c, beta, gamma) = match group.system() {
            crystal_core::CrystalSystem::Triclinic | crystal_core::CrystalSystem::Monoclinic => {
                (9.0, 10.0, 11.5, 103.0, 90.0)
            }
            crystal_core::CrystalSystem::Orthorhombic => (9.0, 10.0, 11.5, 90.0, 90.0),
            crystal_core::CrystalSystem::Tetragonal => (9.0, 9.0, 11.5, 90.0, 90.0),
            crystal_core::CrystalSystem::Trigonal | crystal_core::CrystalSystem::Hexagonal => {
                (9.0, 9.0, 11.5, 90.0, 120.0)
            }
            crystal_core::CrystalSystem::Cubic => (20.0, 20.0, 20.0, 90.0, 90.0),
        };
        let parameters = crystal_core::LatticeParameters { a, b, c, alpha: 90.0, beta, gamma };
        let n_general = group.operations().len() * group.centring().order();
        let site = AsymmetricSite::on_position(
            &group.wyckoff_positions()[0],
            "Si".parse().expect("an element"),
            Vector3::new(0.1234, 0.0371, 0.3172),
        );
        let lattice = Lattice::from_parameters(parameters).expect("a cell");
        let unit = AsymmetricUnit::new(group, lattice, vec![site]).expect("a unit");
        let text = io::to_cif_symmetric(&unit, "general position");
        let found = parse(Format::Cif, &text).unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(found.n_sites(), n_general, "space group {number}");
        let mut expected = Vec::new();
        for point in group.centring().lattice_points() {
            for operation in group.operations() {
                expected.push(operation.apply(&unit.sites()[0].frac_coords()) + point);
            }
        }
        for image in expected {
            let near = |site: &Site| (site.frac_coords - image).map(|x| x - x.round()).abs().max() < 1e-10;
            assert_eq!(found.sites().iter().filter(|site| near(site)).count(), 1, "space group {number}");
        }
    }
}

/// Operations, text fields, quotes, uncertainties, the lists and tables of CIF 2.0.
const RICH_CIF: &str = "#\\#CIF_2.0\ndata_r\n_note\n;\ntext\n;\n_list [1 {'k': [2 '''b''']}]\n_cell_length_a 4.0(1)\n_cell_length_b 4\n_cell_length_c 7\n\
    _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 120\n_space_group_IT_number 156\nloop_\n_space_group_symop_operation_xyz\n\
    x,y,z\n-y,x-y,z\n'-x+y, -x, z'\n-y,-x,z\n-x+y,y,z\nx,x-y,z\nloop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n\
    _atom_site_fract_z\n_atom_site_occupancy\nNa1 0.333 0.667 0 1.\nCl1 0 0 0.5(1) .\n";

#[test]
fn the_rich_cif_is_read() {
    let found = parse(Format::Cif, RICH_CIF).expect("a structure");
    assert_eq!(found.n_sites(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_bytes_make_a_reader_panic(which in 0_usize..6, cut in 0.0..1.0_f64, edits in prop::collection::vec((0.0..1.0_f64, any::<u8>(), 0_u8..3), 0..6), noise in prop::collection::vec(any::<u8>(), 0..300), mix in any::<bool>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["a.cif", "a.vasp", "a.xyz", "a.json", "a.jsonl"];
        let formats = [Format::Cif, Format::Poscar, Format::ExtXyz, Format::PymatgenJson, Format::JsonLines];
        let mut bytes = if mix {
            let mut bytes = match names.get(which) {
                Some(name) => {
                    let path = folder.path().join(name);
                    io::write(&path, &structure()).expect("written");
                    fs::read(&path).expect("bytes")
                }
                None => RICH_CIF.as_bytes().to_vec(),
            };
            bytes.truncate(whole::count(bytes.len() as f64 * (1.0 - cut * cut * cut)));
            bytes
        } else {
            noise.clone()
        };
        for (place, byte, kind) in edits {
            let at = whole::count(place * bytes.len() as f64);
            match kind {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                2 if at < bytes.len() => {
                    // A stretch of the file a second time, elsewhere.
                    let piece: Vec<u8> = bytes[at..].iter().copied().take(usize::from(byte)).collect();
                    let target = usize::from(byte) % (bytes.len() + 1);
                    bytes.splice(target..target, piece);
                }
                _ => {}
            }
        }
        for (name, format) in names.iter().zip(formats) {
            for entry in io::read_bytes(&bytes, format, Path::new(name)) {
                if let Err(error) = entry.structure {
                    prop_assert!(error.to_string().contains(name));
                }
            }
        }
        let archive = folder.path().join("b.jsonl.zst");
        fs::write(&archive, &bytes).expect("written");
        let _ = io::read_all(&archive);
    }
}
