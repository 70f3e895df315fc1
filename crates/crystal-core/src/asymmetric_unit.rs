//! Reducing a structure to its non-equivalent sites and expanding it again.

use std::cmp::Ordering;

use nalgebra::Vector3;

use crate::finder::{Standardised, find};
use crate::periodic::{COINCIDENCE, coincide, wrap};
use crate::{
    Composition, CrystalError, CrystalState, Finder, Lattice, LatticeCoordinates, Orbit, Site, SiteMode, SpaceGroup,
    Species, StateSite, Structure, WyckoffPosition,
};

mod reduction;

pub use reduction::Reduction;

/// A non-equivalent site.
#[derive(Debug, Clone, PartialEq)]
pub struct AsymmetricSite {
    /// Its element.
    pub species: Species,
    /// Fractional coordinates in the CONVENTIONAL basis of the standard setting, exactly on its Wyckoff position: on
    /// the representative that the tables list first, the image of smallest coordinates.
    pub frac_coords: Vector3<f64>,
    /// Wyckoff letter.
    pub wyckoff_letter: char,
    /// Number of images in the conventional cell.
    pub multiplicity: usize,
}

impl AsymmetricSite {
    /// Puts a point (conventional fractional coordinates) onto the most special Wyckoff position within `tolerance` (Å)
    /// and takes the canonical one of its images.
    pub fn new(
        space_group: &SpaceGroup,
        lattice: &Lattice,
        species: Species,
        frac_coords: &Vector3<f64>,
        tolerance: f64,
    ) -> Self {
        let located = space_group.locate(frac_coords, lattice, tolerance);
        let position = &space_group.wyckoff_positions()[located.position];
        Self {
            species,
            frac_coords: canonical_image(position, &located.frac_coords, lattice),
            wyckoff_letter: position.letter(),
            multiplicity: position.multiplicity(),
        }
    }
}

/// Of the images of a point that lie on the representative of its position, the one with the smallest coordinates.
fn canonical_image(position: &WyckoffPosition, frac_coords: &Vector3<f64>, lattice: &Lattice) -> Vector3<f64> {
    // Compared after rounding, so that noise in the last digits does not choose.
    let key = |point: &Vector3<f64>| <[i64; 3]>::from(point.map(|x| (x * 1e6).round() as i64));
    position
        .representatives(frac_coords, lattice, COINCIDENCE)
        .map(|point| point.map(wrap))
        .min_by(|a, b| key(a).cmp(&key(b)).then_with(|| compare(a, b)))
        .expect("a point of a position has an image on its representative")
}

fn compare(a: &Vector3<f64>, b: &Vector3<f64>) -> Ordering {
    a.iter().zip(b.iter()).map(|(x, y)| x.total_cmp(y)).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// A structure as space group, conventional lattice and non-equivalent sites.
#[derive(Debug, Clone)]
pub struct AsymmetricUnit {
    /// The space group.
    pub space_group: &'static SpaceGroup,
    /// The conventional lattice in the standard setting and orientation.
    pub lattice: Lattice,
    /// Non-equivalent sites, by element, then letter, then coordinates.
    pub sites: Vec<AsymmetricSite>,
}

impl AsymmetricUnit {
    /// Finds the space group of a structure at `symprec` (Å) and reduces it. [`Reduction::new`] does the same and says
    /// what was moved.
    ///
    /// # Errors
    /// [`CrystalError::SymmetryNotFound`] if the finder fails, or if what it found does not rebuild the structure;
    /// those of [`crate::find_symmetry`].
    pub fn from_structure(structure: &Structure, symprec: f64, finder: Finder) -> Result<Self, CrystalError> {
        Reduction::new(structure, symprec, finder).map(|reduction| reduction.unit)
    }

    /// From a state whose sites may be anywhere: each is put onto the most special Wyckoff position within `tolerance`
    /// (Å), so that images up to twice as far apart merge. Sites that are images of one another stay separate sites.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::decode`].
    pub fn from_state(state: &CrystalState, tolerance: f64) -> Result<Self, CrystalError> {
        let lattice = state.conventional_lattice()?;
        let to_primitive = state.space_group.centring().to_primitive();
        let sites = state
            .sites
            .iter()
            .map(|site| {
                // Row vectors: x_conv·C = x_prim·M·C.
                let frac_coords = to_primitive.tr_mul(&site.frac_coords);
                AsymmetricSite::new(state.space_group, &lattice, site.species, &frac_coords, tolerance)
            })
            .collect();
        Ok(Self::sorted(state.space_group, lattice, sites))
    }

    fn sorted(space_group: &'static SpaceGroup, lattice: Lattice, mut sites: Vec<AsymmetricSite>) -> Self {
        // 'A', the 27th letter of group 47, comes after 'z'.
        let rank = |letter: char| (letter.is_ascii_uppercase(), letter);
        sites.sort_by(|a, b| {
            (a.species, rank(a.wyckoff_letter))
                .cmp(&(b.species, rank(b.wyckoff_letter)))
                .then_with(|| compare(&a.frac_coords, &b.frac_coords))
        });
        Self { space_group, lattice, sites }
    }

    /// The space group.
    pub fn space_group(&self) -> &'static SpaceGroup {
        self.space_group
    }

    /// The conventional lattice in the standard setting and orientation.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// Non-equivalent sites, by element, then letter, then coordinates.
    pub fn sites(&self) -> &[AsymmetricSite] {
        &self.sites
    }

    /// The primitive lattice `P = M·C`.
    ///
    /// # Errors
    /// As [`Lattice::new`].
    pub fn primitive_lattice(&self) -> Result<Lattice, CrystalError> {
        self.lattice.transformed(&self.space_group.centring().to_primitive())
    }

    /// All atoms of the primitive cell, the images of each site together. Images of one site that coincide (1e-3 Å) are
    /// one atom.
    ///
    /// # Errors
    /// Those of [`Structure::new`].
    pub fn expand(&self) -> Result<Structure, CrystalError> {
        let lattice = self.primitive_lattice()?;
        let to_conventional = self.space_group.centring().to_conventional();
        let orbit = |site: &AsymmetricSite| {
            let frac_coords = to_conventional.tr_mul(&site.frac_coords);
            Orbit::in_primitive_cell(self.space_group, &frac_coords, &lattice, COINCIDENCE)
        };
        Structure::new(lattice, self.all_images(orbit))
    }

    /// All atoms of the conventional cell, the images of each site together.
    ///
    /// # Errors
    /// Those of [`Structure::new`].
    pub fn expand_conventional(&self) -> Result<Structure, CrystalError> {
        let orbit = |site: &AsymmetricSite| Orbit::new(self.space_group, &site.frac_coords, &self.lattice, COINCIDENCE);
        Structure::new(self.lattice, self.all_images(orbit))
    }

    fn all_images(&self, orbit: impl Fn(&AsymmetricSite) -> Orbit) -> Vec<Site> {
        let images = |site: &AsymmetricSite| {
            let species = site.species;
            orbit(site)
                .images()
                .iter()
                .map(|image| Site { species, frac_coords: image.frac_coords })
                .collect::<Vec<_>>()
        };
        self.sites.iter().flat_map(images).collect()
    }

    /// Number of non-equivalent sites of each element: what an order to the sampler asks for.
    pub fn sites_per_element(&self) -> Composition {
        self.sites.iter().map(|site| site.species).collect()
    }

    /// The state on which noise acts: lattice coordinates and sites in the primitive basis, bound to their Wyckoff
    /// positions or not.
    pub fn to_state(&self, mode: SiteMode) -> CrystalState {
        let to_conventional = self.space_group.centring().to_conventional();
        let positions = self.space_group.wyckoff_positions();
        CrystalState {
            space_group: self.space_group,
            lattice_coords: LatticeCoordinates::new(self.space_group.system()).encode(&self.lattice),
            sites: self
                .sites
                .iter()
                .map(|site| {
                    let position = match mode {
                        SiteMode::General => StateSite::GENERAL,
                        SiteMode::Wyckoff => self
                            .space_group
                            .wyckoff_index(site.wyckoff_letter)
                            .expect("the letter is one of the group's"),
                    };
                    // Row vectors: x_prim·P = x_conv·C with P = M·C, so x_prim = M⁻ᵀ·x_conv on columns.
                    let frac_coords = to_conventional.tr_mul(&site.frac_coords);
                    let free = positions[position].free_coordinates();
                    StateSite {
                        species: site.species,
                        frac_coords: free.point(&free.parameters(&frac_coords)),
                        position,
                    }
                })
                .collect(),
        }
    }
}
