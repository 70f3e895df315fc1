//! The files that belong to a workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use super::Finding;

/// Files above this size bloat every clone, bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Where larger files are welcome.
const LARGE_FILES: [&str; 2] = ["assets/weights", "assets/reference"];

/// A folder and its files.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Tree {
    /// The files that git tracks, or would track, in `root`.
    ///
    /// # Errors
    /// If git fails.
    pub fn of_repository(root: &Path) -> anyhow::Result<Self> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        let list = cmd!(shell, "git ls-files -z --cached --others --exclude-standard")
            .quiet()
            .read()
            .with_context(|| format!("cannot list the files of {}; is it a git repository?", root.display()))?;
        let mut files = list.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect::<Vec<_>>();
        // A file that was deleted but not yet committed is still listed. A link is looked at where it leads to.
        files.retain(|path| root.join(path).symlink_metadata().is_ok_and(|found| found.is_file()));
        ensure!(!files.is_empty(), "{} has no files", root.display());
        files.sort();
        files.dedup();
        Ok(Self { root: root.to_owned(), files })
    }

    /// All files below `root`, whether git knows them or not.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn of_folder(root: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(root).expect("it lies below the root").to_owned());
                }
            }
        }
        files.sort();
        Ok(Self { root: root.to_owned(), files })
    }

    /// The files, relative to the root, sorted.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether this path, relative to the root, is a file or folder of the tree.
    pub fn contains(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.starts_with(path))
    }

    /// The text of a file, `None` if it is not one that people write (by its ending) or not UTF-8.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn text(&self, path: &Path) -> anyhow::Result<Option<String>> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        let written = matches!(ending, "rs" | "toml" | "md" | "ron" | "sh" | "yml" | "html" | "css")
            || path == Path::new(".ci/run")
            || path.ends_with("llms.txt");
        if !written {
            return Ok(None);
        }
        let full = self.root.join(path);
        let bytes = std::fs::read(&full).with_context(|| format!("cannot read {}", full.display()))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// As [`Self::text`], `None` also if the tree has no such file.
    pub(super) fn text_if_present(&self, path: &Path) -> anyhow::Result<Option<String>> {
        if self.contains(path) { self.text(path) } else { Ok(None) }
    }

    /// Files that are too large.
    pub(super) fn check_sizes(&self) -> anyhow::Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for path in self.files.iter().filter(|path| !LARGE_FILES.iter().any(|folder| path.starts_with(folder))) {
            let full = self.root.join(path);
            let bytes = std::fs::metadata(&full).with_context(|| format!("cannot read {}", full.display()))?.len();
            if bytes > MAX_BYTES {
                let message = format!(
                    "{bytes} bytes; files above 1 MiB belong in {} or outside the repository",
                    LARGE_FILES.join(", ")
                );
                findings.push(Finding::new(path, 1, message));
            }
        }
        Ok(findings)
    }

    /// Files that a build, a run or a test left behind.
    pub(super) fn check_left_overs(&self) -> Vec<Finding> {
        let left_over = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            path.starts_with("target")
                || path.starts_with("runs")
                || [".snap.new", ".pending-snap", ".orig", ".rej", "~"].iter().any(|ending| name.ends_with(ending))
        };
        let found = self.files.iter().filter(|path| left_over(path));
        found
            .map(|path| Finding::new(path, 1, "left behind by a program; delete it, or name it in .gitignore"))
            .collect()
    }
}
