//! dlinfra command line.
fn main() {}
