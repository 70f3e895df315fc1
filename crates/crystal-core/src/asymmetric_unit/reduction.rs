//! From a structure to its non-equivalent sites, with proof that they rebuild it.

use std::collections::BTreeMap;

use nalgebra::{Matrix3, Vector3};

use super::{AsymmetricSite, AsymmetricUnit, COINCIDENCE, Standardised, coincide, find, wrap};
use crate::grid::SiteGrid;
use crate::{CrystalError, Finder, Lattice, LatticeCoordinates, Orbit, Site, SpaceGroup, Species, Structure};

/// A reduced structure and how the input lies in its standard frame.
#[derive(Debug, Clone)]
pub struct Reduction {
    /// The reduced form.
    pub unit: AsymmetricUnit,
    /// `x_standard = linear · x_input + shift` maps fractional coordinates of the input to the conventional basis.
    pub linear: Matrix3<f64>,
    /// The shift of that map, conventional fractional coordinates.
    pub shift: Vector3<f64>,
    /// The farthest that an atom was moved to make the structure symmetric, Å.
    pub max_displacement: f64,
    /// The largest change of a component of the input's conventional lattice (after the best rotation, to first order),
    /// relative: the strain that made the lattice symmetric.
    pub max_strain: f64,
}

impl Reduction {
    /// Finds the space group of a structure at `symprec` (Å), reduces it, and checks that the reduced form rebuilds it:
    /// as many atoms of each element, none farther than twice the tolerance from where it was, each standing for one.
    ///
    /// # Errors
    /// As [`AsymmetricUnit::from_structure`].
    pub fn new(structure: &Structure, symprec: f64, finder: Finder) -> Result<Self, CrystalError> {
        let (_, standardised) = find(structure, symprec, finder)?;
        let not_found = |reason: String| CrystalError::SymmetryNotFound { symprec, reason };
        let unit = reduce(&standardised).map_err(not_found)?;
        let tolerance = 2.0 * symprec.max(standardised.symprec) + COINCIDENCE;
        let max_displacement = check_rebuilt(structure, &standardised, &unit, tolerance).map_err(not_found)?;
        let max_strain = strain(structure.lattice(), &standardised.linear, &unit.lattice).map_err(not_found)?;
        Ok(Self { unit, linear: standardised.linear, shift: standardised.shift, max_displacement, max_strain })
    }
}

/// One site per orbit of the standardised cell. The error is the reason.
fn reduce(standardised: &Standardised) -> Result<AsymmetricUnit, String> {
    let space_group = SpaceGroup::get(standardised.number);
    let coordinates = LatticeCoordinates::new(space_group.system());
    // Through the coordinates: symmetric to the last bit and in this crate's own orientation.
    let lattice = coordinates.decode(&coordinates.encode(&standardised.lattice)).map_err(|error| error.to_string())?;
    let to_conventional = space_group.centring().to_conventional();
    let primitive_lattice =
        lattice.transformed(&space_group.centring().to_primitive()).map_err(|error| error.to_string())?;
    // Finders make positions symmetric to rounding, and atoms are farther than the tolerance apart: half of it tells
    // them apart.
    let tolerance = (0.5 * standardised.symprec).min(COINCIDENCE);

    let mut primitive_sites: Vec<Site> = Vec::with_capacity(standardised.sites.len());
    for site in &standardised.sites {
        let frac_coords = to_conventional.tr_mul(&site.frac_coords).map(wrap);
        let known = primitive_sites.iter().any(|other| {
            other.species == site.species && coincide(&primitive_lattice, &other.frac_coords, &frac_coords, tolerance)
        });
        if !known {
            primitive_sites.push(Site { species: site.species, frac_coords });
        }
    }
    let order = space_group.centring().order();
    if primitive_sites.len() * order != standardised.sites.len() {
        return Err(format!(
            "the standardised cell of group {} has {} atoms, but {} in its primitive cell of 1/{order} the volume",
            standardised.number,
            standardised.sites.len(),
            primitive_sites.len()
        ));
    }

    let to_primitive = space_group.centring().to_primitive();
    let mut seen = vec![false; primitive_sites.len()];
    let mut sites = Vec::new();
    for index in 0..primitive_sites.len() {
        if seen[index] {
            continue;
        }
        let Site { species, frac_coords } = primitive_sites[index];
        let site = AsymmetricSite::new(space_group, &lattice, species, &to_primitive.tr_mul(&frac_coords), tolerance);
        let start = to_conventional.tr_mul(&site.frac_coords);
        let orbit = Orbit::in_primitive_cell(space_group, &start, &primitive_lattice, COINCIDENCE);
        for image in orbit.images() {
            // The site was moved by up to the tolerance onto its position, the atoms of the cell were not.
            let found = (0..primitive_sites.len()).find(|j| {
                let other = &primitive_sites[*j];
                !seen[*j]
                    && other.species == species
                    && coincide(&primitive_lattice, &other.frac_coords, &image.frac_coords, 2.0 * tolerance)
            });
            match found {
                Some(j) => seen[j] = true,
                None => {
                    return Err(format!(
                        "group {}: an image of the {species} site at Wyckoff position {}{} is missing from the structure",
                        standardised.number, site.multiplicity, site.wyckoff_letter
                    ));
                }
            }
        }
        if orbit.multiplicity() * order != site.multiplicity {
            return Err(format!(
                "group {}: the {species} site at Wyckoff position {}{} has {} images",
                standardised.number,
                site.multiplicity,
                site.wyckoff_letter,
                orbit.multiplicity() * order
            ));
        }
        sites.push(site);
    }
    Ok(AsymmetricUnit::sorted(space_group, lattice, sites))
}

/// The farthest displacement (Å) between an input atom and the rebuilt one, or the reason why the input is not rebuilt.
fn check_rebuilt(
    structure: &Structure,
    standardised: &Standardised,
    unit: &AsymmetricUnit,
    tolerance: f64,
) -> Result<f64, String> {
    let rebuilt = unit.expand().map_err(|error| error.to_string())?;
    let count = |sites: &[Site]| {
        let mut counts: BTreeMap<Species, f64> = BTreeMap::new();
        for site in sites {
            *counts.entry(site.species).or_default() += 1.0;
        }
        counts
    };
    // Primitive cells per input cell: the map to the conventional basis shrinks the input's unit cell by the ratio of
    // the volumes.
    let cells = standardised.linear.determinant().abs() * unit.space_group.centring().order() as f64;
    let (given, made) = (count(structure.sites()), count(rebuilt.sites()));
    for (species, n_given) in &given {
        let n_made = made.get(species).copied().unwrap_or(0.0) * cells;
        if (n_made - n_given).abs() > 1e-3 * n_given {
            return Err(format!(
                "group {} rebuilds {n_made:.3} {species} atoms per cell instead of {n_given}",
                standardised.number
            ));
        }
    }
    let to_conventional = unit.space_group.centring().to_conventional();
    let number = standardised.number;
    let mut farthest: f64 = 0.0;
    let mut partners = vec![0_usize; rebuilt.n_sites()];
    let grid = SiteGrid::new(rebuilt.lattice(), rebuilt.sites().iter().map(|site| site.frac_coords));
    for (index, site) in structure.sites().iter().enumerate() {
        let frac_coords = to_conventional.tr_mul(&(standardised.linear * site.frac_coords + standardised.shift));
        let same_element = |partner: usize| rebuilt.sites()[partner].species == site.species;
        match grid.nearest(&frac_coords, tolerance, same_element) {
            Some((displacement, partner)) => {
                farthest = farthest.max(displacement);
                partners[partner] += 1;
            }
            // Too far: how far is for the message.
            None => {
                let others = rebuilt.sites().iter().filter(|other| other.species == site.species);
                let distance = others
                    .map(|other| rebuilt.lattice().min_image_distance(&frac_coords, &other.frac_coords))
                    .fold(f64::INFINITY, f64::min);
                if distance.is_infinite() {
                    return Err(format!("group {number} has no {} at all", site.species));
                }
                return Err(format!("group {number} moves site {index} ({}) by {distance:.4} Å", site.species));
            }
        }
    }
    // At a tolerance near the distances between atoms two of them can fall onto one.
    match partners.iter().position(|count| (*count as f64 - cells).abs() > 1e-3 * cells) {
        Some(partner) => {
            let species = rebuilt.sites()[partner].species;
            Err(format!(
                "group {number} has a {species} atom that represents {} of them, not {cells:.3}",
                partners[partner]
            ))
        }
        None => Ok(farthest),
    }
}

/// Largest component of `½(B⁻¹·G·B⁻ᵀ − 1)` with `G` the metric of the input's conventional lattice and `B` the
/// symmetric lattice: strain does not see rotations. The reason, if the map is none or turns the crystal into its
/// mirror image.
fn strain(input: &Lattice, linear: &Matrix3<f64>, symmetric: &Lattice) -> Result<f64, String> {
    // x_standard = linear · x_input on columns, so the rows of the input's conventional lattice are linear⁻ᵀ · L.
    let inverse = linear.try_inverse().ok_or("its transformation is singular")?;
    let unsymmetrised = inverse.transpose() * input.matrix();
    if unsymmetrised.determinant() < 0.0 {
        // The symmetric lattice is right-handed: with a left-handed one beneath it, the crystal would come out as its
        // mirror image.
        return Err("its transformation turns the structure into its mirror image".to_owned());
    }
    let metric = unsymmetrised * unsymmetrised.transpose();
    Ok((symmetric.inverse() * metric * symmetric.inverse().transpose() - Matrix3::identity()).abs().max() * 0.5)
}
