//! Reference sets as files.
//!
//! The content is a postcard value of columns: numbers of one kind side by side compress far better than records.
//! Phases are sorted by composition, so that neighbours are alike.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use crystal_core::{Composition, SpaceGroupNumber, Species};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::builder::micro_electronvolts;
use super::{Origin, ReferencePhase, ReferenceSet, sealed};
use crate::{Phase, StabilityError};

/// The set that is compiled in.
const SHIPPED: &[u8] = include_bytes!("../../assets/hull/nequix-oam-1-pft.bin");
const SHIPPED_NAME: &str = "assets/hull/nequix-oam-1-pft.bin";

/// What nearly all ids begin with; the number behind it is kept as a number.
const PREFIX: &str = "mp-";

/// The file's content. Columns `n_elements`, `ids`, `raw`, `corrections` and `space_groups` have one entry for each
/// phase, `elements` and
/// `counts` have one for each element of each phase.
#[derive(Debug, Serialize, Deserialize)]
struct Columns {
    origin: Origin,
    n_elements: Vec<u8>,
    elements: Vec<u8>,
    counts: Vec<u32>,
    /// Raw energies, µeV/atom.
    raw: Vec<i32>,
    /// Corrections, µeV/atom.
    corrections: Vec<i32>,
    space_groups: Vec<u8>,
    /// The number of `mp-<number>`, else 0.
    numbers: Vec<u32>,
    /// The ids whose number is 0, in order.
    names: Vec<String>,
}

impl ReferenceSet {
    /// The set that is compiled in: MP-20 and the paper's stable structures by the potential `nequix-oam-1-pft`.
    ///
    /// # Errors
    /// [`StabilityError::ReferenceFile`] if it is damaged.
    pub fn shipped() -> Result<Self, StabilityError> {
        Self::from_file_bytes(SHIPPED, Path::new(SHIPPED_NAME))
    }

    /// Reads a reference set.
    ///
    /// # Errors
    /// [`StabilityError::Io`]; [`StabilityError::ReferenceFile`] if the file is not a reference set of this version, is
    /// cut off or damaged.
    pub fn read(path: &Path) -> Result<Self, StabilityError> {
        let bytes = std::fs::read(path).map_err(|source| StabilityError::Io { path: path.to_owned(), source })?;
        Self::from_file_bytes(&bytes, path)
    }

    /// Reads the bytes of a reference set, such as those that are compiled in.
    ///
    /// # Errors
    /// [`StabilityError::ReferenceFile`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StabilityError> {
        Self::from_file_bytes(bytes, Path::new(""))
    }

    fn from_file_bytes(bytes: &[u8], path: &Path) -> Result<Self, StabilityError> {
        let bad = |reason: String| StabilityError::ReferenceFile { path: path.to_owned(), reason };
        let plain = sealed::open(bytes, path).map_err(bad)?;
        let columns: Columns = postcard::from_bytes(&plain).map_err(|error| bad(error.to_string()))?;
        let (origin, phases) = columns.into_phases().map_err(bad)?;
        Self::assemble(origin, phases)
    }

    /// The bytes of the file: under 3 MB for 60 000 phases.
    ///
    /// # Errors
    /// [`StabilityError::ReferenceFile`] if the set cannot be written down.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StabilityError> {
        let plain =
            Columns::of(self.origin.clone(), &self.phases().collect::<Vec<_>>()).and_then(|columns| columns.to_plain());
        plain.and_then(|plain| sealed::seal(&plain).map_err(|error| error.to_string())).map_err(unwritten)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`StabilityError::Io`]; otherwise as [`Self::to_bytes`].
    pub fn write(&self, path: &Path) -> Result<(), StabilityError> {
        let bytes = self.to_bytes()?;
        let written = sealed_file::write_atomically(path, |file| file.write_all(&bytes));
        written.map_err(|source| StabilityError::Io { path: path.to_owned(), source })
    }

    /// A set of phases whose energies are whole µeV already.
    pub(super) fn assemble(origin: Origin, mut phases: Vec<ReferencePhase>) -> Result<Self, StabilityError> {
        phases.sort_by(|a, b| {
            let by_composition = a.composition.iter().cmp(b.composition.iter());
            by_composition.then(a.energy_per_atom().total_cmp(&b.energy_per_atom())).then_with(|| a.id.cmp(&b.id))
        });
        let columns = Columns::of(origin, &phases).map_err(unwritten)?;
        let sha256 = hexadecimal(&Sha256::digest(columns.to_plain().map_err(unwritten)?));
        let phase = |phase: &ReferencePhase| {
            let made = Phase::new(phase.id.clone(), &phase.composition, phase.energy_per_atom())?;
            Ok(Arc::new(made.with_space_group(phase.space_group)))
        };
        let made = phases.iter().map(phase).collect::<Result<Vec<Arc<Phase>>, StabilityError>>()?;
        let masks = made.iter().map(|phase| phase.mask()).collect();
        let Columns { origin, raw, corrections, .. } = columns;
        Ok(Self { origin, phases: made, raw, corrections, masks, hulls: RwLock::default(), sha256 })
    }
}

impl Columns {
    fn of(origin: Origin, phases: &[ReferencePhase]) -> Result<Self, String> {
        let micro = |energy| micro_electronvolts(energy).ok_or_else(|| format!("{energy} eV/atom is out of range"));
        let counts = || phases.iter().flat_map(|phase| phase.composition.iter());
        let number = |phase: &ReferencePhase| number_of(&phase.id).unwrap_or(0);
        Ok(Self {
            origin,
            n_elements: phases
                .iter()
                .map(|phase| u8::try_from(phase.composition.n_elements()).map_err(|error| error.to_string()))
                .collect::<Result<_, _>>()?,
            elements: counts().map(|(element, _)| element.atomic_number()).collect(),
            counts: counts().map(|(_, count)| count).collect(),
            raw: phases.iter().map(|phase| micro(phase.raw_energy_per_atom)).collect::<Result<_, _>>()?,
            corrections: phases.iter().map(|phase| micro(phase.correction_per_atom)).collect::<Result<_, _>>()?,
            space_groups: phases.iter().map(|phase| phase.space_group.get()).collect(),
            numbers: phases.iter().map(number).collect(),
            names: phases.iter().filter(|phase| number(phase) == 0).map(|phase| phase.id.clone()).collect(),
        })
    }

    fn to_plain(&self) -> Result<Vec<u8>, String> {
        postcard::to_stdvec(self).map_err(|error| error.to_string())
    }

    fn into_phases(self) -> Result<(Origin, Vec<ReferencePhase>), String> {
        let n = self.n_elements.len();
        let n_counts: usize = self.n_elements.iter().map(|count| usize::from(*count)).sum();
        let whole = [self.raw.len(), self.corrections.len(), self.space_groups.len(), self.numbers.len()] == [n; 4]
            && [self.elements.len(), self.counts.len()] == [n_counts; 2]
            && self.names.len() == self.numbers.iter().filter(|number| **number == 0).count();
        if !whole {
            return Err("its columns differ in length".to_owned());
        }
        let mut counts = self.elements.iter().zip(&self.counts);
        let mut names = self.names.into_iter();
        let mut phases = Vec::with_capacity(n);
        for index in 0..n {
            let mut composition = Vec::new();
            for (number, count) in counts.by_ref().take(usize::from(self.n_elements[index])) {
                let element = Species::from_atomic_number(i64::from(*number)).map_err(|error| error.to_string())?;
                composition.push((element, *count));
            }
            let id = match self.numbers[index] {
                0 => names.next().expect("as many names as numbers that are 0"),
                number => format!("{PREFIX}{number}"),
            };
            let space_group = i64::from(self.space_groups[index]);
            phases.push(ReferencePhase {
                id,
                composition: composition.into_iter().collect::<Composition>(),
                raw_energy_per_atom: f64::from(self.raw[index]) * super::MICRO,
                correction_per_atom: f64::from(self.corrections[index]) * super::MICRO,
                space_group: SpaceGroupNumber::new(space_group).map_err(|error| error.to_string())?,
            });
        }
        Ok((self.origin, phases))
    }
}

/// The number of an id such as `mp-149`, if the id can be had back from it.
fn number_of(id: &str) -> Option<u32> {
    let number: u32 = id.strip_prefix(PREFIX)?.parse().ok()?;
    (number > 0 && id == format!("{PREFIX}{number}")).then_some(number)
}

fn unwritten(reason: String) -> StabilityError {
    StabilityError::ReferenceFile { path: PathBuf::new(), reason }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
