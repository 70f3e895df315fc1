//! Reducing a structure to its non-equivalent sites and expanding it again.

use std::cmp::Ordering;

use nalgebra::Vector3;

use crate::distances::OVERLAP;
use crate::finder::{Standardised, find};
use crate::periodic::{COINCIDENCE, coincide, wrap};
use crate::whole::saturated_64;
use crate::{
    CrystalError, CrystalState, Finder, Lattice, LatticeCoordinates, Orbit, Site, SiteMode, SitesPerElement,
    SpaceGroup, Species, StateSite, Structure, WyckoffPosition,
};

mod reduction;

pub use reduction::Reduction;

/// A non-equivalent site.
#[derive(Debug, Clone, PartialEq)]
pub struct AsymmetricSite {
    species: Species,
    frac_coords: Vector3<f64>,
    wyckoff_letter: char,
    multiplicity: usize,
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

    /// A site whose point (conventional fractional coordinates) is said to be on a position already;
    /// [`AsymmetricUnit::new`] checks that it is.
    pub fn on_position(position: &WyckoffPosition, species: Species, frac_coords: Vector3<f64>) -> Self {
        Self { species, frac_coords, wyckoff_letter: position.letter(), multiplicity: position.multiplicity() }
    }

    /// Its element.
    pub fn species(&self) -> Species {
        self.species
    }

    /// Fractional coordinates in the CONVENTIONAL basis of the standard setting, on its Wyckoff position: on the
    /// representative that the tables list first, the image of smallest coordinates.
    pub fn frac_coords(&self) -> Vector3<f64> {
        self.frac_coords
    }

    /// Wyckoff letter.
    pub fn wyckoff_letter(&self) -> char {
        self.wyckoff_letter
    }

    /// Number of images in the conventional cell.
    pub fn multiplicity(&self) -> usize {
        self.multiplicity
    }

    /// What is wrong with it as a site of this group, if anything; `lattice` is the primitive one.
    fn check(&self, index: usize, space_group: &SpaceGroup, lattice: &Lattice) -> Result<(), CrystalError> {
        if self.frac_coords.iter().any(|x| !x.is_finite()) {
            return Err(CrystalError::Coordinate { site: index });
        }
        let bad = |reason: String| CrystalError::WyckoffPosition {
            space_group: space_group.number().get(),
            position: self.wyckoff_letter.to_string(),
            reason,
        };
        let position = space_group
            .wyckoff_position(self.wyckoff_letter)
            .ok_or_else(|| bad("the group has no such position".to_owned()))?;
        if position.multiplicity() != self.multiplicity {
            return Err(bad(format!("it has {} images, not {}", position.multiplicity(), self.multiplicity)));
        }
        let frac_coords = space_group.centring().to_conventional().tr_mul(&self.frac_coords);
        let free = position.free_coordinates();
        if !coincide(lattice, &frac_coords, &free.point(&free.parameters(&frac_coords)), COINCIDENCE) {
            return Err(bad(format!("site {index} is not on it")));
        }
        Ok(())
    }
}

/// Of the images of a point that lie on the representative of its position, the one with the smallest coordinates.
fn canonical_image(position: &WyckoffPosition, frac_coords: &Vector3<f64>, lattice: &Lattice) -> Vector3<f64> {
    // Compared after rounding, so that noise in the last digits does not choose.
    let key = |point: &Vector3<f64>| <[i64; 3]>::from(point.map(|x| saturated_64((x * 1e6).round())));
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
    space_group: &'static SpaceGroup,
    lattice: Lattice,
    sites: Vec<AsymmetricSite>,
}

/// How far the metric of a lattice may be from one of its crystal system, relative to its largest entry.
const SAME_METRIC: f64 = 1e-4;

impl AsymmetricUnit {
    /// From the parts, in the order given: a conventional lattice of the group's crystal system, and sites of which
    /// each is on its position, or on one that is more special, and none is an image of another one.
    ///
    /// # Errors
    /// [`CrystalError::NoSites`]; [`CrystalError::Lattice`] for a lattice of another crystal system;
    /// [`CrystalError::Coordinate`], [`CrystalError::WyckoffPosition`] and [`CrystalError::SitesTooClose`] for sites.
    pub fn new(
        space_group: &'static SpaceGroup,
        lattice: Lattice,
        sites: Vec<AsymmetricSite>,
    ) -> Result<Self, CrystalError> {
        if sites.is_empty() {
            return Err(CrystalError::NoSites);
        }
        let coordinates = LatticeCoordinates::new(space_group.system());
        let metric = |lattice: &Lattice| lattice.matrix() * lattice.matrix().transpose();
        let (given, own) = (metric(&lattice), metric(&coordinates.decode(&coordinates.encode(&lattice))?));
        if (given - own).amax() > SAME_METRIC * given.amax() {
            let (system, number) = (space_group.system(), space_group.number());
            let reason = format!("it is not {system}, which space group {number} needs in the standard setting");
            return Err(CrystalError::Lattice { reason });
        }
        let unit = Self::unchecked(space_group, lattice, sites);
        let primitive = unit.primitive_lattice()?;
        for (index, site) in unit.sites.iter().enumerate() {
            site.check(index, space_group, &primitive)?;
        }
        match unit.overlap(&primitive) {
            Some((i, j, distance)) => Err(CrystalError::SitesTooClose { i, j, distance }),
            None => Ok(unit),
        }
    }

    /// From parts that are known to fit, without a look at them: those of a sealed cache, and those that a relaxation
    /// moves by the thousand, whose sites may meet on the way.
    pub fn unchecked(space_group: &'static SpaceGroup, lattice: Lattice, sites: Vec<AsymmetricSite>) -> Self {
        Self { space_group, lattice, sites }
    }

    /// The same sites at other points (conventional fractional coordinates, one per site) of another lattice, unchecked
    /// as in [`Self::unchecked`].
    pub fn moved(&self, lattice: Lattice, frac_coords: impl IntoIterator<Item = Vector3<f64>>) -> Self {
        let sites = self.sites.iter().zip(frac_coords);
        let sites = sites.map(|(site, frac_coords)| AsymmetricSite { frac_coords, ..site.clone() }).collect();
        Self { space_group: self.space_group, lattice, sites }
    }

    /// The first two sites of which one stands where an image of the other does.
    fn overlap(&self, primitive: &Lattice) -> Option<(usize, usize, f64)> {
        let to_conventional = self.space_group.centring().to_conventional();
        let points: Vec<Vector3<f64>> =
            self.sites.iter().map(|site| to_conventional.tr_mul(&site.frac_coords)).collect();
        points.iter().enumerate().find_map(|(i, point)| {
            let orbit = Orbit::in_primitive_cell(self.space_group, point, primitive, COINCIDENCE);
            points.iter().enumerate().skip(i + 1).find_map(|(j, other)| {
                let image =
                    orbit.images().iter().find(|image| coincide(primitive, &image.frac_coords, other, OVERLAP))?;
                Some((i, j, primitive.min_image_distance(&image.frac_coords, other)))
            })
        })
    }

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
                let frac_coords = to_primitive.tr_mul(&site.frac_coords());
                AsymmetricSite::new(state.space_group, &lattice, site.species(), &frac_coords, tolerance)
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

    /// Non-equivalent sites; of a unit that was found, by element, then letter, then coordinates.
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
    /// Those of [`Structure::allowing_overlap`].
    pub fn expand(&self) -> Result<Structure, CrystalError> {
        let lattice = self.primitive_lattice()?;
        let to_conventional = self.space_group.centring().to_conventional();
        let orbit = |site: &AsymmetricSite| {
            let frac_coords = to_conventional.tr_mul(&site.frac_coords);
            Orbit::in_primitive_cell(self.space_group, &frac_coords, &lattice, COINCIDENCE)
        };
        Structure::allowing_overlap(lattice, self.all_images(orbit))
    }

    /// All atoms of the conventional cell, the images of each site together.
    ///
    /// # Errors
    /// Those of [`Structure::allowing_overlap`].
    pub fn expand_conventional(&self) -> Result<Structure, CrystalError> {
        let orbit = |site: &AsymmetricSite| Orbit::new(self.space_group, &site.frac_coords, &self.lattice, COINCIDENCE);
        Structure::allowing_overlap(self.lattice, self.all_images(orbit))
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
    pub fn sites_per_element(&self) -> SitesPerElement {
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
                    StateSite::unchecked(site.species, free.point(&free.parameters(&frac_coords)), position)
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_unit_is_refused_with_its_own_error() {
        let group = SpaceGroup::from_number(225).expect("a group");
        let cubic = Lattice::from_rows([[5.6, 0.0, 0.0], [0.0, 5.6, 0.0], [0.0, 0.0, 5.6]]).expect("a cell");
        let site = |letter, x: [f64; 3]| {
            let position = group.wyckoff_position(letter).expect("a position");
            AsymmetricSite::on_position(position, "Na".parse().expect("an element"), x.into())
        };
        let new = |sites| AsymmetricUnit::new(group, cubic, sites);
        let unit = new(vec![site('a', [0.0; 3]), site('b', [0.5; 3])]).expect("a unit");
        assert_eq!((unit.sites().len(), unit.expand().expect("a structure").n_sites()), (2, 2));

        assert!(matches!(new(vec![]), Err(CrystalError::NoSites)));
        let nowhere = new(vec![site('a', [0.0; 3]), site('e', [f64::NAN, 0.0, 0.0])]);
        assert!(matches!(nowhere, Err(CrystalError::Coordinate { site: 1 })));
        let off = new(vec![site('a', [0.1, 0.0, 0.0])]).expect_err("off its position");
        assert_eq!(off.to_string(), "Wyckoff position a of space group 225: site 0 is not on it");
        // An image of the other one, beyond a face-centring translation.
        let twice = new(vec![site('e', [0.2, 0.0, 0.0]), site('e', [0.8, 0.0, 0.0]), site('a', [0.0; 3])]);
        assert!(matches!(twice, Err(CrystalError::SitesTooClose { i: 0, j: 1, .. })));
        let other = AsymmetricSite { wyckoff_letter: 'z', ..site('a', [0.0; 3]) };
        assert!(matches!(new(vec![other]), Err(CrystalError::WyckoffPosition { space_group: 225, .. })));
        let fewer = AsymmetricSite { multiplicity: 3, ..site('a', [0.0; 3]) };
        assert!(matches!(new(vec![fewer]), Err(CrystalError::WyckoffPosition { .. })));

        let long = Lattice::from_rows([[5.6, 0.0, 0.0], [0.0, 5.6, 0.0], [0.0, 0.0, 6.0]]).expect("a cell");
        let stretched = AsymmetricUnit::new(group, long, vec![site('a', [0.0; 3])]).expect_err("a tetragonal cell");
        let says = "it is not cubic, which space group 225 needs in the standard setting";
        assert!(stretched.to_string().contains(says), "{stretched}");
    }
}
