//! One service: started, put under a load, judged.

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::Agent;
use sonde_tests::process::Process;
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{kernel, net};

use super::callee::{Call, Callee};
use super::http2;
use super::load::{self, Load};
use super::services::{Protocol, Service};
use super::tally::{Judge, Owners, Tally};

/// One load's outcome.
pub(crate) struct Cell {
    /// What was sent.
    pub(crate) load: Load,
    /// By the field that the callee received.
    pub(crate) field: Tally,
    /// By the spans.
    pub(crate) span: Tally,
    /// Calls that the callee received and no span tells of.
    pub(crate) unseen: usize,
    /// Runs of uprobe programs, for each request; `None` where the kernel does not count.
    pub(crate) uprobes: Option<f64>,
}

/// A running service, and its outcomes so far.
pub(crate) struct Row {
    service: &'static Service,
    port: u16,
    /// The first listens.
    processes: Vec<Process>,
    cells: Vec<Cell>,
}

/// A load that was sent and is not judged yet.
pub(crate) struct Sent {
    load: Load,
    /// Trace-ids, or numbers, of the requests that were answered.
    answered: Vec<String>,
    uprobes: Option<f64>,
}

impl Row {
    /// Starts the service; it need not listen yet.
    pub(crate) fn start(service: &'static Service, callee: &Callee) -> Result<Self> {
        let port = net::free_port()?;
        let called = match service.protocol {
            Protocol::Http1 => callee.http,
            Protocol::Http2 | Protocol::Grpc => callee.http2,
        };
        Ok(Self {
            service,
            port,
            processes: (service.start)(port, called, callee.database)?,
            cells: Vec::new(),
        })
    }

    /// Waits until it listens, and has it answer for the first time: a process is looked into with its first connection.
    pub(crate) fn warm(&mut self, first: Load) -> Result<()> {
        let listener = self.processes.first_mut().context("no process")?;
        listener.wait_port(self.port)?;
        // Where requests come one at a time first, nothing has overlapped before.
        let load = Load {
            concurrency: first.concurrency.min(4),
            requests: 40,
            close: false,
            ..first
        };
        ensure!(!self.requests(load)?.is_empty(), "no request was answered");
        Ok(())
    }

    /// Sends a load.
    pub(crate) fn send(&self, load: Load, agent: &Agent) -> Result<Sent> {
        let before = hits(agent)?;
        let answered = self.requests(load)?;
        ensure!(
            answered.len() * 100 >= load.requests * 98,
            "{} of {} requests answered",
            answered.len(),
            load.requests
        );
        #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
        let uprobes =
            kernel::counts_runs().then_some((hits(agent)? - before) / answered.len() as f64);
        Ok(Sent {
            load,
            answered,
            uprobes,
        })
    }

    /// Judges it by what the callee received and by what the agent exported; both may hold other services' calls.
    pub(crate) fn judge(&mut self, sent: Sent, calls: &[Call], spans: &[Span]) {
        let owners = if sent.load.shape.bare {
            Owners::new(spans.iter().filter_map(served))
        } else {
            Owners::default()
        };
        let judge = Judge {
            sent: &sent.answered,
            each: self.service.calls,
            retries: self.service.retries,
            background: &format!("background.{}", self.port),
            owners: &owners,
        };
        let spans: Vec<Call> = spans.iter().filter_map(made).collect();
        self.cells.push(Cell {
            load: sent.load,
            field: judge.tally(calls),
            span: judge.tally(&spans),
            unseen: judge.unseen(calls, &spans),
            uprobes: sent.uprobes,
        });
    }

    /// Ends the service; gives the outcomes.
    pub(crate) fn finish(self) -> Vec<Cell> {
        self.cells
    }

    /// Sends all requests; gives the trace-ids of those that were answered.
    fn requests(&self, load: Load) -> Result<Vec<String>> {
        match self.service.protocol {
            Protocol::Http1 => Ok(load::run(self.port, load)),
            Protocol::Http2 => http2::load::run(self.port, load, false),
            Protocol::Grpc => http2::load::run(self.port, load, true),
        }
    }
}

/// Runs of uprobe programs so far, as far as the kernel counts them.
fn hits(agent: &Agent) -> Result<f64> {
    let programs = [
        "uprobe_round_trip",
        "uprobe_serve_stream",
        "uprobe_open_stream",
        "uprobe_event_loop",
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

/// A request by its SERVER span: its trace and its number.
fn served(span: &Span) -> Option<(String, String)> {
    if span.kind != SERVER {
        return None;
    }
    let target = span.target();
    let path = target.strip_prefix("/serve/");
    let id = path.or_else(|| target.strip_prefix("/down/")?.strip_suffix("/1"))?;
    Some((span.trace_id.clone(), id.to_owned()))
}

/// A call by its CLIENT span.
fn made(span: &Span) -> Option<Call> {
    if span.kind != CLIENT {
        return None;
    }
    Some(Call {
        name: called(&span.target()).or_else(|| called(&format!("/{}", span.name)))?,
        trace: Some(span.trace_id.clone()),
    })
}

/// `ID/NUMBER` of a call's path, or of a gRPC method.
fn called(path: &str) -> Option<String> {
    let (_, name) = path.split_once("/down/")?;
    Some(name.replace('-', "/"))
}

/// Is it a call that a service makes for no request, again and again?
pub(crate) fn is_background(span: &Span) -> bool {
    span.target().starts_with("/down/background")
}
