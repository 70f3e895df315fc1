//! Small structures that the tests write themselves, and runs of the command.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
pub use test_support::TINY;

/// A temporary folder to run in.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, its folder too.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Runs the command in this folder, without data and cache of the machine's user.
    pub fn druse(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().expect("the command runs");
        Run { arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(), output }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        Command::from_std(self.process(arguments))
    }

    /// The command as a process that can be started and killed.
    pub fn process(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_druse"));
        command.args(arguments).current_dir(self.path());
        command.env("DRUSE_CACHE", self.path().join("cache")).env_remove("DRUSE_DATA").env_remove("RUST_LOG");
        command
    }

    /// Content of a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Content of a file that holds JSON.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names and contents of all files below a folder.
    pub fn contents(&self, below: &str) -> Vec<(String, Vec<u8>)> {
        let files = self.files().into_iter().filter(|file| file.starts_with(&format!("{below}/")));
        files.map(|file| (file.clone(), self.read(&file))).collect()
    }

    /// Names of all files below, sorted.
    pub fn files(&self) -> Vec<String> {
        fn visit(folder: &Path, root: &Path, files: &mut Vec<String>) {
            for item in std::fs::read_dir(folder).expect("a folder") {
                let path = item.expect("an item").path();
                if path.is_dir() {
                    visit(&path, root, files);
                } else {
                    files.push(path.strip_prefix(root).expect("below the root").display().to_string());
                }
            }
        }
        let mut files = Vec::new();
        visit(self.path(), self.path(), &mut files);
        files.sort();
        files
    }
}

/// A finished run of the command.
pub struct Run {
    arguments: Vec<String>,
    output: Output,
}

impl Run {
    pub fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).expect("UTF-8")
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).expect("UTF-8")
    }

    /// Asserts the exit status.
    #[track_caller]
    pub fn status(self, expected: i32) -> Self {
        assert_eq!(
            self.output.status.code(),
            Some(expected),
            "{:?}\n{}\n{}",
            self.arguments,
            self.stdout(),
            self.stderr()
        );
        assert!(!self.stderr().contains("panicked"), "{}", self.stderr());
        self
    }

    /// Asserts that nothing was done, and that the one message on standard error holds all of these.
    #[track_caller]
    pub fn refused(self, said: &[&str]) -> Self {
        let run = self.status(2);
        assert_eq!(run.stdout(), "", "{:?}", run.arguments);
        let message = run.stderr();
        assert!(message.starts_with("error: "), "{message}");
        for said in said {
            assert!(message.contains(said), "{:?}\n'{said}' is missing in: {message}", run.arguments);
        }
        run
    }

    /// Standard output as the one JSON document that it must be.
    #[track_caller]
    pub fn document(&self) -> Value {
        let text = self.stdout();
        let mut documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        let document = documents.next().expect("a document").expect("valid JSON");
        assert!(documents.next().is_none(), "more than one document: {text}");
        document
    }
}

/// Keys of an object, sorted.
#[track_caller]
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// All eight atoms of rock salt, lattice parameter `a` in Å, without symmetry.
pub fn rock_salt(cation: &str, anion: &str, a: f64) -> String {
    let mut text = cif_head(a);
    let half = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    for [x, y, z] in half {
        text += &format!("{cation} {x} {y} {z} 1.0\n");
    }
    for [x, y, z] in half {
        text += &format!("{anion} {} {y} {z} 1.0\n", if x == 0.0 { 0.5 } else { 0.0 });
    }
    text
}

/// A cubic cell without symmetry, up to the header of the atoms: type symbol, x, y, z, occupancy.
pub fn cif_head(a: f64) -> String {
    format!(
        "data_test\n_cell_length_a {a}\n_cell_length_b {a}\n_cell_length_c {a}\n_cell_angle_alpha 90\n_cell_angle_beta 90\n\
         _cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n\
         _atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
    )
}

/// Binary compounds of the cesium-chloride type, one per line.
pub fn cesium_chlorides(pairs: &[(&str, &str, f64)]) -> String {
    let line = |(cation, anion, a): &(&str, &str, f64)| {
        format!(
            "{{\"id\": \"{cation}{anion}\", \"lattice\": [[{a}, 0, 0], [0, {a}, 0], [0, 0, {a}]], \"species\": [\"{cation}\", \
             \"{anion}\"], \"frac_coords\": [[0, 0, 0], [0.5, 0.5, 0.5]]}}\n"
        )
    };
    pairs.iter().map(line).collect()
}
