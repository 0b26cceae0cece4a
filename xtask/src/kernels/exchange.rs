//! The directory that host and machine share: the agent and the scenario go in, results come out.

use super::{host, verdict};
use anyhow::{Context, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Lines of a log that tell people why something went wrong.
const LAST_LINES: usize = 12;

/// A directory for one boot; removed when dropped, unless kept.
#[derive(Debug)]
pub(super) struct Exchange {
    directory: PathBuf,
    keep: bool,
}

impl Exchange {
    /// Makes the directory, with a copy of `agent` and the scenario.
    ///
    /// # Errors
    /// The temporary directory cannot be written, or the host has no Python.
    pub(super) fn create(agent: &Path) -> Result<Self> {
        let exchange = Self {
            directory: new_directory()?,
            keep: false,
        };
        fs::copy(agent, exchange.path("sonde")).context("cannot copy the agent")?;
        fs::write(exchange.path("scenario.sh"), include_str!("scenario.sh"))?;
        fs::write(
            exchange.path("settings"),
            verdict::settings(&host::python()?),
        )?;
        Ok(exchange)
    }

    /// The directory itself.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a file in it.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The content of a file; not everything that a kernel prints is UTF-8.
    ///
    /// # Errors
    /// The scenario has not left such a file.
    pub(super) fn read(&self, file: &str) -> Result<String> {
        let bytes =
            fs::read(self.path(file)).with_context(|| format!("the scenario left no {file}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The end of a log, where the verifier puts its verdict on a refused program.
    pub(super) fn last_lines(&self, file: &str) -> String {
        let text = self.read(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// Leaves the directory for people to look into.
    pub(super) fn keep(mut self) {
        println!("     logs are in {}", self.directory.display());
        self.keep = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.keep {
            // Left-over files in the temporary directory harm nobody.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A directory that was not there before: one that was kept has the results of another boot.
fn new_directory() -> Result<PathBuf> {
    let process = std::process::id();
    for number in 0.. {
        let directory = std::env::temp_dir().join(format!("sonde-test-kernels-{process}-{number}"));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                made.with_context(|| format!("cannot create {}", directory.display()))?;
                return Ok(directory);
            }
        }
    }
    anyhow::bail!("no free name in the temporary directory")
}
