//! Queries of each kind, one after the other, as people and pages ask them.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sonde_view::View;

/// Between two queries.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_secs(10);

const QUERIES: [(&str, &str); 9] = [
    ("overview", "/api/sonde/overview?window=60"),
    ("search, newest", "/api/sonde/search?limit=20"),
    ("search, errors", "/api/sonde/search?errors=true&limit=20"),
    (
        "search, slow",
        "/api/sonde/search?service=stock&min_ms=50&limit=20",
    ),
    (
        "search, attribute",
        "/api/sonde/search?attribute=shop.item=7&limit=20",
    ),
    (
        "search, attribute that nothing has",
        "/api/sonde/search?attribute=shop.item=nothing&limit=20",
    ),
    ("Jaeger, traces", "/api/traces?service=orders&limit=20"),
    ("Jaeger, services", "/api/services"),
    ("Jaeger, dependencies", "/api/dependencies?lookback=3600000"),
];

/// What was seen.
#[derive(Default)]
pub(crate) struct Report {
    times: BTreeMap<&'static str, Vec<Duration>>,
    memory: Vec<(u64, u64)>,
}

/// Asks until the end.
pub(crate) fn queries(address: SocketAddr, end: Instant, begun: Instant) -> Report {
    let mut report = Report::default();
    let mut next_look = begun;
    'asking: loop {
        for (name, path) in QUERIES {
            if Instant::now() >= end {
                break 'asking;
            }
            if Instant::now() >= next_look {
                report.memory.push((begun.elapsed().as_secs(), resident()));
                next_look += LOOK;
            }
            let start = Instant::now();
            if get(address, path).is_ok() {
                report.times.entry(name).or_default().push(start.elapsed());
            }
            std::thread::sleep(PAUSE);
        }
    }
    report.memory.push((begun.elapsed().as_secs(), resident()));
    report
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200") {
        Ok(answer.len())
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}

/// Resident memory of this process, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

impl Report {
    pub(crate) fn print(mut self, view: &View) {
        println!("| time | resident memory |\n|---|---|");
        for (second, mebibytes) in &self.memory {
            println!("| {second} s | {mebibytes} MiB |");
        }
        println!("\n| query | asked | p50 | p99 | worst |\n|---|---|---|---|---|");
        let mut all = Vec::new();
        for (name, times) in &mut self.times {
            row(name, times);
            all.append(times);
        }
        row("all", &mut all);
        let counters = view.counters();
        let load = |counter: &std::sync::atomic::AtomicU64| {
            counter.load(std::sync::atomic::Ordering::Relaxed)
        };
        println!(
            "\n{} spans taken in, {} in {} traces kept in {} MiB",
            load(&counters.spans),
            load(&counters.stored_spans),
            load(&counters.stored_traces),
            load(&counters.stored_bytes) >> 20,
        );
        let lost: Vec<_> = counters.losses().filter(|(_, count)| *count > 0).collect();
        println!(
            "evicted {:?}, lost {lost:?}",
            counters.evictions().collect::<Vec<_>>()
        );
    }
}

fn row(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let Some(worst) = times.last() else {
        return;
    };
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "| {name} | {} | {:.1} ms | {:.1} ms | {:.1} ms |",
        times.len(),
        at(50),
        at(99),
        worst.as_secs_f64() * 1e3
    );
}
