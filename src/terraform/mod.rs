//! Terraform's files: its state is read to import what it lists, import blocks are written for those who leave.
pub mod codes;
pub mod export;
pub mod matching;
pub mod state;
