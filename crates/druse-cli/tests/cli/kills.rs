//! Killed on the way (SIGKILL), a full disk, a folder that cannot be written: what has its final name is whole, and
//! what goes on ends with the bytes of an uninterrupted run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
#[cfg(target_os = "linux")]
use test_support::robustness::SmallDisk;
use test_support::robustness::{kill_again_and_again, tell};

use crate::support::{Folder, TINY, cesium_chlorides};

/// Runs a command to its end. How long it took.
fn whole(folder: &Folder, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    folder.druse(arguments).status(0);
    start.elapsed()
}

/// Files of a folder whose names are final, with their contents: unfinished ones are hidden.
fn finished(folder: &Folder, below: &str) -> BTreeMap<String, Vec<u8>> {
    if !folder.path().join(below).is_dir() {
        return BTreeMap::new();
    }
    let stem = format!("{below}/");
    let visible = |name: &str| !name.split('/').any(|part| part.starts_with('.'));
    let files = folder.contents(below).into_iter();
    files.map(|(name, bytes)| (name.replace(&stem, ""), bytes)).filter(|(name, _)| visible(name)).collect()
}

/// Asserts that every finished file is one of the whole run.
fn assert_part_of(found: &BTreeMap<String, Vec<u8>>, whole: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in found {
        assert!(whole.get(name) == Some(bytes), "{name} is not what an uninterrupted run writes");
    }
}

#[test]
fn kill_sample() {
    let folder = Folder::new();
    let words = |out: &str| {
        let words = "sample --formula NaCl --space-group 225 --count 24 --sampler few-step --evaluations 4 --batch-size 2 --out";
        words.split(' ').map(str::to_owned).chain([out.to_owned()]).collect::<Vec<_>>()
    };
    let time = whole(&folder, &words("whole").iter().map(String::as_str).collect::<Vec<_>>());
    let expected = finished(&folder, "whole");
    assert_eq!(expected.len(), 24);
    let out = |index: u64| format!("killed{index}");
    let start = |index: u64| folder.process(&words(&out(index)).iter().map(String::as_str).collect::<Vec<_>>());
    kill_again_and_again("druse sample", time, start, |index, _| {
        assert_part_of(&finished(&folder, &out(index)), &expected);
    });
}

#[test]
fn a_resumed_relaxation_is_an_uninterrupted_one_to_the_last_digit() {
    let folder = Folder::new();
    let names = ["Li", "Na", "K", "Rb", "Cs"];
    let pairs: Vec<_> = names.iter().enumerate().map(|(n, cation)| (*cation, "Cl", 3.7 + 0.0917 * n as f64)).collect();
    folder.write("set.jsonl", &cesium_chlorides(&pairs));
    let relax = |out: &str, further: &[&str]| {
        let arguments = ["relax", "set.jsonl", "--free", "--steps", "1", "--out", out];
        folder.druse(&[&arguments, further].concat()).status(0);
    };
    let text = |name: &str| String::from_utf8(folder.read(name)).expect("text").replace("\"whole/", "\"killed/");
    relax("whole", &[]);
    // What lies there when a run is killed and all but one of its structures are done.
    std::fs::create_dir(folder.path().join("killed")).expect("a folder");
    folder.write("killed/relax.run", &text("whole/relax.run"));
    let lines = text("whole/relax.journal");
    folder.write("killed/relax.journal", &lines.split_inclusive('\n').take(names.len() - 1).collect::<String>());
    relax("killed", &["--resume"]);
    assert_eq!(text("killed/relax.csv"), text("whole/relax.csv"));
}

#[test]
fn kill_train() {
    let folder = Folder::new();
    folder.write("tiny.ron", &TINY.replace("steps: 4", "steps: 60").replace("every: 2", "every: 6"));
    let time = whole(&folder, &["train", "tiny.ron", "--out", "whole"]);
    let expected = finished(&folder, "whole");
    let out = |index: u64| format!("killed{index}");
    let start = |index: u64| folder.process(&["train", "tiny.ron", "--out", &out(index)]);
    kill_again_and_again("druse train", time, start, |index, _| {
        let out = out(index);
        let left = finished(&folder, &out);
        if let Some(checkpoint) = left.get("checkpoint.safetensors") {
            assert!(checkpoint == &expected["checkpoint.safetensors"], "a checkpoint that is not the trained one");
        }
        folder.druse(&["train", "tiny.ron", "--out", &out, "--resume"]).status(0);
        let resumed = finished(&folder, &out);
        assert_eq!(resumed.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in &expected {
            // A run in two legs keeps the provenance of both, in the file of that name and in the checkpoint. The state
            // differs between two uninterrupted runs as well.
            let says_legs = ["provenance.json", "checkpoint.safetensors", "training.state"].contains(&name.as_str());
            assert!(says_legs || resumed[name] == *bytes, "{name} of the resumed run is another");
        }
        let legs = folder.json(&format!("{out}/provenance.json")).as_array().map_or(0, Vec::len);
        assert!((1..=2).contains(&legs), "{legs} legs");
        let checkpoint = "checkpoint.safetensors";
        assert!(parameters(&resumed[checkpoint]) == parameters(&expected[checkpoint]), "other parameters");
    });
}

/// What stands behind the header of a `safetensors` file, whose length stands in its first eight bytes.
fn parameters(file: &[u8]) -> &[u8] {
    let (length, rest) = file.split_first_chunk::<8>().expect("a header");
    &rest[usize::try_from(u64::from_le_bytes(*length)).expect("a length")..]
}

#[test]
fn kill_evaluate() {
    let folder = Folder::new();
    let pairs: Vec<(&str, &str, f64)> = (0..60).map(|index| ("Cs", "Cl", 4.0 + 0.005 * f64::from(index))).collect();
    folder.write("set.jsonl", &cesium_chlorides(&pairs));
    let words = ["evaluate", "--generated", "set.jsonl", "--reference", "set.jsonl", "--json"];
    let time = whole(&folder, &words);
    // A shell redirects, as a user does: what stands in the file is nothing, a part that is not JSON, or all of it.
    let start = |index: u64| {
        let mut command = Command::new("sh");
        let line = format!("exec \"$0\" {} > result{index}.json", words.join(" "));
        command.args(["-c", &line, env!("CARGO_BIN_EXE_druse")]).current_dir(folder.path());
        command
    };
    kill_again_and_again("druse evaluate", time, start, |index, was_killed| {
        let text = String::from_utf8(folder.read(&format!("result{index}.json"))).expect("text");
        if let Ok(document) = serde_json::from_str::<serde_json::Value>(&text) {
            assert_eq!(document["n_valid"], 60, "a part that looks whole: {text}");
        } else {
            assert!(was_killed, "an uninterrupted run printed no document: {text}");
        }
        assert_eq!(folder.files().iter().filter(|name| !name.starts_with("result")).count(), 1);
    });
}

#[test]
fn kill_convert() {
    let folder = Folder::new();
    let pairs: Vec<(&str, &str, f64)> = (0..2000).map(|index| ("Cs", "Cl", 4.0 + 0.0001 * f64::from(index))).collect();
    let lines: Vec<String> =
        cesium_chlorides(&pairs).lines().enumerate().map(|(i, line)| line.replace("CsCl", &format!("s{i}"))).collect();
    folder.write("set.jsonl", &lines.join("\n"));
    let mut expected = BTreeMap::new();
    let mut time = Duration::ZERO;
    for out in ["whole.jsonl.zst", "whole"] {
        time = time.max(whole(&folder, &["convert", "set.jsonl", out]));
    }
    expected.insert("file", folder.read("whole.jsonl.zst"));
    let cifs = finished(&folder, "whole");
    assert_eq!(cifs.len(), 2000);
    let start = |index: u64| match index % 2 {
        0 => folder.process(&["convert", "set.jsonl", &format!("killed{index}.jsonl.zst")]),
        _ => folder.process(&["convert", "set.jsonl", &format!("killed{index}")]),
    };
    kill_again_and_again("druse convert", time, start, |index, _| {
        let file = format!("killed{index}.jsonl.zst");
        if folder.path().join(&file).exists() {
            assert!(folder.read(&file) == expected["file"], "{file} is torn");
        }
        // A new folder is there with all its files or not at all.
        let found = finished(&folder, &format!("killed{index}"));
        assert!(found.is_empty() || found == cifs, "{} of 2000 files", found.len());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk() {
    let folder = Folder::new();
    let pairs: Vec<(&str, &str, f64)> = (0..2000).map(|index| ("Cs", "Cl", 4.0 + 0.0001 * f64::from(index))).collect();
    folder.write("set.jsonl", &cesium_chlorides(&pairs));
    folder.write("few.jsonl", &cesium_chlorides(&pairs[..3]));
    folder.write("tiny.ron", TINY);
    let disk = SmallDisk::new(folder.path(), 64);
    let program = env!("CARGO_BIN_EXE_druse");
    let lines = [
        ("convert", format!("\"{program}\" convert set.jsonl small/out.jsonl")),
        (
            "sample",
            format!(
                "\"{program}\" sample --formula NaCl --space-group 225 --count 200 --sampler few-step --evaluations 2 \
                 --out small/grown"
            ),
        ),
        ("train", format!("\"{program}\" train tiny.ron --out small/run")),
        // A shell redirects, as a user does. The document alone may fit, so the disk is filled first.
        (
            "evaluate",
            format!(
                "head -c 1000000 /dev/zero > small/filled 2>/dev/null; \"{program}\" evaluate --generated few.jsonl \
                 --reference few.jsonl --json > small/out.jsonl"
            ),
        ),
    ];
    for (name, line) in &lines {
        let output = disk.command(line).output().expect("a shell");
        let (left, message) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert!(!message.contains("panicked"), "{name}: {message}");
        // A single CIF and a document of three structures are smaller than the limit on the size of files.
        if disk.is_mounted() || !["sample", "evaluate"].contains(name) {
            assert_eq!(output.status.code(), Some(2), "{name}: {message}");
            let told = if *name == "evaluate" { "standard output" } else { "small/" };
            assert!(message.contains(told), "{name}: the message names no file: {message}");
            assert!(message.contains("free some space") || message.contains("raise the limit"), "{name}: {message}");
        }
        let whole = ["out.jsonl", "checkpoint.safetensors"].iter().any(|whole| left.contains(whole));
        assert!(!whole || *name == "evaluate", "{name}: {left}");
    }
    tell(
        "full disk",
        &json!({"commands": lines.len(), "mounted": disk.is_mounted()}),
        &format!("{}: {} commands, nothing torn", disk.described(), lines.len()),
    );
}

/// A folder whose parent is a file, and one on a file system without writing: the message names it, nothing is there.
#[cfg(target_os = "linux")]
#[test]
fn unwritable_folder() {
    let folder = Folder::new();
    folder.write("set.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12)]));
    folder.write("tiny.ron", TINY);
    folder.write("file", "not a folder");
    // What was read of the data once may be kept.
    let files = || folder.files().into_iter().filter(|name| !name.starts_with("cache/")).collect::<Vec<_>>();
    let before = files();
    // /proc takes no files from anybody, the superuser included.
    let mut n_refused = 0;
    for below in ["file", "/proc"] {
        for words in [
            format!("convert set.jsonl {below}/out.jsonl"),
            format!("convert set.jsonl {below}/out/"),
            format!("sample --formula NaCl --space-group 225 --sampler few-step --evaluations 2 --out {below}/grown"),
            format!("train tiny.ron --out {below}/run"),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            folder.druse(&words).refused(&[below]);
            assert_eq!(files(), before, "{words:?}");
            n_refused += 1;
        }
        assert!(!Path::new("/proc/grown").exists());
    }
    tell(
        "unwritable folder",
        &json!({"commands": n_refused}),
        &format!("{n_refused} commands refused, nothing written"),
    );
}
