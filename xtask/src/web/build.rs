//! The page's folder: the sampler in WebAssembly, its bindings, and the files of the page.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use super::plain;

const TARGET: &str = "wasm32-unknown-unknown";
/// Most bytes of the folder when each file is packed with gzip, as servers send them.
const MOST_PACKED: u64 = 12_000_000;

/// Files of the page, from the workspace's root.
const FILES: [&str; 11] = [
    "assets/weights/mp20-wyckoff.safetensors",
    "web/index.html",
    "web/page.css",
    "web/page.js",
    "web/worker.js",
    "crates/report-page/src/style.css",
    "crates/report-page/src/nodes.js",
    "crates/report-page/src/viewer.js",
    "crates/report-page/src/gallery.js",
    "assets/vendor/3Dmol-min.js",
    "assets/vendor/3Dmol-LICENSE.txt",
];

/// Builds the page and returns its folder.
///
/// # Errors
/// If something does not compile or cannot be written, or if the page is larger than it may be.
pub(super) fn build(out: Option<&Path>) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let out = out.map_or_else(|| target.join("web-page"), Path::to_owned);
    let wasm = compile(root, &target)?;
    fs::create_dir_all(&out).with_context(|| format!("{}: the folder cannot be made", out.display()))?;
    Bindgen::new()
        .input_path(&wasm)
        .no_modules(true)
        .and_then(|bindgen| bindgen.typescript(false).remove_name_section(true).generate(&out))
        .map_err(|error| anyhow::anyhow!("{}: no bindings can be made: {error:#}", wasm.display()))?;
    plain::write(&out.join("druse_web_bg.wasm"), &out.join("druse_web_plain.wasm"))?;
    for file in FILES {
        let name = Path::new(file).file_name().context("a file has a name")?;
        fs::copy(root.join(file), out.join(name))
            .with_context(|| format!("{file}: cannot be copied to {}", out.display()))?;
    }
    weigh(&out)?;
    Ok(out)
}

fn compile(root: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    if !Path::new(String::from_utf8_lossy(&library.stdout).trim()).is_dir() {
        bail!("Rust's library for {TARGET} is missing; install it with `rustup target add {TARGET}`");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        // Elsewhere it is a plain library: linking it as another kind costs every build of the workspace.
        .args(["rustc", "--package", "druse-web", "--lib", "--crate-type", "cdylib"])
        .args(["--target", TARGET, "--profile", "web"])
        .arg("--target-dir")
        .arg(target)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the sampler does not compile for {TARGET}; see above");
    }
    Ok(target.join(TARGET).join("web").join("druse_web.wasm"))
}

/// Says what the page weighs, and refuses too much.
fn weigh(folder: &Path) -> anyhow::Result<()> {
    let (mut plain, mut packed) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let bytes = fs::read(entry?.path())?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        plain += bytes.len() as u64;
        packed += encoder.finish()?.len() as u64;
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    eprintln!("{}: {:.1} MB, packed {:.1} MB", folder.display(), megabytes(plain), megabytes(packed));
    if packed > MOST_PACKED {
        bail!("the page may weigh {:.0} MB when packed; leave something out", megabytes(MOST_PACKED));
    }
    Ok(())
}
