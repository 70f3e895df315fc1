//! The finder spglib: the crate's only foreign calls. spglib's basis vectors are columns, as moyo's.
#![allow(unsafe_code, reason = "spglib is a C library")]

use std::ffi::{c_char, c_int};
use std::ptr::NonNull;

use nalgebra::{Matrix3, Vector3};

use super::{Standardised, SymmetryReport};
use crate::{CrystalError, HallNumber, Lattice, Site, SpaceGroup, SpaceGroupNumber, Species, Structure};

/// A data set that spglib allocated, given back on drop.
struct Dataset(NonNull<spglib_sys::SpglibDataset>);

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the pointer came from spglib, is not null, and is given back once.
        unsafe { spglib_sys::spg_free_dataset(self.0.as_ptr()) }
    }
}

impl Dataset {
    /// Asks spglib for a structure in the setting `hall_number` (0: spglib's choice). `None` if it finds nothing.
    /// `angle_tolerance` of −1 is spglib's own criterion, in Å.
    fn find(structure: &Structure, hall_number: c_int, symprec: f64) -> Option<Self> {
        let rows = structure.lattice().rows();
        let mut lattice: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]));
        let mut positions: Vec<[f64; 3]> = structure.sites().iter().map(|site| site.frac_coords.into()).collect();
        let types: Vec<c_int> =
            structure.sites().iter().map(|site| c_int::from(site.species.atomic_number())).collect();
        let n_sites = c_int::try_from(types.len()).ok().filter(|n| *n > 0)?;
        // SAFETY: the arrays have `n_sites` entries, live through the call, and spglib keeps none of them.
        let dataset = unsafe {
            spglib_sys::spgat_get_dataset_with_hall_number(
                lattice.as_mut_ptr(),
                positions.as_mut_ptr(),
                types.as_ptr(),
                n_sites,
                hall_number,
                symprec,
                -1.0,
            )
        };
        let dataset = Self(NonNull::new(dataset)?);
        (dataset.get().spacegroup_number > 0).then_some(dataset)
    }

    fn get(&self) -> &spglib_sys::SpglibDataset {
        // SAFETY: not null, and alive as long as `self`.
        unsafe { self.0.as_ref() }
    }

    /// An array of the data set: empty where spglib left a null pointer.
    fn slice<T>(&self, start: *const T, length: c_int) -> &[T] {
        match usize::try_from(length) {
            // SAFETY: spglib allocates its arrays with the lengths that stand beside them in the data set.
            Ok(length) if !start.is_null() => unsafe { std::slice::from_raw_parts(start, length) },
            _ => &[],
        }
    }
}

fn text(characters: &[c_char]) -> String {
    characters.iter().take_while(|c| **c != 0).map(|c| char::from(*c as u8)).collect()
}

pub(super) fn find(structure: &Structure, symprec: f64) -> Result<(SymmetryReport, Standardised), CrystalError> {
    let not_found = |reason: &str| CrystalError::SymmetryNotFound { symprec, reason: reason.to_owned() };
    // In a left-handed basis spglib would return the mirror image. The opposite basis is right-handed and spans the
    // same crystal.
    let left_handed = structure.lattice().matrix().determinant() < 0.0;
    let sign = if left_handed { -1.0 } else { 1.0 };
    let turned = |site: &Site| Site { species: site.species, frac_coords: site.frac_coords * sign };
    let right_handed = Structure::allowing_overlap(
        Lattice::new(structure.lattice().matrix() * sign)?,
        structure.sites().iter().map(turned).collect(),
    )?;
    let mut dataset = Dataset::find(&right_handed, 0, symprec).ok_or_else(|| not_found("spglib finds none"))?;
    let number = SpaceGroupNumber::new(i64::from(dataset.get().spacegroup_number))?;
    let standard = c_int::from(SpaceGroup::get(number).hall_number().get());
    if dataset.get().hall_number != standard {
        dataset = Dataset::find(&right_handed, standard, symprec)
            .ok_or_else(|| not_found("spglib does not bring the structure into the standard setting"))?;
    }
    let data = dataset.get();
    let linear = Matrix3::from_fn(|i, j| data.transformation_matrix[i][j]) * sign;
    let sites = dataset
        .slice(data.std_positions, data.n_std_atoms)
        .iter()
        .zip(dataset.slice(data.std_types, data.n_std_atoms))
        .map(|(position, atomic_number)| {
            let species = Species::from_atomic_number(i64::from(*atomic_number))?;
            Ok(Site { species, frac_coords: Vector3::from(*position) })
        })
        .collect::<Result<Vec<_>, CrystalError>>()?;
    let standardised = Standardised {
        number,
        lattice: Lattice::new(Matrix3::from_fn(|i, j| data.std_lattice[j][i]))?,
        sites,
        linear,
        shift: Vector3::from(data.origin_shift),
        symprec,
    };
    let letter = |index: &c_int| {
        u8::try_from(*index)
            .ok()
            .filter(|index| *index < 27)
            .map(|index| if index == 26 { 'A' } else { char::from(b'a' + index) })
    };
    let report = SymmetryReport {
        number,
        international: text(&data.international_symbol),
        hall_number: HallNumber::new(i64::from(data.hall_number))?,
        wyckoff_letters: dataset
            .slice(data.wyckoffs, data.n_atoms)
            .iter()
            .map(letter)
            .collect::<Option<_>>()
            .ok_or_else(|| not_found("spglib gives a Wyckoff letter that does not exist"))?,
        site_symmetries: dataset
            .slice(data.site_symmetry_symbols, data.n_atoms)
            .iter()
            .map(|symbol| text(symbol).replace(' ', ""))
            .collect(),
        orbits: dataset
            .slice(data.crystallographic_orbits, data.n_atoms)
            .iter()
            .map(|orbit| usize::try_from(*orbit).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| not_found("spglib gives an orbit that does not exist"))?,
        symprec,
    };
    Ok((report, standardised))
}
