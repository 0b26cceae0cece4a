//! wrk as the client, and its report.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::{environment, process};

/// What wrk measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    /// Answers.
    pub(crate) requests: u64,
    /// A second.
    pub(crate) rate: f64,
    /// Median latency in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile in microseconds.
    pub(crate) p99: f64,
}

/// Drives `url` for `time` over `connections`; with `close` each request takes a new one.
pub(crate) fn drive(url: &str, connections: usize, close: bool, time: Duration) -> Result<Report> {
    environment::need("wrk")?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "--latency"]);
    command
        .arg(format!("-c{connections}"))
        .arg(format!("-d{}s", time.as_secs()));
    if close {
        command.args(["-H", "Connection: close"]);
    }
    let report = process::output_of(command.arg(url))?;
    parse(&report).with_context(|| format!("wrk said:\n{report}"))
}

fn parse(report: &str) -> Result<Report> {
    ensure!(!report.contains("Non-2xx"), "requests failed");
    let after = |key: &str| {
        let line = report
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(key))?;
        line.strip_prefix(key)?.split_whitespace().next()
    };
    let total = report
        .lines()
        .find(|line| line.contains(" requests in "))
        .context("no total")?;
    Ok(Report {
        requests: total
            .split_whitespace()
            .next()
            .context("no total")?
            .parse()?,
        rate: after("Requests/sec:").context("no rate")?.parse()?,
        p50: microseconds(after("50%").context("no median")?)?,
        p99: microseconds(after("99%").context("no 99th percentile")?)?,
    })
}

/// `1.5ms`, `200.00us`, `2.01s`.
fn microseconds(text: &str) -> Result<f64> {
    let split = text
        .find(|letter: char| letter.is_alphabetic())
        .context("no unit")?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        other => anyhow::bail!("unknown unit {other}"),
    };
    Ok(number.parse::<f64>()? * factor)
}
