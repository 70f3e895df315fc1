//! The workspace is tidy, and each check fires on a small workspace that breaks its rule.

use std::path::Path;

use test_support_macros::needs;
use xshell::{Shell, TempDir};
use xtask::tidy::{Tree, check, workspace_root};

/// A workspace that keeps every rule: two crates, a map and a book.
fn sound_workspace(shell: &Shell) -> TempDir {
    let folder = shell.create_temp_dir().expect("a temporary folder can be made");
    let manifest = |name: &str, dependencies: &str| {
        format!("[package]\nname = \"{name}\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n{dependencies}")
    };
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n".to_owned()),
        ("crates/crystal-core/Cargo.toml", manifest("crystal-core", "nalgebra.workspace = true\n")),
        ("crates/crystal-core/src/lib.rs", "//! Crystals.\n\nuse nalgebra as _;\n".to_owned()),
        ("crates/metrics/Cargo.toml", manifest("metrics", "crystal-core.workspace = true\n")),
        ("crates/metrics/src/lib.rs", "//! Metrics.\n\nuse crystal_core as _;\n".to_owned()),
        (
            "ARCHITECTURE.md",
            "Crates: `crystal-core`, `metrics`. See [the book](docs/src/method.md#network).\n".to_owned(),
        ),
        ("docs/src/SUMMARY.md", "- [Method](method.md)\n".to_owned()),
        (
            "docs/src/method.md",
            "# Method\n\nBack to [the map](../../ARCHITECTURE.md), on to <https://example.org>.\n".to_owned(),
        ),
    ];
    for (path, text) in files {
        shell.write_file(folder.path().join(path), text).expect("the folder is writable");
    }
    folder
}

fn findings(folder: &Path) -> Vec<String> {
    let tree = Tree::of_folder(folder).expect("the folder can be read");
    check(&tree).expect("the files can be read").iter().map(ToString::to_string).collect()
}

/// Writes one more file into a sound workspace; the check must fire at this place, with this word, and nowhere else.
fn assert_fires(path: &str, text: &str, place: &str, word: &str) {
    assert_fires_beside(&[], path, text, place, word);
}

/// The same, with further files in the workspace that break no rule.
fn assert_fires_beside(others: &[(&str, &str)], path: &str, text: &str, place: &str, word: &str) {
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    for (other, text) in others {
        shell.write_file(folder.path().join(other), text).expect("the folder is writable");
    }
    assert_eq!(findings(folder.path()), Vec::<String>::new(), "the fixture itself is not sound");
    shell.write_file(folder.path().join(path), text).expect("the folder is writable");
    let found = findings(folder.path());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(place), "expected {place}, found {}", found[0]);
    assert!(found[0].contains(word), "expected '{word}' in {}", found[0]);
}

#[needs(git)]
#[test]
fn this_workspace_is_tidy() {
    let tree = Tree::of_repository(&workspace_root()).expect("git lists the files");
    let found = check(&tree).expect("the files can be read");
    let list = found.iter().map(|finding| format!("{finding}\n")).collect::<String>();
    assert!(found.is_empty(), "{list}");
}

#[test]
fn unfinished_work() {
    let text = ["//! A.\nfn f() {\n    to", "do!()\n}\n"].concat();
    assert_fires("crates/metrics/src/a.rs", &text, "crates/metrics/src/a.rs:3:", "unfinished");
    let text = ["# A note\n\nFIX", "ME: later\n"].concat();
    assert_fires("notes.md", &text, "notes.md:3:", "unfinished");
}

#[test]
fn machine_paths() {
    let text = ["//! A.\n\nconst DATA: &str = \"/ho", "me/someone/data\";\n"].concat();
    assert_fires("crates/metrics/src/a.rs", &text, "crates/metrics/src/a.rs:3:", "one machine");
}

#[test]
fn lints_silenced_without_a_reason() {
    let silenced = "//! A.\n\n#[allow(\n    dead_code\n)]\nfn f() {}\n";
    assert_fires("crates/metrics/src/a.rs", silenced, "crates/metrics/src/a.rs:3:", "reason");
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    let with_reason = "//! A.\n\n#[allow(dead_code, reason = \"used under another feature\")]\nfn f() {}\n";
    shell.write_file(folder.path().join("crates/metrics/src/a.rs"), with_reason).expect("the folder is writable");
    assert_eq!(findings(folder.path()), Vec::<String>::new());
}

#[test]
fn long_modules_but_not_tables() {
    let text = format!("//! A.\n{}", "// one more line\n".repeat(600));
    assert_fires("crates/metrics/src/a.rs", &text, "crates/metrics/src/a.rs:601:", "601 lines");
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    shell.write_file(folder.path().join("crates/metrics/src/tables.rs"), &text).expect("the folder is writable");
    assert_eq!(findings(folder.path()), Vec::<String>::new());
}

#[test]
fn crates_without_documentation() {
    assert_fires(
        "crates/metrics/src/lib.rs",
        "mod a;\n\nuse crystal_core as _;\n",
        "crates/metrics/src/lib.rs:1:",
        "documentation",
    );
}

#[test]
fn white_space_and_line_ends() {
    assert_fires("notes.md", "One \nTwo\n", "notes.md:1:", "white space");
    assert_fires("notes.md", "One\nTwo", "notes.md:2:", "line end");
}

#[test]
fn tensor_libraries_below_the_models() {
    let manifest = "[package]\nname = \"metrics\"\n[lints]\nworkspace = true\n[dependencies]\n";
    for line in ["burn.workspace = true", "tensors = { package = \"burn-flex\", version = \"1\" }", "cubecl = \"0.11\""]
    {
        let text = format!("{manifest}{line}\n");
        let source = ("crates/metrics/src/uses.rs", "use {burn as _, cubecl as _, tensors as _};\n");
        assert_fires_beside(
            &[source],
            "crates/metrics/Cargo.toml",
            &text,
            "crates/metrics/Cargo.toml:6:",
            "tensor library",
        );
    }
}

#[test]
fn layers_upside_down() {
    let text =
        "[package]\nname = \"crystal-core\"\n[lints]\nworkspace = true\n[dev-dependencies.metrics]\nworkspace = true\n";
    let source = ("crates/crystal-core/src/uses.rs", "use metrics as _;\n");
    assert_fires_beside(
        &[source],
        "crates/crystal-core/Cargo.toml",
        text,
        "crates/crystal-core/Cargo.toml:5:",
        "may not use `metrics`",
    );
    let text = "[package]\nname = \"metrics\"\n[lints]\nworkspace = true\n[target.'cfg(unix)'.dependencies]\nmetrics.path = \".\"\n";
    let source = ("crates/metrics/src/uses.rs", "use metrics as _;\n");
    assert_fires_beside(
        &[source],
        "crates/metrics/Cargo.toml",
        text,
        "crates/metrics/Cargo.toml:6:",
        "may not use `metrics`",
    );
}

#[test]
fn dependencies_that_nothing_uses() {
    let manifest = "[package]\nname = \"metrics\"\n[lints]\nworkspace = true\n[dependencies]\n";
    for line in ["linear-algebra = \"1\"", "algebra = { package = \"crystal-core\", path = \"../crystal-core\" }"] {
        let text = format!("{manifest}{line}\n");
        assert_fires("crates/metrics/Cargo.toml", &text, "crates/metrics/Cargo.toml:6:", "does not use");
    }
}

#[test]
fn helpers_of_tests_outside_tests() {
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    let files = [
        ("crates/test-support/Cargo.toml", "[package]\nname = \"test-support\"\n[lints]\nworkspace = true\n"),
        ("crates/test-support/src/lib.rs", "//! Helpers.\n"),
        ("crates/metrics/src/lib.rs", "//! Metrics.\n\nuse test_support as _;\n"),
        ("ARCHITECTURE.md", "Crates: `crystal-core`, `metrics`, `test-support`.\n"),
    ];
    for (path, text) in files {
        shell.write_file(folder.path().join(path), text).expect("the folder is writable");
    }
    for (table, expected) in [("dev-dependencies", 0), ("dependencies", 1)] {
        let text = format!(
            "[package]\nname = \"metrics\"\n[lints]\nworkspace = true\n[{table}]\ntest-support.workspace = true\n"
        );
        shell.write_file(folder.path().join("crates/metrics/Cargo.toml"), text).expect("the folder is writable");
        let found = findings(folder.path());
        assert_eq!(found.len(), expected, "{table}: {found:?}");
        assert!(found.iter().all(|finding| finding.contains("may not use `test-support`")), "{found:?}");
    }
}

#[test]
fn long_lines_but_not_in_tables_and_code() {
    let long = format!("{}end", "word ".repeat(24));
    assert_fires("notes.md", &format!("A note.\n\n{long}\n"), "notes.md:3:", "more than 120");
    assert_fires("tools/a.rs", &format!("//! {long}\n"), "tools/a.rs:1:", "more than 120");
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    let address = format!("<https://example.org/{}>", "a".repeat(130));
    let text = format!("| {long} |\n\n```text\n{long}\n```\n\n{address}\n");
    shell.write_file(folder.path().join("notes.md"), text).expect("the folder is writable");
    assert_eq!(findings(folder.path()), Vec::<String>::new());
}

#[test]
fn phrases_that_are_not_plain() {
    for (phrase, word) in [
        (["A circle is", " no square.\n"], "is not a"),
        (["A letter stands", " for a position.\n"], "means"),
        (["Cells may explo", "de.\n"], "diverge"),
        (["It has a folder of its", " own.\n"], "its own"),
    ] {
        assert_fires("notes.md", &phrase.concat(), "notes.md:1:", word);
    }
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    let plain = "There is no square here, and a circle is no longer drawn.\n";
    shell.write_file(folder.path().join("notes.md"), plain).expect("the folder is writable");
    assert_eq!(findings(folder.path()), Vec::<String>::new());
}

#[test]
fn manifests_without_the_lints() {
    let text = "[package]\nname = \"metrics\"\n";
    assert_fires("crates/metrics/Cargo.toml", text, "crates/metrics/Cargo.toml:1:", "lints");
}

#[test]
fn crates_that_are_not_on_the_map() {
    assert_fires("ARCHITECTURE.md", "Only `metrics`.\n", "ARCHITECTURE.md:1:", "`crystal-core`");
}

#[test]
fn links_that_lead_nowhere() {
    for file in ["notes.md", "docs/src/llms.txt"] {
        assert_fires(file, "See\n[that](gone.md).\n", &format!("{file}:2:"), "leads nowhere");
    }
}

#[test]
fn chapters_outside_the_contents() {
    assert_fires("docs/src/lost.md", "# Lost\n", "docs/src/lost.md:1:", "SUMMARY.md");
}

#[test]
fn large_files_but_not_weights() {
    let large = "0".repeat((1 << 20) + 1);
    assert_fires("assets/large.csv", &large, "assets/large.csv:1:", "1 MiB");
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    shell.write_file(folder.path().join("assets/weights/model.bin"), &large).expect("the folder is writable");
    assert_eq!(findings(folder.path()), Vec::<String>::new());
}

#[test]
fn left_overs() {
    assert_fires("target/debug/notes.json", "{}\n", "target/debug/notes.json:1:", "left behind");
    assert_fires("tests/a.snap.new", "---\n", "tests/a.snap.new:1:", "left behind");
}

#[test]
fn folders_that_use_each_other() {
    let other = ("crates/metrics/src/table.rs", "//! A.\n\nuse crate::{\n    report::{Page, Row},\n    Set,\n};\n");
    let circle = "//! A.\n\nuse crate::table::Table;\n";
    let place = "crates/metrics/src/report/page.rs:3";
    assert_fires_beside(&[other], "crates/metrics/src/report/page.rs", circle, place, "`table`");
    let shell = Shell::new().expect("there is a current directory");
    let folder = sound_workspace(&shell);
    let sound = [
        other,
        (
            "crates/metrics/src/report/page.rs",
            "//! Not crate::table.\n\n// crate::table\n#[cfg(test)]\nuse crate::table;\n",
        ),
        ("crates/metrics/src/report/tests.rs", circle),
        // Files beside each other may.
        ("crates/metrics/src/a.rs", "use crate::b;\n"),
        ("crates/metrics/src/b.rs", "use crate::a;\n"),
    ];
    for (path, text) in sound {
        shell.write_file(folder.path().join(path), text).expect("the folder is writable");
    }
    assert_eq!(findings(folder.path()), Vec::<String>::new());
}
