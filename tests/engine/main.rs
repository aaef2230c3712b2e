//! The engine against the in-process sandbox on a virtual clock: plan, apply, plan again, change, destroy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod conformance;
mod crash_answers;
mod crash_defects;
mod crash_faults;
mod crash_lives;
mod crash_matrix;
mod crash_page;
mod crash_tape;
mod emptying;
mod examples;
mod expiry;
mod growth;
mod hold;
mod import;
#[path = "../kinds/mod.rs"]
mod kinds;
mod losses;
mod money;
mod moves;
mod network;
mod novel;
mod ownership;
mod plans;
mod properties;
mod random;
mod random_fate;
mod random_hand;
mod random_model;
mod reaper;
mod requests;
mod saved;
#[path = "../shipped/mod.rs"]
mod shipped;
#[path = "../stage/mod.rs"]
mod stage;
mod storm;
mod successors;
mod three_way;
mod unrecorded;
mod watched;
