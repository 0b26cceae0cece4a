//! Go, by the toolchain that `GOTOOLCHAIN` names.

use std::process::Command;

use anyhow::{Context as _, Result};
use sonde_tests::environment::{folder, need, once, retry, sources};
use sonde_tests::process::{Process, output_of};
use sonde_tests::skip;

use super::{listening, numbers};

/// Goroutines know who started them since Go 1.21.
const OLDEST: u32 = 21;

/// Builds and starts the service, which makes its last two calls in some `way`.
pub(super) fn start(
    port: u16,
    http: u16,
    database: u16,
    way: &str,
    with_symbols: bool,
) -> Result<Vec<Process>> {
    need("go")?;
    let name = if with_symbols {
        "causality-go"
    } else {
        "causality-go-stripped"
    };
    let source = sources("causality/go");
    let program = folder(name).join("service");
    once(name, &recipe()?, || {
        let flags = if with_symbols { "" } else { "-s -w" };
        retry(|| {
            let mut build = Command::new("go");
            build.current_dir(&source).env("CGO_ENABLED", "0");
            build.args(["build", "-buildvcs=false", "-ldflags", flags]);
            output_of(build.arg("-o").arg(&program).arg("."))
        })
    })?;
    let mut command = Command::new(program);
    command.args(numbers([port, http, database])).arg(way);
    listening("go", port, &mut command)
}

/// Toolchain and sources.
fn recipe() -> Result<String> {
    let source = sources("causality/go");
    let mut version = Command::new("go");
    let version = retry(|| output_of(version.current_dir(&source).args(["env", "GOVERSION"])))?;
    let minor = version.trim().split('.').nth(1).context("no version")?;
    if minor.parse::<u32>().is_ok_and(|minor| minor < OLDEST) {
        let version = version.trim();
        return Err(skip(format!(
            "Go 1.{OLDEST} or later needed, not {version}"
        )));
    }
    let mut recipe = version;
    for file in ["go.mod", "main.go", "parallel.go"] {
        recipe += &std::fs::read_to_string(source.join(file))?;
    }
    Ok(recipe)
}
