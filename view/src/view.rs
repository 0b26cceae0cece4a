//! The view at work: a queue, a thread that empties it into the store, and what others may ask.

mod core;

pub(crate) use core::{Core, seconds};

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::counters::{Counters, Loss};
use crate::live::{Event, Live};
use crate::otlp::{self, Origin};
use crate::persist::{self, Persist};

/// How often the thread looks for what is due while nothing comes in.
const TICK: Duration = Duration::from_millis(250);
/// Spans taken in under one hold of the lock.
const CHUNK: usize = 256;
/// The least memory that makes sense.
pub(crate) const MIN_MEMORY: usize = 4 << 20;

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes that traces, aggregates and what waits to be taken in may take together.
    pub memory: usize,
    /// Where traces are kept across restarts.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            data: None,
        }
    }
}

/// Why the view cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}")]
    Data {
        /// As given.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The machine gives no thread.
    #[error("cannot start the thread that takes spans in")]
    Thread(#[source] std::io::Error),
}

/// The view. Cheap to clone; the thread ends with [`View::shutdown`], or with the last clone.
#[derive(Clone, Debug)]
pub struct View {
    shared: Arc<Shared>,
    sender: Sender<Bytes>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What the thread and the server share.
#[derive(Debug)]
pub(crate) struct Shared {
    core: RwLock<Core>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) live: Live,
    queued: AtomicUsize,
    queue_limit: usize,
    pub(crate) memory: usize,
    stop: AtomicBool,
}

impl View {
    /// Opens the data directory, if there is one, and starts to take spans in.
    ///
    /// # Errors
    /// The data directory cannot be used, or there is no thread.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let memory = options.memory.max(MIN_MEMORY);
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            core: RwLock::new(Core::new(memory, Arc::clone(&counters))),
            counters,
            live: Live::default(),
            queued: AtomicUsize::new(0),
            queue_limit: Core::queue_limit(memory),
            memory,
            stop: AtomicBool::new(false),
        });
        let persist = options
            .data
            .as_deref()
            .map(|path| {
                persist::open(path, &shared).map_err(|source| Error::Data {
                    path: path.to_owned(),
                    source,
                })
            })
            .transpose()?;
        let (sender, receiver) = mpsc::channel();
        let ingest = Ingest {
            shared: Arc::clone(&shared),
            receiver,
            persist,
        };
        let thread = std::thread::Builder::new()
            .name("view".to_owned())
            .spawn(move || ingest.run())
            .map_err(Error::Thread)?;
        Ok(Self {
            shared,
            sender,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Hands over an encoded `ExportTraceServiceRequest` with so many spans. Never waits: what does not fit the queue is
    /// lost and counted.
    pub fn ingest(&self, request: Bytes, spans: usize) {
        if !self.offer(request) {
            self.shared.counters.lose(Loss::QueueFull, spans as u64);
        }
    }

    /// Hands over a request if there is room in the queue.
    pub(crate) fn offer(&self, request: Bytes) -> bool {
        let length = request.len();
        let before = self.shared.queued.fetch_add(length, Ordering::AcqRel);
        let fits = before == 0 || before + length <= self.shared.queue_limit;
        let taken = fits && self.sender.send(request).is_ok();
        if !taken {
            self.shared.queued.fetch_sub(length, Ordering::AcqRel);
        }
        taken
    }

    /// What the view counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Takes in what waits, writes it to the data directory, and ends the thread.
    pub fn shutdown(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the view's thread has ended in disorder");
        }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits until all that was handed over is taken in; for tests and benchmarks.
    #[doc(hidden)]
    pub fn drain(&self) {
        while self.shared.queued.load(Ordering::Acquire) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Shared {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Core> {
        self.core.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Core> {
        self.core.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that wait to be taken in.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }
}

/// The thread that takes spans in.
struct Ingest {
    shared: Arc<Shared>,
    receiver: Receiver<Bytes>,
    persist: Option<Persist>,
}

impl Ingest {
    fn run(mut self) {
        loop {
            match self.receiver.recv_timeout(TICK) {
                Ok(request) => {
                    self.take(&request);
                    self.shared
                        .queued
                        .fetch_sub(request.len(), Ordering::AcqRel);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.shared.stop.load(Ordering::Acquire) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tick();
        }
        if let Some(persist) = self.persist.take() {
            persist.close();
        }
    }

    fn take(&mut self, request: &[u8]) {
        let decoded = otlp::decode(request);
        let counters = &self.shared.counters;
        counters.lose(Loss::Malformed, decoded.malformed);
        counters
            .shortened
            .fetch_add(decoded.shortened, Ordering::Relaxed);
        for (origin, spans) in decoded.groups {
            self.take_group(&origin, spans);
        }
    }

    fn take_group(&mut self, origin: &Origin, spans: Vec<Span>) {
        let mut spans = spans.into_iter();
        while spans.len() > 0 {
            let mut core = self.shared.write();
            let chunk = spans.by_ref().take(CHUNK);
            let removed = core.insert(origin, chunk, now_ms(), self.persist.as_mut());
            drop(core);
            if let Some(persist) = &mut self.persist {
                persist.remove(&removed);
            }
        }
    }

    /// Looks at traces that are complete.
    fn tick(&mut self) {
        let now = now_ms();
        let room = self.shared.live.room(now);
        let (new, dropped) = self.shared.write().tick(now, room);
        self.shared.live.announce(new, dropped);
        if let Some(persist) = &mut self.persist {
            persist.flush(&self.shared.counters);
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl View {
    /// Events as they happen.
    #[must_use]
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Event> {
        self.shared.live.subscribe()
    }
}

/// The same view, not equal content.
impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for View {}
