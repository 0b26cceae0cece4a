//! A view that is killed at any moment leaves a data directory that the next one reads.
#![allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]

#[path = "../examples/load/spans.rs"]
mod spans;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sonde_view::{Options, View};
use spans::{SPANS, Shop};

const FOLDER: &str = "SONDE_TEST_VIEW_DATA";

fn view(folder: &std::path::Path) -> View {
    View::start(&Options {
        memory: 8 << 20,
        data: Some(folder.to_owned()),
    })
    .unwrap()
}

fn stored(view: &View) -> u64 {
    view.counters().stored_spans.load(Ordering::Relaxed)
}

/// The process that is killed: it writes until then. Does nothing when it runs as a test.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let view = view(folder.as_ref());
    let mut shop = Shop::new(std::process::id().into());
    loop {
        let request = shop.request(100, 1_700_000_000_000_000_000);
        view.ingest(Bytes::from(request), 100 * SPANS);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Killed when the test ends early, too.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended by itself; then the test says so.
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn victim_in(folder: &std::path::Path) -> Victim {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Victim(child)
}

#[test]
fn what_was_committed_survives() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traces.redb");
    let size = || std::fs::metadata(&file).map_or(0, |file| file.len());
    let mut before = 0;
    for round in 0..4 {
        let grown = size();
        let mut victim = victim_in(folder.path());
        let end = Instant::now() + Duration::from_secs(60);
        // Until it writes; then for a while, another one each time.
        while size() <= grown.max(1 << 20) && round < 2 {
            assert!(Instant::now() < end, "nothing is written");
            assert!(victim.0.try_wait().unwrap().is_none(), "it has ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(1_100 + 137 * round));
        drop(victim);
        let view = view(folder.path());
        let spans = stored(&view);
        assert!(
            spans >= before.min(SPANS as u64),
            "{spans} spans after round {round}"
        );
        assert!(spans > 0, "round {round}");
        before = spans;
        view.shutdown();
    }
    assert!(size() < 64 << 20, "{} bytes on the disk", size());
}
