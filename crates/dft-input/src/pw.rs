//! Inputs of `pw.x`.

use std::fmt::Write;

use crystal_core::{Composition, Species, Structure};
use stability::hubbard_u;

use crate::vasp::initial_moment;
use crate::{DftInputError, KMesh, PseudopotentialTable, elements, sites_of};

/// Where atoms with a moment start, as a share of their valence electrons.
const STARTING_MAGNETISATION: f64 = 0.5;

/// What `pw.x` is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calculation {
    /// The energy of the structure as given.
    Scf,
    /// Atoms relaxed in the given cell.
    Relax,
    /// Atoms and cell relaxed.
    VcRelax,
}

impl Calculation {
    fn name(self) -> &'static str {
        match self {
            Self::Scf => "scf",
            Self::Relax => "relax",
            Self::VcRelax => "vc-relax",
        }
    }
}

/// How Hubbard U is written down, which changed between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubbardSyntax {
    /// In `&SYSTEM`, for versions below 7.1.
    Namelist,
    /// As the card `HUBBARD`, from version 7.1 on.
    Card,
}

/// Settings of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct PwOptions {
    /// What is computed.
    pub calculation: Calculation,
    /// Points per Å⁻³ of the reciprocal cell, see [`KMesh::by_density`].
    pub k_density: f64,
    /// The Materials Project's values of U for V, Cr, Mn, Fe, Co, Ni, Mo and W beside O or F; `None` leaves U out. The
    /// values were fitted for VASP's potentials, and energies with U must not be set beside energies without.
    pub hubbard: Option<HubbardSyntax>,
    /// Folder of the pseudopotentials, as `pw.x` sees it.
    pub pseudo_dir: String,
}

impl Default for PwOptions {
    /// Atoms and cell relaxed, 125 points per Å⁻³ (a spacing of 0.2 Å⁻¹), no U, pseudopotentials in `./pseudo`.
    fn default() -> Self {
        Self { calculation: Calculation::VcRelax, k_density: 125.0, hubbard: None, pseudo_dir: "./pseudo".to_owned() }
    }
}

/// The input of `pw.x` for a structure. Cut-offs are the highest that any of its elements needs. Spin is treated where
/// the Materials Project starts an element from a high moment; atoms start ferromagnetic.
///
/// # Errors
/// [`DftInputError::NoPseudopotential`], [`DftInputError::Setting`].
pub fn pw_input(
    structure: &Structure,
    table: &PseudopotentialTable,
    options: &PwOptions,
) -> Result<String, DftInputError> {
    let elements = elements(structure);
    let potentials = table.of(&elements)?;
    let KMesh([k1, k2, k3]) = KMesh::by_density(structure.lattice(), options.k_density)?;
    let composition = Composition::of(structure);
    let highest = |cutoffs: &mut dyn Iterator<Item = f64>| cutoffs.fold(0.0, f64::max);
    let ecutwfc = highest(&mut potentials.iter().map(|potential| potential.ecutwfc));
    // The potential with the higher cut-off of wave functions need not be the one with the higher cut-off of the
    // density.
    let ecutrho = highest(&mut potentials.iter().map(|potential| potential.ecutrho)).max(4.0 * ecutwfc);
    let n_atoms = f64::from(composition.total());
    let magnetic: Vec<bool> =
        elements.iter().map(|element| initial_moment(*element).is_some_and(|moment| moment > 1.0)).collect();

    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").unwrap_or_default();
    line(format_args!("! {}; pseudopotentials and cut-offs: {}", composition.reduced().formula(), table.name));
    line(format_args!("&CONTROL"));
    line(format_args!("  calculation = '{}'", options.calculation.name()));
    line(format_args!("  prefix = 'crystal'"));
    line(format_args!("  outdir = './out'"));
    line(format_args!("  pseudo_dir = '{}'", options.pseudo_dir.replace('\'', "''")));
    line(format_args!("  tprnfor = .true."));
    line(format_args!("  tstress = .true."));
    line(format_args!("  etot_conv_thr = {:.1e}", 1e-5 * n_atoms));
    line(format_args!("  forc_conv_thr = 1.0e-4"));
    line(format_args!("/"));
    line(format_args!("&SYSTEM"));
    line(format_args!("  ibrav = 0"));
    line(format_args!("  nat = {}", structure.n_sites()));
    line(format_args!("  ntyp = {}", elements.len()));
    line(format_args!("  ecutwfc = {ecutwfc:.1}"));
    line(format_args!("  ecutrho = {ecutrho:.1}"));
    line(format_args!("  occupations = 'smearing'"));
    line(format_args!("  smearing = 'cold'"));
    line(format_args!("  degauss = 0.01"));
    if magnetic.contains(&true) {
        line(format_args!("  nspin = 2"));
        for (index, _) in magnetic.iter().enumerate().filter(|(_, magnetic)| **magnetic) {
            line(format_args!("  starting_magnetization({}) = {STARTING_MAGNETISATION}", index + 1));
        }
    }
    let with_u: Vec<(usize, Species, f64)> = elements
        .iter()
        .enumerate()
        .filter_map(|(index, element)| Some((index + 1, *element, hubbard_u(&composition, *element)?)))
        .collect();
    if options.hubbard == Some(HubbardSyntax::Namelist) && !with_u.is_empty() {
        line(format_args!("  lda_plus_u = .true."));
        for (index, _, u) in &with_u {
            line(format_args!("  Hubbard_U({index}) = {u}"));
        }
    }
    line(format_args!("/"));
    line(format_args!("&ELECTRONS"));
    line(format_args!("  conv_thr = {:.1e}", 2e-10 * n_atoms));
    line(format_args!("  mixing_beta = 0.4"));
    line(format_args!("/"));
    if options.calculation != Calculation::Scf {
        line(format_args!("&IONS"));
        line(format_args!("/"));
    }
    if options.calculation == Calculation::VcRelax {
        line(format_args!("&CELL"));
        line(format_args!("  press_conv_thr = 0.5"));
        line(format_args!("/"));
    }
    line(format_args!("ATOMIC_SPECIES"));
    for (element, potential) in elements.iter().zip(&potentials) {
        // Masses matter for dynamics only, which is not asked for.
        line(format_args!("  {element} 1.0 {}", potential.file));
    }
    line(format_args!("CELL_PARAMETERS angstrom"));
    for [x, y, z] in structure.lattice().rows() {
        line(format_args!("  {x:.10} {y:.10} {z:.10}"));
    }
    line(format_args!("ATOMIC_POSITIONS crystal"));
    for element in &elements {
        for site in sites_of(structure, *element) {
            let [x, y, z]: [f64; 3] = site.frac_coords.into();
            line(format_args!("  {element} {x:.10} {y:.10} {z:.10}"));
        }
    }
    line(format_args!("K_POINTS automatic"));
    line(format_args!("  {k1} {k2} {k3} 0 0 0"));
    if options.hubbard == Some(HubbardSyntax::Card) && !with_u.is_empty() {
        line(format_args!("HUBBARD (ortho-atomic)"));
        for (_, element, u) in &with_u {
            line(format_args!("  U {element}-{} {u}", manifold(*element)));
        }
    }
    Ok(text)
}

/// The d shell that U acts on.
fn manifold(element: Species) -> &'static str {
    match element.atomic_number() {
        ..=30 => "3d",
        31..=48 => "4d",
        _ => "5d",
    }
}
