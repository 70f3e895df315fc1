//! The last step of sampling: sites near a special position go onto it, sites near one another become one.

use crystal_core::{CrystalError, CrystalState, Lattice, SpaceGroup};
use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

/// Tolerances of [`finish`]; the paper's by default (method §6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Finishing {
    /// Images of one site closer than this become one, Å.
    pub merge_distance: f64,
    /// A site this close (largest fractional component) to the points that an operation leaves fixed is projected onto
    /// them.
    pub project_distance: f64,
    /// Two sites of one element that an operation maps this close (largest fractional component) become one.
    pub coincide_distance: f64,
}

impl Default for Finishing {
    fn default() -> Self {
        Self { merge_distance: 0.4, project_distance: 4e-2, coincide_distance: 2e-2 }
    }
}

/// An operation with its lattice translation chosen: a map of points, not of points modulo the lattice.
#[derive(Clone)]
struct Motion {
    index: usize,
    rotation: Matrix3<i32>,
    translation: Vector3<f64>,
}

impl Motion {
    fn apply(&self, x: &Vector3<f64>) -> Vector3<f64> {
        self.rotation.map(f64::from) * x + self.translation
    }

    /// The mean of the points that this motion makes of `x` by repetition: the nearest fixed point, if there is one.
    /// Screws and glides leave no point fixed.
    fn fixed_point(&self, x: &Vector3<f64>) -> Option<Vector3<f64>> {
        let (mut power, mut point, mut sum, mut order) = (self.rotation, self.apply(x), *x, 1);
        while power != Matrix3::identity() {
            sum += point;
            point = self.apply(&point);
            power *= self.rotation;
            order += 1;
        }
        let mean = sum / f64::from(order);
        ((self.apply(&mean) - mean).amax() < 1e-6).then_some(mean)
    }
}

/// Projects sites onto special positions and makes coinciding sites one.
///
/// # Errors
/// [`CrystalError::Lattice`] if the lattice is not a cell.
pub fn finish(state: &mut CrystalState, tolerances: &Finishing) -> Result<(), CrystalError> {
    let lattice = state.primitive_lattice()?;
    let mut orders = Vec::with_capacity(state.sites.len());
    for site in &mut state.sites {
        let stabiliser = near_stabiliser(state.space_group, &site.frac_coords(), &lattice, tolerances);
        let sum: Vector3<f64> = stabiliser.iter().map(|motion| motion.apply(&site.frac_coords())).sum();
        site.move_to((sum / stabiliser.len() as f64).map(|x| x - x.floor()));
        orders.push(stabiliser.len());
    }
    // The site of higher symmetry stays: the other one has moved off its position by less than the tolerance.
    let mut dropped = vec![false; state.sites.len()];
    for i in 0..state.sites.len() {
        for j in 0..state.sites.len() {
            let first = (orders[i], std::cmp::Reverse(i)) > (orders[j], std::cmp::Reverse(j));
            if i == j || !first || dropped[i] || dropped[j] || state.sites[i].species() != state.sites[j].species() {
                continue;
            }
            dropped[j] = state.space_group.primitive_operations().iter().any(|operation| {
                let difference = operation.apply(&state.sites[j].frac_coords()) - state.sites[i].frac_coords();
                difference.iter().all(|x| (x - x.round()).abs() < tolerances.coincide_distance)
            });
        }
    }
    let mut keep = dropped.iter().map(|dropped| !dropped);
    state.sites.retain(|_| keep.next().unwrap_or(true));
    Ok(())
}

/// The largest group among the motions that leave `x` nearly fixed. Always holds the identity.
fn near_stabiliser(
    space_group: &SpaceGroup,
    x: &Vector3<f64>,
    lattice: &Lattice,
    tolerances: &Finishing,
) -> Vec<Motion> {
    let mut near: Vec<(f64, Motion)> = Vec::new();
    for (index, operation) in space_group.primitive_operations().iter().enumerate() {
        let image = operation.apply(x);
        let shift = (image - x).map(f64::round);
        let motion = Motion { index, rotation: operation.rotation, translation: operation.translation - shift };
        let Some(fixed) = motion.fixed_point(x) else { continue };
        let apart = lattice.to_cartesian(&(motion.apply(x) - x)).norm();
        if apart < tolerances.merge_distance || (fixed - x).amax() < tolerances.project_distance {
            near.push((lattice.to_cartesian(&(fixed - x)).norm(), motion));
        }
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.index.cmp(&b.1.index)));
    // What is near need not be a group: the farthest motion goes until the rest is one.
    while !is_group(near.iter().map(|(_, motion)| motion)) {
        near.pop();
    }
    near.into_iter().map(|(_, motion)| motion).collect()
}

/// Whether the motions are closed under composition (finite sets of motions then hold their inverses too).
fn is_group<'a>(motions: impl Iterator<Item = &'a Motion> + Clone) -> bool {
    motions.clone().all(|a| {
        motions.clone().all(|b| {
            let rotation = a.rotation * b.rotation;
            let translation = a.apply(&b.translation);
            motions.clone().any(|c| c.rotation == rotation && (c.translation - translation).amax() < 1e-6)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Composition, SpaceGroupNumber, StateSite};

    fn state(number: i64, length: f64, sites: &[(&str, [f64; 3])]) -> CrystalState {
        let space_group = SpaceGroup::get(SpaceGroupNumber::new(number).expect("a space group"));
        let lattice = Lattice::from_rows([[length, 0.0, 0.0], [0.0, length, 0.0], [0.0, 0.0, length]]).expect("a cell");
        let to_old = space_group.centring().to_conventional();
        CrystalState {
            space_group,
            lattice_coords: crystal_core::LatticeCoordinates::new(space_group.system()).encode(&lattice),
            sites: sites
                .iter()
                .map(|(symbol, x)| {
                    StateSite::general(symbol.parse().expect("an element"), to_old.transpose() * Vector3::from(*x))
                })
                .collect(),
        }
    }

    #[test]
    fn rock_salt_comes_out_of_noise() {
        let mut noisy = state(225, 5.6, &[("Na", [0.012, -0.009, 0.004]), ("Cl", [0.489, 0.508, 0.503])]);
        finish(&mut noisy, &Finishing::default()).expect("a cell");
        let structure = noisy.expand().expect("a structure");
        assert_eq!(Composition::of(&structure).formula(), "NaCl");
        let (_, _, distance) = structure.closest_pair().expect("two atoms");
        assert!((distance - 2.8).abs() < 1e-9, "{distance}");
    }

    #[test]
    fn far_sites_stay() {
        let mut general = state(225, 20.0, &[("Na", [0.11, 0.17, 0.23])]);
        let before = general.sites[0].frac_coords();
        finish(&mut general, &Finishing::default()).expect("a cell");
        assert!((general.sites[0].frac_coords() - before).map(|x| x - x.round()).amax() < 1e-12);
        assert_eq!(general.expand().expect("a structure").n_sites(), 48);
    }

    #[test]
    fn coinciding_sites_become_one() {
        let mut twice = state(221, 4.0, &[("Po", [0.01, 0.0, 0.0]), ("Po", [0.0, 0.99, 0.01]), ("O", [0.5, 0.5, 0.5])]);
        finish(&mut twice, &Finishing::default()).expect("a cell");
        assert_eq!(Composition::of(&twice.expand().expect("a structure")).to_string(), "O:1,Po:1");
    }

    #[test]
    fn different_elements_never_merge() {
        let mut clash = state(221, 4.0, &[("Po", [0.0, 0.0, 0.0]), ("O", [0.001, 0.0, 0.0])]);
        finish(&mut clash, &Finishing::default()).expect("a cell");
        assert_eq!(clash.sites.len(), 2);
    }

    #[test]
    fn glides_project_nothing() {
        // P n 3 n, origin on the inversion centre: a point near a glide plane but on no mirror stays general.
        let mut glide = state(222, 9.0, &[("Si", [0.13, 0.21, 0.34])]);
        let before = glide.sites[0].frac_coords();
        finish(&mut glide, &Finishing::default()).expect("a cell");
        assert!((glide.sites[0].frac_coords() - before).map(|x| x - x.round()).amax() < 1e-9);
    }

    #[test]
    fn every_group_projects_onto_its_own_points() {
        for number in SpaceGroupNumber::all() {
            let space_group = SpaceGroup::get(number);
            let lattice = Lattice::from_rows([[7.0, 0.0, 0.0], [0.0, 7.0, 0.0], [0.0, 0.0, 7.0]]).expect("a cell");
            for x in [[0.01, 0.02, -0.01], [0.26, 0.24, 0.251], [0.34, 0.66, 0.01], [0.49, 0.26, 0.74]] {
                let x = Vector3::from(x);
                let stabiliser = near_stabiliser(space_group, &x, &lattice, &Finishing::default());
                let sum: Vector3<f64> = stabiliser.iter().map(|motion| motion.apply(&x)).sum();
                let mean = sum / stabiliser.len() as f64;
                for motion in &stabiliser {
                    assert!((motion.apply(&mean) - mean).amax() < 1e-9, "{number}");
                }
            }
        }
    }
}
