//! Judges what the scenario left behind: the kernel's state, the table of `sonde check`, and the spans of `sonde run`.

use super::Lockdown;
use super::exchange::Exchange;
use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Names of the documents that are asked for, one request each.
const REQUESTS: [&str; 5] = ["one", "two", "three", "four", "five"];
const SERVER_PORT: u16 = 8000;
const HEALTH_PORT: u16 = 9000;

/// What begins the kernel's report of a fault in itself.
const FAULTS: [&str; 5] = [
    "BUG: ",
    "WARNING: ",
    "Oops: ",
    "Kernel panic",
    "Call Trace:",
];

/// `Span.SpanKind` of OTLP.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// The scenario's settings, as shell assignments.
pub(super) fn settings(python: &Path) -> String {
    let mut settings = format!(
        "PYTHON='{}'\nREQUESTS='{}'\n",
        python.display(),
        REQUESTS.join(" ")
    );
    let _ = writeln!(
        settings,
        "SERVER_PORT={SERVER_PORT}\nHEALTH_PORT={HEALTH_PORT}"
    );
    settings
}

/// Says that the machine was the one meant, and its kernel content.
///
/// # Errors
/// Another kernel than `release` was running, `lockdown` was not in force, or the kernel found a fault in itself, which
/// no program may provoke.
pub(super) fn kernel(
    exchange: &Exchange,
    release: &str,
    lockdown: Option<Lockdown>,
) -> Result<String> {
    let running = exchange.read("release")?;
    ensure!(running.trim() == release, "{} was running", running.trim());
    let modes = exchange.read("lockdown")?;
    let mode = lockdown.map_or("none", |mode| mode.0);
    // The mode in force is the one in brackets.
    ensure!(
        modes.contains(&format!("[{mode}]")),
        "lockdown is {}",
        modes.trim()
    );
    let console = exchange.read("console.log")?;
    let fault = console
        .lines()
        .find(|line| FAULTS.iter().any(|fault| line.contains(fault)));
    ensure!(
        fault.is_none(),
        "the kernel said: {}",
        fault.unwrap_or_default()
    );
    Ok("no fault".to_owned())
}

/// Says how many hooks `sonde check` found in order.
///
/// # Errors
/// It did not exit with 0, a hook is not ok, another row failed, or there are no hooks at all.
pub(super) fn check(exchange: &Exchange) -> Result<String> {
    let judge = || {
        let hooks = hooks(&exchange.read("check.json")?)?;
        let status = status(exchange, "check.status")?;
        ensure!(status == 0, "`sonde check` exited with {status}");
        Ok(format!("{hooks} hooks ok"))
    };
    judge().map_err(|error| with_log(&error, exchange, "check.log"))
}

/// Says how many spans `sonde run` wrote for the requests.
///
/// # Errors
/// It did not exit with 0 on SIGTERM, or there is not exactly one span of each kind for each request.
pub(super) fn run(exchange: &Exchange) -> Result<String> {
    let judge = || {
        let status = status(exchange, "run.status")?;
        ensure!(status == 0, "`sonde run` exited with {status}");
        spans(&exchange.read("spans.jsonl")?)
    };
    judge().map_err(|error| with_log(&error, exchange, "run.log"))
}

fn status(exchange: &Exchange, file: &str) -> Result<i32> {
    let text = exchange.read(file)?;
    text.trim()
        .parse()
        .with_context(|| format!("{file} has {text:?}"))
}

/// The error with what the agent itself said, such as the verifier's verdict.
fn with_log(error: &Error, exchange: &Exchange, file: &str) -> Error {
    let end = exchange.last_lines(file);
    anyhow!("{error:#}; {file} ends with:\n{end}")
}

/// The number of hooks in the table `{"checks": [{"name", "status", "detail"}, ..]}`, all of which are ok.
fn hooks(text: &str) -> Result<usize> {
    let table: Value =
        serde_json::from_str(text).context("`sonde check --json` printed something else")?;
    let rows = table["checks"]
        .as_array()
        .context("no rows in `sonde check`'s table")?;
    let is_hook = |row: &&Value| {
        row["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("hook "))
    };
    // The agent goes on without them, but a kernel that is tested has to take them; only the tracepoint is younger than the oldest.
    let is_refused = |row: &&Value| {
        row["name"] == "programs for runtimes"
            && row["status"] != "ok"
            && row["detail"] != "no tracepoint sock_recv_length"
    };
    let is_bad = |row: &&Value| {
        row["status"] == "failed" || (is_hook(row) && row["status"] != "ok") || is_refused(row)
    };
    let bad: Vec<String> = rows
        .iter()
        .filter(is_bad)
        .map(|row| format!("{}: {}: {}", row["name"], row["status"], row["detail"]))
        .collect();
    ensure!(bad.is_empty(), "{}", bad.join("; "));
    match rows.iter().filter(is_hook).count() {
        0 => bail!("no hook was tried"),
        hooks => Ok(hooks),
    }
}

/// Checks that the requests, and nothing else on the server's port, have one span of each kind.
fn spans(lines: &str) -> Result<String> {
    let mut found = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let export: Value = serde_json::from_str(line)
            .with_context(|| format!("line {} is not JSON", number + 1))?;
        for resource in list(&export, "resourceSpans") {
            for scope in list(resource, "scopeSpans") {
                found.extend(list(scope, "spans").filter_map(request));
            }
        }
    }
    let mut expected: Vec<_> = REQUESTS
        .iter()
        .flat_map(|name| {
            [
                (SERVER, format!("/{name}")),
                (CLIENT, format!("http://127.0.0.1:{SERVER_PORT}/{name}")),
            ]
        })
        .collect();
    found.sort();
    expected.sort();
    ensure!(
        found == expected,
        "expected spans (kind {SERVER}: SERVER, {CLIENT}: CLIENT) {expected:?}, found {found:?}"
    );
    Ok(format!(
        "{count} SERVER and {count} CLIENT spans",
        count = REQUESTS.len()
    ))
}

/// The kind of a span and what was asked for: a SERVER span's path, a CLIENT span's URL. None if the span has nothing
/// to do with the server (the client also asks the agent whether it is ready).
///
/// Goes by the values alone, so that the test does not fix which attributes have them.
fn request(span: &Value) -> Option<(u64, String)> {
    let values = || list(span, "attributes").map(|attribute| &attribute["value"]);
    let port = SERVER_PORT.to_string();
    values().find(|value| value["intValue"] == port.as_str())?;
    let kind = span["kind"].as_u64().unwrap_or_default();
    let start = if kind == SERVER { "/" } else { "http://" };
    let target = values()
        .filter_map(|value| value["stringValue"].as_str())
        .find(|text| text.starts_with(start));
    Some((kind, target.unwrap_or("no target").to_owned()))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::{CLIENT, REQUESTS, SERVER, hooks, spans};
    use serde_json::{Value, json};

    #[test]
    fn tables_of_check() {
        let row =
            |name: &str, status: &str| json!({"name": name, "status": status, "detail": "some"});
        let cases = [
            (
                vec![
                    row("kernel", "ok"),
                    row("hook a", "ok"),
                    row("hook b", "ok"),
                ],
                Some(2),
            ),
            (
                vec![row("lockdown", "warning"), row("hook a", "ok")],
                Some(1),
            ),
            (vec![row("hook a", "ok"), row("hook b", "failed")], None),
            (vec![row("hook a", "skipped")], None),
            (vec![row("BTF", "failed"), row("hook a", "ok")], None),
            (vec![row("kernel", "ok")], None),
            (vec![], None),
        ];
        for (rows, expected) in cases {
            let table = json!({ "checks": rows }).to_string();
            assert_eq!(hooks(&table).ok(), expected, "{table}");
        }
        for text in ["", "{}", "[]", "error"] {
            assert!(hooks(text).is_err(), "{text:?}");
        }
    }

    fn span(kind: u64, target: &str, port: &str) -> Value {
        let attributes = json!([
            {"key": "port", "value": {"intValue": port}},
            {"key": "method", "value": {"stringValue": "GET"}},
            {"key": "target", "value": {"stringValue": target}},
        ]);
        json!({"kind": kind, "attributes": attributes})
    }

    fn line(spans: &[Value]) -> String {
        json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string() + "\n"
    }

    #[test]
    fn one_span_of_each_kind_for_each_request() {
        let client = |name: &str| span(CLIENT, &format!("http://127.0.0.1:8000/{name}"), "8000");
        let server = |name: &str| span(SERVER, &format!("/{name}"), "8000");
        let all: Vec<Value> = REQUESTS
            .iter()
            .flat_map(|name| [client(name), server(name)])
            .collect();
        let ready = span(CLIENT, "http://127.0.0.1:9000/readyz", "9000");

        assert!(spans(&line(&all)).is_ok());
        assert!(
            spans(&(line(&[ready]) + &line(&all[..3]) + &line(&all[3..]))).is_ok(),
            "other spans, more lines"
        );
        assert!(spans(&line(&all[1..])).is_err(), "one is missing");
        assert!(
            spans(&(line(&all) + &line(&all[..1]))).is_err(),
            "one is there twice"
        );
        assert!(
            spans(&(line(&all) + &line(&[server("six")]))).is_err(),
            "one is made up"
        );
        let mut changed = all;
        changed[0] = server("one");
        assert!(
            spans(&line(&changed)).is_err(),
            "a CLIENT span is said to be a SERVER span"
        );
        assert!(spans("").is_err());
        assert!(spans("{\n").is_err());
    }
}
