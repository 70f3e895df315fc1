//! The command line that made a run.

/// Name of the file in the run's folder that holds it.
pub const FILE: &str = "command.txt";

/// The command that started this process, as it is typed in the workspace.
pub fn of_this_process() -> String {
    let backends = [("wgpu", cfg!(feature = "wgpu")), ("cuda", cfg!(feature = "cuda"))];
    let backends: Vec<&str> = backends.into_iter().filter(|(_, built)| *built).map(|(name, _)| name).collect();
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    in_workspace(&backends, &arguments)
}

/// `cargo run` with the backends that were compiled in and the arguments of the program.
pub fn in_workspace<S: AsRef<str>>(backends: &[&str], arguments: &[S]) -> String {
    let mut words = ["cargo", "run", "--release", "-p", "experiments"].map(str::to_owned).to_vec();
    if !backends.is_empty() {
        words.extend(["--features".to_owned(), backends.join(",")]);
    }
    words.push("--".to_owned());
    words.extend(arguments.iter().map(|word| quoted(word.as_ref())));
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_the_same_words() {
        assert_eq!(
            in_workspace(&["cuda"], &["table1", "--data", "a folder", "--name", "it's"]),
            r"cargo run --release -p experiments --features cuda -- table1 --data 'a folder' --name 'it'\''s'"
        );
        assert_eq!(in_workspace(&[], &["table1", ""]), "cargo run --release -p experiments -- table1 ''");
    }
}
