//! Loading a data set: read, filter, reduce, cache.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use crate::data_set::{DataSet, Split};
use crate::reduce::Reduction;
use crate::source::SplitFiles;
use crate::table::{self, Table};
use crate::{DatasetError, Source, cache, embedded, hashing, source, user_cache_dir};

/// How a data set is loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// Structures with a lower space-group number are dropped: 16 for the paper's table, which leaves triclinic and
    /// monoclinic ones out; 1 keeps all. The group is the file's at 0.1 Å, else the one found at `symprec`.
    pub min_space_group: u8,
    /// Tolerance of the symmetry finder in Å.
    pub symprec: f64,
    /// Folder that keeps the reduced form; `None` reduces anew at every start.
    pub cache_dir: Option<PathBuf>,
    /// Whether a progress bar on standard error shows the reduction.
    pub progress: bool,
}

impl Default for LoadOptions {
    /// All space groups, 0.1 Å, the user's cache, no progress bar.
    fn default() -> Self {
        Self { min_space_group: 1, symprec: 0.1, cache_dir: user_cache_dir(), progress: false }
    }
}

/// Reads a source, drops what the space-group filter does not want, and reduces the rest to asymmetric units. The
/// reduced form is kept in [`LoadOptions::cache_dir`], so that a second start needs no symmetry search; a cache that
/// cannot be read or written is a warning.
///
/// # Errors
/// [`DatasetError`], naming the file: a folder or file that is missing, a column that is missing, a truncated file. Bad
/// rows are no error: they stand in [`DataSet::rejected`].
pub fn load(source: &Source, options: &LoadOptions) -> Result<DataSet, DatasetError> {
    if !(options.symprec.is_finite() && options.symprec > 0.0) {
        return Err(DatasetError::Symprec { symprec: options.symprec });
    }
    let start = Instant::now();
    let origin = Origin::of(source)?;
    let cache =
        options.cache_dir.as_deref().map(|folder| cache::Place::new(folder, &origin.name, &origin.content, options));
    if let Some(data) = cache.as_ref().and_then(|place| place.load(&origin.name, options)) {
        tracing::debug!(name = data.name, seconds = start.elapsed().as_secs_f64(), "data set loaded from the cache");
        return Ok(data);
    }
    let tables = match origin.tables {
        Tables::Files(files) => read_tables(&files)?,
        Tables::Built(tables) => *tables,
    };
    let data = reduce_all(origin.name, tables, options);
    if let Some(place) = cache {
        place.store(&data);
    }
    tracing::debug!(name = data.name, seconds = start.elapsed().as_secs_f64(), "data set reduced");
    Ok(data)
}

/// What is known of a source before its structures are looked at.
struct Origin {
    name: String,
    /// Hash by which the reduced form is found in the cache: of the files as they are, so that a second start need not
    /// read them, or of the embedded structures, which follow from the tables and from the code.
    content: String,
    tables: Tables,
}

enum Tables {
    Files(SplitFiles),
    Built(Box<[Table; 3]>),
}

impl Origin {
    fn of(source: &Source) -> Result<Self, DatasetError> {
        match source {
            Source::Folder(folder) => {
                let (name, files) = source::resolve(folder)?;
                Ok(Self {
                    name,
                    content: hashing::sha256_of_files(files.iter().flatten())?,
                    tables: Tables::Files(files),
                })
            }
            Source::Embedded => {
                let tables = embedded::tables()?;
                let content = hashing::sha256_of_tables(&tables);
                Ok(Self { name: embedded::NAME.to_owned(), content, tables: Tables::Built(Box::new(tables)) })
            }
        }
    }
}

fn read_tables(files: &SplitFiles) -> Result<[Table; 3], DatasetError> {
    let read = |file: &Option<PathBuf>| file.as_deref().map_or_else(|| Ok(Table::default()), table::read);
    Ok([read(&files[0])?, read(&files[1])?, read(&files[2])?])
}

fn reduce_all(name: String, tables: [Table; 3], options: &LoadOptions) -> DataSet {
    let sha256 = hashing::sha256_of_tables(&tables);
    let total = tables.iter().map(|table| table.rows.len()).sum();
    let reduction = Reduction::new(options, total);
    let mut seen = HashSet::new();
    let mut data = DataSet { name, sha256, rejected: vec![], dropped: [0; 3], splits: Default::default() };
    for (split, table) in Split::ALL.into_iter().zip(tables) {
        data.rejected.extend(table.rejected);
        let (rows, twice): (Vec<_>, Vec<_>) = table.rows.into_iter().partition(|row| seen.insert(row.id.clone()));
        data.rejected
            .extend(twice.into_iter().map(|row| (row.id, format!("split {split}: this id stands there twice"))));
        let reduced = reduction.reduce(rows);
        data.dropped[split as usize] = reduced.dropped;
        data.rejected.extend(reduced.rejected);
        data.splits[split as usize] = reduced.records;
    }
    reduction.finish();
    if !data.rejected.is_empty() {
        tracing::warn!(
            name = data.name,
            rows = data.rejected.len(),
            first = data.rejected[0].1,
            "rows could not be used"
        );
    }
    data
}
