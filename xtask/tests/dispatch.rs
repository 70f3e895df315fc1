//! What is handed to cargo, and that its exit status comes back. Other programs stand in for cargo, so that nothing is
//! built.
#![cfg(unix)]

use std::process::Command;

/// Exit status and standard output of `xtask` with another program in cargo's place.
fn run(cargo: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).env("CARGO", cargo).output().expect("xtask starts");
    (output.status.code(), String::from_utf8(output.stdout).expect("the arguments are UTF-8"))
}

#[test]
fn reproduce_hands_on_options_and_exit_status() {
    let arguments = ["reproduce", "table1", "--data", "a folder", "--device", "wgpu"];
    let (status, line) = run("echo", &arguments);
    assert_eq!(status, Some(0));
    assert_eq!(
        line.trim_end(),
        "run --release --package experiments --features wgpu -- table1 --data a folder --device wgpu"
    );
    assert_eq!(run("false", &arguments).0, Some(1));
}

#[test]
fn figures_are_dispatched() {
    let (status, line) = run("echo", &["reproduce", "figures", "--data", "a folder", "--name", "mine"]);
    assert_eq!(status, Some(0));
    assert_eq!(line.trim_end(), "run --release --package experiments -- figures --data a folder --name mine");
    // A device, a seed or a preset would be refused only after the build.
    assert_eq!(run("echo", &["reproduce", "figures", "--device", "cpu"]), (Some(2), String::new()));
}

#[test]
fn fetch_data_hands_on_options_and_exit_status() {
    let arguments = ["fetch-data", "mp-20", "--help"];
    let (status, line) = run("echo", &arguments);
    assert_eq!(status, Some(0));
    assert_eq!(line.trim_end(), "run --release --package druse-datasets --bin fetch-data -- mp-20 --help");
    assert_eq!(run("false", &arguments).0, Some(1));
}

#[test]
fn what_is_not_offered_is_refused_before_cargo_starts() {
    for arguments in
        [["reproduce", "figure9"].as_slice(), &["fetch-data"], &["new"], &["reproduce", "table1", "--device", "abacus"]]
    {
        let (status, line) = run("echo", arguments);
        assert_eq!((status, line.as_str()), (Some(2), ""), "{arguments:?}");
    }
}

#[test]
fn a_missing_cargo_is_named() {
    assert_eq!(run("no-such-cargo", &["reproduce", "table1"]).0, Some(2));
}
