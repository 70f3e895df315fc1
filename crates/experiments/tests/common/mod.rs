//! How the tests start the program.
#![allow(dead_code, reason = "every test binary uses its own part of this module")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

/// The program with an empty cache and no data: what is compiled in, whatever the machine has.
pub fn experiments(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_experiments"));
    command.env("DRUSE_CACHE", folder.join("cache")).env_remove("DRUSE_DATA");
    command
}

/// Times and contents of all files below a folder.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut files = BTreeMap::new();
    for item in std::fs::read_dir(folder).expect("a folder") {
        let path = item.expect("an item").path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            let changed = path.metadata().and_then(|metadata| metadata.modified()).expect("a time");
            files.insert(path.clone(), (changed, std::fs::read(&path).expect("a file")));
        }
    }
    files
}

/// Runs a command that must succeed.
pub fn successful(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    output
}
