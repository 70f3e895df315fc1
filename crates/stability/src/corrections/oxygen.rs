//! What kind of oxide a compound is.

use std::cell::OnceCell;

use crystal_core::{Composition, SphereSearch, Structure};

/// Distances may be longer than the limits by this factor.
const TOLERANCE: f64 = 1.05;
/// An O–H bond is shorter, Å.
const HYDROXIDE: f64 = 0.93 * TOLERANCE;
/// An O–O bond of a superoxide is shorter, Å.
const SUPEROXIDE: f64 = 1.35 * TOLERANCE;
/// An O–O bond of a peroxide is shorter, Å.
const PEROXIDE: f64 = 1.49 * TOLERANCE;

/// Compounds that are peroxides, where their structure is not known.
const PEROXIDES: [&str; 10] = ["Li2O2", "Na2O2", "K2O2", "Cs2O2", "Rb2O2", "BeO2", "MgO2", "CaO2", "SrO2", "BaO2"];
/// Compounds that are superoxides, where their structure is not known.
const SUPEROXIDES: [&str; 5] = ["LiO2", "NaO2", "KO2", "RbO2", "CsO2"];
/// Compounds that are ozonides, where their structure is not known.
const OZONIDES: [&str; 4] = ["LiO3", "NaO3", "KO3", "NaO5"];

/// How the oxygen of a compound is bound. One kind goes for all oxygen of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OxideType {
    /// No bonds among O, nor to H.
    Oxide,
    /// An O–H bond; corrected as an oxide.
    Hydroxide,
    /// O–O bonds as in O₂²⁻.
    Peroxide,
    /// O–O bonds as in O₂⁻.
    Superoxide,
    /// An O with two O neighbours, as in O₃⁻.
    Ozonide,
}

impl OxideType {
    /// The kind that is called `name` in tables.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "oxide" => Some(Self::Oxide),
            "hydroxide" => Some(Self::Hydroxide),
            "peroxide" => Some(Self::Peroxide),
            "superoxide" => Some(Self::Superoxide),
            "ozonide" => Some(Self::Ozonide),
            _ => None,
        }
    }
}

/// The kind of oxide, by distances between different atoms of the cell and their nearest images. `None` without O, and
/// for oxygen itself.
pub fn oxide_type(structure: &Structure) -> Option<OxideType> {
    let of = |symbol: &str| -> Vec<usize> {
        let sites = structure.sites().iter().enumerate();
        sites.filter(|(_, site)| site.species.symbol() == symbol).map(|(index, _)| index).collect()
    };
    let oxygen = of("O");
    if oxygen.is_empty() || oxygen.len() == structure.n_sites() {
        return None;
    }
    let distances = Distances { structure, search: OnceCell::new() };
    let hydrogen = of("H");
    if oxygen.iter().any(|&o| hydrogen.iter().any(|&h| distances.shorter(o, h, HYDROXIDE))) {
        return Some(OxideType::Hydroxide);
    }
    let partners = |limit: f64| {
        let of_one = |&o: &usize| oxygen.iter().filter(|&&p| p != o && distances.shorter(o, p, limit)).count();
        oxygen.iter().map(of_one).max().unwrap_or(0)
    };
    Some(match partners(SUPEROXIDE) {
        0 if partners(PEROXIDE) > 0 => OxideType::Peroxide,
        0 => OxideType::Oxide,
        1 => OxideType::Superoxide,
        _ => OxideType::Ozonide,
    })
}

/// Whether atoms are close, over all images.
struct Distances<'a> {
    structure: &'a Structure,
    search: OnceCell<SphereSearch>,
}

impl Distances<'_> {
    fn shorter(&self, i: usize, j: usize, limit: f64) -> bool {
        let sites = self.structure.sites();
        let search = self.search.get_or_init(|| SphereSearch::new(self.structure.lattice()));
        let mut found = false;
        search.visit(&(sites[j].frac_coords - sites[i].frac_coords), limit * limit, |_, _, _| {
            found = true;
            false
        });
        found
    }
}

/// The kind of oxide of a compound whose structure is not known.
pub(super) fn of_formula(composition: &Composition) -> OxideType {
    // The lists write the ions in full, as in Li2O2; LiO is the same compound.
    let reduced = composition.reduced();
    let is_in = |list: &[&str]| {
        let listed = |text: &&str| Composition::from_formula(text).is_ok_and(|listed| listed.reduced() == reduced);
        list.iter().any(listed)
    };
    if is_in(&PEROXIDES) {
        OxideType::Peroxide
    } else if is_in(&SUPEROXIDES) {
        OxideType::Superoxide
    } else if is_in(&OZONIDES) {
        OxideType::Ozonide
    } else {
        OxideType::Oxide
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};
    use nalgebra::Vector3;

    /// Atoms at Cartesian places (Å) in a cube of 10 Å.
    fn cluster(atoms: &[(&str, [f64; 3])]) -> Structure {
        let lattice = Lattice::from_rows([[10.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 0.0, 10.0]]).expect("a cell");
        let site = |(symbol, place): &(&str, [f64; 3])| Site {
            species: symbol.parse().expect("a symbol"),
            frac_coords: Vector3::from(*place) / 10.0,
        };
        Structure::new(lattice, atoms.iter().map(site).collect()).expect("a structure")
    }

    #[test]
    fn kinds_by_distance() {
        let k = ("K", [0.0, 0.0, 5.0]);
        let o = ("O", [0.0, 0.0, 0.0]);
        let kind = |rest: &[(&str, [f64; 3])]| oxide_type(&cluster(&[&[k, o], rest].concat()));
        assert_eq!(kind(&[]), Some(OxideType::Oxide));
        assert_eq!(kind(&[("O", [1.60, 0.0, 0.0])]), Some(OxideType::Oxide));
        assert_eq!(kind(&[("O", [1.50, 0.0, 0.0])]), Some(OxideType::Peroxide));
        assert_eq!(kind(&[("O", [8.70, 0.0, 0.0])]), Some(OxideType::Superoxide), "through the face of the cell");
        assert_eq!(kind(&[("O", [1.35, 0.0, 0.0]), ("O", [0.0, 1.35, 0.0])]), Some(OxideType::Ozonide));
        assert_eq!(kind(&[("O", [1.30, 0.0, 0.0]), ("H", [0.0, 0.0, 0.97])]), Some(OxideType::Hydroxide));
        assert_eq!(kind(&[("H", [0.0, 0.0, 0.98])]), Some(OxideType::Oxide));
        assert_eq!(oxide_type(&cluster(&[o])), None);
        assert_eq!(oxide_type(&cluster(&[k])), None);
    }
}
