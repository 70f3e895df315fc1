//! From a prototype and its decorations to structures.

use std::collections::BTreeMap;

use crystal_core::{
    AsymmetricSite, AsymmetricUnit, CrystalSystem, Lattice, LatticeParameters, Site, SpaceGroup, Species, Structure,
};
use nalgebra::Vector3;

use super::radii::Radii;
use super::{Group, Prototype, expression};
use crate::table::Row;

/// Length of a in the cell in which contacts are measured, Å.
const REFERENCE: f64 = 10.0;
/// Distance in Å (at the reference length) within which a coordinate of the tables lies on its Wyckoff position.
const ON_POSITION: f64 = 1e-3;

/// All structures of a prototype.
///
/// # Errors
/// What is wrong with its table, as a message.
pub(super) fn structures(prototype: &Prototype, radii: &Radii) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for group in &prototype.groups {
        let shape = Shape::new(prototype, group)?;
        for words in decorations(&group.elements, shape.roles.len())? {
            rows.push(
                shape
                    .decorate(prototype, group, radii, &words)
                    .map_err(|reason| format!("{}: {reason}", words.join(" ")))?,
            );
        }
    }
    Ok(rows)
}

/// A prototype with the parameters of a group, at the reference length.
struct Shape {
    space_group: &'static SpaceGroup,
    roles: Vec<String>,
    /// Role and conventional coordinates of each site.
    sites: Vec<(usize, Vector3<f64>)>,
    /// Roles and shortest distance of each contact, in Å at the reference length.
    contacts: Vec<(usize, usize, f64)>,
    b_a: f64,
    c_a: f64,
}

impl Shape {
    fn new(prototype: &Prototype, group: &Group) -> Result<Self, String> {
        let space_group =
            SpaceGroup::from_number(i64::from(prototype.space_group)).map_err(|error| error.to_string())?;
        let mut free = prototype.free.clone();
        free.extend(group.free.clone());
        let mut roles: Vec<String> = Vec::new();
        let mut sites = Vec::new();
        for (role, _, coordinates) in &prototype.sites {
            let index = roles.iter().position(|known| known == role).unwrap_or_else(|| {
                roles.push(role.clone());
                roles.len() - 1
            });
            sites.push((index, point(coordinates, &free)?));
        }
        let (b_a, c_a) = (group.b_a.unwrap_or(prototype.b_a), group.c_a.unwrap_or(prototype.c_a));
        let mut shape = Self { space_group, roles, sites, contacts: vec![], b_a, c_a };
        shape.contacts = shape.measure(prototype)?;
        Ok(shape)
    }

    /// Checks the Wyckoff positions against the table and measures the contacts.
    fn measure(&self, prototype: &Prototype) -> Result<Vec<(usize, usize, f64)>, String> {
        // Each role is played by its own element.
        let stand_ins = (1..=self.roles.len() as i64).map(Species::from_atomic_number).collect::<Result<Vec<_>, _>>();
        let stand_ins = stand_ins.map_err(|error| error.to_string())?;
        let unit = self.unit(REFERENCE, &stand_ins)?;
        for (site, (role, stated, _)) in unit.sites().iter().zip(&prototype.sites) {
            let found = format!("{}{}", site.multiplicity(), site.wyckoff_letter());
            if found != *stated {
                return Err(format!("role {role} stands on {found}, not on {stated}"));
            }
        }
        let structure = unit.expand().map_err(|error| error.to_string())?;
        let contact = |(first, second): &(String, String)| {
            let role = |name: &String| {
                self.roles
                    .iter()
                    .position(|role| role == name)
                    .ok_or_else(|| format!("the contact names an unknown role '{name}'"))
            };
            let (first, second) = (role(first)?, role(second)?);
            let distance = shortest(&structure, stand_ins[first], stand_ins[second]);
            Ok((first, second, distance))
        };
        prototype.contacts.iter().map(contact).collect()
    }

    fn unit(&self, a: f64, elements: &[Species]) -> Result<AsymmetricUnit, String> {
        let lattice = self.lattice(a)?;
        let site = |(role, frac): &(usize, Vector3<f64>)| {
            AsymmetricSite::new(self.space_group, &lattice, elements[*role], frac, ON_POSITION)
        };
        let sites = self.sites.iter().map(site).collect();
        AsymmetricUnit::new(self.space_group, lattice, sites).map_err(|error| error.to_string())
    }

    fn lattice(&self, a: f64) -> Result<Lattice, String> {
        let (b_a, c_a) = (self.b_a, self.c_a);
        let (free_b, free_c) = match self.space_group.system() {
            CrystalSystem::Triclinic | CrystalSystem::Monoclinic => {
                return Err("oblique cells are not in the tables".to_owned());
            }
            CrystalSystem::Orthorhombic => (true, true),
            CrystalSystem::Tetragonal | CrystalSystem::Trigonal | CrystalSystem::Hexagonal => (false, true),
            CrystalSystem::Cubic => (false, false),
        };
        if (!free_b && b_a != 1.0) || (!free_c && c_a != 1.0) {
            return Err(format!("a {} cell has no such axial ratio", self.space_group.system()));
        }
        let hexagonal = matches!(self.space_group.system(), CrystalSystem::Trigonal | CrystalSystem::Hexagonal);
        let gamma = if hexagonal { 120.0 } else { 90.0 };
        Lattice::from_parameters(LatticeParameters { a, b: b_a * a, c: c_a * a, alpha: 90.0, beta: 90.0, gamma })
            .map_err(|error| error.to_string())
    }

    fn decorate(&self, prototype: &Prototype, group: &Group, radii: &Radii, words: &[&str]) -> Result<Row, String> {
        let players = words.iter().map(|word| radii.get(group.radii, word)).collect::<Result<Vec<_>, _>>()?;
        let length = |(first, second, distance): &(usize, usize, f64)| {
            REFERENCE * group.factor * (players[*first].1 + players[*second].1) / distance
        };
        let a = self.contacts.iter().map(length).fold(0.0, f64::max);
        let elements: Vec<Species> = players.iter().map(|(species, _)| *species).collect();
        let structure = self.unit(a, &elements)?.expand().map_err(|error| error.to_string())?;
        let symbols: Vec<&str> = elements.iter().map(|species| species.symbol()).collect();
        let id = format!("{}-{}", prototype.name, symbols.join("-"));
        let space_group = Some(prototype.space_group);
        Ok(Row { id, structure, space_group, formation_energy: None, energy_above_hull: None })
    }
}

fn point(coordinates: &str, free: &BTreeMap<String, f64>) -> Result<Vector3<f64>, String> {
    let values =
        coordinates.split_whitespace().map(|text| expression::value(text, free)).collect::<Result<Vec<_>, _>>()?;
    match values[..] {
        [x, y, z] => Ok(Vector3::new(x, y, z)),
        _ => Err(format!("'{coordinates}' has {} coordinates instead of 3", values.len())),
    }
}

/// `Na|K Cl|Br` as the four pairs.
fn decorations(elements: &[String], n_roles: usize) -> Result<Vec<Vec<&str>>, String> {
    let mut all = Vec::new();
    for entry in elements {
        let roles: Vec<&str> = entry.split_whitespace().collect();
        if roles.len() != n_roles {
            return Err(format!("'{entry}' names {} roles instead of {n_roles}", roles.len()));
        }
        let mut products: Vec<Vec<&str>> = vec![vec![]];
        for role in roles {
            let mut longer = Vec::new();
            for product in &products {
                longer.extend(role.split('|').map(|word| [product.as_slice(), &[word]].concat()));
            }
            products = longer;
        }
        all.extend(products);
    }
    Ok(all)
}

/// Shortest distance in Å between atoms of two elements, a site's own images included; infinite if there is none.
pub(super) fn shortest(structure: &Structure, first: Species, second: Species) -> f64 {
    let of = |species: Species| structure.sites().iter().filter(move |site| site.species == species);
    of(first).flat_map(|a| of(second).map(move |b| separation(structure.lattice(), a, b))).fold(f64::INFINITY, f64::min)
}

/// Shortest distance in Å between two sites that are not the same atom.
pub(super) fn separation(lattice: &Lattice, a: &Site, b: &Site) -> f64 {
    // Two cells each way reach all neighbours of the primitive cells made here, whose vectors are the standard ones.
    let difference = (b.frac_coords - a.frac_coords).map(|x| x - x.round());
    let shifts = || (-2..=2).map(f64::from);
    shifts()
        .flat_map(|i| shifts().flat_map(move |j| shifts().map(move |k| Vector3::new(i, j, k))))
        .map(|shift| lattice.to_cartesian(&(difference + shift)).norm())
        .filter(|distance| *distance > 1e-6)
        .fold(f64::INFINITY, f64::min)
}
