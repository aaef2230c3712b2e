//! Money from AWS against the sandbox: the Price List, spot prices, bills, and plans that ask nobody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod account;
mod bills;
#[path = "../desk/mod.rs"]
mod desk;
mod price_list;
