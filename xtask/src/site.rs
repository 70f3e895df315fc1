//! `cargo xtask site`: the book, the API's documentation and the page for agents as one static folder, with every link
//! of the book followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The sources of the book.
const BOOK: &str = "docs";
/// Where the API's documentation lies in the site.
const API: &str = "api";

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the site; that of an earlier call is removed [default: site in the target folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Take the API's documentation from this folder in place of building it, such as target/doc
    #[arg(long, value_name = "DIR")]
    pub api: Option<PathBuf>,
    /// The program mdbook
    #[arg(long, value_name = "PROGRAM", default_value = "mdbook")]
    pub mdbook: PathBuf,
}

/// Builds the site and follows its links.
///
/// # Errors
/// If mdbook or cargo is missing or fails, the folder cannot be written, or a link leads nowhere.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = fs::canonicalize(ROOT)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let out = std::path::absolute(arguments.out.clone().unwrap_or_else(|| target.join("site")))?;
    if out.exists() {
        // Other files in it would be lost.
        ensure!(
            out.join("llms.txt").is_file() || fs::read_dir(&out)?.next().is_none(),
            "{}: holds files that are none of this command; choose another folder",
            out.display()
        );
        fs::remove_dir_all(&out)?;
    }
    let api = match &arguments.api {
        Some(folder) => std::path::absolute(folder)?,
        None => document(&root, &target)?,
    };
    ensure!(
        api.join("druse/index.html").is_file(),
        "{}: holds no documentation of the API; leave --api out to build it",
        api.display()
    );
    let status = Command::new(&arguments.mdbook)
        .arg("build")
        .arg(root.join(BOOK))
        .arg("--dest-dir")
        .arg(&out)
        .status()
        .with_context(|| {
            let program = arguments.mdbook.display();
            format!("{program} cannot be started; install it with `cargo install mdbook`, or name it with --mdbook")
        })?;
    ensure!(status.success(), "mdbook fails; see above");
    // Programs read the chapters as they are written; llms.txt leads to these.
    copy(&root.join(BOOK).join("src"), &out, &|path| path.extension().is_some_and(|ending| ending == "md"))?;
    copy(&api, &out.join(API), &|path| !path.ends_with(".lock"))?;
    let dead = dead_links(&out)?;
    for (page, link) in &dead {
        eprintln!("{}: the link to '{link}' leads nowhere", page.display());
    }
    if !dead.is_empty() {
        bail!("{} links of the site lead nowhere; mend them in {BOOK}/src", dead.len());
    }
    println!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the documentation of the API and returns its folder.
fn document(root: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["doc", "--workspace", "--no-deps"])
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the API cannot be documented; see above");
    Ok(target.join("doc"))
}

/// Copies the files below a folder that are wanted.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("{}: cannot be read", from.display()))? {
        let path = entry?.path();
        let place = to.join(path.file_name().context("an entry of a folder has a name")?);
        if path.is_dir() {
            copy(&path, &place, wanted)?;
        } else if wanted(&path) {
            fs::create_dir_all(to)?;
            fs::copy(&path, &place).with_context(|| format!("{}: cannot be copied", path.display()))?;
        }
    }
    Ok(())
}

/// Pages of the book and their links that lead to no file or place of the site. rustdoc has followed its own links.
fn dead_links(site: &Path) -> anyhow::Result<BTreeSet<(PathBuf, String)>> {
    let mut pages = BTreeMap::new();
    for path in super::tidy::Tree::of_folder(site)?.files() {
        // The page of all chapters repeats them, and that of a missing address lies nowhere.
        let repeats = path == Path::new("print.html") || path == Path::new("404.html");
        if !path.starts_with(API) && !repeats && path.extension().is_some_and(|ending| ending == "html") {
            pages.insert(path.clone(), fs::read_to_string(site.join(path))?);
        }
    }
    let mut dead = BTreeSet::new();
    for (page, text) in &pages {
        let links = ["href=\"", "src=\""].iter().flat_map(|attribute| values(text, attribute));
        for link in links.filter(|link| !link.contains("://") && !link.starts_with("data:")) {
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let aim = if path.is_empty() { page.clone() } else { joined(page, path) };
            let found = site.join(&aim).is_file() || site.join(&aim).join("index.html").is_file();
            let holds = |text: &String| values(text, "id=\"").any(|id| id == place);
            if !found || (!place.is_empty() && pages.get(&aim).is_some_and(|text| !holds(text))) {
                dead.insert((page.clone(), link.to_owned()));
            }
        }
    }
    Ok(dead)
}

/// The values of an attribute, whose name is given with the opening quote.
fn values<'a>(text: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(attribute).filter_map(|(start, _)| text[start + attribute.len()..].split('"').next())
}

/// Where a page's relative link leads, from the site's root.
fn joined(page: &Path, link: &str) -> PathBuf {
    let mut parts = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(link).components() {
        match part {
            // Out of the site: no file of it has this path.
            Component::ParentDir if !parts.pop() => return PathBuf::from("..").join(link),
            Component::ParentDir | Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() -> anyhow::Result<()> {
        let shell = xshell::Shell::new()?;
        let folder = shell.create_temp_dir()?;
        let site = folder.path();
        let page = r##"<h2 id="here">A</h2> <a href="#here">1</a> <a href="#gone">2</a> <a href="sub/b.html#there">3</a>
            <a href="sub/b.html#nowhere">4</a> <a href="missing.html">5</a> <a href="https://example.org/x">6</a>
            <img src="../a.html"> <a href="api/druse/index.html#anything">7</a>"##;
        for (path, text) in [
            ("a.html", page),
            ("sub/b.html", r#"<p id="there"><a href="../a.html#here">back</a> <a href="./">here</a></p>"#),
            ("sub/index.html", ""),
            ("api/druse/index.html", r#"<a href="gone.html">rustdoc's own</a>"#),
        ] {
            shell.write_file(site.join(path), text)?;
        }
        let dead = dead_links(site)?;
        let found: Vec<&str> = dead.iter().map(|(_, link)| link.as_str()).collect();
        assert_eq!(found, ["#gone", "../a.html", "missing.html", "sub/b.html#nowhere"]);
        assert!(dead.iter().all(|(page, _)| page == Path::new("a.html")));
        Ok(())
    }
}
