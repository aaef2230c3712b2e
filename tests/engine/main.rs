//! The engine against the in-process sandbox on a virtual clock: plan, apply, plan again, change, destroy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod conformance;
mod crash_fleet;
mod emptying;
mod examples;
mod growth;
mod import;
#[path = "../kinds/mod.rs"]
mod kinds;
mod network;
mod plans;
mod properties;
mod requests;
mod saved;
#[path = "../stage/mod.rs"]
mod stage;
mod storm;
mod three_way;
mod unrecorded;
