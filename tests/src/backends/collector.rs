//! The OpenTelemetry Collector with the OTLP receiver and the file exporter.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{cached, go};
use crate::process::Process;
use crate::span::{self, Span};
use crate::{environment, net, wait};

/// Modules of `services/collector/main.go`; stable ones are numbered 1.61.0 in the release 0.155.0.
const MODULES: [&str; 9] = [
    "go.opentelemetry.io/collector/otelcol@v0.155.0",
    "go.opentelemetry.io/collector/service@v0.155.0",
    "go.opentelemetry.io/collector/receiver/otlpreceiver@v0.155.0",
    "go.opentelemetry.io/collector/receiver@v1.61.0",
    "go.opentelemetry.io/collector/exporter@v1.61.0",
    "go.opentelemetry.io/collector/component@v1.61.0",
    "go.opentelemetry.io/collector/confmap@v1.61.0",
    "go.opentelemetry.io/collector/confmap/provider/fileprovider@v1.61.0",
    "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter@v0.155.0",
];

/// A collector that can be stopped and started again on the same ports and file.
#[derive(Debug)]
pub struct Collector {
    folder: tempfile::TempDir,
    process: Option<Process>,
    /// Port of OTLP over gRPC.
    pub grpc: u16,
    /// Port of OTLP over HTTP.
    pub http: u16,
}

impl Collector {
    /// Builds it if need be, and starts it.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("sonde-collector-")
            .tempdir()?;
        let (grpc, http) = (net::free_port()?, net::free_port()?);
        let configuration = format!(
            "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}'}}
      http: {{endpoint: '127.0.0.1:{http}'}}
exporters:
  file: {{path: '{}/spans.jsonl', append: true, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file]}}
",
            folder.path().display()
        );
        std::fs::write(folder.path().join("config.yaml"), configuration)?;
        let mut collector = Self {
            folder,
            process: None,
            grpc,
            http,
        };
        collector.resume()?;
        Ok(collector)
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again where it was.
    pub fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(program()?);
        command
            .arg("--config")
            .arg(self.folder.path().join("config.yaml"));
        let mut process = Process::start("collector", &mut command)?;
        for port in [self.grpc, self.http] {
            process.wait_port(port)?;
        }
        self.process = Some(process);
        Ok(())
    }

    /// Spans that it has written to its file.
    pub fn spans(&self) -> Result<Vec<Span>> {
        let bytes = std::fs::read(self.folder.path().join("spans.jsonl")).unwrap_or_default();
        span::parse_lines(&String::from_utf8_lossy(&bytes))
    }

    /// Waits for at least `count` spans.
    pub fn wait_spans(&self, count: usize) -> Result<Vec<Span>> {
        wait::until(&format!("{count} spans in the collector"), || {
            self.spans().ok().filter(|spans| spans.len() >= count)
        })
        .with_context(|| format!("it has {}", self.spans().map_or(0, |spans| spans.len())))
    }
}

fn program() -> Result<PathBuf> {
    let source = std::fs::read_to_string(environment::sources("collector").join("main.go"))?;
    cached("otelcol-0.155.0", &(MODULES.join(" ") + &source), build)
}

fn build(folder: &Path, output: &Path) -> Result<String> {
    std::fs::copy(
        environment::sources("collector").join("main.go"),
        folder.join("main.go"),
    )?;
    if !folder.join("go.mod").exists() {
        go(folder, &["mod", "init", "example.com/otelcol-test"])?;
    }
    go(folder, &[&["get"], &MODULES[..]].concat())?;
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
            ".",
        ],
    )
}
