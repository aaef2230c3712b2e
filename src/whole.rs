//! Library and command as one crate. Nobody runs it: here nothing is public, so the compiler sees what neither uses.
//!
//! `.ci/run` checks it. The modules are those of `lib.rs` and `bin/dlinfra/main.rs`; if one is missing, it does not compile.
#![allow(
    unreachable_pub,
    missing_docs,
    unused_imports,
    clippy::all,
    reason = "the two crates are checked for these as they are"
)]

extern crate self as dlinfra;

mod address;
mod apply;
mod aws;
mod blueprint;
mod call;
mod catalog;
mod clock;
mod compose;
mod cost;
mod diagnostic;
mod engine;
mod explain;
mod expression;
mod facts;
mod field;
mod graph;
mod journal;
mod kind;
mod kinds;
mod packed;
mod plan;
mod preflight;
mod price;
mod private;
mod reaper;
mod record;
mod rehearsal;
mod report;
mod resource;
mod rules;
mod run;
mod saved;
mod snapshot;
mod spec;
mod terraform;
mod topology;
mod units;

#[path = "bin/dlinfra/cli/mod.rs"]
mod cli;
#[path = "bin/dlinfra/function.rs"]
mod function;
#[path = "bin/dlinfra/ui/mod.rs"]
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = programs;
    if function::is_one() {
        return function::serve().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    cli::main()
}

/// What the library has for programs, and the command does not use.
fn programs(compiled: &blueprint::Compiled, resource: &blueprint::ResourceDecl) {
    let _ = blueprint::MemoryFiles::new().with("main.yaml", "").with_link("link.yaml");
    let _ = diagnostic::render(&compiled.warnings, false, 100);
    let _ = (&compiled.blueprint, &compiled.environment, &compiled.description, &compiled.software, &compiled.files);
    let _ = &resource.module_path;
    let _ = price::usage::KEYS.first().map(|key| key.meaning);
}
