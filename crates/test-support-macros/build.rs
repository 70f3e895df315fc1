//! Finds out which of the things that tests need are there. `src/lib.rs` names them.

use std::env;
use std::path::{Path, PathBuf};

/// Pseudopotentials among the examples of Debian's package of Quantum ESPRESSO.
const PSEUDOPOTENTIALS: [&str; 2] = ["Si_PBE_USPP.UPF.gz", "C_PBE_TM_2pj.UPF.gz"];
/// Where they lie.
const EXAMPLES: &str = "/usr/share/doc/quantum-espresso/examples/XSpectra/pseudo";

/// Whether `pw.x` is on the path, and pseudopotentials for it are there.
fn has_quantum_espresso() -> bool {
    println!("cargo:rerun-if-env-changed=PATH");
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path).any(|folder| folder.join("pw.x").is_file());
    is_there && PSEUDOPOTENTIALS.iter().all(|file| Path::new(EXAMPLES).join(file).is_file())
}

/// Whether Slurm and munge are installed, and this is the user who may start their daemons.
fn has_slurm() -> bool {
    println!("cargo:rerun-if-env-changed=PATH");
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps daemons where not every user's path leads.
    let folders: Vec<PathBuf> = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    let is_there = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    is_superuser() && ["sbatch", "sinfo", "squeue", "slurmctld", "slurmd", "munged"].into_iter().all(is_there)
}

#[cfg(target_os = "linux")]
fn is_superuser() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_superuser() -> bool {
    false
}

/// Whether the variable is set to something.
fn is_set(name: &str) -> bool {
    println!("cargo:rerun-if-env-changed={name}");
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");

    // The same rule as `shared` of test-support. A file that is not there cannot be watched: cargo would build again
    // every time.
    println!("cargo:rerun-if-env-changed=DRUSE_SHARED");
    let shared = env::var_os("DRUSE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let guide = shared.join("golden/README.md");
    if guide.is_file() {
        println!("cargo:rerun-if-changed={}", guide.display());
    }
    let needs = [
        ("shared", is_set("DRUSE_REQUIRE_SHARED") || guide.is_file()),
        ("gpu", is_set("DRUSE_REQUIRE_GPU")),
        // No `||`: cargo must hear of both variables.
        ("browser", is_set("DRUSE_REQUIRE_BROWSER") | is_set("DRUSE_BROWSER")),
        ("python", is_set("DRUSE_PYTHON")),
        ("git", root.join(".git").exists()),
        ("quantum_espresso", has_quantum_espresso()),
        ("slurm", has_slurm()),
    ];
    for (name, there) in needs {
        println!("cargo:rustc-check-cfg=cfg(has_{name})");
        if there {
            println!("cargo:rustc-cfg=has_{name}");
        }
    }
}
