use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const HEADER: &str = "material_id,formula,space_group_0.1,space_group_0.01,lattice,species,frac_coords";
const NACL: &str = "salt,NaCl,225,225,0 2.8 2.8 2.8 0 2.8 2.8 2.8 0,Na Cl,0 0 0 0.5 0.5 0.5";

fn written(name: &str, bytes: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file");
    (folder, path)
}

fn read_text(text: &str) -> Result<Table, DatasetError> {
    let (_folder, path) = written("train.csv", text);
    read(&path)
}

#[test]
fn reads_arrays_plain_and_compressed() {
    let text = format!("{HEADER}\n{NACL}\n{}\n", NACL.replace("salt", "other").replace(",225,225", ",,"));
    let (_folder, plain) = written("train.csv", &text);
    let (_folder, compressed) = written("train.csv.zst", zstd::encode_all(text.as_bytes(), 3).expect("a frame"));
    let table = read(&plain).expect("a table");
    assert_eq!(table.rows, read(&compressed).expect("a table").rows);
    assert!(table.rejected.is_empty());
    assert_eq!(table.rows[0].space_group, Some(225));
    assert_eq!(table.rows[1].space_group, None);
    assert_eq!(table.rows[1].id, "other");
    let structure = &table.rows[0].structure;
    assert_eq!(structure.n_sites(), 2);
    assert!(
        (structure.lattice().min_image_distance(&structure.sites()[0].frac_coords, &structure.sites()[1].frac_coords)
            - 2.8)
            .abs()
            < 1e-12
    );
}

#[test]
fn reads_the_public_form() {
    let cif = "# generated\ndata_NaCl\n_symmetry_space_group_name_H-M 'P 1'\n_cell_length_a 3.9598\n_cell_length_b 3.9598\n_cell_length_c 3.9598\n\
        _cell_angle_alpha 60.0\n_cell_angle_beta 60.0\n_cell_angle_gamma 60.0\n_symmetry_Int_Tables_number 1\n_chemical_formula_structural NaCl\n\
        _chemical_formula_sum 'Na1 Cl1'\n_cell_volume 43.9\n_cell_formula_units_Z 1\nloop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1 'x, y, z'\n\
        loop_\n _atom_site_type_symbol\n _atom_site_label\n _atom_site_symmetry_multiplicity\n _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy\n\
        \x20 Na Na0 1 0.00000000 0.00000000 0.00000000 1\n  Cl Cl1 1 0.50000000 0.50000000 0.50000000 1\n";
    let header =
        ",material_id,formation_energy_per_atom,band_gap,pretty_formula,e_above_hull,elements,cif,spacegroup.number";
    let row = |id: &str, cif: &str| format!("0,{id},-1.2,3.4,NaCl,0.0,\"['Cl', 'Na']\",\"{cif}\",225\n");
    let damaged = cif.replace("_cell_length_b 3.9598", "_cell_length_b x");
    let table = read_text(&format!("{header}\n{}{}", row("mp-1", cif), row("mp-2", &damaged))).expect("a table");
    assert_eq!(table.rows.len(), 1, "{:?}", table.rejected);
    assert_eq!(table.rows[0].id, "mp-1");
    assert_eq!(table.rows[0].space_group, None);
    assert!((table.rows[0].structure.lattice().volume().abs() - 43.9).abs() < 0.1);
    assert_eq!(table.rejected[0].0, "mp-2");
    assert!(table.rejected[0].1.contains("column 'cif'"), "{}", table.rejected[0].1);
}

#[test]
fn reads_formation_energies_where_they_are() {
    let row = |id: &str, energy: &str| format!("{},{energy}\n", NACL.replace("salt", id));
    let rows = [row("a", "-2.125"), row("b", " "), row("c", "cheap"), row("d", "inf")].concat();
    let table = read_text(&format!("{HEADER},formation_energy_per_atom\n{rows}")).expect("a table");
    let energies: Vec<_> = table.rows.iter().map(|row| row.formation_energy).collect();
    assert_eq!(energies, [Some(-2.125), None]);
    assert_eq!(table.rejected.len(), 2);
    assert!(
        table.rejected.iter().all(|(_, reason)| reason.contains("is not an energy in eV/atom")),
        "{:?}",
        table.rejected
    );
    assert_eq!(read_text(&format!("{HEADER}\n{NACL}\n")).expect("a table").rows[0].formation_energy, None);
}

#[test]
fn bad_rows_are_reported_and_the_rest_goes_on() {
    let bad = [
        ("lattice,0 2.8 2.8 2.8 0 2.8 2.8 2.8", "has 8 numbers"),
        ("lattice,0 2.8 2.8 2.8 0 2.8 2.8 2.8 zero", "'zero' is not a number"),
        ("lattice,1 0 0 2 0 0 0 0 1", "not a cell"),
        ("species,Na Xx", "Xx"),
        ("species,Na Cl Cl", "for 3 sites"),
        ("frac,0 0 0 0.5 0.5 inf", "finite"),
        ("group,231", "not a space group"),
        ("group,0", "not a space group"),
    ];
    let mut text = format!("{HEADER}\n");
    for (change, _) in bad {
        let (column, value) = change.split_once(',').expect("two parts");
        let mut cells: Vec<&str> = NACL.split(',').collect();
        cells[match column {
            "lattice" => 4,
            "species" => 5,
            "frac" => 6,
            _ => 2,
        }] = value;
        text += &format!("{}\n", cells.join(","));
    }
    text += "short,NaCl,225\n";
    text += &format!("{NACL}\n");
    let table = read_text(&text).expect("a table");
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.rejected.len(), bad.len() + 1);
    for (index, (_, reason)) in bad.iter().enumerate() {
        let found = &table.rejected[index].1;
        assert!(found.contains(reason), "{found}");
        assert!(found.contains(&format!("train.csv:{}:", index + 2)), "{found}");
    }
    assert!(table.rejected[bad.len()].1.contains("3 columns, the header 7"));
}

#[test]
fn missing_columns_and_truncation_are_errors() {
    let error = |text: &str| read_text(text).expect_err(text);
    assert!(matches!(
        error("material_id,species,frac_coords\nx,Na,0 0 0\n"),
        DatasetError::MissingColumn { column: "lattice", .. }
    ));
    assert!(matches!(error("a,cif\n1,2\n"), DatasetError::MissingColumn { column: "material_id", .. }));
    for text in [
        String::new(),
        format!("{HEADER}\n"),
        format!("{HEADER}\n{NACL}"),
        format!("{HEADER}\n{NACL}\nsalt,Na"),
        format!("{HEADER}\nsalt,\"NaCl\n"),
    ] {
        assert!(matches!(error(&text), DatasetError::Truncated { .. }), "{text}");
    }
    assert!(matches!(
        error(&format!("{HEADER}\n{NACL}\nb\u{e9}").replace('\u{e9}', "")),
        DatasetError::Truncated { line: 3, .. }
    ));
    let frame =
        zstd::encode_all(format!("{HEADER}\n{}", format!("{NACL}\n").repeat(5000)).as_bytes(), 3).expect("a frame");
    let (_folder, path) = written("train.csv.zst", &frame[..frame.len() / 2]);
    assert!(matches!(read(&path), Err(DatasetError::Truncated { .. })));
}
