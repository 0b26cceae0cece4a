//! Builds, runs, tests and measures Sonde: `cargo xtask --help`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for people at a terminal"
)]

mod build;
mod command;
mod demo;
mod kernels;
mod packages;
mod page;
mod stop;
mod test;
mod toolchain;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs, tests and measures Sonde")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the agent with its BPF programs: target/release/sonde.
    Build {
        /// Link statically: target/static/sonde.
        #[arg(long = "static")]
        linked_statically: bool,
    },
    /// Build the agent and run it with FLAGS; its trace view is at http://127.0.0.1:7070 unless they say otherwise.
    Run {
        /// Start three small services that call each other, and show their traces.
        #[arg(long)]
        demo: bool,
        /// With --demo: stop by itself after so many seconds.
        #[arg(long, requires = "demo")]
        seconds: Option<u64>,
        /// Flags of `sonde run`.
        #[arg(last = true)]
        flags: Vec<String>,
    },
    /// Run all tests; installs what they need.
    Test {
        /// Only what takes seconds: no end-to-end tests, no fuzzing, no virtual machines.
        #[arg(long)]
        quick: bool,
    },
    /// Load and run the agent on Debian's kernels in virtual machines.
    TestKernels {
        /// Series such as 6.1; by default all that are supported.
        series: Vec<String>,
    },
    /// Count how many calls of each service carry the trace of the request that caused them; none may carry another's.
    Causality {
        /// Only these rows, such as node or go.
        rows: Vec<String>,
        /// Few requests, and without the rows that take long or only show what is missing.
        #[arg(long)]
        short: bool,
        /// Start the agent after the services, so that they and their connections are older.
        #[arg(long)]
        agent_last: bool,
        /// Put the table into docs/causality.md.
        #[arg(long)]
        write: bool,
    },
    /// Measure what the agent costs and print the table.
    Bench {
        /// Only rows whose name contains this; `view` stands for the trace view.
        row: Option<String>,
        /// How long to measure the trace view.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    match act(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(task: Task) -> Result<ExitCode> {
    match task {
        Task::Build { linked_statically } => {
            let agent = build::agent(linked_statically)?;
            println!("built {}", agent.display());
            Ok(ExitCode::SUCCESS)
        }
        Task::Run {
            demo: true,
            seconds,
            flags,
        } => demo::run(seconds, &flags),
        Task::Run { flags, .. } => build::run(&flags),
        Task::Test { quick } => test::run(quick),
        Task::TestKernels { series } => {
            build::agent(false)?;
            let outcome = kernels::run(&series)?;
            println!(
                "{} passed, {} failed, {} skipped",
                outcome.passed,
                outcome.failed,
                outcome.skipped.len()
            );
            Ok(if outcome.failed == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Task::Causality {
            rows,
            short,
            agent_last,
            write,
        } => {
            let mut arguments = rows;
            arguments.extend(agent_last.then(|| "--agent-last".to_owned()));
            arguments.extend(short.then(|| "--short".to_owned()));
            arguments.extend(write.then(|| "--write".to_owned()));
            build::causality(&arguments)
        }
        Task::Bench {
            row: Some(row),
            seconds,
        } if row == "view" => build::bench_view(seconds),
        Task::Bench { row, .. } => build::bench(row.as_deref()),
    }
}
