//! A view that is killed at any moment leaves a data directory that the next one reads.
#![allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]

#[path = "../examples/load/spans.rs"]
mod spans;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use sonde_view::{Options, View};
use spans::{SPANS, Shop};

const FOLDER: &str = "SONDE_TEST_VIEW_DATA";
const MEMORY: &str = "SONDE_TEST_VIEW_MEMORY";
const TRACES: &str = "SONDE_TEST_VIEW_TRACES";
/// Before the number of spans that are on the disk, in what the victim prints.
const PERSISTED: &str = "persisted ";
const ROUNDS: u64 = 4;

fn view(folder: &Path, memory: usize) -> View {
    View::start(&Options {
        memory,
        data: Some(folder.to_owned()),
    })
    .unwrap()
}

fn number(variable: &str) -> usize {
    std::env::var(variable).unwrap().parse().unwrap()
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// The process that is killed: it writes until then, and prints what it has written. Does nothing when it runs as a test.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let view = view(folder.as_ref(), number(MEMORY));
    let traces = number(TRACES);
    let mut shop = Shop::new(std::process::id().into());
    let mut told = 0;
    loop {
        let request = shop.request(traces, 1_700_000_000_000_000_000);
        view.ingest(Bytes::from(request), traces * SPANS);
        let persisted = load(&view.counters().persisted_spans);
        if persisted > told {
            println!("{PERSISTED}{persisted}");
            told = persisted;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Killed when the test ends early, too.
struct Victim {
    child: Child,
    persisted: Receiver<u64>,
}

impl Victim {
    /// It takes in so many `traces` every 5 ms.
    fn start(folder: &Path, memory: usize, traces: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env(FOLDER, folder)
            .env(MEMORY, memory.to_string())
            .env(TRACES, traces.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, persisted) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // libtest begins lines of its own, and does not end them.
                if let Some((_, number)) = line.split_once(PERSISTED) {
                    sender.send(number.parse::<u64>().unwrap()).unwrap();
                }
            }
        });
        Self { child, persisted }
    }

    /// Waits until it has written, and the next transactions are under way; returns the spans that were on the disk when it
    /// was killed, or more were.
    fn kill_after(mut self, moment: Duration) -> u64 {
        let first = self.persisted.recv_timeout(Duration::from_secs(60));
        let first = first.map_err(|_| "nothing is written").unwrap();
        std::thread::sleep(moment);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.persisted.iter().fold(first, u64::max)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended by itself; then the test says so.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Another one each round: some are in the middle of a transaction, which comes once a second.
fn moment(round: u64) -> Duration {
    Duration::from_millis(700 + 137 * round)
}

#[test]
fn what_was_committed_survives() {
    let folder = tempfile::tempdir().unwrap();
    // All of it fits.
    let (memory, traces) = (64 << 20, 2);
    let mut before = 0;
    for round in 0..ROUNDS {
        let persisted = Victim::start(folder.path(), memory, traces).kill_after(moment(round));
        let view = view(folder.path(), memory);
        let spans = load(&view.counters().stored_spans);
        assert!(
            spans >= before + persisted,
            "round {round}: {spans} spans of {before} and {persisted}"
        );
        before = spans;
        view.shutdown();
    }
}

#[test]
fn a_full_store_survives() {
    let folder = tempfile::tempdir().unwrap();
    // It is full within a tenth of a second, and the disk is busy.
    let (memory, traces) = (1 << 20, 100);
    let mut full = 0;
    for round in 0..ROUNDS {
        Victim::start(folder.path(), memory, traces).kill_after(moment(round));
        let view = view(folder.path(), memory);
        let spans = load(&view.counters().stored_spans);
        assert!(spans > full / 2, "round {round}: {spans} spans of {full}");
        full = full.max(spans);
        view.shutdown();
    }
    let size = std::fs::metadata(folder.path().join("traces.redb"))
        .unwrap()
        .len();
    assert!(size < 64 << 20, "{size} bytes on the disk");
}
