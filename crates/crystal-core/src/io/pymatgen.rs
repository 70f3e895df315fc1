//! The JSON form of pymatgen's `Structure` (what its `as_dict` gives).

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::json_lines;
use super::text::{Fault, Notes, Read, checked, element, is_minus, note_far};
use crate::{
    CrystalError, DisorderedStructure, Lattice, LatticeParameters, Site, Species, Structure, SymmetryOperation,
};

/// Fractional and Cartesian coordinates of a site farther apart than this (Å) name two places.
const DIFFERENT: f64 = 0.01;

/// Angles farther apart than this (degrees) are two angles.
const DIFFERENT_ANGLE: f64 = 0.1;

#[derive(Deserialize)]
struct StructureIn {
    lattice: LatticeIn,
    sites: Vec<SiteIn>,
}

/// What holds a structure beside other things, such as a `ComputedStructureEntry`.
#[derive(Deserialize)]
struct HolderIn {
    structure: StructureIn,
}

#[derive(Deserialize)]
struct LatticeIn {
    matrix: [[f64; 3]; 3],
    pbc: Option<[bool; 3]>,
    a: Option<f64>,
    b: Option<f64>,
    c: Option<f64>,
    alpha: Option<f64>,
    beta: Option<f64>,
    gamma: Option<f64>,
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
    #[serde(rename = "@class")]
    class: Option<String>,
    element: String,
    #[serde(default = "full")]
    occu: f64,
}

fn full() -> f64 {
    1.0
}

/// One structure, or all of a list of them.
pub(super) fn read(text: &str) -> Vec<Read> {
    let read_one = |parsed: Result<StructureIn, serde_json::Error>| match parsed {
        Ok(parsed) => Read::perhaps_disordered(|notes, disordered| structure(&parsed, notes, disordered)),
        Err(error) => {
            let minus = if text.contains(is_minus) {
                " (a minus sign of another code point stands in it; write '-')"
            } else {
                ""
            };
            let is_line = text.lines().find(|line| !line.trim().is_empty()).is_some_and(json_lines::is_structure);
            let cure = match is_line {
                true => "these are lines as this program writes them, so name the file .jsonl",
                false => "write the file with Structure.to(filename, fmt=\"json\")",
            };
            Read::failed(Fault::at(error.line(), format!("no pymatgen Structure: {error}{minus}; {cure}")))
        }
    };
    if !text.trim_start().starts_with('[') {
        let held = |_: &serde_json::Error| serde_json::from_str::<HolderIn>(text).ok().map(|holder| holder.structure);
        return vec![read_one(serde_json::from_str(text).or_else(|error| held(&error).ok_or(error)))];
    }
    match serde_json::from_str::<Vec<serde_json::Value>>(text) {
        Ok(values) => {
            let one = |value: serde_json::Value| {
                let held = serde_json::from_value::<HolderIn>(value.clone()).map(|holder| holder.structure);
                read_one(held.or_else(|_| serde_json::from_value(value)))
            };
            values.into_iter().map(one).collect()
        }
        Err(error) => vec![read_one(Err(error))],
    }
}

/// Sites at the same place are one site shared by several elements, in pymatgen too.
fn structure(
    parsed: &StructureIn,
    notes: &mut Notes,
    disordered: &mut Option<DisorderedStructure>,
) -> Result<Structure, Fault> {
    let lattice = Lattice::from_rows(parsed.lattice.matrix)?;
    let LatticeParameters { a, b, c, alpha, beta, gamma } = lattice.parameters();
    for (name, stated, length) in [("a", parsed.lattice.a, a), ("b", parsed.lattice.b, b), ("c", parsed.lattice.c, c)] {
        if stated.is_some_and(|stated| (stated - length).abs() > DIFFERENT) {
            notes
                .add(0, format!("the lattice's '{name}' is not the length {length:.3} in its 'matrix', which is read"));
        }
    }
    let LatticeIn { alpha: stated_alpha, beta: stated_beta, gamma: stated_gamma, .. } = parsed.lattice;
    for (name, stated, angle) in
        [("alpha", stated_alpha, alpha), ("beta", stated_beta, beta), ("gamma", stated_gamma, gamma)]
    {
        if stated.is_some_and(|stated| (stated - angle).abs() > DIFFERENT_ANGLE) {
            notes.add(0, format!("the lattice's '{name}' is not the angle {angle:.2}° in its 'matrix', which is read"));
        }
    }
    if parsed.lattice.pbc.is_some_and(|pbc| pbc.contains(&false)) {
        notes.add(0, "the lattice is not periodic along every vector; it is read as if it were");
    }
    let mut sites = Vec::with_capacity(parsed.sites.len());
    let mut occupants: Vec<(String, Species, Vector3<f64>, f64)> = Vec::new();
    let mut partial: Option<CrystalError> = None;
    for (index, site) in parsed.sites.iter().enumerate() {
        let name = site.label.clone().unwrap_or_else(|| format!("number {}", index + 1));
        if let (Some(abc), Some(xyz)) = (site.abc, site.xyz) {
            let distance = (lattice.to_cartesian(&Vector3::from(abc)) - Vector3::from(xyz)).norm();
            if distance > DIFFERENT {
                let text = format!("'abc' and 'xyz' of site {name} are {distance:.2} Å apart; 'abc' is read");
                notes.add(0, text);
            }
        }
        let frac_coords = match (site.abc, site.xyz) {
            (Some(abc), _) => Vector3::from(abc),
            (None, Some(xyz)) => lattice.to_fractional(&Vector3::from(xyz)),
            (None, None) => {
                return Err(Fault::at(0, format!("site {name} has neither 'abc' nor 'xyz'; give it one of them")));
            }
        };
        let occupancy = site.species.iter().map(|occupant| occupant.occu).fold(0.0, f64::max);
        if site.species.len() != 1 || (occupancy - 1.0).abs() > 1e-3 {
            partial.get_or_insert(CrystalError::PartialOccupancy { site: name.clone(), occupancy });
        }
        for occupant in &site.species {
            if occupant.class.as_deref().is_some_and(|class| class.starts_with("Dummy")) {
                let reason = format!(
                    "site {name} holds '{}', a dummy and no element; give it an element or remove it",
                    occupant.element
                );
                return Err(Fault::at(0, reason));
            }
            let species = element(&occupant.element, 0, notes)?;
            sites.push(Site { species, frac_coords });
            occupants.push((name.clone(), species, frac_coords, occupant.occu));
        }
    }
    note_far(sites.iter().map(|site| &site.frac_coords), 0, notes);
    let Some(partial) = partial else { return checked(lattice, sites, 0, notes) };
    let all = occupants
        .iter()
        .map(|(name, species, frac_coords, occupancy)| (name.as_str(), *species, *frac_coords, *occupancy));
    let found = DisorderedStructure::from_occupants(lattice, all, vec![SymmetryOperation::identity()]);
    *disordered = Some(found.map_err(|reason| Fault::at(0, reason))?);
    Err(partial.into())
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
        xyz: structure.lattice().to_cartesian(&site.frac_coords).into(),
    };
    let out = StructureOut {
        module: "pymatgen.core.structure",
        class: "Structure",
        charge: 0.0,
        lattice: LatticeOut {
            matrix: structure.lattice().rows(),
            pbc: [true; 3],
            parameters: structure.lattice().parameters(),
            volume: structure.lattice().volume(),
        },
        properties: Empty {},
        sites: structure.sites().iter().map(site).collect(),
    };
    let mut text = serde_json::to_string(&out).expect("numbers, strings and arrays always serialise");
    text.push('\n');
    text
}
