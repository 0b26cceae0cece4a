//! What `sonde list` shows: rows, as a table for people or JSON for programs.

use std::fmt::Write;

use serde::Serialize;
use sonde_common::process::propagate;

use super::{Override, Process};
use crate::context::{self, Linked, Options, Sampler};

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Process id.
    pub pid: u32,
    /// Language and version, as `python 3.11.7`; empty if unknown.
    pub runtime: String,
    /// `service.name`.
    pub service_name: String,
    /// Ports it listens on.
    pub ports: Vec<u16>,
    /// How its context is carried on, and which rule says so.
    pub propagation: String,
    /// How its outgoing requests are linked to the incoming ones.
    pub linked: Linked,
    /// Who decides which of its traces are recorded, and which rule says so.
    pub sampler: String,
    /// Whether spans are made.
    pub instrumented: bool,
    /// Why (not).
    pub reason: String,
}

impl Row {
    /// Of a process, the ports it listens on, what the operator chose for all, and how its calls are linked.
    #[must_use]
    pub fn new(process: &Process, ports: Vec<u16>, context: &Options, linked: Linked) -> Self {
        let language = process.runtime.language;
        let name = language.map_or("", |language| language.name());
        let version = process.runtime.version.as_deref().unwrap_or_default();
        Self {
            pid: process.pid,
            runtime: format!("{name} {version}").trim().to_owned(),
            service_name: process.resource.service_name.clone(),
            ports,
            propagation: propagation(process, context.propagate),
            linked,
            sampler: sampler(process, context.sampler),
            instrumented: process.verdict.is_instrumented(),
            reason: process.verdict.reason(),
        }
    }
}

/// A field is written for every runtime where the kernel counts right for sockets in a sockhash (`sonde check`).
fn propagation(process: &Process, wanted: u8) -> String {
    if !process.verdict.is_instrumented() {
        return "-".to_owned();
    }
    let way = |harmless| match context::of_process(process, wanted, harmless) {
        0 if harmless => "off",
        0 => "join",
        ways if ways & propagate::HEADER != 0 => "header",
        _ => "tcp",
    };
    let how = match (way(true), way(false)) {
        ("off", _) => "off".to_owned(),
        (right, wrong) if right == wrong => right.to_owned(),
        (right, wrong) => format!("{right} if FIONREAD is right, else {wrong}"),
    };
    because(
        "--service-propagate",
        &how,
        process.overrides.propagate.as_ref(),
    )
}

fn sampler(process: &Process, default: Sampler) -> String {
    if !process.verdict.is_instrumented() {
        return "-".to_owned();
    }
    let own = process.overrides.sampler.as_ref();
    let sampler = own.map_or(default, |own| own.value);
    because("--service-sampler", &sampler.to_string(), own)
}

/// What a service has, with the rule that says so, if there is one.
fn because<T>(flag: &str, what: &str, own: Option<&Override<T>>) -> String {
    match own {
        Some(own) => format!("{what} by {flag} {}", own.rule),
        None => what.to_owned(),
    }
}

/// A table with a head line; control characters of names become `?`, so that no process writes to the
/// operator's terminal.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let head = [
        "PID", "RUNTIME", "SERVICE", "PORTS", "CALLS", "CONTEXT", "STATE",
    ]
    .map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(head)
        .chain(rows.iter().map(cells))
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4, 5].map(width);
    let mut table = String::new();
    for [pid, runtime, service, ports, calls, context, state] in &lines {
        let [a, b, c, d, e, f] = widths;
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{pid:>a$}  {runtime:<b$}  {service:<c$}  {ports:<d$}  {calls:<e$}  {context:<f$}  {state}"
        );
    }
    table
}

fn cells(row: &Row) -> [String; 7] {
    let ports: Vec<String> = row.ports.iter().map(u16::to_string).collect();
    let dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let clean = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect()
    };
    [
        row.pid.to_string(),
        dash(clean(&row.runtime)),
        clean(&row.service_name),
        dash(ports.join(",")),
        row.linked.text().to_owned(),
        clean(&context(row)),
        clean(&row.reason),
    ]
}

fn context(row: &Row) -> String {
    let same = row.propagation == row.sampler;
    if same {
        row.propagation.clone()
    } else {
        format!("{}; {}", row.propagation, row.sampler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let row = |pid, runtime: &str, name: &str, ports: &[u16]| Row {
            pid,
            runtime: runtime.to_owned(),
            service_name: name.to_owned(),
            ports: ports.to_vec(),
            propagation: "header".to_owned(),
            linked: Linked::Goroutine,
            sampler: "always_on".to_owned(),
            instrumented: true,
            reason: "instrumented".to_owned(),
        };
        let rows = [
            row(7, "python 3.11", "shop", &[80, 443]),
            row(1234, "", "x\u{1b}[2J", &[]),
        ];
        let expected = "\
\u{20}PID  RUNTIME      SERVICE  PORTS   CALLS                CONTEXT            STATE
\u{20}  7  python 3.11  shop     80,443  linked by goroutine  header; always_on  instrumented
1234  -            x?[2J    -       linked by goroutine  header; always_on  instrumented
";
        assert_eq!(render(&rows), expected);
    }
}
