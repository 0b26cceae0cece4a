//! Byte-exactness: a client and a server that exchange random traffic over loopback and compare every byte of it, except that
//! one `traceparent` field may come with a request that was sent without.
//!
//! Run it alone, and it says whether the machine's own TCP is exact; run it beside an agent that watches it, and it says whether
//! the agent is. `--fault` spoils messages on purpose, to show that the comparison would notice.
//!
//! ```text
//! exact [--seconds N] [--bytes N] [--seed S] [--connections N] [--mode http|raw|both] [--address A]
//!       [--only CONNECTION] [--patience SECONDS] [--fault NAME] [--fionread both|server|none] [--wait-stdin]
//! ```
//!
//! Ends with 0 and a line of counts, or with 1 and the first difference. Random choices depend on the seed only, what the
//! kernel makes of them does not: `--only` makes one connection of a run again and again.

mod checker;
mod client;
mod fault;
mod plan;
mod pool;
mod progress;
mod receiver;
mod rng;
mod sender;
mod server;
mod socket;
mod tally;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use client::Settings;
use fault::Fault;
use plan::Mode;
use server::Server;
use tally::Tally;

/// The command line.
#[derive(Debug)]
struct Arguments {
    seconds: u64,
    bytes: u64,
    seed: u64,
    connections: usize,
    address: String,
    wait_stdin: bool,
    only: Option<u64>,
    settings: Settings,
}

/// What the workers share.
#[derive(Debug)]
struct Shared {
    next: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    failures: Mutex<Vec<String>>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = parse(std::env::args().skip(1))?;
    let pool = pool::prepare()?;
    let server = Server::start(&arguments.address, pool)?;
    if arguments.wait_stdin {
        println!("ready");
        std::io::stdin().read_line(&mut String::new())?;
    }
    let shared = Shared {
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        tally: Mutex::default(),
        failures: Mutex::default(),
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.connections {
            scope.spawn(|| work(&arguments, &server, pool, &shared, start));
        }
    });
    let failures = shared
        .failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let tally = shared
        .tally
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    println!("{tally} seconds={:.1}", start.elapsed().as_secs_f64());
    match failures.first() {
        None => Ok(()),
        Some(first) => bail!("{first}"),
    }
}

/// One connection after another until it is enough.
fn work(
    arguments: &Arguments,
    server: &Server,
    pool: &pool::Pool,
    shared: &Shared,
    start: Instant,
) {
    let time = Duration::from_secs(arguments.seconds);
    while !shared.stop.load(Ordering::Relaxed) && start.elapsed() < time {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let random = || rng::Rng::fork(arguments.seed, number).next();
        let seed = arguments.only.unwrap_or_else(random);
        match client::converse(server, seed, &arguments.settings, pool) {
            Ok(seen) => {
                let mut tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
                *tally += seen;
                if tally.bytes >= arguments.bytes {
                    shared.stop.store(true, Ordering::Relaxed);
                }
            }
            Err(text) => {
                shared.stop.store(true, Ordering::Relaxed);
                let failures = shared.failures.lock();
                failures.unwrap_or_else(PoisonError::into_inner).push(text);
            }
        }
    }
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments {
        seconds: u64::MAX,
        bytes: u64::MAX,
        seed: 1,
        connections: 8,
        address: "127.0.0.1".to_owned(),
        wait_stdin: false,
        only: None,
        settings: Settings {
            mode: Mode::Both,
            fault: None,
            strict: (true, true),
        },
    };
    while let Some(name) = given.next() {
        if name == "--wait-stdin" {
            arguments.wait_stdin = true;
            continue;
        }
        let value = given
            .next()
            .with_context(|| format!("{name} without a value"))?;
        match &*name {
            "--seconds" => arguments.seconds = value.parse()?,
            "--bytes" => arguments.bytes = value.parse()?,
            "--only" => {
                let digits = value.trim_start_matches("0x");
                arguments.only = Some(u64::from_str_radix(digits, 16)?);
            }
            "--patience" => socket::set_patience(value.parse()?),
            "--seed" => arguments.seed = value.parse()?,
            "--connections" => arguments.connections = value.parse()?,
            "--address" => arguments.address = value,
            "--mode" => arguments.settings.mode = mode(&value)?,
            "--fault" => {
                let fault = Fault::parse(&value).with_context(|| format!("no fault {value}"))?;
                arguments.settings.fault = Some(fault);
            }
            "--fionread" => arguments.settings.strict = strictness(&value)?,
            _ => bail!("unknown argument {name}"),
        }
    }
    if arguments.seconds == u64::MAX && arguments.bytes == u64::MAX {
        arguments.seconds = 10;
    }
    Ok(arguments)
}

fn mode(name: &str) -> Result<Mode> {
    Ok(match name {
        "http" => Mode::Http,
        "raw" => Mode::Raw,
        "both" => Mode::Both,
        _ => bail!("no mode {name}"),
    })
}

/// At which end, the client's and the server's, a wrong FIONREAD is an error.
fn strictness(name: &str) -> Result<(bool, bool)> {
    Ok(match name {
        "both" => (true, true),
        "server" => (false, true),
        "none" => (false, false),
        _ => bail!("{name} is neither both, server nor none"),
    })
}
