//! Checks on the modules of a crate: folders do not use each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Finding, Tree};

/// Circles that are known, by crate, and wait for their cure: kernels that use the description of the network that they
/// compute.
const KNOWN: [(&str, [&str; 2]); 1] = [("crates/potential", ["nequix", "ops"])];

/// The modules right below a crate's root.
#[derive(Default)]
struct Modules {
    /// Those that are folders.
    folders: BTreeSet<String>,
    /// What each uses, and the first file and line that do.
    uses: BTreeMap<String, BTreeMap<String, (PathBuf, usize)>>,
    names: BTreeSet<String>,
}

impl Modules {
    /// Everything that a module uses, directly or through others.
    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            for used in self.uses.get(module).into_iter().flatten().map(|(used, _)| used.as_str()) {
                if reached.insert(used) {
                    open.push(used);
                }
            }
        }
        reached
    }
}

/// All circles in which a folder takes part. Paths are read as they are written (`crate::module::…`); what a root
/// re-exports belongs to all. Tests may use what they like.
pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut crates: BTreeMap<PathBuf, Modules> = BTreeMap::new();
    let mut files = Vec::new();
    for path in tree.files().iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
        let Some((root, module, is_folder)) = place(path) else { continue };
        let modules = crates.entry(root.clone()).or_default();
        modules.names.insert(module.clone());
        if is_folder {
            modules.folders.insert(module.clone());
        }
        files.push((path, root, module));
    }
    for (path, root, module) in files {
        let Some(text) = tree.text(path)? else { continue };
        let modules = crates.get_mut(&root).expect("every file was entered");
        for (line, used) in used_modules(&text) {
            if used != module && modules.names.contains(&used) {
                modules.uses.entry(module.clone()).or_default().entry(used).or_insert((path.clone(), line));
            }
        }
    }
    let mut findings = Vec::new();
    for (root, modules) in &crates {
        for (module, uses) in &modules.uses {
            for (used, (path, line)) in uses {
                let is_known = KNOWN.iter().any(|(of, pair)| {
                    root == Path::new(of) && pair.contains(&module.as_str()) && pair.contains(&used.as_str())
                });
                // Each circle is told of once, where the module that comes first in the alphabet uses another one.
                let goes_back = modules.reached(used).contains(module.as_str());
                let of_folders = modules.folders.contains(module) || modules.folders.contains(used);
                if goes_back && of_folders && module < used && !is_known {
                    let message = format!(
                        "`{module}` uses `{used}`, which uses `{module}`; move what both need to a module of its root"
                    );
                    findings.push(Finding::new(path, *line, message));
                }
            }
        }
    }
    Ok(findings)
}

/// The crate of a source file, the module right below the root that it belongs to, and whether that is a folder. `None`
/// for roots, for tests, and for what lies outside `src`.
fn place(path: &Path) -> Option<(PathBuf, String, bool)> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let source = parts.iter().position(|part| *part == "src")?;
    let inside = &parts[source + 1..];
    let is_test = inside.iter().any(|part| matches!(*part, "tests" | "tests.rs" | "bin"));
    let (first, file) = (inside.first()?, inside.last()?);
    if is_test || (inside.len() == 1 && matches!(*file, "lib.rs" | "main.rs")) {
        return None;
    }
    Some((parts[..source].iter().collect(), first.trim_end_matches(".rs").to_owned(), inside.len() > 1))
}

/// The first names of the paths that begin at the crate's root, with their lines; comments and unit tests aside.
fn used_modules(text: &str) -> Vec<(usize, String)> {
    const ROOT: &str = "crate::";
    let code: String = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n")
        .collect();
    let mut found = Vec::new();
    for (start, _) in code.match_indices(ROOT) {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let rest = &code[start + ROOT.len()..];
        found.extend(names(rest).into_iter().map(|name| (line, name)));
    }
    found
}

/// The name at the beginning, or those of a list in braces.
fn names(rest: &str) -> Vec<String> {
    let word =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(list) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut begins, mut found) = (1, true, Vec::new());
    for (at, sign) in list.char_indices() {
        if begins && !sign.is_whitespace() {
            found.push(word(&list[at..]));
            begins = false;
        }
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}
