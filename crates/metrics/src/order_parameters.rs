//! Local order parameters of a neighbour set (Zimmermann et al., Front. Mater. 4, 34 (2017), and Steinhardt et al.,
//! Phys. Rev. B 28, 784 (1983)), as metrics.md §2.6 lays them down.

use std::f64::consts::{FRAC_1_PI, FRAC_PI_2, PI};

use nalgebra::Vector3;

/// A perpendicular component shorter than this has no direction.
const FLAT: f64 = 1e-12;

/// An order parameter with its parameters: angles in radians, targets `target` in units of π, widths `w…` as factors on
/// angle/π.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OrderParameter {
    /// One neighbour nearer than all others.
    SingleBond,
    /// Angle of two neighbours.
    Bent { target: f64, width: f64 },
    /// Trigonal plane, tetrahedron: one polar angle, `fold` waves of the azimuth over π.
    Polar { target: f64, width: f64, fold: f64 },
    /// Pentagonal plane: polar angles of 0.4π and 0.8π.
    PentagonalPlane { target: f64, width: f64 },
    /// T shape and pyramids: an apex and neighbours around the equator.
    Pyramid { width: f64, fold: f64 },
    /// Square plane, octahedron and bipyramids: two poles and an equator.
    Bipyramid { south: f64, south_width: f64, width: f64, fold: f64 },
    /// Rectangular see-saw: as a bipyramid with neighbours on one side of the equator.
    SeeSaw { south: f64, south_width: f64, width: f64, fold: f64 },
    /// Hexagonal plane: polar angles of π/3 and 2π/3.
    HexagonalPlane { south: f64, south_width: f64, target: f64, width: f64 },
    /// Cuboctahedron.
    Cuboctahedron,
    /// Body-centred cube; depends on the order of the neighbours.
    BodyCentredCube { south: f64, south_width: f64, south_weight: f64 },
    /// Steinhardt's q of this degree.
    Steinhardt(usize),
}

/// Constants of the cuboctahedron: angles in radians, widths on angle/π.
mod cuboctahedron {
    pub const SOUTH: f64 = 2.792526803190927;
    pub const SOUTH_WIDTH: f64 = 28.75;
    pub const SOUTH_WEIGHT: f64 = 1.8;
    pub const BELOW_EQUATOR: f64 = 1.8325957145940461;
    pub const ABOVE_EQUATOR: f64 = 1.3089969389957472;
    pub const EQUATOR_WIDTH: f64 = 25.5;
    pub const TROPIC_WIDTH: f64 = 31.25;
    pub const AZIMUTH_WIDTH: f64 = 0.0556;
    pub const AZIMUTH_TARGET: f64 = 0.81649658;
}

/// Values of several order parameters for one set of neighbours, given by their vectors (Å) in the order of their
/// weights. Undefined ones are 0.
pub(crate) fn evaluate(parameters: &[OrderParameter], vectors: &[Vector3<f64>], values: &mut Vec<f64>) {
    values.clear();
    values.resize(parameters.len(), 0.0);
    if parameters.is_empty() {
        return;
    }
    let directions: Vec<Vector3<f64>> = vectors.iter().map(Vector3::normalize).collect();
    let mut needs_angles = false;
    for (value, parameter) in values.iter_mut().zip(parameters) {
        match parameter {
            OrderParameter::SingleBond => *value = single_bond(vectors),
            OrderParameter::Steinhardt(degree) => *value = steinhardt(*degree, &directions),
            _ => needs_angles = true,
        }
    }
    if needs_angles && vectors.len() >= 2 {
        angular(parameters, &directions, values);
    }
}

fn single_bond(vectors: &[Vector3<f64>]) -> f64 {
    let (mut shortest, mut second) = (f64::INFINITY, f64::INFINITY);
    for distance in vectors.iter().map(Vector3::norm) {
        if distance < shortest {
            (shortest, second) = (distance, shortest);
        } else {
            second = second.min(distance);
        }
    }
    match vectors.len() {
        0 => 0.0,
        1 => 1.0,
        _ => 1.0 - shortest / second,
    }
}

/// `q_l = √((1/n²) Σ_ab P_l(u_a·u_b))`, the addition-theorem form of Steinhardt's sum over spherical harmonics.
fn steinhardt(degree: usize, directions: &[Vector3<f64>]) -> f64 {
    let legendre = |x: f64| {
        let (mut previous, mut current) = (1.0, x);
        for l in 1..degree {
            let l = l as f64;
            (previous, current) = (current, ((2.0 * l + 1.0) * x * current - l * previous) / (l + 1.0));
        }
        current
    };
    let n = directions.len();
    let mut sum = n as f64;
    for a in 0..n {
        for b in a + 1..n {
            sum += 2.0 * legendre(directions[a].dot(&directions[b]));
        }
    }
    if n == 0 { 0.0 } else { sum.max(0.0).sqrt() / n as f64 }
}

/// `exp(−½(width·difference)²)`.
fn gauss(width: f64, difference: f64) -> f64 {
    let x = width * difference;
    (-0.5 * x * x).exp()
}

fn cos_squared(x: f64) -> f64 {
    let cosine = x.cos();
    cosine * cosine
}

/// Running value and weight of one order parameter at one choice of pole and prime meridian.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    weight: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.value += value;
        self.weight += 1.0;
    }
}

/// All order parameters built on a pole j and a prime meridian k, in one pass over (j, k, m).
fn angular(parameters: &[OrderParameter], directions: &[Vector3<f64>], values: &mut [f64]) {
    let n = directions.len();
    let mut sums = vec![Sum::default(); parameters.len()];
    let mut totals = vec![Sum::default(); parameters.len()];
    let mut theta = vec![0.0; n];
    let mut meridian: Vec<Option<Vector3<f64>>> = vec![None; n];
    for j in 0..n {
        let pole = &directions[j];
        for k in 0..n {
            let cosine = pole.dot(&directions[k]);
            theta[k] = cosine.clamp(-1.0, 1.0).acos();
            let perpendicular = directions[k] - pole * cosine;
            let norm = perpendicular.norm();
            meridian[k] = (norm >= FLAT).then(|| perpendicular / norm);
        }
        for k in (0..n).filter(|k| *k != j) {
            sums.fill(Sum::default());
            for (sum, parameter) in sums.iter_mut().zip(parameters) {
                meridian_term(parameter, theta[k], j < k, sum);
            }
            if let Some(prime) = meridian[k] {
                for m in (0..n).filter(|m| *m != j && *m != k) {
                    let phi = meridian[m].map(|direction| direction.dot(&prime).clamp(-1.0, 1.0).acos());
                    for (sum, parameter) in sums.iter_mut().zip(parameters) {
                        south_pole_term(parameter, theta[m], sum);
                        if let Some(phi) = phi {
                            third_term(parameter, theta[k], theta[m], phi, j < k, sum);
                        }
                    }
                }
            }
            for (index, parameter) in parameters.iter().enumerate() {
                match parameter {
                    OrderParameter::Bent { .. } | OrderParameter::BodyCentredCube { .. } => {
                        totals[index].value += sums[index].value;
                        totals[index].weight += sums[index].weight;
                    }
                    OrderParameter::SingleBond | OrderParameter::Steinhardt(_) => {}
                    _ if sums[index].weight > FLAT => {
                        values[index] = values[index].max(sums[index].value / sums[index].weight)
                    }
                    _ => {}
                }
            }
        }
    }
    for (index, parameter) in parameters.iter().enumerate() {
        match parameter {
            OrderParameter::Bent { .. } => values[index] = totals[index].value / totals[index].weight,
            OrderParameter::BodyCentredCube { .. } => {
                let n = n as f64;
                values[index] = totals[index].value / (0.5 * n * (6.0 + (n - 2.0) * (n - 3.0)));
            }
            _ => {}
        }
    }
}

/// The share of the neighbour on the prime meridian, at polar angle `theta`. `ordered`: the pole comes before it.
fn meridian_term(parameter: &OrderParameter, theta: f64, ordered: bool, sum: &mut Sum) {
    use OrderParameter::*;
    let alpha = theta * FRAC_1_PI;
    match *parameter {
        Bent { target, width } | Polar { target, width, .. } => sum.add(gauss(width, alpha - target)),
        PentagonalPlane { target, width } => sum.add(gauss(width, alpha - pentagonal_angle(theta, target))),
        Pyramid { width, .. } => sum.add(gauss(width, alpha - 0.5)),
        Bipyramid { south, width, .. } | SeeSaw { south, width, .. } if theta < south => {
            sum.add(gauss(width, alpha - 0.5))
        }
        HexagonalPlane { south, target, width, .. } if theta < south => {
            sum.add(gauss(width, (alpha - 0.5).abs() - target))
        }
        Cuboctahedron if theta >= cuboctahedron::SOUTH => {
            sum.value += cuboctahedron::SOUTH_WEIGHT * gauss(cuboctahedron::SOUTH_WIDTH, alpha - 1.0);
            sum.weight += cuboctahedron::SOUTH_WEIGHT;
        }
        BodyCentredCube { south, south_width, south_weight } if ordered && theta >= south => {
            sum.value += south_weight * gauss(south_width, alpha - 1.0);
        }
        _ => {}
    }
}

/// The share of a neighbour at the south pole.
fn south_pole_term(parameter: &OrderParameter, theta: f64, sum: &mut Sum) {
    use OrderParameter::*;
    if let Bipyramid { south, south_width, .. }
    | SeeSaw { south, south_width, .. }
    | HexagonalPlane { south, south_width, .. } = *parameter
        && theta >= south
    {
        sum.add(gauss(south_width, theta * FRAC_1_PI - 1.0));
    }
}

/// The share of a third neighbour at polar angle `theta` and azimuth `phi` from the meridian, whose polar angle is
/// `meridian`.
fn third_term(parameter: &OrderParameter, meridian: f64, theta: f64, phi: f64, ordered: bool, sum: &mut Sum) {
    use OrderParameter::*;
    let alpha = theta * FRAC_1_PI;
    match *parameter {
        Polar { target, width, fold } => sum.add(gauss(width, alpha - target) * cos_squared(fold * phi)),
        PentagonalPlane { target, width } => {
            sum.add(gauss(width, alpha - pentagonal_angle(theta, target)) * cos_squared(phi))
        }
        Pyramid { width, fold } => sum.add(cos_squared(fold * phi) * gauss(width, alpha - 0.5)),
        Bipyramid { south, width, fold, .. } if theta < south && meridian < south => {
            sum.add(cos_squared(fold * phi) * gauss(width, alpha - 0.5));
        }
        SeeSaw { south, width, fold, .. } if theta < south && meridian < south && phi < 0.75 * PI => {
            sum.add(cos_squared(fold * phi) * gauss(width, alpha - 0.5));
        }
        HexagonalPlane { south, target, width, .. } if theta < south && meridian < south => {
            sum.add(cos_squared(phi) * gauss(width, (alpha - 0.5).abs() - target));
        }
        Cuboctahedron => cuboctahedron_term(meridian, theta, phi, sum),
        BodyCentredCube { south, .. } if ordered && meridian < south => {
            let sign = if meridian > FRAC_PI_2 { 1.0 } else { -1.0 };
            let t = (theta - FRAC_PI_2) / (1.0_f64 / 3.0).asin();
            sum.value += sign * (3.0 * phi).cos() * 0.5_f64.exp() * t * (-0.5 * t * t).exp();
        }
        _ => {}
    }
}

fn cuboctahedron_term(meridian: f64, theta: f64, phi: f64, sum: &mut Sum) {
    use cuboctahedron::*;
    let near_equator = |angle: f64| ABOVE_EQUATOR < angle && angle < BELOW_EQUATOR;
    if theta >= SOUTH || !near_equator(meridian) {
        return;
    }
    let alpha = theta * FRAC_1_PI;
    let azimuth = || gauss(AZIMUTH_WIDTH, (phi - FRAC_PI_2).cos() - AZIMUTH_TARGET);
    if near_equator(theta) {
        sum.add(cos_squared(phi) * gauss(EQUATOR_WIDTH, alpha - 0.5));
    } else if theta < ABOVE_EQUATOR {
        sum.add(azimuth() * gauss(TROPIC_WIDTH, alpha - 1.0 / 3.0));
    } else if theta > BELOW_EQUATOR {
        sum.add(azimuth() * gauss(TROPIC_WIDTH, alpha - 2.0 / 3.0));
    }
}

/// The nearer of the two polar angles of a regular pentagon, in units of π.
fn pentagonal_angle(theta: f64, target: f64) -> f64 {
    if theta <= target * PI { 0.4 } else { 0.8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octahedron() -> Vec<Vector3<f64>> {
        [Vector3::x(), Vector3::y(), Vector3::z()].into_iter().flat_map(|axis| [axis * 2.0, axis * -2.0]).collect()
    }

    fn value(parameter: OrderParameter, vectors: &[Vector3<f64>]) -> f64 {
        let mut values = Vec::new();
        evaluate(&[parameter], vectors, &mut values);
        values[0]
    }

    #[test]
    fn ideal_shapes_score_one() {
        let south = 0.75 * PI;
        let octahedral = OrderParameter::Bipyramid { south, south_width: 15.0, width: 18.0, fold: 2.0 };
        assert!((value(octahedral, &octahedron()) - 1.0).abs() < 1e-12);
        let linear = OrderParameter::Bent { target: 1.0, width: 8.667 };
        assert!((value(linear, &[Vector3::x(), -Vector3::x()]) - 1.0).abs() < 1e-12);
        let tetrahedron = [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]].map(Vector3::from);
        let tetrahedral = OrderParameter::Polar { target: 0.6081734479693927, width: 18.5, fold: 1.5 };
        assert!((value(tetrahedral, &tetrahedron) - 1.0).abs() < 1e-9);
        assert!(value(tetrahedral, &octahedron()[..4]) < 0.5);
    }

    #[test]
    fn steinhardt_of_the_octahedron() {
        // Known values of the simple cubic shell: q4 = √(7/12), q6 = 1/√8, q2 = 0 by symmetry.
        assert!(value(OrderParameter::Steinhardt(2), &octahedron()) < 1e-7);
        assert!((value(OrderParameter::Steinhardt(4), &octahedron()) - (7.0_f64 / 12.0).sqrt()).abs() < 1e-12);
        assert!((value(OrderParameter::Steinhardt(6), &octahedron()) - 8.0_f64.sqrt().recip()).abs() < 1e-12);
    }

    #[test]
    fn single_bond_compares_the_two_nearest() {
        assert_eq!(value(OrderParameter::SingleBond, &[Vector3::x()]), 1.0);
        assert!((value(OrderParameter::SingleBond, &[Vector3::x() * 4.0, Vector3::y()]) - 0.75).abs() < 1e-15);
    }

    #[test]
    fn one_neighbour_has_no_angles() {
        assert_eq!(value(OrderParameter::Bent { target: 1.0, width: 8.667 }, &[Vector3::x()]), 0.0);
    }
}
