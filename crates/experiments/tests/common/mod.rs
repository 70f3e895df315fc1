//! How the tests start the program.

use std::path::Path;
use std::process::{Command, Output};

/// The program with an empty cache and no data: what is compiled in, whatever the machine has.
pub fn experiments(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_experiments"));
    command.env("DRUSE_CACHE", folder.join("cache")).env_remove("DRUSE_DATA");
    command
}

/// Runs a command that must succeed.
pub fn successful(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    output
}
