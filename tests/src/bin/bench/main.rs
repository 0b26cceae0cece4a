//! What Sonde costs: each row drives one unmodified service with and without the agent, interleaved in
//! one run, and prints one table. In rows that say so the client is watched, and "service CPU" is the client's. `cargo xtask bench` builds the agent and runs this.
//!
//! CPU time is the least of all rounds (other work on the machine only adds), throughput and latency
//! are medians. The agent exports over OTLP to a receiver that answers and forgets. The cost of the BPF
//! programs comes from rounds of their own, since the kernel's statistics cost time themselves.

mod case;
mod connections;
mod cpu;
mod ghz;
mod http2_load;
mod load;
mod row;
mod sampling;
mod sink;

use std::time::Duration;

use anyhow::{Context as _, Result};

use case::Case;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Rounds with and as many without the agent.
    rounds: usize,
    /// Length of a round.
    time: Duration,
    /// Length of the soak row.
    soak: Duration,
}

fn main() -> Result<()> {
    let plan = plan()?;
    let filter = std::env::args()
        .nth(1)
        .filter(|text| !text.starts_with("--"));
    let sink = sink::Sink::start()?;
    println!("{}", row::HEADER);
    for case in Case::all(plan.soak) {
        if filter
            .as_ref()
            .is_some_and(|text| !case.name.contains(text.as_str()))
        {
            continue;
        }
        match row::measure(&case, plan, &sink) {
            Ok(row) => println!("{row}"),
            Err(error) => println!("| {} | failed: {error:#} |", case.name),
        }
    }
    if filter.as_ref().is_none_or(|text| "sampling".contains(text)) {
        sampling::report(plan, &sink)?;
    }
    if filter.is_none_or(|text| "connections".contains(&text)) {
        connections::report(&sink)?;
    }
    Ok(())
}

/// `SONDE_BENCH_ROUNDS`, `SONDE_BENCH_SECONDS` and `SONDE_BENCH_SOAK_SECONDS`, or 3, 4 and 60.
fn plan() -> Result<Plan> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name}={text} is not a number")),
        Err(_) => Ok(default),
    };
    Ok(Plan {
        rounds: usize::try_from(number("SONDE_BENCH_ROUNDS", 3)?)?.max(1),
        time: Duration::from_secs(number("SONDE_BENCH_SECONDS", 4)?.max(1)),
        soak: Duration::from_secs(number("SONDE_BENCH_SOAK_SECONDS", 60)?.max(1)),
    })
}
