//! POSCAR files as VASP writes them beyond the simplest form, and scale factors that are refused.

use std::path::Path;

use crystal_core::Composition;
use crystal_core::io::{self, Format};

#[test]
fn k11_poscar_lists_over_several_lines() {
    let coordinates: String = (0..23).map(|index| format!("0 0 {}\n", f64::from(index) / 23.0)).collect();
    let head = "t\n1\n9 0 0\n0 9 0\n0 0 60\n";
    let symbols = ["Na Cl ".repeat(10), "Na Cl Na".to_owned()];
    let counts = ["1 ".repeat(20), "1 1 1".to_owned()];
    let read = |text: &str| io::read_bytes(text.as_bytes(), Format::Poscar, Path::new("POSCAR")).remove(0).structure;
    let text = format!("{head}{}\n{}\n{}\n{}\nDirect\n{coordinates}", symbols[0], symbols[1], counts[0], counts[1]);
    assert_eq!(Composition::of(&read(&text).expect("two lines each")).formula(), "Na12Cl11");
    let text =
        format!("{head}{}{}\n{}\n{}\nSelective\nDirect\n{coordinates}", symbols[0], symbols[1], counts[0], counts[1]);
    assert_eq!(Composition::of(&read(&text).expect("counts alone on two lines")).formula(), "Na12Cl11");
    let text = format!("{head}{}\n{}\n{}\nDirect\n{coordinates}", symbols[0], symbols[1], counts[0]);
    let message = read(&text).expect_err("three counts are missing").to_string();
    assert!(message.contains("20 counts for 23 element symbols"), "{message}");
}

#[test]
fn k15_scale_factors_of_a_poscar() {
    let text = |scale: &str| format!("t\n{scale}\n1 0 0\n0 1 0\n0 0 1\nPo\n1\nDirect\n0 0 0\n");
    let read =
        |scale: &str| io::read_bytes(text(scale).as_bytes(), Format::Poscar, Path::new("POSCAR")).remove(0).structure;
    for scale in ["3 3 3 3", "3 3", "3 3 3 4 5", "-3 3 3", "0", "x"] {
        assert!(read(scale).expect_err(scale).to_string().contains("scale factor"), "{scale}");
    }
    for scale in ["3 3 3", "3", "-27", "3 ! Angstrom"] {
        let volume = read(scale).expect(scale).lattice().volume();
        assert!((volume - 27.0).abs() < 1e-9, "{scale}");
    }
}

#[test]
fn k11_poscar_comments_and_coordinates_of_another_kind() {
    let read = |text: &str| io::read_bytes(text.as_bytes(), Format::Poscar, Path::new("POSCAR")).remove(0);
    let head = "t\n1\n5 0 0\n0 5 0\n0 0 5\n";
    for groups in ["Na Cl ! elements\n1 1", "Na Cl\n1 1 # two atoms", "Na Cl #elements\n1 1 !two"] {
        let found = read(&format!("{head}{groups}\nDirect\n0 0 0\n.5 .5 .5\n")).structure.expect(groups);
        assert_eq!(Composition::of(&found).formula(), "NaCl");
    }
    // Fractions under 'Cartesian' are told.
    let cartesian = |scale: &str, point: &str| {
        let text = format!("t\n{scale}\n5 0 0\n0 5 0\n0 0 5\nNa Cl\n1 1\nCartesian\n0 0 0\n{point}\n");
        let entry = read(&text);
        assert!(entry.structure.is_ok(), "{point}");
        entry.notes.iter().any(|note| note.text.contains("write 'Direct'"))
    };
    assert!(cartesian("1", ".5 .5 .5"));
    assert!(!cartesian("1", "2.5 2.5 2.5") && !cartesian("5", ".5 .5 .5"));
}
