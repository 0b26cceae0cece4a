//! ghz as the client of gRPC, and its report.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sonde_tests::{environment, process};

use super::load::Report;

/// Calls at once on each connection.
const STREAMS: usize = 64;

/// Drives the service on `port` for `time` over `connections` with unary calls of an empty message.
pub(crate) fn drive(port: u16, connections: usize, time: Duration) -> Result<Report> {
    let mut command = Command::new(environment::ghz()?);
    command.args(["--insecure", "--call", "sonde.test.v1.Echo.Say", "--proto"]);
    command.arg(environment::sources("grpc").join("echo.proto"));
    command.args([
        "--data",
        "{}",
        "--format",
        "json",
        "--duration-stop",
        "wait",
    ]);
    command.arg(format!("--duration={}s", time.as_secs()));
    command.arg(format!("--connections={connections}"));
    command.arg(format!("--concurrency={}", STREAMS * connections));
    let report = process::output_of(command.arg(format!("127.0.0.1:{port}")))?;
    parse(&serde_json::from_str(&report)?)
}

fn parse(report: &Value) -> Result<Report> {
    let errors = report["errorDistribution"].as_object();
    ensure!(
        errors.is_none_or(|errors| errors.is_empty()),
        "calls failed: {errors:?}"
    );
    let latencies = report["latencyDistribution"].as_array();
    let latencies = latencies.context("no latencies")?;
    // Nanoseconds.
    let at = |percentage: u64| -> Result<f64> {
        let found = latencies
            .iter()
            .find(|each| each["percentage"] == percentage);
        let found = found.and_then(|each| each["latency"].as_f64());
        Ok(found.with_context(|| format!("no latency at {percentage} %"))? / 1e3)
    };
    Ok(Report {
        requests: report["count"].as_u64().context("no count")?,
        rate: report["rps"].as_f64().context("no rate")?,
        p50: at(50)?,
        p99: at(99)?,
    })
}
