//! The arguments of the commands that ask a running agent: `top`, `traces`, `trace`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::DEFAULT_SOCKET;
use crate::config::units::{parse_count, parse_duration};

/// Where the agent listens.
#[derive(Debug, Clone, Default, Args)]
pub struct SocketArguments {
    /// Unix socket of the agent, as its own --socket
    #[arg(
        id = "socket",
        long = "socket",
        value_name = "PATH",
        default_value = DEFAULT_SOCKET
    )]
    pub(crate) path: PathBuf,
}

/// The flags of `sonde top`.
#[derive(Debug, Clone, Args)]
pub struct TopArguments {
    /// Time that rates and percentiles are of, 1s to 1h
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub(crate) window: Duration,
    /// Print the tables once, as is done where stdout is no terminal
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) socket: SocketArguments,
}

/// The flags of `sonde traces`.
#[derive(Debug, Clone, Default, Args)]
pub struct TracesArguments {
    /// With a span of this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// With a span of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) operation: Option<String>,
    /// With a span that took at least this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) min_duration: Option<Duration>,
    /// With a span that took at most this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_duration: Option<Duration>,
    /// With a span whose status is an error
    #[arg(long)]
    pub(crate) errors: bool,
    /// With a span of this HTTP or gRPC status code, or ok, or error
    #[arg(long, value_name = "CODE")]
    pub(crate) status: Option<String>,
    /// With a span, or its resource, that has this attribute (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) attribute: Vec<String>,
    /// With a span that began within this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) since: Option<Duration>,
    /// Traces at most, the newest
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = |text: &str| parse_count(text, 1_500))]
    pub(crate) limit: u32,
    /// Print a JSON list
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) socket: SocketArguments,
}

/// The flags of `sonde trace`.
#[derive(Debug, Clone, Args)]
pub struct TraceArguments {
    /// The trace-id, 32 hexadecimal digits
    #[arg(value_name = "ID", value_parser = parse_trace_id)]
    pub(crate) id: String,
    /// Print the trace as OTLP JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) socket: SocketArguments,
}

fn parse_trace_id(text: &str) -> Result<String, String> {
    let is_id = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a trace-id is up to 32 hexadecimal digits".to_owned())
    }
}
