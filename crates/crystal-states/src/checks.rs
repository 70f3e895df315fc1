//! What every batch must fulfil, and when a structure can go no further.

use crystal_core::CrystalState;

use crate::{BasisConfig, N_ELEMENTS, StateError};

/// Volume of the primitive cell per image, Å³, outside which a structure counts as collapsed or diverged.
pub(crate) const VOLUME_PER_IMAGE: (f64, f64) = (1e-4, 1e4);

pub(crate) fn check_elements(states: &[CrystalState]) -> Result<(), StateError> {
    let mut sites = states.iter().flat_map(|state| &state.sites).enumerate().peekable();
    if sites.peek().is_none() {
        return Err(StateError::EmptyBatch);
    }
    let known = 1..=N_ELEMENTS;
    match sites.find(|(_, site)| !known.contains(&usize::from(site.species().atomic_number()))) {
        Some((site, unknown)) => {
            Err(StateError::UnknownElement { site, atomic_number: unknown.species().atomic_number() })
        }
        None => Ok(()),
    }
}

pub(crate) fn check_levels(levels: &[usize], n_structures: usize, basis: &BasisConfig) -> Result<(), StateError> {
    if levels.len() != n_structures {
        return Err(StateError::LevelCount { levels: levels.len(), structures: n_structures });
    }
    match levels.iter().enumerate().find(|(_, level)| **level >= basis.n_levels) {
        Some((structure, &level)) => Err(StateError::LevelOutOfRange { structure, level, n_levels: basis.n_levels }),
        None => Ok(()),
    }
}

/// Why a state can go no further, if it cannot.
pub(crate) fn failure(state: &CrystalState) -> Option<String> {
    if state.sites.iter().any(|site| site.frac_coords().iter().any(|x| !x.is_finite())) {
        return Some("a position is no longer a number".to_owned());
    }
    let lattice = match state.primitive_lattice() {
        Ok(lattice) => lattice,
        Err(error) => return Some(error.to_string()),
    };
    let images = (state.sites.len() * state.space_group.primitive_operations().len()) as f64;
    let volume = lattice.volume() / images;
    let (low, high) = VOLUME_PER_IMAGE;
    (!(low..=high).contains(&volume)).then(|| format!("the cell came to {volume:.3e} Å³ per image"))
}
