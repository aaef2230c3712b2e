//! The `dlinfra` command: parse, run, turn the result into an exit code.
mod cli;
mod function;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    if function::is_one() {
        // What goes wrong before the first call, Lambda finds in the log.
        return function::serve().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    cli::main()
}
