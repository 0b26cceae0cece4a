//! From what the operator wants to what each part takes.

use std::num::NonZeroUsize;
use std::path::Path;

use clap::ValueEnum;
use sonde_protocols::{http1, http2};

use crate::capture;
use crate::cli::{self, Environment, Failure};
use crate::config::{self, Config, cgroup};
use crate::connections::{Limits, MachineLimits};
use crate::export::{self, Exporter, OtlpFlags, OtlpSettings};
use crate::process::{HostFacts, Options, OverrideRules, Selection};
use crate::spans;

/// Requests in flight on one connection that are kept; more is pipelining beyond any client known.
const MAX_IN_FLIGHT: usize = 1024;
/// Streams of one HTTP/2 connection; servers that set a limit allow some hundreds.
const MAX_STREAMS: usize = 4096;
/// Header table of one direction, in bytes; the default of the protocol is 4,096, of browsers 65,536.
const MAX_TABLE_BYTES: usize = 65_536;
/// Processes remembered.
const PROCESSES: NonZeroUsize = NonZeroUsize::new(16_384).expect("is not zero");

/// For the kernel side.
pub(super) fn capture(config: &Config) -> Result<capture::Options, Failure> {
    let selection = &config.selection;
    let selects = [&selection.include, &selection.exclude]
        .iter()
        .any(|rules| !rules.is_empty());
    Ok(capture::Options {
        cgroup: cgroup::resolve(config.capture.cgroup.as_deref())?,
        ring_bytes: config.capture.ring_bytes,
        max_head_bytes: config.capture.max_head_bytes,
        watch_all: !selects && selection.pids.is_empty(),
        service_samplers: config.context.sampler.counts() || !selection.service_samplers.is_empty(),
        context: config.context.clone(),
    })
}

/// For the table of processes.
pub(super) fn processes(selection: &config::Selection) -> Result<Options, Failure> {
    Ok(Options {
        selection: Selection {
            include: rules("--include", &selection.include)?,
            exclude: rules("--exclude", &selection.exclude)?,
            pids: selection.pids.clone(),
        },
        service_names: rules("--service-name", &selection.service_names)?,
        overrides: OverrideRules {
            samplers: rules("--service-sampler", &selection.service_samplers)?,
            propagate: rules("--service-propagate", &selection.service_propagate)?,
        },
        own_pid: std::process::id(),
        host: HostFacts::read(Path::new("/")),
        proc_root: "/proc".into(),
        capacity: PROCESSES,
    })
}

fn rules<T>(flag: &str, texts: &[String]) -> Result<Vec<T>, Failure>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let rule = |text: &String| {
        text.parse()
            .map_err(|error| Failure::configuration(format!("{flag} {text}")).because(error))
    };
    texts.iter().map(rule).collect()
}

/// For the connection table.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.capture.max_connections as usize,
        machine: MachineLimits {
            http1: http1::Limits {
                head_bytes: config.capture.max_head_bytes as usize,
                in_flight: MAX_IN_FLIGHT,
            },
            http2: http2::Limits {
                head_bytes: config.capture.max_head_bytes as usize,
                table_bytes: MAX_TABLE_BYTES,
                streams: MAX_STREAMS,
            },
        },
    }
}

/// For the making of spans.
pub(super) fn spans(config: &Config) -> spans::Options {
    spans::Options {
        redact_query: config.redact_query.clone(),
    }
}

/// For the exporters.
pub(super) fn export(config: &Config) -> Result<export::Options, Failure> {
    let exporter = |kind: &cli::Exporter| {
        Ok(match kind {
            cli::Exporter::Otlp => Exporter::Otlp(Box::new(otlp(&config.otlp)?)),
            cli::Exporter::Stdout => Exporter::Stdout,
            cli::Exporter::Jsonl => Exporter::Jsonl,
        })
    };
    Ok(export::Options {
        exporters: config
            .exporters
            .iter()
            .map(exporter)
            .collect::<Result<_, Failure>>()?,
        queue_bytes: config.batch.queue_bytes,
        batch_spans: config.batch.spans,
        batch_interval: config.batch.interval,
        ..export::Options::default()
    })
}

fn otlp(flags: &config::Otlp) -> Result<export::Otlp, Failure> {
    let environment = Environment::of_process();
    let flags = OtlpFlags {
        protocol: flags.protocol.as_ref().and_then(name),
        endpoint: flags.endpoint.clone(),
        compression: flags.compression.as_ref().and_then(name),
        ca_certificate: flags.certificate.clone(),
        client_certificate: flags.client_certificate.clone(),
        client_key: flags.client_key.clone(),
        headers: flags.headers.clone(),
        timeout: flags.timeout,
        insecure: flags.insecure,
    };
    OtlpSettings::resolve(&flags, |name| environment.get(name))
        .map_err(|error| Failure::configuration("OTLP export").because(error))
}

fn name(value: &impl ValueEnum) -> Option<String> {
    Some(value.to_possible_value()?.get_name().to_owned())
}
