//! What is kept of each sample, as lines of the journal.

use crystal_core::{AsymmetricSite, AsymmetricUnit, Composition, Lattice, SpaceGroup, Species, Structure};
use phonon::Stability;
use serde::{Deserialize, Serialize};

use crate::SearchError;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// A sample that was relaxed and put on the hull.
    Relaxed(Relaxed),
    /// A sample of which nothing came.
    Lost(Lost),
    /// A candidate that was relaxed tightly.
    Refined(Relaxed),
    /// Phonons of a candidate.
    Phonons(PhononRecord),
    /// All samples of the rounds before this one are in the journal.
    Rounds(u64),
}

/// A relaxed crystal on the hull.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relaxed {
    /// Number of the sample, from 0.
    pub sample: u64,
    /// What was ordered.
    pub order: OrderRecord,
    /// How often the sample was drawn again after an explosion.
    pub redraws: usize,
    /// The crystal.
    pub unit: UnitRecord,
    /// Energy of the potential, eV/atom, without corrections.
    pub raw_energy_per_atom: f64,
    /// With the corrections of the reference, against its elementary phases, eV/atom.
    pub formation_energy_per_atom: f64,
    /// Above the hull of the reference, eV/atom.
    pub energy_above_hull: f64,
    /// Steps of the relaxation.
    pub steps: usize,
    /// Whether forces and stress are below their limits.
    pub converged: bool,
    /// Largest force, eV/Å.
    pub max_force: f64,
    /// Largest component of the stress, GPa.
    pub max_stress_gpa: f64,
}

/// A sample of which nothing came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// Number of the sample.
    pub sample: u64,
    /// What was ordered.
    pub order: OrderRecord,
    /// Whether it was sampled at all.
    pub sampled: bool,
    /// Why nothing came of it.
    pub reason: String,
}

/// Phonons of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhononRecord {
    /// Number of the sample.
    pub sample: u64,
    /// The verdict, or why there is none.
    pub outcome: Result<PhononOutcome, String>,
}

/// The verdict on a candidate's phonons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhononOutcome {
    /// The verdict itself; in files its fields stand beside the others.
    #[serde(flatten)]
    pub stability: Stability,
    /// Displaced supercells.
    pub n_displacements: usize,
    /// Largest force in the undisplaced supercell, eV/Å.
    pub residual_force: f64,
    /// What makes the phonons less trustworthy.
    pub warnings: Vec<String>,
}

impl PhononOutcome {
    pub(crate) fn new(stability: Stability, phonons: &phonon::Phonons) -> Self {
        Self {
            stability,
            n_displacements: phonons.displacements().len(),
            residual_force: phonons.residual_force(),
            warnings: phonons.warnings().iter().map(ToString::to_string).collect(),
        }
    }
}

/// An order in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRecord {
    /// Space group.
    pub space_group: u8,
    /// Elements on Wyckoff positions, such as `Cu@8d Si@4c K@4c`, or sites per element, such as `Cu:2,Si:1,K:1`.
    pub sites: String,
}

impl OrderRecord {
    /// Of an order with one candidate.
    pub(crate) fn of(order: &langevin::SamplingOrder) -> Self {
        let sites = match order.sites.assignment(0) {
            Some(assignment) => assignment.to_string(),
            None => match &order.sites {
                langevin::OrderedSites::General(sites) => sites.to_string(),
                _ => String::new(),
            },
        };
        Self { space_group: order.space_group.get(), sites }
    }

    /// The order again.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn order(&self) -> Result<langevin::SamplingOrder, SearchError> {
        let group = SpaceGroup::from_number(i64::from(self.space_group))?;
        let sites = if self.sites.contains('@') {
            let assignment = wyckoff_assignment::WyckoffAssignment::parse(group, &self.sites)?;
            langevin::OrderedSites::Wyckoff(assignment)
        } else {
            langevin::OrderedSites::General(self.sites.parse()?)
        };
        Ok(langevin::SamplingOrder { space_group: group.number(), sites, count: 1 })
    }
}

/// An asymmetric unit in a file: conventional cell of the standard setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRecord {
    /// Space group.
    pub space_group: u8,
    /// Lattice vectors as rows, Å.
    pub lattice: [[f64; 3]; 3],
    /// Element, Wyckoff letter and fractional coordinates of each non-equivalent site.
    pub sites: Vec<(Species, char, [f64; 3])>,
}

impl UnitRecord {
    /// Of a unit.
    pub fn of(unit: &AsymmetricUnit) -> Self {
        Self {
            space_group: unit.space_group().number().get(),
            lattice: unit.lattice().rows(),
            sites: unit
                .sites()
                .iter()
                .map(|site| (site.species(), site.wyckoff_letter(), site.frac_coords().into()))
                .collect(),
        }
    }

    /// The unit again.
    ///
    /// # Errors
    /// If it is not a crystal, or a site is not on its position.
    pub fn unit(&self) -> Result<AsymmetricUnit, SearchError> {
        let space_group = SpaceGroup::from_number(i64::from(self.space_group))?;
        let site = |(species, letter, coordinates): &(Species, char, [f64; 3])| {
            let position = space_group.wyckoff_position(*letter).ok_or_else(|| SearchError::Setting {
                name: "a Wyckoff letter",
                value: letter.to_string(),
                cure: format!("one of those of space group {}", self.space_group),
            })?;
            Ok(AsymmetricSite::on_position(position, *species, (*coordinates).into()))
        };
        let sites = self.sites.iter().map(site).collect::<Result<Vec<_>, SearchError>>()?;
        Ok(AsymmetricUnit::new(space_group, Lattice::from_rows(self.lattice)?, sites)?)
    }

    /// All atoms of the primitive cell.
    ///
    /// # Errors
    /// As [`Self::unit`].
    pub fn structure(&self) -> Result<Structure, SearchError> {
        Ok(self.unit()?.expand()?)
    }
}

impl Relaxed {
    /// The atoms of its cell.
    ///
    /// # Errors
    /// As [`UnitRecord::unit`].
    pub fn composition(&self) -> Result<Composition, SearchError> {
        Ok(Composition::of(&self.unit.structure()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rutile() -> UnitRecord {
        let species = |symbol: &str| symbol.parse().expect("an element");
        UnitRecord {
            space_group: 136,
            lattice: [[4.6, 0.0, 0.0], [0.0, 4.6, 0.0], [0.0, 0.0, 2.95]],
            sites: vec![(species("O"), 'f', [0.305, 0.305, 0.0]), (species("Ti"), 'a', [0.0; 3])],
        }
    }

    #[test]
    fn units_are_read_back() {
        let record = rutile();
        let unit = record.unit().expect("a unit");
        assert_eq!(UnitRecord::of(&unit), record);
        assert_eq!(Composition::of(&record.structure().expect("a structure")).formula(), "Ti2O4");
        let text = serde_json::to_string(&record).expect("JSON");
        assert_eq!(serde_json::from_str::<UnitRecord>(&text).expect("a record"), record);
        assert!(UnitRecord { sites: vec![(record.sites[0].0, 'z', [0.0; 3])], ..record }.unit().is_err());
    }

    #[test]
    fn orders_are_read_back() {
        for (space_group, sites) in [(62, "Cu@8d Si@4c K@4c"), (139, "Si:1,Fe:1,Nd:1")] {
            let order = OrderRecord { space_group, sites: sites.to_owned() }.order().expect("an order");
            let again = OrderRecord::of(&order).order().expect("an order");
            assert_eq!(again, order);
        }
        assert!(OrderRecord { space_group: 62, sites: "Cu@99z".to_owned() }.order().is_err());
    }
}
