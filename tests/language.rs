//! The blueprint language: what compiles to what, and what every mistake is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what tests share fails by panicking")]

#[path = "language/support.rs"]
mod support;

#[path = "language/compile.rs"]
mod compile;
#[path = "language/diagnostics.rs"]
mod diagnostics;
#[path = "language/docs.rs"]
mod docs;
#[path = "language/errors.rs"]
mod errors;
#[path = "language/expressions.rs"]
mod expressions;
#[path = "language/limits.rs"]
mod limits;
#[path = "language/modules.rs"]
mod modules;
#[path = "language/properties.rs"]
mod properties;
#[path = "language/types.rs"]
mod types;
#[path = "language/yaml.rs"]
mod yaml;
