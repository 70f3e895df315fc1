//! What a CIF says of its crystal besides cell, sites and symmetry: formula, number of formula units, density,
//! electrons, multiplicities. It tells which of several readings is meant.

use super::super::text::{Fault, wrapped_difference};
use super::document::Block;
use super::expand::{ListedSite, Orbit};
use crate::{Lattice, SpaceGroup, SpaceGroupNumber, Species};

const FORMULA: [&str; 1] = ["chemical_formula_sum"];
const UNITS: [&str; 1] = ["cell_formula_units_z"];
const DENSITY: [&str; 2] = ["exptl_crystal_density_diffrn", "exptl_crystal_density_meas"];
/// With X-rays, the number of electrons in the cell.
const ELECTRONS: [&str; 1] = ["exptl_crystal_f_000"];
/// What was scattered: neutrons see no electrons.
const RADIATION: [&str; 3] = ["diffrn_radiation_probe", "diffrn_radiation_type", "diffrn_source"];
const OTHER_RADIATION: [&str; 5] = ["neutron", "electron", "gamma", "reactor", "spallation"];
const X_RAYS: [&str; 5] = ["x-ray", "xray", "k\\a", "ka", "synchrotron"];

const MULTIPLICITIES: [&str; 4] = [
    "atom_site_symmetry_multiplicity",
    "atom_site_site_symmetry_multiplicity",
    "atom_site_wyckoff_symbol",
    "atom_site_site_symmetry_order",
];

const SYSTEM: [&str; 2] = ["space_group_crystal_system", "symmetry_cell_setting"];

/// Densities and numbers of electrons agree to this: hydrogen atoms are left out of many lists, and newer programs
/// count dispersion into F(000).
const AMOUNT_TOLERANCE: f64 = 0.08;

/// Amounts that differ by this factor are those of different contents: less may be a solvent that was left out.
const OTHER_AMOUNT: f64 = 1.3;

/// g/cm³ of one u in one Å³.
const DENSITY_UNIT: f64 = 1.660_539;

/// Atoms closer than this part of the sum of their radii are not both there.
const SHORTEST_BOND: f64 = 0.4;

/// Two listed sites whose images are this close (Å) are one atom.
const SAME_PLACE: f64 = 0.1;

/// A site farther than this (Å) from the position it is merged onto is more than rounded.
const ROUNDED: f64 = 0.15;

/// Beyond this number of atoms distances are not compared.
const MOST_ATOMS: usize = 3000;

/// What the file states.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    formula: Option<Formula>,
    /// Z and its line.
    units: Option<(f64, usize)>,
    /// In g/cm³.
    density: Option<Stated<f64>>,
    /// Electrons in the cell, if X-rays were scattered.
    electrons: Option<Stated<f64>>,
    /// Whether the file says that they were.
    has_x_rays: bool,
    /// Where multiplicities or Wyckoff letters stand.
    multiplicities: Option<Stated<()>>,
    /// The crystal system, in lower case.
    system: Option<Stated<String>>,
}

/// What stands under an item.
#[derive(Debug)]
struct Stated<T> {
    item: &'static str,
    line: usize,
    value: T,
}

#[derive(Debug)]
struct Formula {
    line: usize,
    text: String,
    counts: Vec<(Species, f64)>,
}

/// One way of reading the file.
pub(super) struct Crystal<'a> {
    pub lattice: &'a Lattice,
    pub sites: &'a [ListedSite],
    /// One for each site.
    pub orbits: &'a [Orbit],
    pub n_operations: usize,
    pub number: Option<SpaceGroupNumber>,
}

impl Evidence {
    pub(super) fn read(block: &Block<'_>) -> Result<Self, Fault> {
        let formula = block.text_value(&FORMULA)?.and_then(|(name, text)| {
            let counts = formula_counts(&text)?;
            Some(Formula { line: block.line(name, 0), text, counts })
        });
        let positive = |names: &[&'static str]| -> Result<Option<Stated<f64>>, Fault> {
            let value = block.value(names)?;
            Ok(value.and_then(|(item, cell)| {
                let value = cell.number().ok().flatten().filter(|x| *x > 0.0)?;
                Some(Stated { item, line: block.line(item, 0), value })
            }))
        };
        let multiplicities = MULTIPLICITIES.into_iter().find(|name| block.has_any(&[name]));
        let system = block.text_value(&SYSTEM)?;
        let mut radiation = String::new();
        for name in RADIATION {
            radiation += &block.text_value(&[name])?.map(|(_, text)| text.to_ascii_lowercase()).unwrap_or_default();
        }
        let is_any = |words: &[&str]| words.iter().any(|word| radiation.contains(word));
        Ok(Self {
            formula,
            units: positive(&UNITS)?.map(|units| (units.value, units.line)),
            density: positive(&DENSITY)?,
            electrons: positive(&ELECTRONS)?.filter(|_| !is_any(&OTHER_RADIATION)),
            has_x_rays: is_any(&X_RAYS),
            multiplicities: multiplicities.map(|item| Stated { item, line: block.line(item, 0), value: () }),
            system: system.map(|(item, text)| Stated {
                item,
                line: block.line(item, 0),
                value: text.to_ascii_lowercase(),
            }),
        })
    }

    /// Element symbols of the formula, as it writes them; none of a formula that atoms cannot be counted by, because
    /// then nothing would show that a symbol was misread.
    pub(super) fn formula_symbols(block: &Block<'_>) -> Result<std::collections::BTreeSet<String>, Fault> {
        let text = block.text_value(&FORMULA)?.map(|(_, text)| text).unwrap_or_default();
        let mut symbols = std::collections::BTreeSet::new();
        if formula_counts(&text).is_none() {
            return Ok(symbols);
        }
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|c: char| c.is_ascii_uppercase()) {
            let length = rest[at + 1..].find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len() - at - 1);
            symbols.insert(rest[at..=at + length].to_owned());
            rest = &rest[at + 1 + length..];
        }
        Ok(symbols)
    }

    /// The atoms must be one multiple (at least 1) of the formula, if it can be read. Programs differ in whether the
    /// sum is of a formula unit or of the cell, so the multiple itself says nothing.
    pub(super) fn check_formula(&self, crystal: &Crystal<'_>) -> Result<(), Fault> {
        match (&self.formula, self.against_formula(crystal)) {
            (Some(formula), Some(reason)) => {
                let cure = "sites are missing or the formula is wrong: complete the list of sites, or correct or remove _chemical_formula_sum";
                Err(Fault::at(formula.line, format!("{reason}; {cure}")))
            }
            _ => Ok(()),
        }
    }

    fn against_formula(&self, crystal: &Crystal<'_>) -> Option<String> {
        let formula = self.formula.as_ref()?;
        let found = crystal.counts();
        let multiple = found.iter().map(|(species, n)| n / count(&formula.counts, *species)).fold(0.0, f64::max);
        let fits = |species: Species| {
            (count(&found, species) - multiple * count(&formula.counts, species)).abs() < 0.01 * multiple.max(1.0)
        };
        // A list of part of the formula units' atoms would be less than one of them; Z may say that it is part of one.
        let least = self.units.map_or(1.0, |(units, _)| units.min(1.0));
        if multiple.is_finite() && multiple > 0.999 * least && formula.counts.iter().all(|(species, _)| fits(*species))
        {
            return None;
        }
        Some(format!(
            "the sites and their images are {}, which does not agree with the formula '{}'",
            crystal.formula(),
            formula.text
        ))
    }

    /// What disagrees with Z, in words.
    fn against_units(&self, crystal: &Crystal<'_>) -> Option<String> {
        let (units, _) = self.units?;
        let found = crystal.counts();
        let Some(formula) = &self.formula else {
            let whole = |n: f64| (n / units - (n / units).round()).abs() < 0.01 && n / units > 0.99;
            let fits = found.iter().all(|(_, n)| whole(*n));
            let reason = || format!("Z = {units} does not divide the atoms in the cell, {}", crystal.formula());
            return (!fits).then(reason);
        };
        // Some programs write the sum of the whole cell beside Z: its greatest common divisor is Z then.
        let is_of_cell = units > 1.0 && common_divisor(&formula.counts) == Some(units);
        let fits_times = |units: f64| {
            let fits = |(species, n): &(Species, f64)| {
                (count(&formula.counts, *species) * units - n).abs() < 0.01 * n.max(1.0)
            };
            found.iter().all(fits)
        };
        let reason = || {
            format!(
                "Z = {units} times the formula '{}' is not what is in the cell, {}",
                formula.text,
                crystal.formula()
            )
        };
        let fits = fits_times(units) || (is_of_cell && fits_times(1.0));
        (!fits).then(reason)
    }

    fn against_density(&self, crystal: &Crystal<'_>) -> Option<String> {
        let stated = self.density.as_ref()?.value;
        let density = density(crystal)?;
        let reason = || format!("the density is {density:.2} g/cm³, the file says {stated}");
        ((density / stated - 1.0).abs() > AMOUNT_TOLERANCE).then(reason)
    }

    fn against_electrons(&self, crystal: &Crystal<'_>) -> Option<String> {
        let stated = self.electrons.as_ref()?.value;
        let electrons = crystal.electrons();
        let reason = || format!("the cell has {electrons:.0} electrons, the file says F(000) = {stated}");
        ((electrons / stated - 1.0).abs() > AMOUNT_TOLERANCE).then(reason)
    }

    /// The weightiest thing that a reading contradicts. Nothing said is nothing against it. Bond lengths may tell an
    /// origin; where groups contradict each other only atoms that fall onto each other count.
    pub(super) fn against(&self, crystal: &Crystal<'_>, with_bonds: bool) -> Option<String> {
        self.against_units(crystal)
            .or_else(|| self.against_formula(crystal))
            .or_else(|| against_multiplicities(crystal))
            .or_else(|| self.against_density(crystal))
            .or_else(|| self.against_electrons(crystal))
            .or_else(|| against_distances(crystal, with_bonds))
    }

    /// Whether the file states the number of atoms, and it is this one.
    pub(super) fn confirms(&self, crystal: &Crystal<'_>) -> bool {
        let states_numbers =
            (self.formula.is_some() && self.units.is_some()) || crystal.sites.iter().all(ListedSite::states_images);
        states_numbers && self.against_units(crystal).is_none() && against_multiplicities(crystal).is_none()
    }

    /// What the file states besides its symmetry and formula, and whether it agrees with a crystal. Distances and the
    /// formula are refused by other checks.
    pub(super) fn statements(&self, crystal: &Crystal<'_>) -> Vec<Statement> {
        let mut all = Vec::new();
        let mut add = |item, line, doubt: Option<Doubt>| all.push(Statement { item, line, doubt });
        if let Some((_, line)) = self.units {
            add("cell_formula_units_Z", line, self.against_units(crystal).map(Doubt::grave));
        }
        if let Some(Stated { item, line, .. }) = self.multiplicities {
            add(item, line, against_multiplicities(crystal).map(Doubt::grave));
        }
        if let Some(Stated { item, line, value }) = &self.system
            && let Some(reason) = against_system(crystal, value)
        {
            // Often left over from another setting of the file, and never what its coordinates were made with; what
            // agrees says no more than the symbol.
            add(item, *line, Some(Doubt { reason, is_grave: false }));
        }
        // Amounts that differ a little may lack a part of the crystal.
        let mut amount = |stated: &Option<Stated<f64>>, found: Option<f64>, certain: bool, reason: Option<String>| {
            let Some(Stated { item, line, value }) = *stated else { return };
            let is_grave = certain && found.is_none_or(|found| (found / value).ln().abs() > OTHER_AMOUNT.ln());
            add(item, line, reason.map(|reason| Doubt { reason, is_grave }));
        };
        amount(&self.density, density(crystal), true, self.against_density(crystal));
        amount(&self.electrons, Some(crystal.electrons()), self.has_x_rays, self.against_electrons(crystal));
        all
    }
}

/// One statement of the file that symmetry has to agree with.
pub(super) struct Statement {
    /// The item that makes it.
    pub item: &'static str,
    pub line: usize,
    pub doubt: Option<Doubt>,
}

/// Why a statement does not agree.
pub(super) struct Doubt {
    pub reason: String,
    /// Whether the symmetry may be another one; else a part of the crystal may be missing, or a number is imprecise.
    pub is_grave: bool,
}

impl Doubt {
    fn grave(reason: String) -> Self {
        Self { reason, is_grave: true }
    }
}

/// Crystal systems with their last space group. Trigonal and hexagonal groups share their axes, and often the name.
const SYSTEMS: [(&[&str], u8); 6] = [
    (&["triclinic", "anorthic"], 2),
    (&["monoclinic"], 15),
    (&["orthorhombic"], 74),
    (&["tetragonal"], 142),
    (&["hexagonal", "trigonal", "rhombohedral"], 194),
    (&["cubic", "isometric"], 230),
];

fn against_system(crystal: &Crystal<'_>, stated: &str) -> Option<String> {
    let number = crystal.number?.get();
    let (own, _) = SYSTEMS.iter().find(|(_, last)| number <= *last)?;
    let is_known = SYSTEMS.iter().any(|(names, _)| names.contains(&stated));
    (is_known && !own.contains(&stated)).then(|| format!("space group {number} is {}, not {stated}", own[0]))
}

/// In g/cm³; `None` where an element has no mass.
fn density(crystal: &Crystal<'_>) -> Option<f64> {
    let mass: Option<f64> = crystal.counts().iter().map(|(species, n)| species.mass().map(|mass| mass * n)).sum();
    Some(mass? * DENSITY_UNIT / crystal.lattice.volume())
}

impl Crystal<'_> {
    /// Atoms in the cell by element, occupancies counted.
    fn counts(&self) -> Vec<(Species, f64)> {
        let mut counts: std::collections::BTreeMap<Species, f64> = std::collections::BTreeMap::new();
        for (site, orbit) in self.sites.iter().zip(self.orbits) {
            *counts.entry(site.species).or_default() += site.occupancy * orbit.images.len() as f64;
        }
        counts.into_iter().collect()
    }

    /// Of neutral atoms.
    fn electrons(&self) -> f64 {
        self.counts().iter().map(|(species, n)| f64::from(species.atomic_number()) * n).sum()
    }

    pub(super) fn formula(&self) -> String {
        let term = |(species, n): (Species, f64)| match (n * 1000.0).round() / 1000.0 {
            1.0 => species.to_string(),
            n => format!("{species}{n}"),
        };
        self.counts().into_iter().map(term).collect()
    }
}

fn count(counts: &[(Species, f64)], species: Species) -> f64 {
    counts.iter().filter(|(known, _)| *known == species).map(|(_, count)| count).sum()
}

/// Of whole counts.
fn common_divisor(counts: &[(Species, f64)]) -> Option<f64> {
    let (mut divisor, all) = (0.0, counts.iter().map(|(_, n)| *n));
    for mut n in all {
        if n.fract() != 0.0 {
            return None;
        }
        while n > 0.0 {
            (divisor, n) = (n, divisor % n);
        }
    }
    Some(divisor)
}

/// The column of multiplicities holds the number of images or, as some programs write it, the order of the site
/// symmetry: one of the two must hold for all sites. Wyckoff letters say the same through the tables.
fn against_multiplicities(crystal: &Crystal<'_>) -> Option<String> {
    let pairs = || crystal.sites.iter().zip(crystal.orbits);
    let images = |orbit: &Orbit| orbit.images.len() as f64;
    let order = |orbit: &Orbit| crystal.n_operations as f64 / images(orbit);
    let agrees = |of: &dyn Fn(&Orbit) -> f64| {
        pairs().all(|(site, orbit)| site.multiplicity.is_none_or(|stated| (stated - of(orbit)).abs() < 0.5))
    };
    if !agrees(&images) && !agrees(&order) {
        let (site, orbit) = pairs()
            .find(|(site, orbit)| site.multiplicity.is_some_and(|stated| (stated - images(orbit)).abs() >= 0.5))?;
        let stated = site.multiplicity.unwrap_or_default();
        return Some(format!(
            "site '{}' has {} images, its multiplicity in the file is {stated}",
            site.label,
            images(orbit)
        ));
    }
    let stated_order = pairs().find_map(|(site, orbit)| {
        Some((site, orbit, site.order.filter(|stated| (stated - order(orbit)).abs() >= 0.5)?))
    });
    if let Some((site, orbit, stated)) = stated_order {
        let n_images = images(orbit);
        return Some(format!(
            "site '{}' has {n_images} images and a site symmetry of order {}, which the file says is {stated}",
            site.label,
            order(orbit)
        ));
    }
    let group = SpaceGroup::get(crystal.number?);
    let standard = group.operations().len() * group.centring().order();
    let cells = crystal.n_operations as f64 / standard as f64;
    pairs().find_map(|(site, orbit)| {
        let letter = site.wyckoff_letter?;
        let multiplicity = group.wyckoff_position(letter)?.multiplicity() as f64 * cells;
        let reason =
            || format!("site '{}' has {} images, but position {letter} has {multiplicity}", site.label, images(orbit));
        ((multiplicity - images(orbit)).abs() >= 0.5).then(reason)
    })
}

/// Atoms too close to each other, and sites moved too far onto a position.
fn against_distances(crystal: &Crystal<'_>, with_bonds: bool) -> Option<String> {
    if with_bonds
        && let Some((site, orbit)) = crystal.sites.iter().zip(crystal.orbits).find(|(_, orbit)| orbit.moved > ROUNDED)
    {
        return Some(format!(
            "site '{}' is {:.2} Å off the position onto which its images merge",
            site.label, orbit.moved
        ));
    }
    let atoms: Vec<(&ListedSite, Vector)> = crystal
        .sites
        .iter()
        .zip(crystal.orbits)
        .filter(|(site, _)| site.occupancy > 0.99)
        .flat_map(|(site, orbit)| orbit.images.iter().map(move |image| (site, *image)))
        .collect();
    if atoms.len() > MOST_ATOMS {
        return None;
    }
    // Orbits are homogeneous: the first image of each sees all distances.
    let mut first = 0;
    for (site, orbit) in crystal.sites.iter().zip(crystal.orbits).filter(|(site, _)| site.occupancy > 0.99) {
        let from = orbit.images.first()?;
        for (index, (other, image)) in atoms.iter().enumerate() {
            let radii = site.species.radius().unwrap_or(0.3) + other.species.radius().unwrap_or(0.3);
            let limit = if with_bonds { SHORTEST_BOND * radii } else { SAME_PLACE };
            let distance = crystal.lattice.to_cartesian(&wrapped_difference(from, image)).norm();
            if index != first && distance < limit {
                return Some(format!("'{}' and '{}' are {distance:.2} Å apart", site.label, other.label));
            }
        }
        first += orbit.images.len();
    }
    None
}

type Vector = nalgebra::Vector3<f64>;

/// `Fe2 O3` as counts; `None` if it is written in another way.
fn formula_counts(formula: &str) -> Option<Vec<(Species, f64)>> {
    let mut counts = Vec::new();
    for term in formula.split_whitespace() {
        let digits = term.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(term.len());
        let (symbol, number) = term.split_at(digits);
        let count =
            if number.is_empty() { Some(1.0) } else { number.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0) };
        let species = if matches!(symbol, "D" | "T") { "H".parse() } else { symbol.parse() };
        counts.push((species.ok()?, count?));
    }
    (!counts.is_empty()).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas() {
        let counts = formula_counts("C2 H6 O").expect("a formula");
        assert_eq!(counts.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [2.0, 6.0, 1.0]);
        assert!(formula_counts("(Fe0.5 Mn0.5)2 O3").is_none());
        assert!(formula_counts("").is_none());
    }
}
