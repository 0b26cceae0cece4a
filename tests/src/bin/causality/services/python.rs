//! Python.

mod loops;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{sources, virtual_environment};
use sonde_tests::process::Process;

use super::listening;

pub(super) use loops::ROWS as LOOPS;

/// A Python of its own, with what the rows import.
fn interpreter() -> Result<PathBuf> {
    let packages = [
        "flask", "gunicorn", "requests", "aiohttp", "fastapi", "uvicorn", "uvloop",
    ];
    virtual_environment("causality-python", &packages)
}

/// A script on grpcio, which takes its port and the callee's.
pub(super) fn grpc(script: &str, port: u16, callee: u16) -> Result<Vec<Process>> {
    let interpreter = virtual_environment("causality-python-grpc", &["grpcio"])?;
    let mut command = Command::new(interpreter);
    command.current_dir(sources("causality/python")).args([
        script,
        &port.to_string(),
        &callee.to_string(),
    ]);
    listening("python", port, &mut command)
}

fn command(http: u16, database: u16) -> Result<Command> {
    let mut command = Command::new(interpreter()?);
    command
        .current_dir(sources("causality/python"))
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string());
    Ok(command)
}

/// A script that takes its port, and more.
pub(super) fn script(
    script: &str,
    arguments: &[&str],
    port: u16,
    http: u16,
    database: u16,
) -> Result<Vec<Process>> {
    let mut command = command(http, database)?;
    command.args([script, &port.to_string()]).args(arguments);
    listening("python", port, &mut command)
}

/// A WSGI application on gunicorn's threads.
pub(super) fn gunicorn(
    application: &str,
    way: &str,
    port: u16,
    http: u16,
    database: u16,
) -> Result<Vec<Process>> {
    let bind = format!("127.0.0.1:{port}");
    let mut command = command(http, database)?;
    command.env("WAY", way).args(["-m", "gunicorn"]);
    command.args(["--worker-class", "gthread", "--threads", "64"]);
    command.args(["--bind", &bind, "--keep-alive", "30", application]);
    listening("gunicorn", port, &mut command)
}

/// An ASGI application on one of uvicorn's event loops.
pub(super) fn uvicorn(
    application: &str,
    event_loop: &str,
    port: u16,
    http: u16,
    database: u16,
) -> Result<Vec<Process>> {
    let mut command = command(http, database)?;
    command.args(["-m", "uvicorn", "--loop", event_loop]);
    command.args(["--port", &port.to_string(), "--log-level", "warning"]);
    listening("uvicorn", port, command.arg(application))
}
