//! The real binary as a process of its own, against the served sandbox: killed, interrupted, throttled, cut off.
//!
//! `driver` serves an account and starts the binary; `proxy` stands between them, counts requests and sets traps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a sweep says how far it is, and what it measured")]
mod adoption;
mod cancelled;
mod driver;
mod faults;
mod jobs;
mod kill;
mod locks;
mod memory;
mod moto;
#[path = "../moto/server.rs"]
mod moto_server;
mod preflight;
mod proxy;
mod reaper;
mod rehearse;
mod serving;
mod signals;
mod unheard;
mod waits;
