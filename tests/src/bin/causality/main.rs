//! Does each outgoing call carry the trace of the request that caused it? Each row drives one unmodified
//! service; each request has a trace of its own and makes four calls, and the callee compares.
//! `cargo xtask causality` builds the agent and runs this.
//!
//! Two judges: the field that the callee received, and the CLIENT span that the agent exported (where a
//! kernel's fault forbids writing the field, that one alone). `right` is the request's trace, `other` that of
//! another request, `fresh` a new one: the link is missing, but not wrong.

mod callee;
mod http2;
mod load;
mod row;
mod services;
mod table;
mod tally;

use std::process::ExitCode;

use anyhow::{Result, ensure};

use row::{Plan, measure};
use table::Table;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let short = has("--short");
    let plan = if short { Plan::SHORT } else { Plan::FULL };
    let mut table = Table::default();
    println!("{}", table::HEADER);
    for service in services::all() {
        let named = wanted.iter().any(|name| *name == service.name);
        let default = wanted.is_empty() && (service.in_short || !short);
        if !named && !default {
            continue;
        }
        table.add(service, measure(service, &plan));
    }
    println!("{}", table.summary());
    if has("--write") {
        ensure!(!short, "the table has no place for the short form");
        table.write()?;
    }
    Ok(if table.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
