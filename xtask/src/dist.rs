//! `cargo xtask dist`: what a release consists of, in one folder. Nothing is published: RELEASE.md says what a person
//! does with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Shells, and what their completions are called.
const SHELLS: [(&str, &str); 3] = [("bash", "druse.bash"), ("zsh", "_druse"), ("fish", "druse.fish")];

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the files; those of an earlier call are removed
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub out: PathBuf,
    /// Build for this target of rustc, such as x86_64-unknown-linux-musl, whose programs need no library of the system
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<String>,
    /// Profile of cargo to build with
    #[arg(long, default_value = "release")]
    pub profile: String,
    /// Take the programs from this folder, such as target/release, in place of building them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["target", "profile"])]
    pub built: Option<PathBuf>,
    /// Leave the wheel out
    #[arg(long)]
    pub without_wheel: bool,
    /// Leave the Debian package out
    #[arg(long)]
    pub without_deb: bool,
}

/// Builds the command, its manual pages and completions, the wheel and the Debian package, and lists their hashes.
///
/// # Errors
/// If something cannot be built, or a program that is needed for it is missing.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let out = std::path::absolute(&arguments.out)?;
    let shell = Shell::new()?;
    shell.change_dir(ROOT);
    if out.exists() && !out.join("SHA256SUMS").exists() && fs::read_dir(&out)?.next().is_some() {
        bail!("{}: holds files that are none of this command; choose another folder", out.display());
    }
    // Old and new files side by side would look like one release.
    shell.remove_path(&out)?;
    shell.create_dir(&out)?;
    let built = match &arguments.built {
        Some(folder) => fs::canonicalize(folder).with_context(|| format!("{}: no such folder", folder.display()))?,
        None => build(&shell, arguments)?,
    };
    let druse = out.join("druse");
    shell.copy_file(built.join("druse"), &druse)?;
    // Profiles other than release leave the symbols in.
    cmd!(shell, "strip {druse}").run().context("strip is part of binutils; install them")?;
    manuals(&shell, &druse, &out)?;
    if !arguments.without_wheel {
        let library = built.join("libdruse_python.so");
        cmd!(shell, "python3 crates/druse-python/pack.py {library} {out}").run()?;
    }
    if !arguments.without_deb {
        deb(&shell, &out, &version(&shell)?)?;
    }
    shell.change_dir(&out);
    let files = files_below(&out)?;
    let sums = cmd!(shell, "sha256sum {files...}").read()?;
    shell.write_file("SHA256SUMS", format!("{sums}\n"))?;
    println!("{}\n{sums}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the command and the wheel's library, and returns their folder.
fn build(shell: &Shell, arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = &arguments.profile;
    let mut options: Vec<String> = ["--locked", "--profile", profile].map(str::to_owned).into();
    options.extend(arguments.target.iter().flat_map(|triple| ["--target".to_owned(), triple.clone()]));
    // In one call, so that what both use is built once.
    let wheel = if arguments.without_wheel { &[][..] } else { &["--package", "druse-python", "--lib"] };
    cmd!(shell, "{cargo} build {options...} --package druse-cli --bin druse {wheel...}").run()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(ROOT).join("target"), PathBuf::from);
    let target = arguments.target.as_ref().map_or(target.clone(), |triple| target.join(triple));
    // cargo's own exception.
    Ok(std::path::absolute(target.join(if profile == "dev" { "debug" } else { profile }))?)
}

/// Manual pages and completions, by the command that they are about.
fn manuals(shell: &Shell, druse: &Path, out: &Path) -> anyhow::Result<()> {
    let man = out.join("man");
    cmd!(shell, "{druse} man {man}").run()?;
    shell.create_dir(out.join("completions"))?;
    for (name, file) in SHELLS {
        let script = cmd!(shell, "{druse} completions {name}").read()?;
        shell.write_file(out.join("completions").join(file), script + "\n")?;
    }
    Ok(())
}

/// The workspace's version.
fn version(shell: &Shell) -> anyhow::Result<String> {
    let manifest = shell.read_file("Cargo.toml")?;
    let mut lines = manifest.lines();
    let line = lines.find_map(|line| line.strip_prefix("version = \"")).context("Cargo.toml has no version")?;
    Ok(line.trim_end_matches('"').to_owned())
}

/// The command with its manual pages and completions as a Debian package.
fn deb(shell: &Shell, out: &Path, version: &str) -> anyhow::Result<()> {
    let architecture = cmd!(shell, "dpkg --print-architecture")
        .read()
        .context("a Debian package needs dpkg; leave it out with --without-deb")?;
    let folder = shell.create_temp_dir()?;
    let place = |path: &str| folder.path().join(path);
    shell.create_dir(place("usr/bin"))?;
    shell.copy_file(out.join("druse"), place("usr/bin/druse"))?;
    let man = place("usr/share/man/man1");
    shell.create_dir(&man)?;
    for page in shell.read_dir(out.join("man"))? {
        shell.copy_file(&page, &man)?;
    }
    let pages = shell.read_dir(&man)?;
    // The time of packing would make each package another one.
    cmd!(shell, "gzip -9 --no-name {pages...}").run()?;
    for (path, file) in [
        ("usr/share/bash-completion/completions/druse", "druse.bash"),
        ("usr/share/zsh/vendor-completions/_druse", "_druse"),
        ("usr/share/fish/vendor_completions.d/druse.fish", "druse.fish"),
    ] {
        shell.create_dir(place(path).parent().context("a file has a folder")?)?;
        shell.copy_file(out.join("completions").join(file), place(path))?;
    }
    let documents = place("usr/share/doc/druse");
    shell.create_dir(&documents)?;
    let licences = ["LICENSE-MIT", "LICENSE-APACHE"].map(|file| shell.read_file(file));
    let [mit, apache] = licences;
    let copyright = format!("MIT or Apache-2.0, at your choice.\n\n{}\n\n{}", mit?, apache?);
    shell.write_file(documents.join("copyright"), copyright)?;
    let druse = place("usr/bin/druse");
    let symbols =
        cmd!(shell, "objdump --dynamic-syms {druse}").quiet().read().context("objdump is part of binutils")?;
    let libraries = match oldest_libc(&symbols) {
        Some((major, minor)) => format!("libc6 (>= {major}.{minor}), libgcc-s1"),
        None => {
            bail!("{}: names no version of the C library; leave the package out with --without-deb", druse.display())
        }
    };
    let size: u64 = files_below(folder.path())?
        .iter()
        .map(|file| fs::metadata(folder.path().join(file)).map_or(0, |file| file.len()))
        .sum();
    let control = format!(
        "Package: druse\nVersion: {version}\nArchitecture: {architecture}\n\
         Maintainer: The Druse developers <druse@example.org>\n\
         Installed-Size: {}\nDepends: {libraries}\nSection: science\nPriority: optional\n\
         Description: crystal structures with exact symmetry, grown and judged\n \
         Grows crystal structures for a formula, a space group or a chemical system,\n \
         relaxes them by a machine-learned potential, and puts them on the convex\n \
         hull and through phonons. Networks, potential and hull are compiled in.\n",
        size.div_ceil(1024)
    );
    shell.create_dir(place("DEBIAN"))?;
    shell.write_file(place("DEBIAN/control"), control)?;
    let (folder, package) = (folder.path(), out.join(format!("druse_{version}_{architecture}.deb")));
    cmd!(shell, "dpkg-deb --root-owner-group --build {folder} {package}").run()?;
    Ok(())
}

/// The oldest version of glibc that has all symbols which a program asks of it: the newest that objdump names.
fn oldest_libc(symbols: &str) -> Option<(u32, u32)> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (major, rest) = rest[..end].split_once('.')?;
        // The third number of 2.2.5 and its kin is of a time long gone.
        let minor = rest.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    versions.max()
}

/// All files below a folder, relative to it, sorted.
fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("{}: cannot be read", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::oldest_libc;

    #[test]
    fn the_newest_symbol_counts() {
        let symbols = "0000 DF *UND* 0000 (GLIBC_2.2.5) malloc\n0000 DF *UND* 0000 (GLIBC_2.34) pthread_create\n\
                       0000 DF *UND* 0000 (GLIBC_2.9) pipe2\n0000 DF *UND* 0000 (GCC_3.0) _Unwind_Resume\n";
        assert_eq!(oldest_libc(symbols), Some((2, 34)));
        assert_eq!(oldest_libc("GLIBC_PRIVATE"), None);
    }
}
