//! Traces across restarts: what the store holds, mirrored in an embedded database.
//!
//! The thread that takes spans in gathers what changed; about once a second a thread of its own makes one transaction of
//! it. redb commits by writing pages anew and then one header, so that a process that is killed finds the last commit
//! whole ([decision 13](../../docs/decisions/0013-view-store.md)). Traces that the store evicts are removed, so the file is
//! bounded by what bounds the store.
//!
//! What it deliberately does not do: answer queries, or make anybody wait. If the disk is slower than the spans, the rest is
//! shown but not kept, and counted.

mod database;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use self::database::Database;
use crate::counters::{Counters, Loss};
use crate::otlp::{self, Origin};
use crate::store::{Class, Inserted, Removed};
use crate::view::{Shared, now_ms};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The longest time between two transactions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Bytes after which a transaction is made at once.
const ENOUGH: usize = 1 << 20;
/// Bytes that may wait for the disk.
const MAX_WAITING: usize = 8 << 20;

/// Spans of one trace that wait to be written.
#[derive(Debug, Default)]
struct Waiting {
    class: Class,
    spans: u64,
    groups: Vec<(Arc<Origin>, Vec<u8>)>,
}

/// What one transaction does.
#[derive(Debug, Default)]
struct Changes {
    /// By number of the trace.
    added: BTreeMap<u64, Waiting>,
    removed: Vec<u64>,
    bytes: usize,
}

/// The side of the thread that takes spans in.
#[derive(Debug)]
pub(crate) struct Persist {
    changes: Changes,
    begun: Instant,
    sender: SyncSender<Changes>,
    thread: JoinHandle<()>,
}

/// Opens the database in `folder` and puts what it holds into the store.
pub(crate) fn open(folder: &Path, shared: &Arc<Shared>) -> Result<Persist, Failure> {
    let database = Database::open(folder, shared.memory)?;
    let changes = restore(&database, shared)?;
    // One transaction at work and one ready.
    let (sender, receiver) = sync_channel::<Changes>(1);
    let counters = Arc::clone(&shared.counters);
    let thread = std::thread::Builder::new()
        .name("view-persist".to_owned())
        .spawn(move || {
            let mut failed = None;
            for changes in receiver {
                write(&database, &changes, &counters, &mut failed);
            }
        })?;
    Ok(Persist {
        changes,
        begun: Instant::now(),
        sender,
        thread,
    })
}

fn write(
    database: &Database,
    changes: &Changes,
    counters: &Counters,
    failed: &mut Option<Instant>,
) {
    let spans = changes.added.values().map(|waiting| waiting.spans).sum();
    let Err(error) = database.write(changes) else {
        counters.persisted_spans.fetch_add(spans, Ordering::Relaxed);
        return;
    };
    counters.lose(Loss::NotPersisted, spans);
    if failed.is_none_or(|last| last.elapsed() > Duration::from_secs(10)) {
        tracing::warn!(%error, spans, "the view cannot write to its data directory");
        *failed = Some(Instant::now());
    }
}

/// Fills the store in the order in which the traces began; what does not fit any more goes.
fn restore(database: &Database, shared: &Shared) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    let mut core = shared.write();
    let now = now_ms();
    database.read(|number, class, request| {
        core.store.begin_at(number);
        let mut gone = Vec::new();
        for (origin, spans) in otlp::decode(request).groups {
            let origin = Arc::new(origin);
            for span in spans {
                let bytes = Persist::encode(&span);
                let (inserted, removed) = core.restore(&origin, span, class, now);
                gone.extend(removed);
                match inserted {
                    // Its trace began earlier, and has its number.
                    Inserted::Kept { number: kept } if kept != number => {
                        changes.add(kept, class, &origin, &bytes);
                        changes.removed.push(number);
                    }
                    _ => {}
                }
            }
        }
        changes.remove(&gone);
    })?;
    core.store.settle_all();
    let (traces, spans) = (core.store.traces(), core.store.spans());
    tracing::info!(traces, spans, "the view has read its data directory");
    Ok(changes)
}

impl Changes {
    fn add(&mut self, number: u64, class: Class, origin: &Arc<Origin>, span: &[u8]) {
        let waiting = self.added.entry(number).or_default();
        waiting.class = waiting.class.max(class);
        waiting.spans += 1;
        let last = waiting.groups.last_mut();
        let group = match last.filter(|(known, _)| Arc::ptr_eq(known, origin)) {
            Some((_, group)) => group,
            None => {
                self.bytes += origin.resource.len() + origin.scope.len() + 64;
                waiting.groups.push((Arc::clone(origin), Vec::new()));
                match waiting.groups.last_mut() {
                    Some((_, group)) => group,
                    None => return,
                }
            }
        };
        otlp::put_message(group, 2, span);
        self.bytes += span.len() + 8;
    }

    fn remove(&mut self, removed: &[Removed]) {
        for Removed { number, .. } in removed {
            self.added.remove(number);
            self.removed.push(*number);
        }
    }
}

impl Waiting {
    /// An `ExportTraceServiceRequest` behind a byte for the class.
    fn record(&self) -> Vec<u8> {
        let mut record = vec![self.class as u8];
        for (origin, spans) in &self.groups {
            otlp::put_resource_spans(&mut record, origin, spans);
        }
        record
    }
}

impl Persist {
    /// A span as it is written.
    pub(crate) fn encode(span: &Span) -> Vec<u8> {
        span.encode_to_vec()
    }

    /// Notes a span that the store has taken in.
    pub(crate) fn add(&mut self, number: u64, class: Class, origin: &Arc<Origin>, span: &[u8]) {
        self.changes.add(number, class, origin, span);
    }

    /// Notes traces that the store has let go.
    pub(crate) fn remove(&mut self, removed: &[Removed]) {
        self.changes.remove(removed);
    }

    /// Hands over what has gathered, when it is time and the disk keeps up.
    pub(crate) fn flush(&mut self, counters: &Counters) {
        let changes = &mut self.changes;
        if changes.added.is_empty() && changes.removed.is_empty() {
            self.begun = Instant::now();
            return;
        }
        if self.begun.elapsed() < INTERVAL && changes.bytes < ENOUGH {
            return;
        }
        match self.sender.try_send(std::mem::take(changes)) {
            Ok(()) => self.begun = Instant::now(),
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => {
                *changes = back;
                if changes.bytes > MAX_WAITING {
                    let spans = changes.added.values().map(|waiting| waiting.spans).sum();
                    counters.lose(Loss::NotPersisted, spans);
                    changes.added.clear();
                    changes.bytes = 0;
                }
            }
        }
    }

    /// Writes the rest.
    pub(crate) fn close(self) {
        // Fails only where the thread has ended, which has been said.
        let _sent = self.sender.send(self.changes);
        drop(self.sender);
        if self.thread.join().is_err() {
            tracing::error!("the view's disk thread has ended in disorder");
        }
    }
}

#[cfg(test)]
mod tests;
