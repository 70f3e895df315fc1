//! The JSON form of pymatgen's `Structure` (what its `as_dict` gives).

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::text::{Fault, checked, element};
use crate::{CrystalError, Lattice, LatticeParameters, Site, Structure};

#[derive(Deserialize)]
struct StructureIn {
    lattice: LatticeIn,
    sites: Vec<SiteIn>,
}

#[derive(Deserialize)]
struct LatticeIn {
    matrix: [[f64; 3]; 3],
}

#[derive(Deserialize)]
struct SiteIn {
    species: Vec<OccupantIn>,
    abc: Option<[f64; 3]>,
    xyz: Option<[f64; 3]>,
    label: Option<String>,
}

#[derive(Deserialize)]
struct OccupantIn {
    element: String,
    #[serde(default = "full")]
    occu: f64,
}

fn full() -> f64 {
    1.0
}

pub(super) fn read(text: &str) -> Result<Structure, Fault> {
    let parsed: StructureIn = serde_json::from_str(text).map_err(|error| {
        Fault::at(
            error.line(),
            format!("no pymatgen Structure: {error}; write the file with Structure.to(filename, fmt=\"json\")"),
        )
    })?;
    let lattice = Lattice::from_rows(parsed.lattice.matrix)?;
    let mut sites = Vec::with_capacity(parsed.sites.len());
    for (index, site) in parsed.sites.iter().enumerate() {
        let name = site.label.clone().unwrap_or_else(|| format!("number {}", index + 1));
        let occupancy = site.species.iter().map(|occupant| occupant.occu).fold(0.0, f64::max);
        let [occupant] = site.species.as_slice() else {
            return Err(CrystalError::PartialOccupancy { site: name, occupancy }.into());
        };
        if (occupancy - 1.0).abs() > 1e-3 {
            return Err(CrystalError::PartialOccupancy { site: name, occupancy }.into());
        }
        let frac_coords = match (site.abc, site.xyz) {
            (Some(abc), _) => Vector3::from(abc),
            (None, Some(xyz)) => lattice.to_fractional(&Vector3::from(xyz)),
            (None, None) => {
                return Err(Fault::at(0, format!("site {name} has neither 'abc' nor 'xyz'; give it one of them")));
            }
        };
        sites.push(Site { species: element(&occupant.element)?, frac_coords });
    }
    checked(lattice, sites)
}

#[derive(Serialize)]
struct StructureOut {
    #[serde(rename = "@module")]
    module: &'static str,
    #[serde(rename = "@class")]
    class: &'static str,
    charge: f64,
    lattice: LatticeOut,
    properties: Empty,
    sites: Vec<SiteOut>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct LatticeOut {
    matrix: [[f64; 3]; 3],
    pbc: [bool; 3],
    #[serde(flatten)]
    parameters: LatticeParameters,
    volume: f64,
}

#[derive(Serialize)]
struct SiteOut {
    species: [OccupantOut; 1],
    abc: [f64; 3],
    properties: Empty,
    label: &'static str,
    xyz: [f64; 3],
}

#[derive(Serialize)]
struct OccupantOut {
    element: &'static str,
    occu: f64,
}

pub(super) fn write(structure: &Structure) -> String {
    let site = |site: &Site| SiteOut {
        species: [OccupantOut { element: site.species.symbol(), occu: 1.0 }],
        abc: site.frac_coords.into(),
        properties: Empty {},
        label: site.species.symbol(),
        xyz: structure.lattice.to_cartesian(&site.frac_coords).into(),
    };
    let out = StructureOut {
        module: "pymatgen.core.structure",
        class: "Structure",
        charge: 0.0,
        lattice: LatticeOut {
            matrix: structure.lattice.rows(),
            pbc: [true; 3],
            parameters: structure.lattice.parameters(),
            volume: structure.lattice.volume(),
        },
        properties: Empty {},
        sites: structure.sites.iter().map(site).collect(),
    };
    let mut text = serde_json::to_string(&out).expect("numbers, strings and arrays always serialise");
    text.push('\n');
    text
}
