//! Services that copy the request's field to their calls by hand: it names the request that caused them.

use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{folder, need, once, retry, sources};
use sonde_tests::process::{Process, output_of};

use super::{Service, numbers, service, starting};

/// The rows.
pub(super) const ROWS: &[Service] = &[
    service(
        "node-copied",
        "Node: `traceparent` copied by hand",
        99.9,
        |port, http, _| script("node", "server.js", port, http),
    ),
    service(
        "python-copied",
        "Python: the same, calls by a pool of threads",
        99.9,
        |port, http, _| script("python3", "server.py", port, http),
    ),
    service(
        "go-copied",
        "Go: the same, calls by a pool of workers",
        99.9,
        |port, http, _| go(port, http),
    ),
];

fn script(program: &str, file: &str, port: u16, http: u16) -> Result<Vec<Process>> {
    need(program)?;
    let mut command = Command::new(program);
    command.arg(sources("causality/copied").join(file));
    starting(program, command.args(numbers([port, http, 0])))
}

fn go(port: u16, http: u16) -> Result<Vec<Process>> {
    need("go")?;
    let source = sources("causality/copied");
    let program = folder("causality-copied").join("service");
    once(
        "causality-copied",
        &std::fs::read_to_string(source.join("main.go"))?,
        || {
            retry(|| {
                let mut build = Command::new("go");
                build.current_dir(&source).env("CGO_ENABLED", "0");
                build.args(["build", "-buildvcs=false", "-o"]).arg(&program);
                output_of(build.arg("."))
            })
        },
    )?;
    starting("go", Command::new(program).args(numbers([port, http, 0])))
}
