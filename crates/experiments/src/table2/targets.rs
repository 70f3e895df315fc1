//! The structures to rebuild.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use crystal_core::{
    Composition, Lattice, LatticeParameters, Site, SitesPerElement, SpaceGroup, SpaceGroupNumber, Species, Structure,
};
use nalgebra::Vector3;
use serde::Deserialize;

/// A structure to rebuild.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub id: String,
    pub formula: Composition,
    pub space_group: &'static SpaceGroup,
    pub sites_per_element: SitesPerElement,
    pub structure: Structure,
    /// Of the conventional cell, Å and degrees.
    pub conventional: LatticeParameters,
    /// Lattice parameters as the paper prints them: of the Materials Project and of its sample.
    pub paper: Option<Printed>,
    /// Whether a structure of its type is in the training sets that the list was made for.
    pub has_known_type: bool,
}

/// Lattice parameters as the paper prints them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Printed {
    pub lattice_materials_project: String,
    pub lattice_sampled: String,
}

/// A line of the list, as far as it is used.
#[derive(Deserialize)]
struct Line {
    id: String,
    space_group: i64,
    sites_per_element: SitesPerElement,
    conventional: LatticeParameters,
    lattice: [[f64; 3]; 3],
    species: Vec<Species>,
    frac_coords: Vec<[f64; 3]>,
    paper: Option<Printed>,
    same_type_in_training: SameType,
}

#[derive(Deserialize)]
struct SameType {
    mp_stable: u32,
    mp_20: u32,
}

/// The list: the file that is named, else `table2/targets.jsonl` in the folder of the data or beside it.
pub(super) fn file_of(named: Option<&Path>, data: Option<&Path>) -> Result<PathBuf> {
    const FILE: &str = "table2/targets.jsonl";
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let Some(data) = data else {
        bail!("the list of targets is not compiled in; give --targets FILE, or --data DIR with {FILE} in it");
    };
    let places = [data.join(FILE), data.join("..").join(FILE)];
    let found = places.iter().find(|path| path.is_file());
    found.cloned().with_context(|| format!("{}: {FILE} is not there; give --targets FILE", data.display()))
}

/// Reads the list.
pub(super) fn read(path: &Path) -> Result<Vec<Target>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let target =
        |(index, line): (usize, &str)| of_line(line).with_context(|| format!("{}:{}", path.display(), index + 1));
    let targets = lines.map(target).collect::<Result<Vec<_>>>()?;
    ensure!(!targets.is_empty(), "{}: there is no target in it", path.display());
    Ok(targets)
}

fn of_line(line: &str) -> Result<Target> {
    let line: Line = serde_json::from_str(line)?;
    let Line { species, frac_coords, .. } = &line;
    ensure!(species.len() == frac_coords.len(), "{} species and {} sites", species.len(), frac_coords.len());
    let site = |(species, frac): (&Species, &[f64; 3])| Site { species: *species, frac_coords: Vector3::from(*frac) };
    let sites = species.iter().zip(frac_coords).map(site).collect();
    let structure = Structure::new(Lattice::from_rows(line.lattice)?, sites)?;
    Ok(Target {
        formula: Composition::of(&structure).reduced(),
        space_group: SpaceGroup::get(SpaceGroupNumber::new(line.space_group)?),
        sites_per_element: line.sites_per_element,
        conventional: line.conventional,
        paper: line.paper,
        has_known_type: line.same_type_in_training.mp_stable + line.same_type_in_training.mp_20 > 0,
        id: line.id,
        structure,
    })
}

#[cfg(test)]
mod tests {
    use crystal_core::{AsymmetricUnit, Finder};
    use test_support::needs;

    use super::*;

    #[needs(shared)]
    #[test]
    fn the_list_holds_what_its_description_says() {
        let targets = read(&test_support::shared("data/table2/targets.jsonl")).expect("the list");
        assert_eq!(targets.len(), 36);
        assert_eq!(targets.iter().filter(|target| target.paper.is_some()).count(), 8);
        assert_eq!(targets.iter().filter(|target| !target.has_known_type).count(), 10);
        for Target { id, structure, space_group, sites_per_element, .. } in &targets {
            let unit = AsymmetricUnit::from_structure(structure, 0.01, Finder::default()).expect(id);
            assert_eq!(unit.space_group().number(), space_group.number(), "{id}");
            assert_eq!(&unit.sites_per_element(), sites_per_element, "{id}");
        }
    }

    #[test]
    fn a_bad_line_is_placed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("targets.jsonl");
        std::fs::write(&path, "\n{\"id\": 3}\n").expect("a file");
        let error = format!("{:#}", read(&path).expect_err("a bad line"));
        assert!(error.contains("targets.jsonl:2"), "{error}");
        assert!(file_of(None, Some(folder.path())).is_err() && file_of(None, None).is_err());
    }
}
