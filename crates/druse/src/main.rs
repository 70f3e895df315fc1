//! The `druse` command: arguments, checks and output; the work is done by the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
