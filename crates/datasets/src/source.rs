//! Where a data set comes from.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{DatasetError, Split};

/// Name of MP-20's folder.
pub(crate) const MP_20: &str = "mp_20";

/// Where a data set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder with `train`, `val` and `test` tables, or one that holds such a folder named `mp_20`. A set that is not
    /// MP-20 may have no `val`: its validation split is empty.
    Folder(PathBuf),
    /// The prototypes that are compiled in.
    Embedded,
}

/// Chooses the source: `data_dir` (the option `--data`), else the environment variable `DRUSE_DATA`, else the user's
/// cache if `fetch-data` has filled it, else the embedded prototypes. A folder that is named is taken as it stands:
/// [`crate::load`] reports what is wrong with it.
pub fn locate(data_dir: Option<&Path>) -> Source {
    choose(data_dir, env::var_os("DRUSE_DATA"), user_cache_dir())
}

/// The user's cache folder for this project: environment variable `DRUSE_CACHE`, else the system's place (on Linux
/// `~/.cache/druse`). `None` if there is no home folder.
pub fn user_cache_dir() -> Option<PathBuf> {
    match env::var_os("DRUSE_CACHE").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => directories::ProjectDirs::from("", "", "druse").map(|folders| folders.cache_dir().to_owned()),
    }
}

fn choose(data_dir: Option<&Path>, variable: Option<OsString>, cache: Option<PathBuf>) -> Source {
    if let Some(folder) = data_dir {
        return Source::Folder(folder.to_owned());
    }
    if let Some(folder) = variable.filter(|folder| !folder.is_empty()) {
        return Source::Folder(PathBuf::from(folder));
    }
    // A cache that an interrupted download left half filled is not a reason to fail: the embedded set is still there.
    match cache
        .map(|cache| cache.join(MP_20))
        .filter(|folder| tables(folder).is_ok_and(|files| files.iter().all(Option::is_some)))
    {
        Some(folder) => Source::Folder(folder),
        None => Source::Embedded,
    }
}

/// The files of the three splits; only a validation split may have none.
pub(crate) type SplitFiles = [Option<PathBuf>; 3];

/// Name of the data set in a folder and the files of its splits.
pub(crate) fn resolve(folder: &Path) -> Result<(String, SplitFiles), DatasetError> {
    if !folder.is_dir() {
        return Err(DatasetError::NoFolder { path: folder.to_owned() });
    }
    let inner = folder.join(MP_20);
    let folder = if inner.is_dir() { &inner } else { folder };
    let name = name_of(folder).unwrap_or_else(|| MP_20.to_owned());
    let files = tables(folder)?;
    // Of a set that is known to have three splits, one was forgotten.
    if name == MP_20 && files[1].is_none() {
        return Err(DatasetError::MissingFile { path: folder.to_owned(), split: Split::Validation.file_stem() });
    }
    Ok((name, files))
}

/// The table of a split.
pub(crate) fn table_of(folder: &Path, split: Split) -> Option<PathBuf> {
    let files = ["csv", "csv.zst"].map(|ending| folder.join(format!("{}.{ending}", split.file_stem())));
    files.into_iter().find(|path| path.is_file())
}

/// Name of a folder.
pub(crate) fn name_of(folder: &Path) -> Option<String> {
    folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
}

fn tables(folder: &Path) -> Result<SplitFiles, DatasetError> {
    let find = |split: Split| {
        table_of(folder, split)
            .ok_or_else(|| DatasetError::MissingFile { path: folder.to_owned(), split: split.file_stem() })
    };
    Ok([Some(find(Split::Train)?), table_of(folder, Split::Validation), Some(find(Split::Test)?)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_precedence() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = folder.path().join("cache");
        let filled = cache.join(MP_20);
        std::fs::create_dir_all(&filled).expect("a folder");
        let choose_with = |data: Option<&Path>, variable: Option<&str>| {
            choose(data, variable.map(OsString::from), Some(cache.clone()))
        };
        assert_eq!(choose_with(None, None), Source::Embedded);
        std::fs::write(filled.join("train.csv"), "").expect("a file");
        assert_eq!(choose_with(None, None), Source::Embedded, "a half-filled cache is not taken");
        for name in ["val.csv.zst", "test.csv"] {
            std::fs::write(filled.join(name), "").expect("a file");
        }
        assert_eq!(choose_with(None, None), Source::Folder(filled.clone()));
        assert_eq!(choose_with(None, Some("")), Source::Folder(filled));
        assert_eq!(choose_with(None, Some("there")), Source::Folder("there".into()));
        assert_eq!(choose_with(Some(Path::new("here")), Some("there")), Source::Folder("here".into()));
        assert_eq!(choose(None, None, None), Source::Embedded);
    }

    #[test]
    fn folder_or_its_parent() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(resolve(&folder.path().join("nowhere")), Err(DatasetError::NoFolder { .. })));
        assert!(matches!(resolve(folder.path()), Err(DatasetError::MissingFile { split: "train", .. })));
        let inner = folder.path().join(MP_20);
        std::fs::create_dir_all(&inner).expect("a folder");
        for name in ["train.csv", "val.csv"] {
            std::fs::write(inner.join(name), "").expect("a file");
        }
        assert!(matches!(resolve(&inner), Err(DatasetError::MissingFile { split: "test", .. })));
        std::fs::write(inner.join("test.csv.zst"), "").expect("a file");
        let (name, files) = resolve(folder.path()).expect("a data set");
        assert_eq!(name, MP_20);
        assert_eq!(files, resolve(&inner).expect("a data set").1);
        assert_eq!(files[2], Some(inner.join("test.csv.zst")));
    }

    #[test]
    fn only_mp_20_must_have_a_validation_split() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in [MP_20, "stable"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
            for file in ["train.csv", "test.csv"] {
                std::fs::write(folder.path().join(name).join(file), "").expect("a file");
            }
        }
        assert!(matches!(resolve(&folder.path().join(MP_20)), Err(DatasetError::MissingFile { split: "val", .. })));
        let (name, files) = resolve(&folder.path().join("stable")).expect("a data set");
        assert_eq!((name.as_str(), files.map(|file| file.is_some())), ("stable", [true, false, true]));
    }
}
