//! What the operator wants, resolved and validated once.
//!
//! [`crate::cli`] has already decided between flags, environment and defaults; here the values get the types the
//! agent works with, and what only makes sense together is checked. The agent's own `OTEL_SERVICE_NAME` and
//! `OTEL_RESOURCE_ATTRIBUTES` are not read at all: they would describe the agent, and its spans are about others.
//! `OTEL_SDK_DISABLED` is not read either: it turns off the SDK inside a program, and the agent is not one.

pub mod cgroup;
pub mod units;
mod view;

pub(crate) use view::DEFAULT_SOCKET;
pub use view::View;

use crate::cli::{
    CheckArguments, ContextArguments, Exporter, Failure, ListArguments, LogFormat,
    LoggingArguments, OtlpArguments, OtlpCompression, OtlpProtocol, RunArguments,
    SelectionArguments,
};
use crate::context::{self, Propagators, Sampler};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything `sonde run` works by.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Which processes are traced, and their names.
    pub selection: Selection,
    /// What is captured.
    pub capture: Capture,
    /// How trace contexts are handled.
    pub context: context::Options,
    /// Names of query parameters whose values are redacted, besides the list of the convention.
    pub redact_query: Vec<String>,
    /// Where spans go, each exporter once, in the order of [`Exporter`].
    pub exporters: Vec<Exporter>,
    /// Queue and batches.
    pub batch: Batch,
    /// The connection to the OTLP receiver.
    pub otlp: Otlp,
    /// The embedded trace view, if it is wanted.
    pub view: Option<View>,
    /// Where the agent's own metrics and health are served.
    pub metrics_listen: Option<SocketAddr>,
    /// The log.
    pub log: Log,
}

/// Which processes are traced, and their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// As written: a glob or `KEY=VALUE`. Empty means every process.
    pub include: Vec<String>,
    /// As written; wins over `include`.
    pub exclude: Vec<String>,
    /// Process ids; if there are any, only these.
    pub pids: Vec<u32>,
    /// Each `MATCH=NAME`; the first match wins.
    pub service_names: Vec<String>,
    /// Each `MATCH=SAMPLER`; the first match wins.
    pub service_samplers: Vec<String>,
    /// Each `MATCH=WAYS`; the first match wins.
    pub service_propagate: Vec<String>,
}

/// What is captured, and how much memory that may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Bytes kept of each message head: 1 KiB to 64 KiB.
    pub max_head_bytes: u32,
    /// A request in flight for longer is exported as such.
    pub max_exchange: Duration,
    /// Bytes of the ring buffer, a power of two.
    pub ring_bytes: u32,
    /// Connections followed at once.
    pub max_connections: u32,
    /// The cgroup2 directory given; [`cgroup::resolve`] finds the root where there is none.
    pub cgroup: Option<PathBuf>,
}

/// Queue and batches of the exporters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Bytes that waiting spans may take.
    pub queue_bytes: usize,
    /// Spans in one request at most.
    pub spans: usize,
    /// Longest wait for a batch to fill.
    pub interval: Duration,
    /// Longest time for the flush at shutdown.
    pub shutdown_timeout: Duration,
}

/// What flags and `SONDE_*` say about OTLP. `None` leaves it to `OTEL_EXPORTER_OTLP_*`, then to the specification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Otlp {
    /// URL, as written.
    pub endpoint: Option<String>,
    /// Transport.
    pub protocol: Option<OtlpProtocol>,
    /// Compression.
    pub compression: Option<OtlpCompression>,
    /// PEM file of trusted certificates.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client's certificate chain; given together with `client_key`.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the client's key.
    pub client_key: Option<PathBuf>,
    /// Each `NAME=VALUE`, percent-encoded; empty means not given.
    pub headers: Vec<String>,
    /// Limit for one request.
    pub timeout: Option<Duration>,
    /// No TLS for a gRPC endpoint without a scheme.
    pub insecure: Option<bool>,
}

/// The log on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level or filter directives, valid.
    pub level: String,
    /// Human or JSON.
    pub format: LogFormat,
}

/// Everything `sonde check` works by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// JSON instead of a table.
    pub json: bool,
    /// The cgroup2 directory given.
    pub cgroup: Option<PathBuf>,
    /// The log.
    pub log: Log,
}

/// Everything `sonde list` works by.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// JSON instead of a table.
    pub json: bool,
    /// What `sonde run` would be told.
    pub selection: Selection,
    /// The same.
    pub context: context::Options,
    /// The log.
    pub log: Log,
}

impl Config {
    /// Turns the arguments of `run` into a configuration.
    ///
    /// # Errors
    /// [`crate::cli::Kind::Configuration`] for arguments that contradict each other.
    pub fn resolve(arguments: RunArguments) -> Result<Self, Failure> {
        let RunArguments {
            selection,
            capture,
            context,
            export,
            otlp,
            view,
            diagnostics,
            logging,
        } = arguments;
        let mut exporters = export.export;
        exporters.sort_unstable();
        exporters.dedup();
        if exporters.contains(&Exporter::Stdout) && exporters.contains(&Exporter::Jsonl) {
            return Err(Failure::configuration(
                "--export stdout and --export jsonl both write to stdout: choose one",
            ));
        }
        Ok(Self {
            selection: selection.into(),
            capture: Capture {
                max_head_bytes: fitting("--max-head-bytes", capture.max_head_bytes)?,
                max_exchange: capture.max_exchange,
                ring_bytes: fitting("--ring-bytes", capture.ring_bytes)?,
                max_connections: capture.max_connections,
                cgroup: capture.cgroup,
            },
            context: context_options(&context)?,
            redact_query: capture.redact_query,
            exporters,
            batch: Batch {
                queue_bytes: fitting("--queue-bytes", export.queue_bytes)?,
                spans: fitting("--batch-spans", export.batch_spans.into())?,
                interval: export.batch_interval,
                shutdown_timeout: export.shutdown_timeout,
            },
            otlp: otlp.into(),
            view: View::resolve(view)?,
            metrics_listen: diagnostics.metrics_listen,
            log: logging.into(),
        })
    }
}

fn context_options(arguments: &ContextArguments) -> Result<context::Options, Failure> {
    let wrong = |flag: &str, why: String| Failure::configuration(format!("{flag}: {why}"));
    let sampler = Sampler::parse(&arguments.sampler, arguments.sampler_arg.as_deref())
        .map_err(|why| wrong("--sampler", why))?;
    let propagate =
        context::propagation(&arguments.propagate).map_err(|why| wrong("--propagate", why))?;
    let propagators = Propagators::of(&arguments.propagators, arguments.propagate_baggage)
        .map_err(|why| wrong("--propagators", why))?;
    Ok(context::Options {
        propagators,
        sampler,
        trust_incoming: arguments.trust_incoming,
        linger: arguments.linger,
        propagate,
        sdk: arguments.sdk,
        go_uprobes: arguments.go_uprobes,
    })
}

impl Check {
    /// Turns the arguments of `check` into a configuration.
    pub fn resolve(arguments: CheckArguments) -> Self {
        Self {
            json: arguments.json,
            cgroup: arguments.cgroup,
            log: arguments.logging.into(),
        }
    }
}

impl List {
    /// Turns the arguments of `list` into a configuration.
    ///
    /// # Errors
    /// [`crate::cli::Kind::Configuration`] for arguments that contradict each other.
    pub fn resolve(arguments: ListArguments) -> Result<Self, Failure> {
        Ok(Self {
            json: arguments.json,
            selection: arguments.selection.into(),
            context: context_options(&arguments.context)?,
            log: arguments.logging.into(),
        })
    }
}

impl From<SelectionArguments> for Selection {
    fn from(arguments: SelectionArguments) -> Self {
        Self {
            include: arguments.include,
            exclude: arguments.exclude,
            pids: arguments.pid,
            service_names: arguments.service_name,
            service_samplers: arguments.service_sampler,
            service_propagate: arguments.service_propagate,
        }
    }
}

impl From<OtlpArguments> for Otlp {
    fn from(arguments: OtlpArguments) -> Self {
        Self {
            endpoint: arguments.otlp_endpoint,
            protocol: arguments.otlp_protocol,
            compression: arguments.otlp_compression,
            certificate: arguments.otlp_certificate,
            client_certificate: arguments.otlp_client_certificate,
            client_key: arguments.otlp_client_key,
            headers: arguments.otlp_header,
            timeout: arguments.otlp_timeout,
            insecure: arguments.otlp_insecure,
        }
    }
}

impl From<LoggingArguments> for Log {
    fn from(arguments: LoggingArguments) -> Self {
        Self {
            level: arguments.log_level,
            format: arguments.log_format,
        }
    }
}

/// The parsers have set the limits already; what is left is a machine with narrower integers.
fn fitting<Narrow: TryFrom<u64>>(flag: &str, value: u64) -> Result<Narrow, Failure> {
    Narrow::try_from(value).map_err(|_| {
        Failure::configuration(format!("{flag}: {value} is too large for this machine"))
    })
}
