//! The `druse` command.

fn main() -> std::process::ExitCode {
    druse_cli::main()
}
