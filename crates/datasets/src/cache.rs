//! The reduced form on disk: a sealed file with a zstd frame of one [`Stored`]. The file's name carries the key (hash
//! of what is reduced, options, version of the format), so sets and options do not push each other out.

use std::fs;
use std::path::{Path, PathBuf};

use crystal_core::whole::compact;
use crystal_core::{AsymmetricSite, AsymmetricUnit, Lattice, Site, SpaceGroup, Species, Structure};
use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;
use sealed_file::{Format, SealedFileError};
use serde::{Deserialize, Serialize};

use crate::data_set::Split;
use crate::reduce::unit_of;
use crate::{DataSet, LoadOptions, Record};

/// The version is raised whenever the layout or the meaning of its numbers changes.
const FORMAT: Format = Format { name: "reduced data set", version: 3 };
/// Fast to write; higher levels gain little on numbers.
const LEVEL: i32 = 3;
/// Records that are reduced anew after loading, so that a cache that another version of the reduction wrote is noticed.
const SPOT_CHECKS: usize = 12;
/// Difference above which a reduced coordinate or lattice vector counts as another one (fractions, Å).
const SAME: f64 = 1e-6;

/// Where the reduced form of a source is kept.
pub(crate) struct Place {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    sha256: String,
    rejected: Vec<(String, String)>,
    dropped: [u64; 3],
    splits: [Vec<StoredRecord>; 3],
}

#[derive(Serialize, Deserialize)]
struct StoredRecord {
    id: String,
    space_group: Option<u8>,
    formation_energy: Option<f64>,
    lattice: [f64; 9],
    /// Atomic numbers.
    species: Vec<u8>,
    /// Three per site.
    frac_coords: Vec<f64>,
    unit: Result<StoredUnit, String>,
}

#[derive(Serialize, Deserialize)]
struct StoredUnit {
    space_group: u8,
    lattice: [f64; 9],
    species: Vec<u8>,
    frac_coords: Vec<f64>,
    wyckoff_letters: String,
    multiplicities: Vec<u32>,
}

impl Place {
    pub(crate) fn new(folder: &Path, name: &str, content: &str, options: &LoadOptions) -> Self {
        let key = format!("{} {content} {} {:e}", FORMAT.version, options.min_space_group, options.symprec);
        let key = &sealed_file::sha256_hex(key.as_bytes())[..16];
        Self { path: folder.join("reduced").join(format!("{name}-{key}.postcard.zst")) }
    }

    /// The data set, if it is there, whole, and what the present code would make of the source.
    pub(crate) fn load(&self, name: &str, options: &LoadOptions) -> Option<DataSet> {
        let frame = match FORMAT.read(&self.path) {
            Ok(frame) => frame,
            Err(SealedFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("{error}; the reduced form is made anew");
                return None;
            }
        };
        match decode(&frame).and_then(|stored| restore(stored, name)).and_then(|data| spot_check(data, options.symprec))
        {
            Ok(data) => Some(data),
            Err(reason) => {
                tracing::warn!("{}: {reason}; the reduced form is made anew", self.path.display());
                None
            }
        }
    }

    /// Writes the data set to a temporary name and renames it. Failure costs time at the next start, nothing else,
    /// hence a warning.
    pub(crate) fn store(&self, data: &DataSet) {
        if let Err(reason) = encode(data).and_then(|frame| self.write(&frame)) {
            tracing::warn!("{}: {reason}; the reduced form is not kept", self.path.display());
        }
    }

    fn write(&self, frame: &[u8]) -> Result<(), String> {
        let folder = self.path.parent().expect("the path has a folder");
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        FORMAT.write(&self.path, frame).map_err(|error| error.to_string())
    }
}

fn encode(data: &DataSet) -> Result<Vec<u8>, String> {
    let stored = Stored {
        name: data.name.clone(),
        sha256: data.sha256.clone(),
        rejected: data.rejected.clone(),
        dropped: data.dropped.map(|count| count as u64),
        splits: Split::ALL.map(|split| data.split(split).iter().map(stored_record).collect()),
    };
    let plain = postcard::to_stdvec(&stored).map_err(|error| error.to_string())?;
    zstd::encode_all(plain.as_slice(), LEVEL).map_err(|error| error.to_string())
}

fn decode(frame: &[u8]) -> Result<Stored, String> {
    let plain = zstd::decode_all(frame).map_err(|error| format!("it is corrupt: {error}"))?;
    postcard::from_bytes(&plain).map_err(|error| format!("it is corrupt: {error}"))
}

fn restore(stored: Stored, name: &str) -> Result<DataSet, String> {
    if stored.name != name {
        return Err("it belongs to another source".to_owned());
    }
    let [train, validation, test] = stored.splits;
    let records = |split: Vec<StoredRecord>| split.into_par_iter().map(record).collect::<Result<Vec<_>, String>>();
    Ok(DataSet {
        name: stored.name,
        sha256: stored.sha256,
        rejected: stored.rejected,
        dropped: stored.dropped.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        splits: [records(train)?, records(validation)?, records(test)?],
    })
}

/// Reduces some records anew and compares.
fn spot_check(data: DataSet, symprec: f64) -> Result<DataSet, String> {
    let total = data.records().count();
    let step = total.div_ceil(SPOT_CHECKS).max(1);
    let records: Vec<&Record> = data.records().step_by(step).collect();
    let changed = records.par_iter().find_any(|record| !same(&record.unit, &unit_of(&record.structure, symprec)));
    match changed {
        Some(record) => Err(format!("the reduction of {} has changed since it was written", record.id)),
        None => Ok(data),
    }
}

fn same(old: &Result<AsymmetricUnit, String>, new: &Result<AsymmetricUnit, String>) -> bool {
    match (old, new) {
        (Ok(old), Ok(new)) => {
            old.space_group().number() == new.space_group().number()
                && (old.lattice().matrix() - new.lattice().matrix()).abs().max() < SAME
                && old.sites().len() == new.sites().len()
                && old.sites().iter().zip(new.sites()).all(|(a, b)| {
                    (a.species(), a.wyckoff_letter(), a.multiplicity())
                        == (b.species(), b.wyckoff_letter(), b.multiplicity())
                        && (a.frac_coords() - b.frac_coords()).abs().max() < SAME
                })
        }
        (Err(old), Err(new)) => old == new,
        _ => false,
    }
}

fn nine(lattice: &Lattice) -> [f64; 9] {
    let rows = lattice.rows();
    rows.as_flattened().try_into().expect("three rows of three numbers")
}

fn lattice_of(numbers: &[f64; 9]) -> Result<Lattice, String> {
    Lattice::new(Matrix3::from_row_slice(numbers)).map_err(|error| error.to_string())
}

fn species_of(number: u8) -> Result<Species, String> {
    Species::from_atomic_number(i64::from(number)).map_err(|error| error.to_string())
}

fn points(frac_coords: &[f64]) -> impl Iterator<Item = Vector3<f64>> {
    frac_coords.chunks_exact(3).map(|frac| Vector3::new(frac[0], frac[1], frac[2]))
}

fn stored_record(record: &Record) -> StoredRecord {
    let structure = &record.structure;
    StoredRecord {
        id: record.id.clone(),
        space_group: record.space_group,
        formation_energy: record.formation_energy,
        lattice: nine(structure.lattice()),
        species: structure.sites().iter().map(|site| site.species.atomic_number()).collect(),
        frac_coords: structure.sites().iter().flat_map(|site| <[f64; 3]>::from(site.frac_coords)).collect(),
        unit: record.unit.as_ref().map(stored_unit).map_err(Clone::clone),
    }
}

fn stored_unit(unit: &AsymmetricUnit) -> StoredUnit {
    StoredUnit {
        space_group: unit.space_group().number().get(),
        lattice: nine(unit.lattice()),
        species: unit.sites().iter().map(|site| site.species().atomic_number()).collect(),
        frac_coords: unit.sites().iter().flat_map(|site| <[f64; 3]>::from(site.frac_coords())).collect(),
        wyckoff_letters: unit.sites().iter().map(|site| site.wyckoff_letter()).collect(),
        multiplicities: unit.sites().iter().map(|site| compact(site.multiplicity())).collect(),
    }
}

fn record(stored: StoredRecord) -> Result<Record, String> {
    let site = |(number, frac_coords)| Ok(Site { species: species_of(number)?, frac_coords });
    let sites = stored
        .species
        .iter()
        .copied()
        .zip(points(&stored.frac_coords))
        .map(site)
        .collect::<Result<Vec<_>, String>>()?;
    // The cache is sealed, and what was read into it had been checked.
    let structure =
        Structure::allowing_overlap(lattice_of(&stored.lattice)?, sites).map_err(|error| error.to_string())?;
    let unit = match stored.unit {
        Ok(unit) => Ok(restored_unit(&unit)?),
        Err(reason) => Err(reason),
    };
    let StoredRecord { id, space_group, formation_energy, .. } = stored;
    Ok(Record { id, structure, space_group, formation_energy, unit })
}

fn restored_unit(stored: &StoredUnit) -> Result<AsymmetricUnit, String> {
    let space_group = SpaceGroup::from_number(i64::from(stored.space_group)).map_err(|error| error.to_string())?;
    let positions = points(&stored.frac_coords).zip(stored.wyckoff_letters.chars()).zip(&stored.multiplicities);
    let site = |(number, ((frac_coords, wyckoff_letter), multiplicity)): (u8, ((Vector3<f64>, char), &u32))| {
        let position = space_group
            .wyckoff_position(wyckoff_letter)
            .filter(|position| position.multiplicity() == *multiplicity as usize)
            .ok_or_else(|| {
                format!("space group {} has no position {multiplicity}{wyckoff_letter}", stored.space_group)
            })?;
        Ok(AsymmetricSite::on_position(position, species_of(number)?, frac_coords))
    };
    let sites = stored.species.iter().copied().zip(positions).map(site).collect::<Result<Vec<_>, String>>()?;
    Ok(AsymmetricUnit::unchecked(space_group, lattice_of(&stored.lattice)?, sites))
}
