//! Each kind through its whole life in the sandbox: make, read back, no difference, change, delete.
//!
//! A part of the engine's tests, so that the SDK is linked once for both.
mod data;
mod fleet;
mod network;
