//! Jaeger v2, all in one with its memory store, asked through its query API.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{cached, go};
use crate::process::Process;
use crate::{net, wait};

/// Jaeger's command.
const PACKAGE: &str = "github.com/jaegertracing/jaeger/cmd/jaeger";

/// A running Jaeger.
#[derive(Debug)]
pub struct Jaeger {
    _process: Process,
    query: u16,
    /// Port of OTLP over gRPC.
    pub grpc: u16,
    /// Port of OTLP over HTTP.
    pub http: u16,
}

impl Jaeger {
    /// Builds it if need be, and starts it.
    pub fn start() -> Result<Self> {
        let [grpc, http, query, query_grpc] = [
            net::free_port()?,
            net::free_port()?,
            net::free_port()?,
            net::free_port()?,
        ];
        let configuration = format!(
            "service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}
extensions:
  jaeger_query:
    storage: {{traces: memory}}
    http: {{endpoint: '127.0.0.1:{query}'}}
    grpc: {{endpoint: '127.0.0.1:{query_grpc}'}}
  jaeger_storage:
    backends:
      memory: {{memory: {{max_traces: 100000}}}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}'}}
      http: {{endpoint: '127.0.0.1:{http}'}}
exporters:
  jaeger_storage_exporter: {{trace_storage: memory}}
"
        );
        let folder = tempfile::Builder::new().prefix("sonde-jaeger-").tempdir()?;
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, configuration)?;
        let mut command = Command::new(cached("jaeger-1.76.0", PACKAGE, build)?);
        let mut process = Process::start("jaeger", command.arg("--config").arg(&file))?;
        for port in [grpc, http, query] {
            process.wait_port(port)?;
        }
        Ok(Self {
            _process: process,
            query,
            grpc,
            http,
        })
    }

    /// Where its query API is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.query)
    }

    /// Traces of a service, once there are at least `spans` spans in them.
    pub fn wait_traces(&self, service: &str, spans: usize) -> Result<Vec<Trace>> {
        wait::until(&format!("{spans} spans of {service} in Jaeger"), || {
            let traces = self.traces(service).ok()?;
            (traces.iter().map(|trace| trace.spans.len()).sum::<usize>() >= spans).then_some(traces)
        })
    }

    /// A trace by its id, as far as it is there.
    pub fn trace(&self, id: &str) -> Result<Trace> {
        let url = format!("http://127.0.0.1:{}/api/traces/{id}", self.query);
        let (_, body) = net::get(&url)?;
        let answer: Value = serde_json::from_str(&body)?;
        Ok(trace_of(&answer["data"][0]))
    }

    /// Traces that a service has spans in.
    pub fn traces(&self, service: &str) -> Result<Vec<Trace>> {
        let url = format!(
            "http://127.0.0.1:{}/api/traces?service={service}&limit=1000",
            self.query
        );
        let (_, body) = net::get(&url)?;
        let answer: Value = serde_json::from_str(&body)?;
        let traces = answer["data"]
            .as_array()
            .context("no data in Jaeger's answer")?;
        Ok(traces.iter().map(trace_of).collect())
    }
}

/// A trace as the query API shows it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its spans.
    pub spans: Vec<JaegerSpan>,
}

/// A span as the query API shows it.
#[derive(Clone, Debug)]
pub struct JaegerSpan {
    /// `service.name`.
    pub service: String,
    /// Name.
    pub operation: String,
    /// 16 hexadecimal digits.
    pub id: String,
    /// Parent's id, or empty.
    pub parent: String,
    /// Attributes with their JSON type; kind is the tag `span.kind`.
    pub tags: serde_json::Map<String, Value>,
}

fn trace_of(trace: &Value) -> Trace {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let span_of = |span: &Value| {
        let process = &trace["processes"][&text(span, "processID")];
        let tags = span["tags"].as_array().cloned().unwrap_or_default();
        JaegerSpan {
            service: text(process, "serviceName"),
            operation: text(span, "operationName"),
            id: text(span, "spanID"),
            parent: text(&span["references"][0], "spanID"),
            tags: tags
                .iter()
                .map(|tag| (text(tag, "key"), tag["value"].clone()))
                .collect(),
        }
    };
    let spans = trace["spans"]
        .as_array()
        .into_iter()
        .flatten()
        .map(span_of)
        .collect();
    Trace {
        id: text(trace, "traceID"),
        spans,
    }
}

/// `go install` refuses modules with replacements in their go.mod, so a module of our own names Jaeger as its tool. Jaeger's own
/// go.sum, itself verified on download, goes with it: the checksum service does not know all of the modules.
fn build(folder: &Path, output: &Path) -> Result<String> {
    if !folder.join("go.mod").exists() {
        go(folder, &["mod", "init", "example.com/jaeger"])?;
    }
    go(
        folder,
        &[
            "mod",
            "edit",
            "-replace",
            "github.com/Shopify/sarama=github.com/Shopify/sarama@v1.33.0",
        ],
    )?;
    let download = go(
        folder,
        &[
            "mod",
            "download",
            "-json",
            "github.com/jaegertracing/jaeger@v1.76.0",
        ],
    )?;
    let download: Value = serde_json::from_str(&download)?;
    let module = Path::new(
        download["Dir"]
            .as_str()
            .context("no folder of the downloaded module")?,
    );
    let sums = std::fs::read(module.join("go.sum"))?;
    std::fs::write(folder.join("go.sum"), sums)?;
    go(folder, &["get", "-tool", &format!("{PACKAGE}@v1.76.0")])?;
    let output = output.display().to_string();
    go(
        folder,
        &[
            "build",
            "-trimpath",
            "-ldflags",
            "-s -w",
            "-o",
            &output,
            PACKAGE,
        ],
    )
}
