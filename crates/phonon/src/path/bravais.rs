//! Which extended Bravais lattice a crystal has, and the parameters of its special points.

use crystal_core::{Centring, CrystalSystem, Lattice, LatticeParameters, SpaceGroup};
use nalgebra::{Matrix3, Vector3};

use crate::PhononError;

/// Trigonal groups with a primitive lattice in which H and its mirror image are not equivalent.
const HP1: [u8; 11] = [143, 144, 145, 147, 149, 151, 153, 157, 159, 162, 163];

/// An extended Bravais lattice: the shape of the Brillouin zone and where its special points are.
#[derive(Debug)]
pub(super) struct ExtendedBravais {
    /// Symbol in the tables.
    pub(super) name: &'static str,
    /// Parameters of the special points.
    pub(super) parameters: Vec<(char, f64)>,
    /// From coordinates in the reciprocal basis of the tables' primitive cell to those of our conventional cell.
    pub(super) to_conventional: Matrix3<f64>,
}

impl ExtendedBravais {
    /// # Errors
    /// [`PhononError::Crystal`] if a triclinic reciprocal lattice cannot be reduced.
    pub(super) fn new(group: &SpaceGroup, lattice: &Lattice) -> Result<Self, PhononError> {
        let number = group.number().get();
        let LatticeParameters { a, b, c, .. } = lattice.parameters();
        let with =
            |name, parameters, basis: Matrix3<f64>| Self { name, parameters, to_conventional: from_basis(&basis) };
        Ok(match (group.system(), group.centring()) {
            (CrystalSystem::Triclinic, _) => triclinic(lattice)?,
            (CrystalSystem::Monoclinic, centring) => monoclinic(lattice, centring),
            (CrystalSystem::Orthorhombic, Centring::F) => face_centred(a, b, c),
            (CrystalSystem::Orthorhombic, Centring::I) => body_centred(a, b, c),
            (CrystalSystem::Orthorhombic, Centring::C) => {
                let basis = half([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]);
                if a <= b {
                    with("oC1", vec![('X', quarter(a / b))], basis)
                } else {
                    with("oC2", vec![('X', quarter(b / a))], basis)
                }
            }
            (CrystalSystem::Orthorhombic, Centring::A) => {
                let basis = half([[0.0, 1.0, -1.0], [0.0, 1.0, 1.0], [2.0, 0.0, 0.0]]);
                if b <= c {
                    with("oA1", vec![('X', quarter(b / c))], basis)
                } else {
                    with("oA2", vec![('X', quarter(c / b))], basis)
                }
            }
            (CrystalSystem::Orthorhombic, _) => with("oP1", vec![], Matrix3::identity()),
            (CrystalSystem::Tetragonal, Centring::I) if c <= a => with("tI1", vec![('H', quarter(c / a))], body()),
            (CrystalSystem::Tetragonal, Centring::I) => {
                with("tI2", vec![('H', quarter(a / c)), ('Z', 0.5 * (a / c).powi(2))], body())
            }
            (CrystalSystem::Tetragonal, _) => with("tP1", vec![], Matrix3::identity()),
            (CrystalSystem::Trigonal, Centring::R) => rhombohedral(a, c),
            (CrystalSystem::Trigonal | CrystalSystem::Hexagonal, _) => {
                with(if HP1.contains(&number) { "hP1" } else { "hP2" }, vec![], Matrix3::identity())
            }
            (CrystalSystem::Cubic, Centring::F) => with(if number <= 206 { "cF1" } else { "cF2" }, vec![], face()),
            (CrystalSystem::Cubic, Centring::I) => with("cI1", vec![], body()),
            (CrystalSystem::Cubic, _) => with(if number <= 206 { "cP1" } else { "cP2" }, vec![], Matrix3::identity()),
        })
    }
}

/// Rows of the tables' primitive cell in terms of the conventional one (the transpose of their matrix P), times two.
fn half(rows: [[f64; 3]; 3]) -> Matrix3<f64> {
    Matrix3::from_row_slice(rows.as_flattened()) * 0.5
}

fn face() -> Matrix3<f64> {
    half([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
}

fn body() -> Matrix3<f64> {
    half([[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]])
}

/// Rows `p = B·c` of a direct basis give `k_c = B⁻¹·k_p` on columns of reduced coordinates.
fn from_basis(basis: &Matrix3<f64>) -> Matrix3<f64> {
    basis.try_inverse().expect("the tables' cells have a volume")
}

/// `(1 + x²)/4`.
fn quarter(ratio: f64) -> f64 {
    0.25 * (1.0 + ratio * ratio)
}

fn face_centred(a: f64, b: f64, c: f64) -> ExtendedBravais {
    // `(1 + x²/y² + s x²/z²)/4`.
    let parameter = |x: f64, y: f64, z: f64, s: f64| 0.25 * (1.0 + (x / y).powi(2) + s * (x / z).powi(2));
    let [a2, b2, c2] = [a, b, c].map(|length| length.powi(-2));
    let (name, parameters) = if a2 > b2 + c2 {
        ("oF1", vec![('J', parameter(a, b, c, -1.0)), ('H', parameter(a, b, c, 1.0))])
    } else if c2 > a2 + b2 {
        ("oF2", vec![('J', parameter(c, a, b, -1.0)), ('K', parameter(c, a, b, 1.0))])
    } else {
        let parameters =
            vec![('H', parameter(a, b, c, -1.0)), ('K', parameter(b, a, c, -1.0)), ('P', parameter(c, b, a, -1.0))];
        ("oF3", parameters)
    };
    ExtendedBravais { name, parameters, to_conventional: from_basis(&face()) }
}

fn body_centred(a: f64, b: f64, c: f64) -> ExtendedBravais {
    // With the longest axis z and the others x, y: `(1 + x²/z²)/4`, `(1 + y²/z²)/4`, `(y² − x²)/4z²`, `(x² + y²)/4z²`.
    let parameters = |names: [char; 4], x: f64, y: f64, z: f64| {
        let (x, y) = ((x / z).powi(2), (y / z).powi(2));
        names.into_iter().zip([0.25 * (1.0 + x), 0.25 * (1.0 + y), 0.25 * (y - x), 0.25 * (x + y)]).collect()
    };
    // Of equally long axes the one that seekpath prefers: b, then a, then c.
    let (name, parameters): (_, Vec<(char, f64)>) = if b >= a && b >= c {
        ("oI3", parameters(['Z', 'Y', 'D', 'M'], c, a, b))
    } else if a >= c {
        ("oI2", parameters(['Z', 'H', 'D', 'N'], b, c, a))
    } else {
        ("oI1", parameters(['Z', 'H', 'D', 'N'], a, b, c))
    };
    ExtendedBravais { name, parameters, to_conventional: from_basis(&body()) }
}

fn rhombohedral(a: f64, c: f64) -> ExtendedBravais {
    let third = 1.0 / 3.0;
    let basis = Matrix3::new(2.0, 1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -2.0, 1.0) * third;
    let (name, parameters) = if 3.0_f64.sqrt() * a <= 2.0_f64.sqrt() * c {
        let d = (0.5 * a / c).powi(2);
        ("hR1", vec![('D', d), ('Y', 5.0 / 6.0 - 2.0 * d), ('N', third + d)])
    } else {
        let z = 1.0 / 6.0 - (c / a).powi(2) / 9.0;
        ("hR2", vec![('Z', z), ('H', 0.5 - 2.0 * z), ('N', 0.5 + z)])
    };
    ExtendedBravais { name, parameters, to_conventional: from_basis(&basis) }
}

/// The tables take β as not acute and a and c as an obtuse superbase of their plane; other cells are brought there
/// first.
fn monoclinic(lattice: &Lattice, centring: Centring) -> ExtendedBravais {
    let step = if centring == Centring::P { 1.0 } else { 2.0 };
    let change = obtuse_basis(lattice, step);
    let rows = change * lattice.matrix();
    let [a, b, c] = [0, 1, 2].map(|axis| rows.row(axis).norm());
    let cos_beta = rows.row(0).dot(&rows.row(2)) / (a * c);
    let sin_squared = 1.0 - cos_beta * cos_beta;
    let (name, parameters, basis) = if centring == Centring::P {
        let y = (1.0 + a / c * cos_beta) / (2.0 * sin_squared);
        ("mP1", vec![('Y', y), ('N', 0.5 + y * c * cos_beta / a)], Matrix3::identity())
    } else {
        let (name, parameters) = base_centred(a, b, c, cos_beta);
        (name, parameters, half([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]))
    };
    ExtendedBravais { name, parameters, to_conventional: from_basis(&(basis * change)) }
}

fn base_centred(a: f64, b: f64, c: f64, cos_beta: f64) -> (&'static str, Vec<(char, f64)>) {
    let sin_squared = 1.0 - cos_beta * cos_beta;
    if b < a * sin_squared.sqrt() {
        let z = (2.0 + a / c * cos_beta) / (4.0 * sin_squared);
        let s = 0.75 - b * b / (4.0 * a * a * sin_squared);
        let parameters =
            vec![('Z', z), ('H', 0.5 - 2.0 * z * c * cos_beta / a), ('S', s), ('P', s - (0.75 - s) * a * cos_beta / c)];
        return ("mC1", parameters);
    }
    let z = 0.25 * ((a / b).powi(2) + (1.0 + a / c * cos_beta) / sin_squared);
    let x = 0.5 - 2.0 * z * c * cos_beta / a;
    let skew = -a * c * cos_beta / (2.0 * b * b);
    if -a * cos_beta / c + a * a * sin_squared / (b * b) <= 1.0 {
        let m = quarter(a / b);
        ("mC2", vec![('Z', z), ('M', m), ('D', skew), ('X', x), ('P', 1.0 + z - 2.0 * m), ('S', x - 2.0 * skew)])
    } else {
        let f = 0.5 * x + 0.25 * (a / b).powi(2) - skew;
        let u = 2.0 * f - z;
        let w = c / (2.0 * a * cos_beta) * (1.0 - 4.0 * u + a * a * sin_squared / (b * b));
        let d = -0.25 + 0.5 * w - z * c * cos_beta / a;
        ("mC3", vec![('Z', z), ('R', 1.0 - z * (b / a).powi(2)), ('E', x), ('F', f), ('U', u), ('W', w), ('D', d)])
    }
}

/// Rows of a right-handed cell of the same lattice in terms of the conventional one, with `a·c ≤ 0`, `a·(a + c) ≥ 0`
/// and `c·(a + c) ≥ 0`. Multiples of c are added to a in steps that keep the centring. A cell that is so already stays.
fn obtuse_basis(lattice: &Lattice, step: f64) -> Matrix3<f64> {
    let [a0, b0, c0] = [0, 1, 2].map(|axis| lattice.matrix().row(axis).transpose());
    let (mut a, mut c) = (Vector3::new(1.0, 0.0, 0.0), Vector3::new(0.0, 0.0, 1.0));
    let mut b = Vector3::new(0.0, 1.0, 0.0);
    let cartesian = |x: &Vector3<f64>| a0 * x.x + b0 * x.y + c0 * x.z;
    let product = |x: &Vector3<f64>, y: &Vector3<f64>| cartesian(x).dot(&cartesian(y));
    let tolerance = 1e-9 * product(&a, &a).max(product(&c, &c));
    let within =
        |a: &Vector3<f64>, c: &Vector3<f64>| product(a, c).abs() <= product(a, a).min(product(c, c)) + tolerance;
    // Each round shortens a or c, so it ends; the bound is for a lattice so flat that rounding decides.
    for _ in 0..1000 {
        if within(&a, &c) {
            break;
        }
        c -= a * (product(&a, &c) / product(&a, &a)).round();
        a -= c * step * (product(&a, &c) / (step * product(&c, &c))).round();
    }
    if product(&a, &c) > tolerance {
        // A half turn about a.
        (b, c) = (-b, -c);
    }
    Matrix3::from_rows(&[a.transpose(), b.transpose(), c.transpose()])
}

/// The reciprocal basis is reduced, its axes permuted so that `|k_a·k_b|` is smallest, and turned all-obtuse (aP2) or
/// all-acute (aP3).
fn triclinic(lattice: &Lattice) -> Result<ExtendedBravais, PhononError> {
    let reciprocal = Lattice::new(lattice.inverse().transpose())?;
    let (_, transformation) = reciprocal.niggli()?;
    let transformation = transformation.map(f64::from);
    let rows = transformation * reciprocal.matrix();
    let product = |rows: &Matrix3<f64>, i: usize, j: usize| rows.row(i).dot(&rows.row(j));
    let smallest = (0..3)
        .min_by(|x, y| {
            let amount = |axis: usize| product(&rows, (axis + 1) % 3, (axis + 2) % 3).abs();
            amount(*x).total_cmp(&amount(*y))
        })
        .expect("three pairs");
    // The axis that is not of the pair comes last.
    let order = [(smallest + 1) % 3, (smallest + 2) % 3, smallest];
    let permuted = Matrix3::from_fn(|i, j| transformation[(order[i], j)]);
    let rows = permuted * reciprocal.matrix();
    let acute = [product(&rows, 1, 2) > 0.0, product(&rows, 0, 2) > 0.0, product(&rows, 0, 1) > 0.0];
    // If one sign differs from the other two, a half turn about that axis reverses those two.
    let odd = (0..3).find(|i| acute[*i] != acute[(*i + 1) % 3] && acute[*i] != acute[(*i + 2) % 3]);
    let signs = odd.map_or(Vector3::repeat(1.0), |odd| Vector3::from_fn(|i, _| if i == odd { 1.0 } else { -1.0 }));
    let basis = Matrix3::from_diagonal(&signs) * permuted;
    let rows = basis * reciprocal.matrix();
    let all_obtuse = (0..3).all(|i| product(&rows, i, (i + 1) % 3) <= 0.0);
    let name = if all_obtuse { "aP2" } else { "aP3" };
    // Rows k' = B·k*, so coordinates on columns are x* = Bᵀ·x'.
    Ok(ExtendedBravais { name, parameters: vec![], to_conventional: basis.transpose() })
}
