//! Builds, runs, tests and measures Sonde.
fn main() {}
