//! The agent at work: from a configuration to traced services.

use crate::cli::check::Row;
use crate::cli::{Failure, privilege};
use crate::config::{Check, Config, List};

/// Traces until SIGINT or SIGTERM.
///
/// # Errors
/// A missing privilege or kernel feature, or a failure at run time.
pub fn run(_config: Config) -> Result<(), Failure> {
    privilege::require()?;
    Err(Failure::run_time(
        "this build has no capture: it can only be configured",
    ))
}

/// The rows of `sonde check` that load and attach programs.
pub fn check(_config: &Check) -> Vec<Row> {
    Vec::new()
}

/// The text of `sonde list`.
///
/// # Errors
/// The selection is not valid.
pub fn list(_config: &List) -> Result<String, Failure> {
    Err(Failure::run_time("this build has no process discovery"))
}
