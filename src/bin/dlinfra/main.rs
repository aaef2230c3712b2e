//! The `dlinfra` command: parse, run, turn the result into an exit code.
mod cli;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
