//! `sonde top`, `sonde traces` and `sonde trace` against a running agent, its trace view on a unix socket only.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sonde_tests::agent::{self, Builder};
use sonde_tests::client::{Request, curl};
use sonde_tests::service::Kind;
use sonde_tests::{environment, run, wait};

/// Requests that are made, a third of them for what is not there.
const REQUESTS: usize = 9;

fn ask(socket: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(agent::binary()?);
    command.args(arguments).arg("--socket").arg(socket);
    command.stdin(Stdio::null()).output().context("sonde")
}

fn text(output: &Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(String::from_utf8(output.stdout.clone())?)
}

fn traces(socket: &Path, arguments: &[&str]) -> Result<Vec<Value>> {
    let output = ask(socket, &[&["traces", "--json"], arguments].concat())?;
    Ok(serde_json::from_str(&text(&output)?)?)
}

/// Lists, trees and tables say what was asked of the service.
#[test]
fn shows_what_the_agent_holds() {
    run("shows_what_the_agent_holds", || {
        let service = Kind::Go.start()?;
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("sonde.sock");
        let agent = Builder::jsonl()
            .pids([service.process.pid()])
            .flag("--socket", socket.display())
            .start()?;
        for index in 0..REQUESTS {
            let path = if index % 3 == 0 {
                "status/404"
            } else {
                "sized/100"
            };
            curl(&Request::new("GET", format!("{}/{path}", service.url)))?;
        }
        agent.wait_count(REQUESTS, |_| true)?;
        let held = wait::until("the traces to be held", || {
            let held = traces(&socket, &["--limit", "100"]).ok()?;
            (held.len() == REQUESTS).then_some(held)
        })?;
        let slow = traces(&socket, &["--min-duration", "1h"])?;
        ensure!(slow.is_empty(), "{slow:?}");
        let missing = traces(&socket, &["--status", "404"])?;
        ensure!(missing.len() == REQUESTS / 3, "{missing:#?}");
        let id = held[0]["trace_id"].as_str().context("trace_id")?;
        let tree = text(&ask(&socket, &["trace", id])?)?;
        ensure!(tree.contains(id) && tree.contains(" SERVER GET"), "{tree}");
        let otlp: Value = serde_json::from_str(&text(&ask(&socket, &["trace", id, "--json"])?)?)?;
        let span = &otlp["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        ensure!(span["traceId"] == id, "{otlp:#}");
        let top = text(&ask(&socket, &["top"])?)?;
        for part in ["SERVICE", "CLIENT", "slowest", "failing"] {
            ensure!(top.contains(part), "{part} in\n{top}");
        }
        let table = text(&ask(&socket, &["traces"])?)?;
        ensure!(table.lines().count() == REQUESTS + 1, "{table}");
        Ok(())
    });
}

/// Other users are turned away, and what is wrong is said in a sentence.
#[test]
fn refusals_are_clear() {
    run("refusals_are_clear", || {
        environment::need("setpriv")?;
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("sonde.sock");
        let refused = |output: &Output, code: i32, hint: &str| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.code() == Some(code), "{hint}: {output:?}");
            ensure!(said.contains(hint), "{hint} in {said}");
            Ok(())
        };
        refused(&ask(&socket, &["traces"])?, 1, "sonde run --ui")?;
        let service = Kind::Go.start()?;
        let _agent = Builder::jsonl()
            .pids([service.process.pid()])
            .flag("--socket", socket.display())
            .start()?;
        let nothing = "0123456789abcdef0123456789abcdef";
        refused(&ask(&socket, &["trace", nothing])?, 1, "trace not found")?;
        refused(&ask(&socket, &["trace", "xyz"])?, 2, "hexadecimal")?;
        refused(
            &ask(&socket, &["traces", "--attribute", "x"])?,
            2,
            "key=value",
        )?;
        refused(&stranger(folder.path(), &socket)?, 1, "root")?;
        Ok(())
    });
}

/// Asks as a user that is neither root nor the agent's.
fn stranger(folder: &Path, socket: &Path) -> Result<Output> {
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))?;
    std::fs::set_permissions(socket, PermissionsExt::from_mode(0o666))?;
    let program = folder.join("sonde");
    std::fs::copy(agent::binary()?, &program)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command
        .arg(program)
        .args(["traces", "--socket"])
        .arg(socket);
    command.stdin(Stdio::null()).output().context("setpriv")
}
