//! Services that ask one another: `GET /chain/N` is passed on to the next, which knows nothing of tracing unless it says so.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::service::{Service, node_script};
use crate::{environment, net};

/// Flask and requests, listening on `address`.
pub fn flask_command(address: &str, port: u16, next: Option<&str>) -> Result<Command> {
    Ok(flask_by(
        Command::new(environment::python()?),
        address,
        port,
        next,
    ))
}

fn flask_by(mut command: Command, address: &str, port: u16, next: Option<&str>) -> Command {
    // An empty URL stands for no next one.
    command.args([
        "app.py",
        &port.to_string(),
        next.unwrap_or_default(),
        address,
    ]);
    command.current_dir(environment::sources("chain"));
    command
}

/// Flask and requests on loopback.
pub fn flask(next: Option<&str>) -> Result<Service> {
    let port = net::free_port()?;
    let mut command = flask_command("127.0.0.1", port, next)?;
    Service::start("chain flask", port, &mut command)
}

/// Node and fetch on loopback.
pub fn node(next: &str) -> Result<Service> {
    let port = net::free_port()?;
    let mut command = node_script("chain", "server.js", &[&port.to_string(), next])?;
    Service::start("chain node", port, &mut command)
}

/// The Flask service traced by OpenTelemetry's SDK as `name`, which exports to 127.0.0.1:`otlp_http`.
pub fn flask_with_sdk(name: &str, otlp_http: u16, next: Option<&str>) -> Result<Service> {
    let port = net::free_port()?;
    let interpreter = environment::python_with_sdk()?;
    let folder = interpreter.parent().context("no folder")?;
    let mut command = Command::new(folder.join("opentelemetry-instrument"));
    command.arg(Path::new(&interpreter));
    let mut command = flask_by(command, "127.0.0.1", port, next);
    let endpoint = format!("http://127.0.0.1:{otlp_http}");
    command.envs([
        ("OTEL_SERVICE_NAME", name),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
    ]);
    Service::start(name, port, &mut command)
}
