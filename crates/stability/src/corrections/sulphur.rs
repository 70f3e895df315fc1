//! What kind of sulphur compound a crystal is.

use crystal_core::{Species, SphereSearch, Structure};

/// Neighbours within this much of the nearest one count, Å.
const SHELL: f64 = 0.4;
/// At most as many neighbours count.
const MAX_NEIGHBOURS: usize = 4;
/// The first radius of the search, Å; doubled until a neighbour is found.
const FIRST_RADIUS: f64 = 4.0;
/// Distances that agree to this are equal, Å: among neighbours at equal distance the one with the lower atomic number
/// comes first.
const SAME_DISTANCE: f64 = 1e-5;

/// How the sulphur of a compound is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SulphideType {
    /// S with neighbours that are less electronegative.
    Sulphide,
    /// The same with an S–S bond.
    Polysulphide,
    /// An S among more electronegative neighbours, as in a sulphate: not corrected.
    Sulphate,
}

/// The kind of sulphur compound, by the neighbours of each S. `None` without S, and for sulphur itself.
pub fn sulphide_type(structure: &Structure) -> Option<SulphideType> {
    let sites = structure.sites();
    let is_sulphur = |species: Species| species.symbol() == "S";
    let n_sulphur = sites.iter().filter(|site| is_sulphur(site.species)).count();
    if n_sulphur == 0 || n_sulphur == sites.len() {
        return None;
    }
    let search = SphereSearch::new(structure.lattice());
    let mut kind = SulphideType::Sulphide;
    for centre in (0..sites.len()).filter(|&index| is_sulphur(sites[index].species)) {
        let neighbours = nearest_shell(structure, &search, centre);
        let own = sites[centre].species.electronegativity().expect("sulphur has an electronegativity");
        let n_neighbours = f64::from(u32::try_from(neighbours.len()).unwrap_or(u32::MAX));
        let mean = neighbours.iter().map(|element| element.electronegativity().unwrap_or(f64::NAN)).sum::<f64>()
            / n_neighbours;
        if mean > own {
            return Some(SulphideType::Sulphate);
        }
        if mean == own && neighbours.iter().any(|element| is_sulphur(*element)) {
            kind = SulphideType::Polysulphide;
        }
    }
    Some(kind)
}

/// Elements of the nearest neighbours of an atom.
fn nearest_shell(structure: &Structure, search: &SphereSearch, centre: usize) -> Vec<Species> {
    let sites = structure.sites();
    let mut radius = FIRST_RADIUS;
    let mut neighbours: Vec<(f64, Species)> = Vec::new();
    let diameter = structure.lattice().matrix().row_iter().map(|row| row.norm()).sum::<f64>();
    while neighbours.is_empty() && radius <= 4.0 * diameter.max(FIRST_RADIUS) {
        for site in sites {
            let difference = site.frac_coords - sites[centre].frac_coords;
            search.visit(&difference, radius * radius, |_, _, squared| {
                // The atom itself.
                if squared > 1e-8 {
                    neighbours.push((squared.sqrt(), site.species));
                }
                true
            });
        }
        radius *= 2.0;
    }
    neighbours.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(nearest) = neighbours.first().map(|(distance, _)| *distance) else { return Vec::new() };
    neighbours.retain(|(distance, _)| *distance < nearest + SHELL);
    neighbours.sort_by_key(|(distance, species)| (((distance - nearest) / SAME_DISTANCE).round().to_bits(), *species));
    neighbours.truncate(MAX_NEIGHBOURS);
    neighbours.into_iter().map(|(_, species)| species).collect()
}
