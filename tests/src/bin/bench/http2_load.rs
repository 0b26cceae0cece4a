//! h2load as the client of HTTP/2, and its log.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::{environment, process};

use super::load::Report;

/// Streams at once on each connection.
const STREAMS: &str = "64";

/// Drives `url` for `time` over `connections`; with `grpc` each request is a unary call with an empty message.
pub(crate) fn drive(url: &str, connections: usize, grpc: bool, time: Duration) -> Result<Report> {
    environment::need("h2load")?;
    let folder = tempfile::tempdir()?;
    let (log, message) = (folder.path().join("log"), folder.path().join("message"));
    let mut command = Command::new("h2load");
    command
        .args(["-t1", "-m", STREAMS])
        .arg(format!("-c{connections}"))
        .arg(format!("-D{}", time.as_secs()))
        .arg(format!("--log-file={}", log.display()));
    if grpc {
        std::fs::write(&message, [0; 5])?;
        command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
        command.arg("-d").arg(&message);
    }
    process::output_of(command.arg(url))?;
    parse(&std::fs::read_to_string(&log)?, time)
}

/// Lines of start, status and microseconds.
fn parse(log: &str, time: Duration) -> Result<Report> {
    let mut taken = Vec::new();
    for line in log.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (status, time) = (words.next(), words.next().context("no time")?);
        // What was still open at the end has no status.
        if status == Some("200") {
            taken.push(time.parse::<u32>()?);
        } else {
            ensure!(status == Some("-1"), "a request failed: {line}");
        }
    }
    ensure!(!taken.is_empty(), "no requests in the log");
    taken.sort_unstable();
    let at = |hundredths: usize| f64::from(taken[(taken.len() - 1) * hundredths / 100]);
    Ok(Report {
        requests: taken.len() as u64,
        rate: taken.len() as f64 / time.as_secs_f64(),
        p50: at(50),
        p99: at(99),
    })
}
