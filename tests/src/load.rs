//! Many requests at once, with an exact count: h2load in its HTTP/1.1 mode.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::environment;
use crate::process::Process;

/// A load that runs.
#[derive(Debug)]
pub struct Load {
    process: Process,
    requests: usize,
}

impl Load {
    /// Starts `requests` requests to `url` over `connections` kept-alive connections.
    pub fn start(url: &str, requests: usize, connections: usize) -> Result<Self> {
        environment::need("h2load")?;
        let mut command = Command::new("h2load");
        command.arg("--h1").args([
            "-t",
            "1",
            "-n",
            &requests.to_string(),
            "-c",
            &connections.to_string(),
        ]);
        let process = Process::start("h2load", command.arg(url))?;
        Ok(Self { process, requests })
    }

    /// Waits for the end; fails unless every request was answered with 2xx.
    pub fn finish(mut self) -> Result<()> {
        self.process.wait(Duration::from_secs(120))?;
        let report = self.process.stdout();
        let line = report
            .lines()
            .find(|line| line.starts_with("requests:"))
            .context("no report")?;
        let wanted = format!(
            "{} succeeded, 0 failed, 0 errored, 0 timeout",
            self.requests
        );
        ensure!(line.contains(&wanted), "requests failed: {line}");
        Ok(())
    }

    /// It has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.process.exited().is_none()
    }
}
