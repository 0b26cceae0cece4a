//! `sonde check`: one row for each thing the agent needs, with what to change where it is not there.
//!
//! This module has the table and the rows that need no program to be loaded; those for the hooks are handed in.

mod host;
mod table;

pub use host::Host;

use crate::cli::{Failure, print};
use crate::config;
use serde::Serialize;
use std::process::ExitCode;

/// The outcome of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As needed.
    Ok,
    /// The agent works, with a restriction that the row states.
    Warning,
    /// The agent cannot work.
    Failed,
    /// It could not be found out.
    Skipped,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub name: String,
    /// The outcome.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to change, where something should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Row {
    /// A row without advice.
    pub fn new(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status,
            detail: detail.into(),
            advice: None,
        }
    }

    /// The row with what to change.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Prints the rows of this machine followed by `extra` (the hooks), and says by the exit code whether all is well:
/// 0, or 1 if a row failed.
///
/// # Errors
/// stdout cannot be written.
pub fn run(config: &config::Check, extra: Vec<Row>) -> Result<ExitCode, Failure> {
    let mut rows = Host::this().rows(config.cgroup.as_deref());
    rows.extend(extra);
    let text = if config.json {
        table::json(&rows)?
    } else {
        table::text(&rows)
    };
    print(&text)?;
    let failed = rows.iter().any(|row| row.status == Status::Failed);
    Ok(ExitCode::from(u8::from(failed)))
}
