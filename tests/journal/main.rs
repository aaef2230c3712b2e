//! The journal: nothing acknowledged is ever lost, nothing torn is ever read, and one process at a time changes a stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's helpers may fail it"
)]

#[path = "../stage/asked.rs"]
mod asked;
mod faults;
mod golden;
mod kill;
mod lease;
mod log;
mod property;
mod recover;
mod s3;
mod samples;
mod session;
