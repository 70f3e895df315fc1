//! Lattices: three row vectors and what follows from them.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

use crate::CrystalError;
use crate::whole::saturated;

/// Lengths in Å, angles in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatticeParameters {
    /// |a| in Å.
    pub a: f64,
    /// |b| in Å.
    pub b: f64,
    /// |c| in Å.
    pub c: f64,
    /// Angle between b and c in degrees.
    pub alpha: f64,
    /// Angle between a and c in degrees.
    pub beta: f64,
    /// Angle between a and b in degrees.
    pub gamma: f64,
}

/// Three lattice vectors, the rows of a matrix, in Å. Finite, with a volume that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[[f64; 3]; 3]", into = "[[f64; 3]; 3]")]
pub struct Lattice {
    matrix: Matrix3<f64>,
    inverse: Matrix3<f64>,
}

impl Lattice {
    /// A lattice from a matrix whose rows are the vectors in Å.
    ///
    /// # Errors
    /// [`CrystalError::Lattice`] if an entry is not finite or the vectors span no volume.
    pub fn new(matrix: Matrix3<f64>) -> Result<Self, CrystalError> {
        if matrix.iter().any(|x| !x.is_finite()) {
            return Err(CrystalError::Lattice { reason: "a component is not a finite number".to_owned() });
        }
        let inverse = matrix.try_inverse().filter(|inverse| inverse.iter().all(|x| x.is_finite()));
        match inverse {
            Some(inverse) => Ok(Self { matrix, inverse }),
            None => Err(CrystalError::Lattice { reason: "its vectors lie in one plane (zero volume)".to_owned() }),
        }
    }

    /// A lattice from its row vectors in Å.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_rows(rows: [[f64; 3]; 3]) -> Result<Self, CrystalError> {
        Self::new(Matrix3::from_row_slice(rows.as_flattened()))
    }

    /// A right-handed lattice in standard orientation: a along x, b in the xy plane.
    ///
    /// # Errors
    /// [`CrystalError::Lattice`] if no cell has these lengths and angles.
    pub fn from_parameters(parameters: LatticeParameters) -> Result<Self, CrystalError> {
        let LatticeParameters { a, b, c, alpha, beta, gamma } = parameters;
        let bad = || CrystalError::Lattice {
            reason: format!("no cell has a={a} b={b} c={c} α={alpha} β={beta} γ={gamma}"),
        };
        let positive = [a, b, c].iter().all(|length| *length > 0.0);
        let angles_in_range = [alpha, beta, gamma].iter().all(|angle| *angle > 0.0 && *angle < 180.0);
        if !positive || !angles_in_range {
            return Err(bad());
        }
        // Exact for the right angles that most cells have: cos(90°) must be 0, not 6e-17.
        let cosine = |degrees: f64| if degrees == 90.0 { 0.0 } else { libm::cos(degrees.to_radians()) };
        let (cos_alpha, cos_beta, cos_gamma) = (cosine(alpha), cosine(beta), cosine(gamma));
        let sin_gamma = (1.0 - cos_gamma * cos_gamma).sqrt();
        let cy = (cos_alpha - cos_beta * cos_gamma) / sin_gamma;
        let cz_squared = 1.0 - cos_beta * cos_beta - cy * cy;
        if cz_squared.is_nan() || cz_squared <= 1e-10 {
            return Err(bad());
        }
        Self::new(Matrix3::new(
            a,
            0.0,
            0.0,
            b * cos_gamma,
            b * sin_gamma,
            0.0,
            c * cos_beta,
            c * cy,
            c * cz_squared.sqrt(),
        ))
    }

    /// The matrix whose rows are the lattice vectors, Å.
    pub fn matrix(&self) -> &Matrix3<f64> {
        &self.matrix
    }

    /// Inverse of [`Self::matrix`], 1/Å: its columns are the reciprocal vectors without 2π.
    pub fn inverse(&self) -> &Matrix3<f64> {
        &self.inverse
    }

    /// The row vectors, Å.
    pub fn rows(&self) -> [[f64; 3]; 3] {
        std::array::from_fn(|i| std::array::from_fn(|j| self.matrix[(i, j)]))
    }

    /// Volume of the cell, Å³, always positive.
    pub fn volume(&self) -> f64 {
        self.matrix.determinant().abs()
    }

    /// Lengths and angles.
    pub fn parameters(&self) -> LatticeParameters {
        let [a, b, c] = [0, 1, 2].map(|i| self.matrix.row(i).norm());
        let angle = |i: usize, j: usize| {
            let cosine =
                self.matrix.row(i).dot(&self.matrix.row(j)) / (self.matrix.row(i).norm() * self.matrix.row(j).norm());
            libm::acos(cosine.clamp(-1.0, 1.0)).to_degrees()
        };
        LatticeParameters { a, b, c, alpha: angle(1, 2), beta: angle(0, 2), gamma: angle(0, 1) }
    }

    /// Cartesian coordinates (Å) of fractional ones.
    pub fn to_cartesian(&self, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        self.matrix.tr_mul(frac_coords)
    }

    /// Fractional coordinates of Cartesian ones (Å).
    pub fn to_fractional(&self, cart_coords: &Vector3<f64>) -> Vector3<f64> {
        self.inverse.tr_mul(cart_coords)
    }

    /// The lattice `transformation · self`: rows of the new lattice in terms of the old ones.
    ///
    /// # Errors
    /// [`CrystalError::Lattice`] if the transformation is singular.
    pub fn transformed(&self, transformation: &Matrix3<f64>) -> Result<Self, CrystalError> {
        Self::new(transformation * self.matrix)
    }

    /// Lengths of the reciprocal vectors without 2π, 1/Å: the inverse distances between lattice planes.
    pub fn reciprocal_lengths(&self) -> [f64; 3] {
        [0, 1, 2].map(|i| self.inverse.column(i).norm())
    }

    /// Shortest distance in Å between two points, over all lattice translations. In a skewed cell it is looked for in
    /// the reduced one. Of a lattice that cannot be reduced ([`Self::niggli`]: lengths or ratios of lengths beyond 10⁷,
    /// which no crystal has) it is that of the nearest one of the 64 translations to each side, an upper bound.
    pub fn min_image_distance(&self, frac_a: &Vector3<f64>, frac_b: &Vector3<f64>) -> f64 {
        let difference = (frac_b - frac_a).map(|x| x - x.round());
        // The wrapped difference gives an upper bound on the distance; every translation that could beat it lies in
        // this box.
        let bound = self.to_cartesian(&difference).norm();
        let reach = self.reciprocal_lengths().map(|length| (bound * length + 0.5).floor());
        if reach.iter().any(|reach| *reach > MOST_TRANSLATIONS)
            && let Some((reduced, to_reduced)) = self.reduced_coordinates()
        {
            return reduced.shortest_image(&(to_reduced * difference).map(|x| x - x.round()));
        }
        self.shortest_image(&difference)
    }

    /// The Niggli-reduced lattice and the matrix that brings fractional coordinates (columns) into it; `None` where it
    /// cannot be reduced.
    pub(crate) fn reduced_coordinates(&self) -> Option<(Self, Matrix3<f64>)> {
        let (reduced, transformation) = self.niggli().ok()?;
        // Rows: reduced = T·lattice, so x_reduced = T⁻ᵀ·x on columns.
        Some((reduced, transformation.map(f64::from).transpose().try_inverse()?))
    }

    /// Length of the shortest of a wrapped difference and its images, at most [`MOST_TRANSLATIONS`] to each side.
    fn shortest_image(&self, difference: &Vector3<f64>) -> f64 {
        let bound = self.to_cartesian(difference).norm();
        let reach =
            self.reciprocal_lengths().map(|length| saturated((bound * length + 0.5).floor().min(MOST_TRANSLATIONS)));
        let mut shortest = bound;
        for i in -reach[0]..=reach[0] {
            for j in -reach[1]..=reach[1] {
                for k in -reach[2]..=reach[2] {
                    let shift = Vector3::new(f64::from(i), f64::from(j), f64::from(k));
                    shortest = shortest.min(self.to_cartesian(&(difference + shift)).norm());
                }
            }
        }
        shortest
    }

    /// The Niggli-reduced lattice and the integer matrix `T` (rows) with `reduced = T · self`.
    ///
    /// # Errors
    /// [`CrystalError::Lattice`] for lengths that no crystal has, and if the reduction does not converge.
    pub fn niggli(&self) -> Result<(Self, Matrix3<i32>), CrystalError> {
        let (shorter, to_shorter) = self.size_reduced()?;
        let (reduced, transformation) = moyo::base::Lattice::new(shorter)
            .niggli_reduce()
            .map_err(|error| CrystalError::Lattice { reason: format!("Niggli reduction failed: {error}") })?;
        // moyo's basis vectors are columns.
        Ok((Self::new(reduced.basis.transpose())?, transformation.transpose() * to_shorter))
    }

    /// A basis that the Niggli reduction, which takes away one vector at a time, brings to its end in few steps: a
    /// skewed one with rounded multiples of its vectors taken away, any other one as it is.
    fn size_reduced(&self) -> Result<(Matrix3<f64>, Matrix3<i32>), CrystalError> {
        let bad = |reason: &str| CrystalError::Lattice { reason: reason.to_owned() };
        let mut rows = self.matrix;
        let mut transformation = Matrix3::<i32>::identity();
        let is_skewed = |rows: &Matrix3<f64>| {
            let pairs = [(0, 1), (0, 2), (1, 2)].into_iter();
            pairs.into_iter().any(|(i, j)| {
                let shorter = rows.row(i).norm_squared().min(rows.row(j).norm_squared());
                rows.row(i).dot(&rows.row(j)).abs() > MOST_SKEW * shorter
            })
        };
        for _ in 0..MOST_ROUNDS {
            let lengths = [0, 1, 2].map(|i| rows.row(i).norm());
            let (longest, shortest) =
                lengths.iter().fold((0.0_f64, f64::INFINITY), |(l, s), length| (l.max(*length), s.min(*length)));
            if !(longest < LONGEST && shortest > 1.0 / LONGEST && longest / shortest < LONGEST) {
                return Err(bad("its vectors are longer or shorter than those of any crystal"));
            }
            if !is_skewed(&rows) {
                return Ok((rows, transformation));
            }
            for (i, j) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
                let times = (rows.row(i).dot(&rows.row(j)) / rows.row(j).norm_squared()).round();
                if times.abs() > LONGEST {
                    return Err(bad("its vectors nearly lie in one plane"));
                }
                let less = rows.row(i) - rows.row(j) * times;
                rows.set_row(i, &less);
                let whole = saturated(times);
                for column in 0..3 {
                    let product = whole.checked_mul(transformation[(j, column)]);
                    let entry = product.and_then(|product| transformation[(i, column)].checked_sub(product));
                    transformation[(i, column)] = entry.ok_or_else(|| bad("its vectors nearly lie in one plane"))?;
                }
            }
        }
        Err(bad("its vectors nearly lie in one plane"))
    }
}

/// Translations to each side among which the nearest image is looked for. In a reduced cell it is a few at most.
const MOST_TRANSLATIONS: f64 = 64.0;

/// Lengths (Å) and ratios of lengths beyond this, or below its inverse, are no crystal's; reductions of such lattices
/// lose all digits and may not end.
const LONGEST: f64 = 1e7;

/// How many times a vector may contain another one before multiples are taken away at once.
const MOST_SKEW: f64 = 20.0;

/// Rounds after which a basis that is still skewed has lost its digits.
const MOST_ROUNDS: usize = 60;

impl TryFrom<[[f64; 3]; 3]> for Lattice {
    type Error = CrystalError;

    fn try_from(rows: [[f64; 3]; 3]) -> Result<Self, Self::Error> {
        Self::from_rows(rows)
    }
}

impl From<Lattice> for [[f64; 3]; 3] {
    fn from(lattice: Lattice) -> Self {
        lattice.rows()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parameters_round_trip(a in 1.0..20.0, b in 1.0..20.0, c in 1.0..20.0, alpha in 70.0..110.0, beta in 70.0..110.0, gamma in 70.0..110.0) {
            let given = LatticeParameters { a, b, c, alpha, beta, gamma };
            let found = Lattice::from_parameters(given).expect("a legal cell").parameters();
            for (x, y) in [(found.a, a), (found.b, b), (found.c, c), (found.alpha, alpha), (found.beta, beta), (found.gamma, gamma)] {
                assert_abs_diff_eq!(x, y, epsilon = 1e-9);
            }
        }

        #[test]
        fn coordinates_round_trip(x in -2.0..2.0, y in -2.0..2.0, z in -2.0..2.0) {
            let lattice = Lattice::from_rows([[3.0, 0.1, 0.0], [1.0, 4.0, -0.3], [0.2, 0.0, 5.0]]).expect("a cell");
            let frac = Vector3::new(x, y, z);
            assert_abs_diff_eq!((lattice.to_fractional(&lattice.to_cartesian(&frac)) - frac).norm(), 0.0, epsilon = 1e-12);
        }
    }

    #[test]
    fn skewed_cells_find_the_shortest_image() {
        let lattice = Lattice::from_rows([[1.0, 0.0, 0.0], [3.45, 1.0, 0.0], [0.0, 0.0, 1.0]]).expect("a cell");
        let distance = lattice.min_image_distance(&Vector3::zeros(), &Vector3::new(0.5, 0.5, 0.0));
        let brute = (-9..=9)
            .flat_map(|i| (-9..=9).map(move |j| (i, j)))
            .map(|(i, j)| lattice.to_cartesian(&Vector3::new(0.5 + f64::from(i), 0.5 + f64::from(j), 0.0)).norm())
            .fold(f64::INFINITY, f64::min);
        assert_abs_diff_eq!(distance, brute, epsilon = 1e-12);
    }

    #[test]
    fn cells_of_any_skew_have_the_same_distances() {
        let straight = Lattice::from_rows([[3.0, 0.0, 0.0], [0.7, 4.0, 0.0], [0.3, 0.2, 5.0]]).expect("a cell");
        let (a, b) = (Vector3::new(0.1, 0.2, 0.3), Vector3::new(0.55, 0.75, 0.9));
        let expected = straight.min_image_distance(&a, &b);
        for skew in [7.0, 70.0, 1e3] {
            // The same crystal in a cell with rows b + skew·a and c − skew·b.
            let change = Matrix3::new(1.0, 0.0, 0.0, skew, 1.0, 0.0, 0.0, -skew, 1.0);
            let skewed = straight.transformed(&change).expect("a cell");
            let into = change.transpose().try_inverse().expect("unimodular");
            assert_abs_diff_eq!(skewed.min_image_distance(&(into * a), &(into * b)), expected, epsilon = 1e-4);
        }
    }

    #[test]
    fn refuses_flat_and_impossible_cells() {
        assert!(Lattice::from_rows([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).is_err());
        let flat = LatticeParameters { a: 1.0, b: 1.0, c: 1.0, alpha: 120.0, beta: 120.0, gamma: 120.0 };
        assert!(Lattice::from_parameters(flat).is_err());
    }

    #[test]
    fn very_skewed_and_extreme_cells_are_reduced_or_refused_at_once() {
        let start = std::time::Instant::now();
        for skew in [30.0, 1e3, 1e6] {
            let lattice = Lattice::from_rows([[3.0, 0.0, 0.0], [3.0 * skew + 0.7, 4.0, 0.0], [0.3, 0.2, 5.0]]);
            let lattice = lattice.expect("a cell");
            let (reduced, transformation) = lattice.niggli().expect("a reduced cell");
            let rebuilt = transformation.map(f64::from) * lattice.matrix();
            assert!((rebuilt - reduced.matrix()).abs().max() < 1e-8 * skew, "{skew}");
            assert!(reduced.matrix().row_iter().all(|row| row.norm() < 8.0), "{skew}: {}", reduced.matrix());
        }
        for rows in [
            [[1e20, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
            [[1e-9, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
            [[1e150, 1e149, 0.0], [0.0, 1e-150, 1e-151], [3.0, 0.0, 1e20]],
            [[4.0, 0.0, 0.0], [4e12, 4.0, 0.0], [0.0, 0.0, 4.0]],
        ] {
            if let Ok(lattice) = Lattice::from_rows(rows) {
                assert!(lattice.niggli().is_err(), "{rows:?}");
            }
        }
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    #[test]
    fn niggli_keeps_the_volume() {
        let lattice = Lattice::from_rows([[3.0, 0.1, 0.0], [7.0, 4.0, -0.3], [9.2, 5.0, 5.0]]).expect("a cell");
        let (reduced, transformation) = lattice.niggli().expect("a reduction");
        assert_abs_diff_eq!(reduced.volume(), lattice.volume(), epsilon = 1e-9);
        let rebuilt = transformation.map(f64::from) * lattice.matrix();
        // The reduced cell may be rotated against the input: compare the metric.
        assert_abs_diff_eq!(
            rebuilt * rebuilt.transpose(),
            reduced.matrix() * reduced.matrix().transpose(),
            epsilon = 1e-9
        );
    }
}
