//! One service under each load.

use std::time::Duration;

use anyhow::{Result, ensure};
use sonde_tests::agent::{Agent, Builder};
use sonde_tests::{kernel, net, wait};

use super::callee::{Call, Callee};
use super::http2;
use super::load::{self, Load};
use super::services::{Protocol, Service};
use super::tally::Tally;

/// CLIENT, as OTLP numbers it.
const CLIENT: u64 = 3;
/// Without a new span for so long, all have come.
const QUIET: Duration = Duration::from_millis(300);

/// Which loads.
pub(crate) struct Plan {
    concurrency: &'static [usize],
    requests: usize,
    /// Also with a connection for each request.
    close: bool,
}

impl Plan {
    /// The table of docs/causality.md.
    pub(crate) const FULL: Self = Self {
        concurrency: &[1, 8, 64],
        requests: 2_048,
        close: true,
    };
    /// What CI runs.
    pub(crate) const SHORT: Self = Self {
        concurrency: &[64],
        requests: 512,
        close: false,
    };
}

/// One load's outcome.
pub(crate) struct Cell {
    /// What was sent.
    pub(crate) load: Load,
    /// By the field that the callee received.
    pub(crate) field: Tally,
    /// By the spans.
    pub(crate) span: Tally,
    /// Runs of uprobe programs, for each request; `None` where the kernel does not count.
    pub(crate) uprobes: Option<f64>,
}

/// Starts agent and service, and puts the service under each load of the plan.
pub(crate) fn measure(service: &Service, plan: &Plan) -> Result<Vec<Cell>> {
    let callee = Callee::start()?;
    let agent = Builder::jsonl()
        .flag("--exclude", "exe=*/causality")
        .start()?;
    let port = net::free_port()?;
    let called = match service.protocol {
        Protocol::Http1 => callee.http,
        Protocol::Http2 | Protocol::Grpc => callee.http2,
    };
    let running = (service.start)(port, called, callee.database)?;
    let warm = Load {
        concurrency: 4,
        requests: 40,
        close: false,
        cancels: service.cancels,
        depth: service.depth,
    };
    ensure!(
        !send(service, port, warm)?.is_empty(),
        "no request was answered"
    );
    // A process is looked into with its first connection.
    settled(&agent)?;
    // Goroutines are believed once some that began alike have ended with their requests.
    send(service, port, warm)?;
    settled(&agent)?;
    let loads = plan.concurrency.iter().map(|&concurrency| Load {
        concurrency,
        requests: plan.requests,
        close: false,
        cancels: service.cancels,
        depth: service.depth,
    });
    let closing = (plan.close && service.depth == 1).then_some(Load {
        concurrency: 64,
        requests: plan.requests,
        close: true,
        cancels: service.cancels,
        depth: service.depth,
    });
    let cells = loads
        .chain(closing)
        .map(|load| one(service, load, &callee, &agent, port))
        .collect();
    drop(running);
    cells
}

fn one(service: &Service, load: Load, callee: &Callee, agent: &Agent, port: u16) -> Result<Cell> {
    callee.take();
    let before = hits(agent)?;
    let sent = send(service, port, load)?;
    ensure!(
        sent.len() * 100 >= load.requests * 98,
        "{} of {} requests answered",
        sent.len(),
        load.requests
    );
    let calls = callee.take();
    let spans = settled(agent)?;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
    let uprobes = kernel::counts_runs().then_some((hits(agent)? - before) / sent.len() as f64);
    Ok(Cell {
        load,
        field: Tally::of(&calls, &sent, service.calls),
        span: Tally::of(&spans, &sent, service.calls),
        uprobes,
    })
}

/// Sends all requests; gives the trace-ids of those that were answered.
fn send(service: &Service, port: u16, load: Load) -> Result<Vec<String>> {
    match service.protocol {
        Protocol::Http1 => Ok(load::run(port, load)),
        Protocol::Http2 => http2::load::run(port, load, false),
        Protocol::Grpc => http2::load::run(port, load, true),
    }
}

/// Runs of uprobe programs so far, as far as the kernel counts them.
fn hits(agent: &Agent) -> Result<f64> {
    let programs = [
        "uprobe_round_trip",
        "uprobe_serve_stream",
        "uprobe_open_stream",
        "uprobe_run_timers",
        "uprobe_nghttp2",
        "task_init",
        "future_set_result",
        "uvloop_connection_made",
        "uprobe_wake",
        "uprobe_tokio_streams",
    ];
    let runs = programs.map(|program| agent.metric("sonde_bpf_runs", &format!("\"{program}\"")));
    runs.into_iter().sum()
}

/// The CLIENT spans of all calls so far, once no more come.
fn settled(agent: &Agent) -> Result<Vec<Call>> {
    let mut last = usize::MAX;
    let mut since = std::time::Instant::now();
    let spans = wait::until("the spans to settle", || {
        let spans = agent.spans().ok()?;
        if spans.len() != last {
            last = spans.len();
            since = std::time::Instant::now();
        }
        (since.elapsed() > QUIET + Duration::from_secs(1)).then_some(spans)
    })?;
    Ok(spans
        .iter()
        .filter(|span| span.kind == CLIENT)
        .filter_map(|span| {
            Some(Call {
                name: called(&span.target()).or_else(|| called(&format!("/{}", span.name)))?,
                trace: Some(span.trace_id.clone()),
            })
        })
        .collect())
}

/// `ID/NUMBER` of a call's path, or of a gRPC method.
fn called(path: &str) -> Option<String> {
    let (_, name) = path.split_once("/down/")?;
    Some(name.replace('-', "/"))
}
