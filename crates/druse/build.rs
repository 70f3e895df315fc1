//! Puts the git revision, and whether the source differs from it, into the binary, for the provenance that lies beside
//! every result.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=../../.git/HEAD");
    println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=DRUSE_GIT_REVISION={revision}");
    // A change of any source file changes what the next result is made with.
    for folder in ["../../crates", "../../assets", "../../Cargo.lock"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    println!("cargo:rustc-env=DRUSE_GIT_DIRTY={changed}");
}
