//! One row of the table: a service or its client, bare and traced.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sonde_tests::agent::Builder;
use sonde_tests::{kernel, wait};

use super::case::{Case, Running, Watched};
use super::load::Report;
use super::sink::Sink;
use super::{Plan, cpu};

/// Heads of the columns; CPU in microseconds a request.
pub(crate) const HEADER: &str = "\
| row | requests/s bare | traced | p50 bare | traced | p99 bare | traced | service CPU bare | traced | added | agent CPU a span | agent RSS | BPF ns a request | hooks a request | spans / requests |\n\
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// Without a new span for so long, all have come.
const QUIET: Duration = Duration::from_millis(500);

/// One round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    load: Report,
    /// CPU of the watched side, microseconds a request.
    service: f64,
    agent: f64,
    /// The agent's CPU in microseconds a request.
    pub(super) agent_a_request: f64,
    spans: f64,
    resident: f64,
    /// BPF programs, nanoseconds a request.
    pub(super) bpf_nanoseconds: f64,
    /// Their runs a request.
    pub(super) hooks: f64,
}

/// The row.
pub(crate) struct Row {
    name: &'static str,
    bare: Vec<Round>,
    traced: Vec<Round>,
    statistics: Round,
}

/// Measures one row: bare and traced rounds in turn, then one for the BPF programs.
pub(crate) fn measure(case: &Case, plan: Plan, sink: &Sink) -> Result<Row> {
    let running = Running::start(case)?;
    let (rounds, time) = match case.time {
        Some(time) => (1, time),
        None => (plan.rounds, plan.time),
    };
    let warm_up = Duration::from_secs(1);
    running.drive(case, warm_up)?;
    let (mut bare, mut traced) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(round(case, &running, time)?);
        traced.push(traced_round(case, &running, time, sink, &[])?);
    }
    let statistics = with_statistics(|| traced_round(case, &running, plan.time, sink, &[]))?;
    Ok(Row {
        name: case.name,
        bare,
        traced,
        statistics,
    })
}

fn round(case: &Case, running: &Running, time: Duration) -> Result<Round> {
    let pids = running.service().process.group();
    let spent = || match case.watched {
        Watched::Service => cpu::of(&pids),
        Watched::Client(_) => cpu::of_ended(),
    };
    let before = spent();
    let load = running.drive(case, time)?;
    let service = (spent() - before).as_secs_f64() * 1e6 / load.requests as f64;
    Ok(Round {
        load,
        service,
        ..Round::default()
    })
}

/// A round under an agent with these flags.
pub(super) fn traced_round(
    case: &Case,
    running: &Running,
    time: Duration,
    sink: &Sink,
    flags: &[&str],
) -> Result<Round> {
    let agent = Builder::exporting();
    let mut agent = match case.watched {
        Watched::Service => agent.pids(running.service().process.group()),
        Watched::Client(program) => agent.flag("--include", format!("exe=*/{program}")),
    };
    for flag in sink.flags() {
        agent = agent.arg(flag);
    }
    for flag in flags {
        agent = agent.arg(*flag);
    }
    let mut agent = agent.start()?;
    let pid = agent.process().pid();
    let before = cpu::of(&[pid]);
    let mut result = round(case, running, time)?;
    let metric = |name: &str, label: &str| agent.metric(name, label).unwrap_or_default();
    // Connections left open end with wrk; the last spans are on their way.
    result.spans = wait::until_stable(QUIET, "the spans", || metric("sonde_spans_total", ""))?;
    let spent = (cpu::of(&[pid]) - before).as_secs_f64() * 1e6;
    result.agent = spent / result.spans;
    result.agent_a_request = spent / result.load.requests as f64;
    result.resident = kernel::resident_bytes(pid)? as f64;
    let requests = result.load.requests as f64;
    result.bpf_nanoseconds = metric("sonde_bpf_run_seconds_total", "") * 1e9 / requests;
    result.hooks = metric("sonde_bpf_runs_total", "") / requests;
    let lost = metric("sonde_losses_total", "");
    if lost > 0.0 {
        eprintln!("{}: {lost} losses counted", case.name);
    }
    agent.stop()?;
    Ok(result)
}

/// With the kernel's statistics on; off again afterwards, as they were.
pub(super) fn with_statistics<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
    let before = fs::read_to_string(SWITCH).context(SWITCH)?;
    fs::write(SWITCH, "1").context(SWITCH)?;
    let result = run();
    fs::write(SWITCH, before.trim()).context(SWITCH)?;
    result
}

fn median(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(super) fn least(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    rounds.iter().map(of).fold(f64::INFINITY, f64::min)
}

impl fmt::Display for Row {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bare, traced) = (&self.bare, &self.traced);
        write!(to, "| {} ", self.name)?;
        for (of, digits) in [
            (
                &(|round: &Round| round.load.rate) as &dyn Fn(&Round) -> f64,
                0,
            ),
            (&|round: &Round| round.load.p50, 0),
            (&|round: &Round| round.load.p99, 0),
        ] {
            write!(
                to,
                "| {:.digits$} | {:.digits$} ",
                median(bare, of),
                median(traced, of)
            )?;
        }
        let (before, after) = (
            least(bare, |round| round.service),
            least(traced, |round| round.service),
        );
        write!(to, "| {before:.2} | {after:.2} | {:+.2} ", after - before)?;
        write!(to, "| {:.2} ", least(traced, |round| round.agent))?;
        write!(
            to,
            "| {:.0} MB ",
            traced
                .iter()
                .map(|round| round.resident)
                .fold(0.0, f64::max)
                / 1e6
        )?;
        write!(
            to,
            "| {:.0} | {:.1} ",
            self.statistics.bpf_nanoseconds, self.statistics.hooks
        )?;
        let (spans, requests) = traced.iter().fold((0.0, 0), |sum, round| {
            (sum.0 + round.spans, sum.1 + round.load.requests)
        });
        write!(to, "| {spans:.0} / {requests} |")
    }
}
