//! What the figures count.

use std::collections::BTreeMap;

use crystal_core::{Composition, CrystalSystem, SpaceGroup, Species};
use datasets::Record;

/// The crystal systems by space-group number. The hexagonal family holds two of them.
pub const SYSTEMS: [CrystalSystem; 7] = [
    CrystalSystem::Triclinic,
    CrystalSystem::Monoclinic,
    CrystalSystem::Orthorhombic,
    CrystalSystem::Tetragonal,
    CrystalSystem::Trigonal,
    CrystalSystem::Hexagonal,
    CrystalSystem::Cubic,
];

/// How often an element occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ElementCounts {
    /// Structures that contain it.
    pub structures: usize,
    /// Its atoms, over the cells as the data give them.
    pub atoms: usize,
    /// Its non-equivalent sites, over the structures that could be reduced.
    pub sites: usize,
}

/// What figures 4 to 7 show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Structures looked at.
    pub n_structures: usize,
    /// Of these, the ones whose space group is not known.
    pub without_space_group: usize,
    /// Of these, the ones that could not be reduced to non-equivalent sites.
    pub not_reduced: usize,
    /// Structures by space-group number; numbers that do not occur are absent.
    pub space_groups: BTreeMap<u8, usize>,
    /// Every element that occurs.
    pub elements: BTreeMap<Species, ElementCounts>,
    /// Pairs of a structure and one of its elements, by the number of non-equivalent sites that the element has in the
    /// structure.
    pub sites_per_element: BTreeMap<u32, usize>,
}

impl Counts {
    /// Counts over records.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut counts = Self::default();
        for record in records {
            counts.add(record);
        }
        counts
    }

    fn add(&mut self, record: &Record) {
        self.n_structures += 1;
        match record.space_group {
            Some(number) => *self.space_groups.entry(number).or_default() += 1,
            None => self.without_space_group += 1,
        }
        for (species, atoms) in Composition::of(&record.structure).iter() {
            let element = self.elements.entry(species).or_default();
            element.structures += 1;
            element.atoms += atoms as usize;
        }
        let Ok(unit) = &record.unit else {
            self.not_reduced += 1;
            return;
        };
        for (species, sites) in unit.sites_per_element().iter() {
            self.elements.entry(species).or_default().sites += sites as usize;
            *self.sites_per_element.entry(sites).or_default() += 1;
        }
    }

    /// Structures of each crystal system, in the order of their space-group numbers.
    pub fn systems(&self) -> [usize; 7] {
        SYSTEMS.map(|system| {
            self.space_groups
                .iter()
                .filter(|(number, _)| system_of(**number) == system)
                .map(|(_, structures)| structures)
                .sum()
        })
    }

    /// Structures whose space group is known.
    pub fn with_space_group(&self) -> usize {
        self.n_structures - self.without_space_group
    }

    /// The sentences of the paper that the figures represent.
    pub fn summary(&self, name: &str) -> String {
        let systems = self.systems();
        let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        let low = systems[0] + systems[1];
        let atoms: usize = self.elements.values().map(|element| element.atoms).sum();
        let (species, most) =
            self.elements.iter().max_by_key(|(_, element)| element.structures).expect("a structure has an element");
        let pairs: usize = self.sites_per_element.values().sum();
        let few: usize = self.sites_per_element.range(..=2).map(|(_, pairs)| pairs).sum();
        format!(
            "{name}: {} structures, {} without a known space group, {} that could not be reduced\n\
             triclinic and monoclinic: {low} ({:.1} %); space groups that occur: {} of 230\n\
             most frequent element: {species}, in {} structures ({:.1} %), {:.1} % of all atoms\n\
             one or two non-equivalent sites: {:.1} % of {pairs} pairs of a structure and an element",
            self.n_structures,
            self.without_space_group,
            self.not_reduced,
            share(low, self.with_space_group()),
            self.space_groups.len(),
            most.structures,
            share(most.structures, self.n_structures),
            share(most.atoms, atoms),
            share(few, pairs),
        )
    }
}

/// The crystal system of a space group.
pub fn system_of(number: u8) -> CrystalSystem {
    SpaceGroup::from_number(i64::from(number)).expect("a data set holds numbers from 1 to 230 only").system()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crystal_core::{AsymmetricUnit, Finder, Lattice, Site, Structure};

    /// A record made by hand: symbols with fractional coordinates in a cubic cell of 4 Å.
    fn record(sites: &[(&str, [f64; 3])], space_group: Option<u8>) -> Record {
        let lattice = Lattice::from_rows([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]).expect("a cell");
        let site = |(symbol, x): &(&str, [f64; 3])| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: (*x).into(),
        };
        let structure = Structure::allowing_overlap(lattice, sites.iter().map(site).collect()).expect("a structure");
        let unit =
            AsymmetricUnit::from_structure(&structure, 0.01, Finder::default()).map_err(|error| error.to_string());
        Record { id: "hand-made".to_owned(), structure, space_group, formation_energy: None, unit }
    }

    /// CsCl, a perovskite whose three oxygen atoms are one site, and two atoms in one place that no finder accepts.
    pub(in crate::figures) fn records() -> Vec<Record> {
        let middle = [0.5, 0.5, 0.5];
        let faces = [("O", [0.5, 0.5, 0.0]), ("O", [0.5, 0.0, 0.5]), ("O", [0.0, 0.5, 0.5])];
        let mut perovskite = vec![("Sr", [0.0; 3]), ("Ti", middle)];
        perovskite.extend(faces);
        vec![
            record(&[("Cs", [0.0; 3]), ("Cl", middle)], Some(221)),
            record(&perovskite, Some(221)),
            record(&[("O", [0.0; 3]), ("O", [0.0, 0.0, 0.001])], None),
        ]
    }

    #[test]
    fn counts_structures_atoms_and_sites() {
        let counts = Counts::of(&records());
        assert_eq!((counts.n_structures, counts.without_space_group, counts.not_reduced), (3, 1, 1));
        assert_eq!(counts.space_groups, BTreeMap::from([(221, 2)]));
        assert_eq!(counts.systems(), [0, 0, 0, 0, 0, 0, 2]);
        let oxygen = counts.elements[&"O".parse().expect("an element")];
        assert_eq!(oxygen, ElementCounts { structures: 2, atoms: 5, sites: 1 });
        assert_eq!(counts.elements.len(), 5);
        // Cs, Cl, Sr, Ti, O: each has one site in its structure.
        assert_eq!(counts.sites_per_element, BTreeMap::from([(1, 5)]));
    }

    #[test]
    fn sites_that_no_operation_joins_are_counted_apart() {
        // Three atoms of one element at different heights on an axis, none of them an inversion centre of the others.
        let chain = record(&[("Si", [0.0; 3]), ("Si", [0.0, 0.0, 0.3]), ("Si", [0.0, 0.0, 0.55])], Some(99));
        let counts = Counts::of([&chain]);
        assert_eq!(counts.sites_per_element, BTreeMap::from([(3, 1)]));
        assert_eq!(counts.systems()[3], 1);
    }

    #[test]
    fn the_summary_names_the_most_frequent_element() {
        let summary = Counts::of(&records()).summary("hand-made");
        assert!(summary.contains("O, in 2 structures (66.7 %), 55.6 % of all atoms"), "{summary}");
        assert!(summary.contains("100.0 % of 5 pairs"), "{summary}");
    }
}
