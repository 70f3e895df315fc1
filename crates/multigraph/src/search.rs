//! All images within a radius of each site.

use crystal_core::whole::{compact, nearest, saturated};
use crystal_core::{CrystalError, Lattice};
use nalgebra::{Matrix3, Vector3};

use crate::images::Images;

/// Different sites closer than this have no direction between them and no edge, Å.
const NO_DIRECTION: f64 = 1e-6;
/// Largest component of a lattice translation: its images under rotations must fit an `i32`.
const MAX_REACH: f64 = 1e8;
/// A reduction takes steps of one lattice vector: cells more skewed than this many of them are searched as they are.
const MAX_SKEW: f64 = 100.0;
/// Lattice lines that a search may visit: this many, and [`LINES_PER_PAIR`] more for each pair of site and image.
const LINES: f64 = 1e6;
/// See [`LINES`].
const LINES_PER_PAIR: f64 = 64.0;

/// An image of a site near a site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Cartesian vector from the site, Å.
    pub vector: Vector3<f64>,
    /// Its length, Å.
    pub distance: f64,
    /// Lattice translation in the search basis.
    pub translation: Vector3<i32>,
}

/// Candidates by site, then by image, then by translation (third, second, first component).
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// All candidates.
    pub list: Vec<Candidate>,
    /// Those of site i and image m are `blocks[i·n_images + m]..blocks[i·n_images + m + 1]`.
    pub blocks: Vec<u32>,
    /// Number of images.
    pub n_images: usize,
}

impl Candidates {
    /// Number of candidates of site i.
    pub fn degree(&self, site: usize) -> usize {
        (self.blocks[(site + 1) * self.n_images] - self.blocks[site * self.n_images]) as usize
    }

    /// Number of candidates of site i that are images of i itself.
    pub fn own(&self, site: usize, images: &Images) -> usize {
        let (first, last) = (images.first[site], images.first[site + 1]);
        (self.blocks[site * self.n_images + last] - self.blocks[site * self.n_images + first]) as usize
    }

    /// Index of the candidate of this site, image and translation.
    pub fn find(&self, site: usize, image: usize, translation: &Vector3<i32>) -> Option<usize> {
        let block = site * self.n_images + image;
        let (start, end) = (self.blocks[block] as usize, self.blocks[block + 1] as usize);
        let key = |t: &Vector3<i32>| (t.z, t.y, t.x);
        self.list[start..end]
            .binary_search_by(|candidate| key(&candidate.translation).cmp(&key(translation)))
            .ok()
            .map(|index| start + index)
    }
}

/// A basis of the primitive lattice in which searching is cheap: short vectors first, little skew.
#[derive(Debug)]
pub(crate) struct SearchBasis {
    /// Rows of the basis, Å.
    rows: Matrix3<f64>,
    /// `T_primitive = to_primitive · T_search`, on columns.
    pub to_primitive: Matrix3<i32>,
    /// Inverse of `to_primitive`.
    pub from_primitive: Matrix3<i32>,
    /// Gram–Schmidt: `rows = lower · Q` with orthonormal rows of Q.
    lower: Matrix3<f64>,
    /// Largest component of a translation in this basis.
    reach: f64,
}

impl SearchBasis {
    /// From the primitive lattice.
    ///
    /// # Errors
    /// [`CrystalError::Lattice`] if the volume vanishes in floating-point numbers.
    pub fn new(lattice: &Lattice) -> Result<Self, CrystalError> {
        // Without a reduction the search is as exact, but slower and sooner at the bound of its work.
        let worth_reducing = (0.5001..MAX_SKEW).contains(&skew(lattice.matrix()));
        let transformation = if worth_reducing { lattice.niggli().ok().map(|(_, t)| t) } else { None };
        let mut transformation = transformation.unwrap_or_else(Matrix3::identity);
        let rows = transformation.map(f64::from) * lattice.matrix();
        let mut order = [0, 1, 2];
        order.sort_by(|&i, &j| rows.row(i).norm_squared().total_cmp(&rows.row(j).norm_squared()));
        transformation = Matrix3::from_rows(&order.map(|i| transformation.row(i).into_owned()));
        let rows = Matrix3::from_rows(&order.map(|i| rows.row(i).into_owned()));
        let mut lower = Matrix3::zeros();
        let mut frame = [rows.row(0).into_owned(); 3];
        for i in 0..3 {
            let mut rest = rows.row(i).into_owned();
            for j in 0..i {
                lower[(i, j)] = rest.dot(&frame[j]);
                rest -= frame[j] * lower[(i, j)];
            }
            lower[(i, i)] = rest.norm();
            frame[i] = rest / lower[(i, i)];
        }
        let volume = lower.diagonal().product();
        if !(volume > 0.0 && volume.is_finite() && lower.iter().all(|x| x.is_finite())) {
            return Err(CrystalError::Lattice {
                reason: format!("its volume of {volume} Å³ is not a number to divide by"),
            });
        }
        let to_primitive = transformation.transpose();
        let inverse = to_primitive.map(f64::from).try_inverse().expect("a change of basis has determinant ±1");
        let largest_row = to_primitive.map(|x| f64::from(x).abs()).column_sum().max();
        Ok(Self { rows, to_primitive, from_primitive: inverse.map(nearest), lower, reach: MAX_REACH / largest_row })
    }

    /// Volume of the cell, Å³.
    pub fn volume(&self) -> f64 {
        self.lower.diagonal().product()
    }

    /// Whether a search within this radius would visit more lattice lines or farther translations than allowed. Depends
    /// on the lattice and on the numbers of sites and images only.
    fn too_much_work(&self, radius: f64, n_pairs: f64) -> bool {
        let reach = [0, 1, 2].map(|i| radius / self.lower[(i, i)]);
        let lines = n_pairs * (2.0 * reach[1] + 1.0) * (2.0 * reach[2] + 1.0);
        reach.iter().any(|reach| *reach > self.reach) || lines > LINES + LINES_PER_PAIR * n_pairs
    }

    /// All images within `radius` of each site, except images of the site itself closer than `min_self_distance`.
    /// `None` if they are more than `limit`, or too much work: no more than `limit` are ever stored.
    pub fn collect(&self, images: &Images, radius: f64, min_self_distance: f64, limit: usize) -> Option<Candidates> {
        let n_images = images.images.len();
        if self.too_much_work(radius, (images.sites.len() * n_images) as f64) {
            return None;
        }
        let from_primitive = self.from_primitive.map(f64::from);
        let image_coords = images.images.iter().map(|image| from_primitive * image.frac_coords).collect::<Vec<_>>();
        let mut found =
            Candidates { list: Vec::new(), blocks: Vec::with_capacity(images.sites.len() * n_images + 1), n_images };
        found.blocks.push(0);
        for (i, site) in images.sites.iter().enumerate() {
            let site_coords = from_primitive * site;
            for (image, coords) in images.images.iter().zip(&image_coords) {
                let hole = if image.site == i { min_self_distance.max(NO_DIRECTION) } else { NO_DIRECTION };
                if !self.collect_pair(&(coords - site_coords), radius, hole, limit, &mut found.list) {
                    return None;
                }
                found.blocks.push(compact(found.list.len()));
            }
        }
        Some(found)
    }

    /// Lattice translations t with `hole <= |(f + t)·B| <= radius`: nested intervals along the Gram–Schmidt axes, the
    /// innermost counted before it is stored. False if there are more than `limit`.
    fn collect_pair(&self, f: &Vector3<f64>, radius: f64, hole: f64, limit: usize, list: &mut Vec<Candidate>) -> bool {
        let lower = &self.lower;
        let (radius_squared, hole_squared) = (radius * radius, hole * hole);
        // The intervals are opened by far more than rounding; the length itself decides at their ends.
        let slack = 1e-9;
        let interval = |centre: f64, half: f64| ((centre - half - slack).ceil(), (centre + half + slack).floor());
        let (first_z, last_z) = interval(-f.z, radius / lower[(2, 2)]);
        let mut z = first_z;
        while z <= last_z {
            let c_z = f.z + z;
            let left_z = (radius_squared - (c_z * lower[(2, 2)]).powi(2)).max(0.0);
            let (first_y, last_y) = interval(-f.y - c_z * lower[(2, 1)] / lower[(1, 1)], left_z.sqrt() / lower[(1, 1)]);
            let mut y = first_y;
            while y <= last_y {
                let c_y = f.y + y;
                let height_squared =
                    (c_z * lower[(2, 2)]).powi(2) + (c_z * lower[(2, 1)] + c_y * lower[(1, 1)]).powi(2);
                let centre = -f.x - (c_z * lower[(2, 0)] + c_y * lower[(1, 0)]) / lower[(0, 0)];
                let half = (radius_squared - height_squared).max(0.0).sqrt() / lower[(0, 0)];
                let (first_x, last_x) = interval(centre, half);
                // The part of the line inside the hole, narrowed by the slack, is never walked: in a collapsed cell it
                // is long.
                let in_hole = (hole_squared - height_squared).max(0.0).sqrt() / lower[(0, 0)] - slack;
                let (skip_from, skip_to) =
                    ((centre - in_hole).ceil().max(first_x), (centre + in_hole).floor().min(last_x));
                let skipped = if in_hole > 0.0 { (skip_to - skip_from + 1.0).max(0.0) } else { 0.0 };
                let on_line = (last_x - first_x + 1.0 - skipped).max(0.0);
                // Both ends of both parts may fail the test below.
                if on_line - 4.0 > (limit - list.len()) as f64 {
                    return false;
                }
                let mut x = first_x;
                while x <= last_x {
                    if skipped > 0.0 && x == skip_from {
                        x = skip_to + 1.0;
                        continue;
                    }
                    let vector = self.rows.tr_mul(&Vector3::new(f.x + x, c_y, c_z));
                    let squared = vector.norm_squared();
                    if squared <= radius_squared && squared >= hole_squared {
                        if list.len() == limit || x.abs().max(y.abs()).max(z.abs()) > self.reach {
                            return false;
                        }
                        list.push(Candidate {
                            vector,
                            distance: squared.sqrt(),
                            translation: Vector3::new(x, y, z).map(saturated),
                        });
                    }
                    x += 1.0;
                }
                y += 1.0;
            }
            z += 1.0;
        }
        true
    }
}

/// How many times the shorter of two vectors fits the projection of the longer one: reduced bases have at most 1/2.
fn skew(rows: &Matrix3<f64>) -> f64 {
    let gram = rows * rows.transpose();
    [(0, 1), (0, 2), (1, 2)]
        .map(|(i, j)| gram[(i, j)].abs() / gram[(i, i)].min(gram[(j, j)]))
        .into_iter()
        .fold(0.0, f64::max)
}
