//! All images of an atom within a sphere.

use crystal_core::{SphereSearch, Structure};
use nalgebra::Vector3;

use crate::MetricsError;

/// More atoms than this within the search radius mean a collapsed lattice: 7 Å around a site of a dense crystal hold
/// about 200.
const MAX_NEIGHBOURS: usize = 100_000;

/// Within this radius (Å) even the densest crystal has far fewer atoms than [`MAX_NEIGHBOURS`]; beyond it many atoms
/// only say how far one had to look.
const FAR: f64 = 40.0;

/// An image of an atom near a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Image {
    /// Index of the atom in the cell.
    pub site: usize,
    /// Lattice translation, added to the atom's fractional coordinates as they stand in the structure.
    pub translation: [i32; 3],
    /// Cartesian vector from the central site to the image, Å.
    pub vector: Vector3<f64>,
    /// Square of its length, Å².
    pub squared_distance: f64,
}

/// All atoms with a squared distance below `radius² + 1e-8` from site `centre`, the site itself left out, nearest first
/// (equal distances in order of site and translation).
///
/// # Errors
/// [`MetricsError::TooManyNeighbours`], [`MetricsError::Vacuum`].
pub(crate) fn images_within(
    structure: &Structure,
    search: &SphereSearch,
    centre: usize,
    radius: f64,
) -> Result<Vec<Image>, MetricsError> {
    let origin = structure.sites()[centre].frac_coords;
    let mut images = Vec::with_capacity(256);
    for (index, site) in structure.sites().iter().enumerate() {
        let complete = search.visit(
            &(site.frac_coords - origin),
            radius * radius + 1e-8,
            |translation, vector, squared_distance| {
                if index != centre || translation != [0, 0, 0] {
                    images.push(Image { site: index, translation, vector, squared_distance });
                }
                images.len() <= MAX_NEIGHBOURS
            },
        );
        if !complete || images.len() > MAX_NEIGHBOURS {
            return Err(match radius > FAR {
                true => MetricsError::Vacuum { site: centre, radius: radius / 2.0 },
                false => MetricsError::TooManyNeighbours { site: centre, radius, limit: MAX_NEIGHBOURS },
            });
        }
    }
    images.sort_by(|a, b| a.squared_distance.total_cmp(&b.squared_distance));
    Ok(images)
}
