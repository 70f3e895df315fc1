//! CIF files: all atoms in P 1, or a space group with its non-equivalent sites.

use std::fmt::Write;

use crate::{AsymmetricUnit, Composition, Lattice, Species, Structure, SymmetryOperation};

/// The structure as a CIF in P 1 with all atoms of the cell. `id` names the data block.
///
/// A CIF holds lengths and angles, so the orientation of the lattice is lost (and with it the hand of a left-handed
/// one); fractional coordinates are written exactly.
pub fn to_cif(structure: &Structure, id: &str) -> String {
    let composition = Composition::of(structure);
    let mut text = head(id, structure.lattice(), &composition);
    text.push_str("_space_group_IT_number 1\n_space_group_name_H-M_alt 'P 1'\n");
    operations(&mut text, &[SymmetryOperation::identity()]);
    text.push_str("loop_\n");
    for name in ["label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"] {
        let _ = writeln!(text, "_atom_site_{name}");
    }
    let mut labels = Labels::default();
    for site in structure.sites() {
        let [x, y, z]: [f64; 3] = site.frac_coords.into();
        let _ = writeln!(text, "{} {} {x} {y} {z} 1", labels.next(site.species), site.species);
    }
    text
}

/// The non-equivalent sites as a CIF in the conventional cell of the standard setting, with all operations (centring
/// translations included), Wyckoff letters and multiplicities. `id` names the data block.
pub fn to_cif_symmetric(unit: &AsymmetricUnit, id: &str) -> String {
    let group = unit.space_group();
    let composition: Composition =
        unit.sites().iter().flat_map(|site| std::iter::repeat_n(site.species(), site.multiplicity())).collect();
    let mut text = head(id, unit.lattice(), &composition);
    let _ = writeln!(text, "_space_group_IT_number {}\n_space_group_name_H-M_alt '{}'", group.number(), group.symbol());
    let points = group.centring().lattice_points();
    let with_centring: Vec<SymmetryOperation> = points
        .iter()
        .flat_map(|point| {
            let shifted = |operation: &SymmetryOperation| SymmetryOperation {
                translation: operation.translation + point,
                ..*operation
            };
            group.operations().iter().map(shifted).collect::<Vec<_>>()
        })
        .collect();
    operations(&mut text, &with_centring);
    text.push_str("loop_\n");
    let columns = [
        "label",
        "type_symbol",
        "symmetry_multiplicity",
        "Wyckoff_symbol",
        "fract_x",
        "fract_y",
        "fract_z",
        "occupancy",
    ];
    for name in columns {
        let _ = writeln!(text, "_atom_site_{name}");
    }
    let mut labels = Labels::default();
    for site in unit.sites() {
        let [x, y, z]: [f64; 3] = site.frac_coords().into();
        let label = labels.next(site.species());
        let _ = writeln!(
            text,
            "{label} {} {} {} {x} {y} {z} 1",
            site.species(),
            site.multiplicity(),
            site.wyckoff_letter()
        );
    }
    text
}

fn head(id: &str, lattice: &Lattice, composition: &Composition) -> String {
    let name: String = id.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let mut text = format!("data_{}\n", if name.is_empty() { "structure" } else { &name });
    let formula = composition.reduced();
    let terms: Vec<String> = formula.iter().map(|(species, count)| format!("{species}{count}")).collect();
    let n_units = composition.total() / formula.total().max(1);
    let _ = writeln!(text, "_chemical_formula_sum '{}'\n_cell_formula_units_Z {n_units}", terms.join(" "));
    let cell = lattice.parameters();
    // The arc cosine leaves 120.00000000000001; a picodegree is far below what the tests ask for.
    let [alpha, beta, gamma] = [cell.alpha, cell.beta, cell.gamma].map(|x| (x * 1e12).round() / 1e12);
    let _ = writeln!(text, "_cell_length_a {}\n_cell_length_b {}\n_cell_length_c {}", cell.a, cell.b, cell.c);
    let _ = writeln!(text, "_cell_angle_alpha {alpha}\n_cell_angle_beta {beta}\n_cell_angle_gamma {gamma}");
    let _ = writeln!(text, "_cell_volume {}", lattice.volume());
    text
}

fn operations(text: &mut String, operations: &[SymmetryOperation]) {
    text.push_str("loop_\n_space_group_symop_id\n_space_group_symop_operation_xyz\n");
    for (index, operation) in operations.iter().enumerate() {
        let _ = writeln!(text, "{} '{}'", index + 1, operation);
    }
}

/// Labels `Fe1`, `Fe2`, `O1`, …
struct Labels([u32; 1 + Species::MAX as usize]);

impl Default for Labels {
    fn default() -> Self {
        Self([0; 1 + Species::MAX as usize])
    }
}

impl Labels {
    fn next(&mut self, species: Species) -> String {
        let count = &mut self.0[usize::from(species.atomic_number())];
        *count += 1;
        format!("{species}{count}")
    }
}
