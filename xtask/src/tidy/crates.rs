//! Checks on the crates: which may use which, what every manifest must say, and that what it lists is used.

use std::path::{Path, PathBuf};

use super::source::holds_word;
use super::{Finding, Tree};

/// The crates from the ground up: each may use those before it. A crate that is not listed is taken for a model.
const STREET: [&str; 34] = [
    // Ground: files, random numbers, crystals, tensors.
    "sealed-file",
    "random-keys",
    "crystal-core",
    "test-support-macros",
    "test-support",
    "tensor-ops",
    // Graphs and learning.
    "multigraph",
    "crystal-states",
    "training",
    // Models.
    "score-model",
    "dimenetpp",
    "example-model",
    "cdvae",
    "pgcgm",
    "cgcnn",
    "wyckoff-assignment",
    "wyckoff-model",
    "potential",
    // Processes.
    "langevin",
    "relax",
    "phonon",
    // Judgement.
    "metrics",
    "stability",
    "dft-input",
    "datasets",
    "report-page",
    // Faces.
    "druse",
    "search",
    "druse-cli",
    "druse-python",
    "druse-web",
    "experiments",
    "druse-tests",
    "xtask",
];

/// The last crate of the street that a model may use.
const BELOW_MODELS: &str = "score-model";

/// Crates at the top, which nothing may use.
const TOP: [&str; 5] = ["druse-python", "druse-web", "experiments", "druse-tests", "xtask"];

/// Crates that all tests may use, and nothing else.
const TEST_HELPERS: [&str; 2] = ["test-support", "test-support-macros"];

/// Crates that never see a tensor library, nor a crate of the workspace that does.
const WITHOUT_TENSORS: [&str; 11] = [
    "sealed-file",
    "random-keys",
    "crystal-core",
    "multigraph",
    "wyckoff-assignment",
    "metrics",
    "stability",
    "dft-input",
    "datasets",
    "report-page",
    "xtask",
];

/// Crates of the workspace that see one.
const TENSORS: [&str; 11] = [
    "tensor-ops",
    "crystal-states",
    "training",
    "score-model",
    "dimenetpp",
    "example-model",
    "cdvae",
    "pgcgm",
    "cgcnn",
    "wyckoff-model",
    "langevin",
];

/// Crates that know no crystal: what each may use of the workspace.
const WITHOUT_CRYSTALS: [(&str, &[&str]); 4] = [
    ("sealed-file", &[]),
    ("random-keys", &[]),
    ("tensor-ops", &["random-keys"]),
    // Of crystal-core, the error of a configuration.
    ("training", &["sealed-file", "random-keys", "tensor-ops", "crystal-core"]),
];

/// One `name = …` line in a manifest's tables of dependencies.
struct Dependency {
    /// The package.
    name: String,
    /// What the code calls it.
    called: String,
    /// Whether tests alone have it.
    of_tests: bool,
    line: usize,
}

impl Dependency {
    fn new(table: &str, package: &str, called: &str, line: usize) -> Self {
        let of_tests = table.ends_with("dev-dependencies");
        Self { name: package.to_owned(), called: called.replace('-', "_"), of_tests, line }
    }
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
        findings.extend(unused(manifest, tree)?);
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
    for dependency in &manifest.dependencies {
        let (used, line) = (dependency.name.as_str(), dependency.line);
        let tensors = used.starts_with("burn") || used.starts_with("cubecl") || TENSORS.contains(&used);
        if WITHOUT_TENSORS.contains(&name.as_str()) && tensors {
            let message = format!("`{name}` never sees a tensor library; move what needs `{used}` to a crate above");
            findings.push(Finding::new(path, line, message));
        }
        let allowed = if TEST_HELPERS.contains(&used) {
            dependency.of_tests || TEST_HELPERS.contains(&name.as_str())
        } else {
            may_use(name, used)
        };
        if names.iter().any(|name| name == used) && !allowed {
            let message =
                format!("`{name}` may not use `{used}` (see ARCHITECTURE.md); move the code to the crate that may");
            findings.push(Finding::new(path, line, message));
        }
    }
}

/// Dependencies whose names no source file of the package contains. Each of them costs every build its compilation.
fn unused(manifest: &Manifest, tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let folder = manifest.path.parent().expect("a manifest lies in a folder");
    let sources = tree
        .files()
        .iter()
        .filter(|path| path.starts_with(folder) && path.extension().is_some_and(|ending| ending == "rs"));
    let texts = sources.map(|path| tree.text(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let is_used = |called: &str| texts.iter().flatten().any(|text| holds_word(text, called));
    let unused = manifest.dependencies.iter().filter(|dependency| !is_used(&dependency.called));
    let finding = |dependency: &Dependency| {
        let message = format!("`{}` does not use `{}`; drop the dependency", manifest.name, dependency.name);
        Finding::new(&manifest.path, dependency.line, message)
    };
    Ok(unused.map(finding).collect())
}

fn may_use(name: &str, used: &str) -> bool {
    if let Some((_, allowed)) = WITHOUT_CRYSTALS.iter().find(|(listed, _)| *listed == name) {
        return allowed.contains(&used);
    }
    let place = |name: &str| STREET.iter().position(|listed| *listed == name);
    // A model stands right above the last crate that it may use.
    let own = place(name).unwrap_or_else(|| place(BELOW_MODELS).map_or(0, |below| below + 1));
    // xtask is built in seconds because it uses none of the others; the faces may use any model.
    name != "xtask" && !TOP.contains(&used) && place(used).is_none_or(|used| used < own)
}

/// Reads the lines of a manifest that the checks need; `None` for a manifest without a package.
///
/// Not a TOML parser: it knows tables, `name = …`, `name.workspace = …` and `package = "…"` on one line, which is how
/// the manifests of this workspace are written.
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
                dependencies.push(Dependency::new(parent, dependency, dependency, index + 1));
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match table.as_str() {
            "package" if key == "name" => name = Some(value.trim_matches('"').to_owned()),
            // Where the plain name is taken in the registry, the package has another; the map has the library's.
            "lib" if key == "name" => name = Some(value.trim_matches('"').to_owned()),
            "lints" if key == "workspace" && value == "true" => inherits_lints = true,
            header if is_dependencies(header) => {
                // Under `new_name = { package = "name" }` the crate that is really used is the package.
                let renamed = value.split_once("package").and_then(|(_, rest)| rest.split('"').nth(1));
                let called = key.split('.').next().expect("split gives at least one part");
                dependencies.push(Dependency::new(header, renamed.unwrap_or(called), called, index + 1));
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
