//! Inputs as texts.

use crystal_core::{Lattice, Site, Structure};
use dft_input::{
    Calculation, DftInputError, HubbardSyntax, PseudopotentialTable, PwOptions, VaspInput, VaspOptions, pw_input,
};

/// Atoms in a cube, Å.
fn cube(a: f64, atoms: &[(&str, [f64; 3])]) -> Structure {
    let lattice = Lattice::from_rows([[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]).expect("a cell");
    let site = |(symbol, place): &(&str, [f64; 3])| Site {
        species: symbol.parse().expect("a symbol"),
        frac_coords: (*place).into(),
    };
    Structure::new(lattice, atoms.iter().map(site).collect()).expect("a structure")
}

fn iron_oxide() -> Structure {
    cube(4.3, &[("O", [0.5, 0.5, 0.5]), ("Fe", [0.0, 0.0, 0.0]), ("O", [0.5, 0.0, 0.0])])
}

#[test]
fn silicon_in_pw() -> Result<(), DftInputError> {
    let silicon = cube(5.43, &[("Si", [0.0, 0.0, 0.0]), ("Si", [0.25, 0.25, 0.25])]);
    let options = PwOptions { calculation: Calculation::Scf, ..PwOptions::default() };
    let text = pw_input(&silicon, &PseudopotentialTable::sssp(), &options)?;
    let expected = "\
! Si; pseudopotentials and cut-offs: SSSP 1.3.0 PBE efficiency
&CONTROL
  calculation = 'scf'
  prefix = 'crystal'
  outdir = './out'
  pseudo_dir = './pseudo'
  tprnfor = .true.
  tstress = .true.
  etot_conv_thr = 2.0e-5
  forc_conv_thr = 1.0e-4
/
&SYSTEM
  ibrav = 0
  nat = 2
  ntyp = 1
  ecutwfc = 30.0
  ecutrho = 240.0
  occupations = 'smearing'
  smearing = 'cold'
  degauss = 0.01
/
&ELECTRONS
  conv_thr = 4.0e-10
  mixing_beta = 0.4
/
ATOMIC_SPECIES
  Si 1.0 Si.pbe-n-rrkjus_psl.1.0.0.UPF
CELL_PARAMETERS angstrom
  5.4300000000 0.0000000000 0.0000000000
  0.0000000000 5.4300000000 0.0000000000
  0.0000000000 0.0000000000 5.4300000000
ATOMIC_POSITIONS crystal
  Si 0.0000000000 0.0000000000 0.0000000000
  Si 0.2500000000 0.2500000000 0.2500000000
K_POINTS automatic
  5 5 5 0 0 0
";
    assert_eq!(text, expected);
    Ok(())
}

#[test]
fn iron_oxide_in_pw() -> Result<(), DftInputError> {
    let table = PseudopotentialTable::sssp();
    let input = |hubbard| pw_input(&iron_oxide(), &table, &PwOptions { hubbard, ..PwOptions::default() });
    let text = input(None)?;
    // The highest of both elements, Fe's; sites by element; moments on Fe alone.
    for line in [
        "ecutwfc = 90.0",
        "ecutrho = 1080.0",
        "ntyp = 2",
        "nspin = 2",
        "starting_magnetization(2) = 0.5",
        "&CELL",
        "&IONS",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("starting_magnetization(1)") && !text.to_lowercase().contains("hubbard"), "{text}");
    let atoms: Vec<&str> =
        text.lines().skip_while(|line| !line.starts_with("ATOMIC_POSITIONS")).skip(1).take(3).collect();
    assert_eq!(
        atoms.iter().map(|line| line.trim().split(' ').next()).collect::<Vec<_>>(),
        [Some("O"), Some("O"), Some("Fe")]
    );
    assert!(input(Some(HubbardSyntax::Namelist))?.contains("  lda_plus_u = .true.\n  Hubbard_U(2) = 5.3\n/"));
    assert!(input(Some(HubbardSyntax::Card))?.ends_with("HUBBARD (ortho-atomic)\n  U Fe-3d 5.3\n"));
    Ok(())
}

#[test]
fn cutoffs_of_norm_conserving_partners() -> Result<(), DftInputError> {
    // Cu needs 90 and 720 Ry, Ag 50 and 200.
    let text = pw_input(
        &cube(4.0, &[("Ag", [0.0; 3]), ("Cu", [0.5; 3])]),
        &PseudopotentialTable::sssp(),
        &PwOptions::default(),
    )?;
    assert!(text.contains("ecutwfc = 90.0\n  ecutrho = 720.0"), "{text}");
    Ok(())
}

#[test]
fn users_replace_the_table() -> Result<(), DftInputError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.ron");
    let write = |text: &str| std::fs::write(&path, text).expect("a file");
    write("(name: \"mine\", elements: {\"Si\": (file: \"Si.upf\", ecutwfc: 40, ecutrho: 160)})");
    let table = PseudopotentialTable::read(&path)?;
    let text = pw_input(&cube(5.43, &[("Si", [0.0; 3])]), &table, &PwOptions::default())?;
    assert!(
        text.contains("Si 1.0 Si.upf") && text.contains("cut-offs: mine") && text.contains("ecutrho = 160.0"),
        "{text}"
    );
    let error = pw_input(&iron_oxide(), &table, &PwOptions::default()).expect_err("no Fe, no O").to_string();
    assert!(error.contains("'mine'") && error.contains("O, Fe"), "{error}");
    for (bad, said) in [
        ("(name: \"mine\")", "elements"),
        ("(name: \"mine\", elements: {\"Xx\": (file: \"a\", ecutwfc: 40, ecutrho: 160)})", "Xx"),
        ("(name: \"mine\", elements: {\"Si\": (file: \"a\", ecutwfc: 40, ecutrho: 100)})", "four times"),
        ("(name: \"mine\", elements: {\"Si\": (file: \"a b\", ecutwfc: 40, ecutrho: 160)})", "spaces"),
    ] {
        write(bad);
        let error = PseudopotentialTable::read(&path).expect_err(bad).to_string();
        assert!(error.contains(said) && error.contains("mine.ron"), "{error}");
    }
    assert!(matches!(PseudopotentialTable::read(&folder.path().join("none.ron")), Err(DftInputError::Io { .. })));
    Ok(())
}

#[test]
fn vasp_as_the_materials_project() -> Result<(), DftInputError> {
    let input = VaspInput::new(&iron_oxide(), &VaspOptions::default())?;
    assert_eq!(input.potentials, ["O", "Fe_pv"]);
    assert_eq!(input.kpoints, "64 points per 1/A^3 of the reciprocal cell\n0\nGamma\n5 5 5\n0 0 0\n");
    for line in [
        "# POTCAR (PBE), in this order: O Fe_pv",
        "SYSTEM = FeO2",
        "ENCUT = 520",
        "EDIFF = 1.50e-4",
        "MAGMOM = 2*0.6 1*5",
        "LDAU = .TRUE.",
        "LDAUL = 0 2",
        "LDAUU = 0 5.3",
        "LDAUJ = 0 0",
        "LMAXMIX = 4",
        "ISIF = 3",
        "NSW = 99",
    ] {
        assert!(input.incar.lines().any(|found| found == line), "{line} is missing in\n{}", input.incar);
    }
    let folder = tempfile::tempdir().expect("a folder");
    input.write(folder.path())?;
    let read = crystal_core::io::read(&folder.path().join("POSCAR"))?;
    assert_eq!(read.sites(), input.structure.sites());
    let poscar = std::fs::read_to_string(folder.path().join("POSCAR")).expect("a file");
    assert_eq!(poscar.lines().nth(5), Some("O Fe"));
    let names: std::collections::BTreeSet<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["INCAR", "KPOINTS", "POSCAR"].map(Into::into).into());
    Ok(())
}

#[test]
fn vasp_without_u() -> Result<(), DftInputError> {
    let alloy = cube(3.0, &[("Fe", [0.0; 3]), ("Al", [0.5; 3])]);
    let input = VaspInput::new(&alloy, &VaspOptions { relax: false, ..VaspOptions::default() })?;
    assert!(!input.incar.contains("LDAU"), "{}", input.incar);
    assert!(input.incar.contains("NSW = 0\n") && !input.incar.contains("ISIF"), "{}", input.incar);
    let error = VaspInput::new(&cube(3.0, &[("Ra", [0.0; 3])]), &VaspOptions::default()).expect_err("no potential");
    assert!(error.to_string().contains("Ra"), "{error}");
    Ok(())
}
