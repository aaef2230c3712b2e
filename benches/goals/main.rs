//! The goals of performance, measured and printed as one table.
//!
//! `cargo bench --bench goals` measures all, `cargo bench --bench goals -- 1 3` some of them. Terraform's side is
//! measured in the same run where `terraform` is installed; where it is not, the table says so. Costs are CPU seconds
//! and memory of whole processes, so this program starts itself again for each.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark prints, and fails by panicking"
)]
#[path = "../../tests/stage/asked.rs"]
mod asked;
mod bookkeeping;
mod dag;
mod engine;
mod goals;
mod mixed;
mod process;
mod served;
mod stack;
mod table;
mod terraform;

use std::{collections::BTreeSet, path::Path};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child", "plan", file] => engine::plan_of(Path::new(file), true, false),
        ["--child", "create", file] => engine::plan_of(Path::new(file), false, false),
        ["--child", "plan", "--prices", file] => engine::plan_of(Path::new(file), true, true),
        ["--child", "create", "--prices", file] => engine::plan_of(Path::new(file), false, true),
        ["--child", "apply", count, folder] => bookkeeping::apply(count.parse().unwrap(), Path::new(folder)),
        ["--child", "groups", command, count] => stack::many(command, count.parse().unwrap()),
        ["--requests", what, nodes] => stack::show(what, nodes.parse().unwrap()),
        _ => {
            let chosen: BTreeSet<u8> = words.iter().map(|w| w.parse().unwrap_or_else(|_| panic!("{USAGE}"))).collect();
            assert!(chosen.iter().all(|g| (1..=9).contains(g)), "{USAGE}");
            goals::measure(&chosen);
        }
    }
}

const USAGE: &str = "\
cargo bench --bench goals                              all nine goals
cargo bench --bench goals -- 1 3                       some of them
cargo bench --bench goals -- --requests cluster 4      every request of apply, plan and destroy (cluster, training)";
