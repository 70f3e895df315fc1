//! Checks on the crates: which may use which, and what every manifest must say.

use std::path::{Path, PathBuf};

use super::{Finding, Tree};

/// What each crate may use of the workspace, from the lowest layer up. A crate that is not listed is taken for a model.
const LAYERS: [(&str, &[&str]); 10] = [
    ("crystal-core", &[]),
    ("multigraph", &["crystal-core"]),
    ("score-model", &["crystal-core", "multigraph"]),
    ("langevin", &["crystal-core", "multigraph", "score-model", "wyckoff-assignment"]),
    ("cgcnn", &["crystal-core", "score-model"]),
    ("metrics", &["crystal-core"]),
    ("datasets", &["crystal-core"]),
    ("wyckoff-assignment", &["crystal-core"]),
    ("druse", &["crystal-core", "multigraph", "score-model", "langevin", "cgcnn", "metrics", "datasets", "wyckoff-assignment"]),
    ("xtask", &[]),
];

/// What a crate that implements the trait of `score-model` may use.
const MODEL: &[&str] = &["crystal-core", "multigraph", "score-model"];

/// Crates at the top, which may use all libraries and which nothing may use.
const TOP: [&str; 3] = ["experiments", "druse-tests", "xtask"];

/// Crates that never see a tensor library.
const WITHOUT_TENSORS: [&str; 5] = ["crystal-core", "metrics", "datasets", "wyckoff-assignment", "xtask"];

/// One `name = …` line in a manifest's tables of dependencies.
struct Dependency {
    name: String,
    line: usize,
}

/// What the checks need of a manifest.
struct Manifest {
    path: PathBuf,
    name: String,
    inherits_lints: bool,
    dependencies: Vec<Dependency>,
}

/// All findings in the manifests.
pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut manifests = Vec::new();
    for path in tree.files().iter().filter(|path| path.file_name().is_some_and(|name| name == "Cargo.toml")) {
        if let Some(text) = tree.text(path)?
            && let Some(manifest) = read(path, &text)
        {
            manifests.push(manifest);
        }
    }
    let names = manifests.iter().map(|manifest| manifest.name.clone()).collect::<Vec<_>>();
    let mut findings = Vec::new();
    for manifest in &manifests {
        check_manifest(manifest, &names, &mut findings);
    }
    let guide = Path::new("ARCHITECTURE.md");
    if let Some(text) = tree.text_if_present(guide)? {
        for name in names.iter().filter(|name| !text.contains(&format!("`{name}`"))) {
            findings.push(Finding::new(
                guide,
                1,
                format!("crate `{name}` is not on the map; add a section that says what it is for"),
            ));
        }
    }
    Ok(findings)
}

fn check_manifest(manifest: &Manifest, names: &[String], findings: &mut Vec<Finding>) {
    let Manifest { path, name, .. } = manifest;
    if !manifest.inherits_lints {
        findings.push(Finding::new(
            path,
            1,
            format!("`{name}` does not take the workspace's lints; add [lints] workspace = true"),
        ));
    }
    let layer = LAYERS.iter().find(|(listed, _)| listed == name);
    for dependency in &manifest.dependencies {
        let used = &dependency.name;
        let line = dependency.line;
        if WITHOUT_TENSORS.contains(&name.as_str()) && (used.starts_with("burn") || used.starts_with("cubecl")) {
            let message = format!("`{name}` never sees a tensor library; move what needs `{used}` to score-model or above");
            findings.push(Finding::new(path, line, message));
        }
        if !names.contains(used) {
            continue;
        }
        let allowed = match layer {
            Some((_, allowed)) => allowed.contains(&used.as_str()),
            None if TOP.contains(&name.as_str()) => !TOP.contains(&used.as_str()),
            None => MODEL.contains(&used.as_str()),
        };
        if !allowed {
            let message = format!("`{name}` may not use `{used}` (see ARCHITECTURE.md); move the code to the layer that may");
            findings.push(Finding::new(path, line, message));
        }
    }
}

/// Reads the lines of a manifest that the checks need; `None` for a manifest without a package.
///
/// Not a TOML parser: it knows tables, `name = …`, `name.workspace = …` and `package = "…"` on one line, which is how the manifests of
/// this workspace are written.
fn read(path: &Path, text: &str) -> Option<Manifest> {
    let mut table = String::new();
    let mut name = None;
    let mut inherits_lints = false;
    let mut dependencies = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            header.trim_end_matches(']').clone_into(&mut table);
            if let Some((parent, dependency)) = table.rsplit_once('.')
                && is_dependencies(parent)
            {
                dependencies.push(Dependency { name: dependency.to_owned(), line: index + 1 });
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match table.as_str() {
            "package" if key == "name" => name = Some(value.trim_matches('"').to_owned()),
            "lints" if key == "workspace" && value == "true" => inherits_lints = true,
            header if is_dependencies(header) => {
                // Under `new_name = { package = "name" }` the crate that is really used is the package.
                let renamed = value.split_once("package").and_then(|(_, rest)| rest.split('"').nth(1));
                let name = renamed.unwrap_or_else(|| key.split('.').next().expect("split gives at least one part"));
                dependencies.push(Dependency { name: name.to_owned(), line: index + 1 });
            }
            _ => {}
        }
    }
    Some(Manifest { path: path.to_owned(), name: name?, inherits_lints, dependencies })
}

/// Whether a table of a package's manifest lists dependencies.
fn is_dependencies(table: &str) -> bool {
    !table.starts_with("workspace")
        && ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .any(|kind| table == *kind || table.strip_suffix(kind).is_some_and(|target| target.ends_with('.')))
}
