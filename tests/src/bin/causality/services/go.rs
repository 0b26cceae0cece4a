//! Go, by the toolchain that `GOTOOLCHAIN` names.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use sonde_tests::environment::{folder, need, once, retry, sources};
use sonde_tests::process::{Process, output_of};
use sonde_tests::skip;

use super::{listening, numbers};

/// A service's sources.
struct Program {
    /// Folder of services/causality.
    folder: &'static str,
    /// Its files.
    files: &'static [&'static str],
    /// Least minor version of Go.
    oldest: u32,
}

/// Goroutines know who started them since Go 1.21.
const HTTP1: Program = Program {
    folder: "go",
    files: &["go.mod", "main.go", "parallel.go", "ports.go"],
    oldest: 21,
};

/// `net/http` speaks HTTP/2 without TLS since Go 1.24.
const HTTP2: Program = Program {
    folder: "go-http2",
    files: &["go.mod", "main.go"],
    oldest: 24,
};

const GRPC: Program = Program {
    folder: "go-grpc",
    files: &["go.mod", "main.go"],
    oldest: 24,
};

/// Builds and starts the service, which makes its last two calls in some `way`.
pub(super) fn start(
    port: u16,
    http: u16,
    database: u16,
    way: &str,
    with_symbols: bool,
) -> Result<Vec<Process>> {
    run(&HTTP1, with_symbols, [port, http, database], way)
}

/// `net/http` as the server; `client` is `net/http` or `x/net`.
pub(super) fn http2(port: u16, http: u16, database: u16, client: &str) -> Result<Vec<Process>> {
    run(&HTTP2, true, [port, http, database], client)
}

/// grpc-go, its server with so many stream workers.
pub(super) fn grpc(
    port: u16,
    http: u16,
    database: u16,
    workers: u32,
    with_symbols: bool,
) -> Result<Vec<Process>> {
    let ports = [port, http, database];
    run(&GRPC, with_symbols, ports, &workers.to_string())
}

fn run(
    program: &Program,
    with_symbols: bool,
    ports: [u16; 3],
    argument: &str,
) -> Result<Vec<Process>> {
    let mut command = Command::new(build(program, with_symbols)?);
    command.args(numbers(ports)).arg(argument);
    listening("go", ports[0], &mut command)
}

fn build(program: &Program, with_symbols: bool) -> Result<PathBuf> {
    need("go")?;
    let suffix = if with_symbols { "" } else { "-stripped" };
    let name = format!("causality-{}{suffix}", program.folder);
    let source = sources("causality").join(program.folder);
    let executable = folder(&name).join("service");
    once(&name, &recipe(program)?, || {
        let flags = if with_symbols { "" } else { "-s -w" };
        retry(|| {
            let mut build = Command::new("go");
            build.current_dir(&source).env("CGO_ENABLED", "0");
            build.args(["build", "-buildvcs=false", "-ldflags", flags]);
            output_of(build.arg("-o").arg(&executable).arg("."))
        })
    })?;
    Ok(executable)
}

/// Toolchain and sources.
fn recipe(program: &Program) -> Result<String> {
    let source = sources("causality").join(program.folder);
    let mut version = Command::new("go");
    let version = retry(|| output_of(version.current_dir(&source).args(["env", "GOVERSION"])))?;
    let minor = version.trim().split('.').nth(1).context("no version")?;
    if minor
        .parse::<u32>()
        .is_ok_and(|minor| minor < program.oldest)
    {
        let (oldest, version) = (program.oldest, version.trim());
        return Err(skip(format!(
            "Go 1.{oldest} or later needed, not {version}"
        )));
    }
    let mut recipe = version;
    for file in program.files {
        recipe += &std::fs::read_to_string(source.join(file))?;
    }
    Ok(recipe)
}
