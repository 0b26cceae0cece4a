//! Does each outgoing call carry the trace of the request that caused it? Each row drives one unmodified
//! service; each request has a trace of its own and makes four calls, and the callee compares.
//! `cargo xtask causality` builds the agent and runs this.
//!
//! Two judges: the field that the callee received, and the CLIENT span that the agent exported (where a
//! kernel's fault forbids writing the field, that one alone). `right` is the request's trace, `other` that of
//! another request, `fresh` a new one: the link is missing, but not wrong.
//!
//! Two rules hold for every row, whatever its floor: no call is in another request's trace, and no two spans of a run
//! have the same span id.

mod batch;
mod callee;
mod http2;
mod identity;
mod load;
mod plan;
mod row;
mod services;
mod table;
mod tally;

use std::process::ExitCode;

use anyhow::{Result, ensure};

use plan::Plan;
use services::Service;
use table::Table;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let short = has("--short");
    let mut plan = if short { Plan::SHORT } else { Plan::FULL };
    plan.agent_last = has("--agent-last");
    let mut table = Table::default();
    println!("{}", table::HEADER);
    let chosen: Vec<&Service> = services::all()
        .filter(|service| {
            let named = wanted.iter().any(|name| *name == service.name);
            named || wanted.is_empty() && (service.in_short || !short)
        })
        .collect();
    for services in chosen.chunks(plan.together) {
        table.take(batch::measure(services, &plan)?);
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
