//! The arguments as they are written, by subcommand. What they mean together is [`crate::config`]'s business.
//!
//! Flags whose default the agent owns carry it here, so that `--help` shows it. The OTLP flags have none: below them
//! come the `OTEL_EXPORTER_OTLP_*` variables, and only then the defaults of the OTLP exporter specification.

use super::terminal::{TopArguments, TraceArguments, TracesArguments};
use crate::config::units::{parse_bytes_within, parse_count, parse_duration};
use crate::context::{Propagate, Propagator, Sampler, Sdk, Switch, Trust};
use crate::logging::parse_level;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const NOTE: &str = "\
Every flag has an environment variable: --batch-spans is SONDE_BATCH_SPANS. A flag wins over
SONDE_*, that over the standard OTEL_* variable, and that over the default. An empty variable
counts as unset. Flags that can be repeated take a comma-separated list from the environment.

Exit codes: 0 success, 1 failure at run time (or `check` found a problem), 2 bad configuration,
3 a missing privilege or kernel feature, or another agent at work, which the message names.";

/// Traces unmodified services through eBPF and sends OpenTelemetry spans.
#[derive(Debug, Parser)]
#[command(name = "sonde", version, styles = STYLES, after_help = NOTE, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// None stands for `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `run` when no subcommand is named.
    #[command(flatten)]
    pub run: RunArguments,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trace the services of this machine until SIGINT or SIGTERM (the default)
    #[command(after_help = NOTE)]
    Run(Box<RunArguments>),
    /// Try every privilege, kernel feature and hook that the agent needs; say what is missing and what to change
    Check(CheckArguments),
    /// List the processes of this machine: runtime, service name, traced or the reason why not
    List(Box<ListArguments>),
    /// Show services, calls, and the slowest and failing requests of a running agent, live
    Top(TopArguments),
    /// List traces that a running agent holds
    Traces(TracesArguments),
    /// Show one trace that a running agent holds as a tree
    Trace(TraceArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The flags of `sonde run`.
#[derive(Debug, Clone, Args)]
pub struct RunArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) capture: CaptureArguments,
    #[command(flatten)]
    pub(crate) context: ContextArguments,
    #[command(flatten)]
    pub(crate) export: ExportArguments,
    #[command(flatten)]
    pub(crate) otlp: OtlpArguments,
    #[command(flatten)]
    pub(crate) view: ViewArguments,
    #[command(flatten)]
    pub(crate) diagnostics: DiagnosticsArguments,
    #[command(flatten)]
    pub(crate) logging: LoggingArguments,
}

/// The flags of `sonde check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArguments {
    /// Print the table as one JSON document
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, hide_default_value = true,  value_parser = parse_boolean, value_name = "true|false")]
    pub(crate) json: bool,
    /// Directory of the cgroup2 hierarchy to attach to [default: the cgroup2 mount in /proc/self/mountinfo]
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logging: LoggingArguments,
}

/// The flags of `sonde list`.
#[derive(Debug, Clone, Args)]
pub struct ListArguments {
    /// Print the table as one JSON document
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, hide_default_value = true,  value_parser = parse_boolean, value_name = "true|false")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) context: ContextArguments,
    #[command(flatten)]
    pub(crate) logging: LoggingArguments,
}

/// Which processes, and what they are called.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Services")]
pub struct SelectionArguments {
    /// Trace only processes that match (repeatable) [default: every process that speaks HTTP]
    ///
    /// MATCH is a glob on the executable or the command line, or KEY=VALUE with KEY one of exe, cmd, container,
    /// cgroup (VALUE is a glob) or port (8080, 8000-8099).
    #[arg(long, value_name = "MATCH")]
    pub(crate) include: Vec<String>,
    /// Do not trace processes that match, even if an --include does (repeatable)
    #[arg(long, value_name = "MATCH")]
    pub(crate) exclude: Vec<String>,
    /// Trace only these processes, by process id in the agent's PID namespace (repeatable)
    #[arg(long, value_name = "PID", value_parser = |text: &str| parse_count(text, i32::MAX as u32))]
    pub(crate) pid: Vec<u32>,
    /// Name the services of the processes that match (repeatable; the first match wins)
    #[arg(long, value_name = "MATCH=NAME", value_parser = parse_assignment)]
    pub(crate) service_name: Vec<String>,
    /// Another sampler for the services that match (repeatable; the first match wins): checkout=ratelimited=100/s
    ///
    /// MATCH is as for --include; a bare glob is compared with the service's name too, and service=GLOB with nothing else.
    #[arg(long, value_name = "MATCH=SAMPLER", value_parser = parse_assignment)]
    pub(crate) service_sampler: Vec<String>,
    /// Another --propagate for the services that match (repeatable; the first match wins): legacy=off
    #[arg(long, value_name = "MATCH=WAY", value_parser = parse_assignment)]
    pub(crate) service_propagate: Vec<String>,
}

/// What is captured, and how much memory that may take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Capture")]
pub struct CaptureArguments {
    /// Bytes kept of each message head, 1KiB to 64KiB
    #[arg(long, value_name = "BYTES", default_value = "16KiB", value_parser = |text: &str| parse_bytes_within(text, 1 << 10, 64 << 10))]
    pub(crate) max_head_bytes: u64,
    /// Export a request that is still in flight after this time
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    pub(crate) max_exchange: Duration,
    /// Size of the ring buffer between kernel and agent, a power of two from 64KiB to 1GiB
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = parse_ring_bytes)]
    pub(crate) ring_bytes: u64,
    /// Connections followed at once; beyond it, the least recently used is forgotten and counted
    #[arg(long, value_name = "COUNT", default_value = "65536", value_parser = |text: &str| parse_count(text, 1 << 22))]
    pub(crate) max_connections: u32,
    /// Directory of the cgroup2 hierarchy to attach to [default: the cgroup2 mount in /proc/self/mountinfo]
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup: Option<PathBuf>,
    /// Redact the values of these query parameters too, beyond the list of the convention (repeatable, comma-separated)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) redact_query: Vec<String>,
}

/// How trace contexts are taken, decided on and carried on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Context")]
pub struct ContextArguments {
    /// How the context is carried on to the next service (repeatable, comma-separated)
    #[arg(
        long,
        value_enum,
        value_name = "WAY",
        value_delimiter = ',',
        default_value = "header,tcp"
    )]
    pub(crate) propagate: Vec<Propagate>,
    /// Which fields of a request name its parent, beginning with those that count first (repeatable, comma-separated)
    ///
    /// Where tracecontext is listed, a valid traceparent counts before all others. What is written into requests is
    /// traceparent in any case; without tracecontext that is not followed by the next agent.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        value_delimiter = ',',
        default_value = "tracecontext"
    )]
    pub(crate) propagators: Vec<Propagator>,
    /// Carry the baggage of a request on into the requests that a service makes for it, up to 1 KiB, unless it sends one itself
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, hide_default_value = true, value_parser = parse_boolean, value_name = "true|false")]
    pub(crate) propagate_baggage: bool,
    /// Which traces are recorded: always_on, always_off, traceidratio, ratelimited, or one of them behind parentbased_
    ///
    /// The argument may stand behind the name: ratelimited=100/s. A rate is each service's own.
    #[arg(long, value_name = "SAMPLER", default_value = "parentbased_always_on", value_parser = parse_sampler)]
    pub(crate) sampler: String,
    /// Argument of the sampler: for ratelimited traces a second, for traceidratio the share of traces, 0 to 1 [default: 1]
    #[arg(long, value_name = "ARGUMENT")]
    pub(crate) sampler_arg: Option<String>,
    /// Whose word about the parent of a request counts; for others a new trace begins, linked to theirs
    #[arg(long, value_enum, value_name = "PEERS", default_value = "all")]
    pub(crate) trust_incoming: Trust,
    /// Spans of services that trace themselves
    #[arg(long, value_enum, value_name = "MODE", default_value = "auto")]
    pub(crate) sdk: Sdk,
    /// Follow requests that Go's HTTP client hands to another goroutine: one uprobe hit a call
    #[arg(long, value_enum, value_name = "STATE", default_value = "on")]
    pub(crate) go_uprobes: Switch,
    /// How long a service works on a request after its response, as long as the thread does not sleep
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = parse_duration)]
    pub(crate) linger: Duration,
}

/// Where spans go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Exporter {
    /// OTLP to a collector or backend
    Otlp,
    /// Traces as trees on stdout, for people
    Stdout,
    /// OTLP JSON on stdout, one export request a line
    Jsonl,
}

/// Exporters, queue and batches.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Export")]
pub struct ExportArguments {
    /// Where spans go (repeatable, comma-separated)
    #[arg(
        long,
        value_enum,
        value_name = "EXPORTER",
        value_delimiter = ',',
        default_value = "otlp"
    )]
    pub(crate) export: Vec<Exporter>,
    /// Memory that spans waiting for export may take, 1MiB to 64GiB; beyond it the oldest are dropped and counted
    #[arg(long, value_name = "BYTES", default_value = "64MiB", value_parser = |text: &str| parse_bytes_within(text, 1 << 20, 64 << 30))]
    pub(crate) queue_bytes: u64,
    /// Spans in one export request at most
    #[arg(long, value_name = "COUNT", default_value = "2048", value_parser = |text: &str| parse_count(text, 1 << 16))]
    pub(crate) batch_spans: u32,
    /// Longest time that a span waits for its batch to fill
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub(crate) batch_interval: Duration,
    /// Longest time that a shutdown spends on sending what is queued
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub(crate) shutdown_timeout: Duration,
}

/// Transport of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OtlpProtocol {
    /// OTLP over gRPC
    Grpc,
    /// OTLP as protobuf in HTTP requests
    #[value(name = "http/protobuf")]
    HttpProtobuf,
}

/// Compression of OTLP requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OtlpCompression {
    /// As they are
    None,
    /// RFC 1952
    Gzip,
    /// RFC 8878
    Zstd,
}

/// The connection to the OTLP receiver.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "OTLP (each also by its OTEL_EXPORTER_OTLP_* variable)")]
pub struct OtlpArguments {
    /// URL of the receiver [default: http://localhost:4317 for grpc, http://localhost:4318 for http/protobuf]
    #[arg(long, value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
    /// Transport [default: grpc]
    #[arg(long, value_enum, value_name = "PROTOCOL")]
    pub(crate) otlp_protocol: Option<OtlpProtocol>,
    /// Compression of requests [default: none]
    #[arg(long, value_enum, value_name = "METHOD")]
    pub(crate) otlp_compression: Option<OtlpCompression>,
    /// PEM file with the CA certificates that may sign the receiver's certificate [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) otlp_certificate: Option<PathBuf>,
    /// PEM file with the agent's certificate chain, for mutual TLS
    #[arg(long, value_name = "FILE")]
    pub(crate) otlp_client_certificate: Option<PathBuf>,
    /// PEM file with the private key of --otlp-client-certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) otlp_client_key: Option<PathBuf>,
    /// Header sent with every request (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    pub(crate) otlp_header: Vec<String>,
    /// Longest time for one export request [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) otlp_timeout: Option<Duration>,
    /// Use no TLS for a gRPC endpoint that is given without a scheme [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_parser = parse_boolean,  value_name = "true|false")]
    pub(crate) otlp_insecure: Option<bool>,
}

/// The embedded trace view.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Trace view")]
pub struct ViewArguments {
    /// Serve the trace view here, such as 127.0.0.1:7070; other addresses than loopback need --ui-token [default: off]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) ui: Option<SocketAddr>,
    /// What a browser has to show once, as http://ADDRESS:PORT/?token=TOKEN, and other clients as a bearer token
    ///
    /// At least 16 visible ASCII characters. Arguments can be read by everyone on the machine: SONDE_UI_TOKEN cannot.
    #[arg(long, value_name = "TOKEN", value_parser = parse_token, hide_env_values = true)]
    pub(crate) ui_token: Option<String>,
    /// Name by which browsers reach the view, besides localhost and addresses (repeatable, comma-separated)
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = sonde_view::parse_host)]
    pub(crate) ui_host: Vec<String>,
    /// Memory that the view's traces may take, 4MiB to 64GiB; beyond it the oldest go, those with errors and slow ones last
    #[arg(long, value_name = "BYTES", default_value = "128MiB", value_parser = |text: &str| parse_bytes_within(text, 4 << 20, 64 << 30))]
    pub(crate) ui_memory: u64,
    /// Keep the view's traces here across restarts [default: in memory only]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) ui_data: Option<PathBuf>,
    /// Receive OTLP over gRPC and HTTP here, for the view only, such as 127.0.0.1:4317 (repeatable, comma-separated) [default: off]
    #[arg(
        id = "receive_otlp",
        long = "otlp-listen",
        value_name = "ADDRESS:PORT",
        value_delimiter = ','
    )]
    pub(crate) otlp_listen: Vec<SocketAddr>,
    /// Unix socket for `sonde top` and `sonde traces`, for root and the agent's user [default: /run/sonde/sonde.sock with --ui]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

/// What the agent says about itself to a monitoring system.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Health")]
pub struct DiagnosticsArguments {
    /// Serve /metrics (Prometheus), /healthz and /readyz here, such as 127.0.0.1:9464 [default: off]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// Form of the log lines on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line an event
    Human,
    /// One JSON object an event
    Json,
}

/// The log on stderr.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LoggingArguments {
    /// off, error, warn, info, debug, trace, or directives such as info,sonde::export=debug
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = parse_level)]
    pub(crate) log_level: String,
    /// Form of the log lines on stderr
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) log_format: LogFormat,
}

fn parse_boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// Long enough not to be guessed, and fit for a field and a URL.
fn parse_token(text: &str) -> Result<String, String> {
    if text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("expected at least 16 visible ASCII characters".to_owned())
}

/// Any name that there is; its argument may stand elsewhere.
fn parse_sampler(text: &str) -> Result<String, String> {
    let argument = if text.contains('=') { None } else { Some("1") };
    Sampler::parse(text, argument).map(|_| text.to_owned())
}

fn parse_ring_bytes(text: &str) -> Result<u64, String> {
    let bytes = parse_bytes_within(text, 64 << 10, 1 << 30)?;
    if bytes.is_power_of_two() {
        return Ok(bytes);
    }
    Err("must be a power of two, such as 8MiB".to_owned())
}

/// `LEFT=RIGHT`, where both sides say something. Which `=` separates them is known to the type it becomes.
fn parse_assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((left, right)) if !left.trim().is_empty() && !right.trim().is_empty() => {
            Ok(text.trim().to_owned())
        }
        _ => Err("expected two parts with = between them".to_owned()),
    }
}
