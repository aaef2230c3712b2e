//! The library from Rust: compiles a blueprint, checks it, and lists what it would make.
//!
//! `cargo run --example resources -- blueprints/efa-training.yaml`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its result")]

use std::path::PathBuf;
use std::process::ExitCode;

use dlinfra::blueprint::{Inputs, RealFiles, compile};
use dlinfra::compose::compose;
use dlinfra::diagnostic::{Diagnostics, render};
use dlinfra::kinds::dialect;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: resources FILE");
        return ExitCode::FAILURE;
    };
    match list(PathBuf::from(file)) {
        Ok(lines) => {
            println!("{}", lines.join("\n"));
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{}", render(&problems, false, 100));
            ExitCode::FAILURE
        }
    }
}

/// One line for each resource; every problem of the blueprint at once, if there is any.
fn list(file: PathBuf) -> Result<Vec<String>, Diagnostics> {
    let inputs = Inputs { file, ..Inputs::default() };
    let deployment = compose(compile(dialect(), &inputs, &RealFiles)?)?;
    Ok(deployment
        .wanted
        .iter()
        .map(|wanted| {
            format!("{:36} {:18} {}", wanted.address.as_str(), wanted.kind.name(), wanted.kind.summary(&wanted.spec))
        })
        .collect())
}
