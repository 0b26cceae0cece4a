//! The one thread between the kernel and the exporters: takes records, keeps connections and processes,
//! makes spans.
//!
//! It never waits for a backend: exporters take spans without blocking. It wakes when the ring has
//! filled to its mark, when a process starts, or by its timer.

mod counters;
mod own_traffic;
mod sampling;
mod tracers;
mod watch;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use sonde_common::context::{SAMPLED, SpanContext};
use sonde_protocols::Label;
use sonde_protocols::Timestamp;

use crate::capture::{Capture, Record, Records, Statistics};
use crate::connections::{Connections, Finished};
use crate::export::Exporters;
use crate::health::{Health, Readiness};
use crate::own_spans::Standing;
use crate::process::Exec;
use crate::spans::{self, Clock, ConnectionFacts};
use crate::spans::{Memory, Role, Span};

pub use counters::Counters;
pub use own_traffic::OwnTraffic;
pub use sampling::Sampling;
pub use tracers::Tracers;
pub use watch::{Propagation, Watch};

/// Longest wait for records: the delay a span may see on an idle machine.
const TICK: Duration = Duration::from_millis(50);
/// Records taken between two looks at the clock.
const MOST_RECORDS: usize = 16_384;
/// Time between two rounds of housekeeping, in nanoseconds.
const HOUSEKEEPING: u64 = 1_000_000_000;

/// What the thread owns.
pub struct Pipeline {
    /// The attached programs; dropping them detaches.
    pub capture: Capture,
    /// Their records.
    pub records: Records,
    /// Their counters.
    pub statistics: Statistics,
    /// Connections at hand.
    pub connections: Connections,
    /// Which processes are watched.
    pub watch: Watch,
    /// Where spans go.
    pub exporters: Arc<Exporters>,
    /// How spans are made.
    pub spans: spans::Options,
    /// Which processes make spans of their own.
    pub tracers: Tracers,
    /// Exchanges in flight for longer are handed over as such.
    pub max_exchange: Duration,
    /// What is the agent's own.
    pub own_traffic: OwnTraffic,
    /// What the agent counts.
    pub health: Arc<Health>,
    /// Its counters, resolved.
    pub counters: Counters,
    /// Tells that the thread lives.
    pub readiness: Arc<Readiness>,
}

/// Turns finished exchanges into spans.
struct Maker<'a> {
    watch: &'a mut Watch,
    options: &'a spans::Options,
    own_traffic: &'a OwnTraffic,
    tracers: &'a mut Tracers,
    clock: Clock,
    memory: &'a mut Memory,
    counters: &'a Counters,
    made: &'a mut Vec<Span>,
}

impl Pipeline {
    /// Works until `stop` is set; then hands over what is in flight and returns.
    pub fn run(mut self, stop: &AtomicBool) {
        let mut memory = Memory::default();
        let mut made = Vec::new();
        let mut next_housekeeping = 0;
        loop {
            let stopping = stop.load(Ordering::Relaxed);
            if !stopping {
                wait(&self.records);
            }
            let clock = clock();
            while self.drain(&mut memory, clock, &mut made) == MOST_RECORDS {
                self.send(&mut made);
            }
            let now = monotonic();
            if now.0 >= next_housekeeping {
                next_housekeeping = now.0 + HOUSEKEEPING;
                self.keep_house(now, &mut memory, clock, &mut made);
            }
            if stopping {
                self.finish(now, &mut memory, clock, &mut made);
                return;
            }
            self.send(&mut made);
        }
    }

    fn send(&self, made: &mut Vec<Span>) {
        if !made.is_empty() {
            let room = made.capacity().min(MOST_RECORDS);
            self.exporters
                .send(std::mem::replace(made, Vec::with_capacity(room)));
        }
    }

    /// Takes the waiting records; gives how many there were.
    fn drain(&mut self, memory: &mut Memory, clock: Clock, made: &mut Vec<Span>) -> usize {
        let Self {
            records,
            connections,
            watch,
            spans,
            own_traffic,
            tracers,
            counters,
            ..
        } = self;
        records.drain(MOST_RECORDS, |record| {
            let Ok(record) = record else {
                counters.unknown.inc();
                return;
            };
            let mut maker = Maker {
                watch,
                options: spans,
                own_traffic,
                tracers,
                clock,
                memory,
                counters,
                made,
            };
            let odd = |protocol, odd| counters.odd(protocol, odd);
            match record {
                Record::Data(data) => {
                    counters.data.inc();
                    maker.tracers.head(&data.header, maker.watch);
                    connections.data(&data, |done| maker.span(done), odd);
                }
                Record::Open(facts) => {
                    counters.open.inc();
                    maker.watch.opened(&facts);
                    connections.opened(facts, Timestamp(0), |done| maker.span(done), odd);
                }
                Record::Closed(closed) => {
                    counters.closed.inc();
                    connections.closed(&closed, |done| maker.span(done), odd);
                }
                Record::Exec(exec) => {
                    counters.exec.inc();
                    tracers.forget(exec.tgid);
                    watch.executed(&Exec {
                        pid: exec.tgid,
                        filename: exec.filename,
                        cmdline: exec.arguments,
                        comm: exec.comm,
                    });
                }
                Record::Accepted(cookie) => {
                    counters.accepted.inc();
                    connections.accepted(cookie);
                }
                Record::Exit(tgid) => {
                    counters.exit.inc();
                    tracers.forget(tgid);
                    watch.exited(tgid);
                }
            }
        })
    }

    fn keep_house(
        &mut self,
        now: Timestamp,
        memory: &mut Memory,
        clock: Clock,
        made: &mut Vec<Span>,
    ) {
        let Self {
            connections,
            watch,
            spans,
            own_traffic,
            tracers,
            counters,
            ..
        } = self;
        let longest = u64::try_from(self.max_exchange.as_nanos()).unwrap_or(u64::MAX);
        let limit = Timestamp(now.0.saturating_sub(longest));
        let mut maker = Maker {
            watch,
            options: spans,
            own_traffic,
            tracers,
            clock,
            memory,
            counters,
            made,
        };
        connections.expire(limit, now, |done| maker.span(done));
        tracers.keep_house(now.0, made);
        self.readiness.heartbeat();
        self.health
            .connections
            .set(i64::try_from(self.connections.len()).unwrap_or(i64::MAX));
        self.health
            .processes
            .set(i64::try_from(self.watch.watched()).unwrap_or(i64::MAX));
        self.health
            .set_loss("agent", "connections_full", self.connections.evicted());
        self.counters.not_sampled.inc_by(self.statistics.left_out());
        for loss in self.statistics.losses() {
            self.health.set_loss(loss.hook, loss.reason, loss.total);
        }
        for runs in self.capture.runs() {
            let time = Duration::from_nanos(runs.nanoseconds);
            self.health.set_program(&runs.program, runs.count, time);
        }
    }

    /// The last records are in: what is still going on is handed over as it is.
    fn finish(mut self, now: Timestamp, memory: &mut Memory, clock: Clock, made: &mut Vec<Span>) {
        let Self {
            connections,
            watch,
            spans,
            own_traffic,
            tracers,
            counters,
            ..
        } = &mut self;
        let mut maker = Maker {
            watch,
            options: spans,
            own_traffic,
            tracers,
            clock,
            memory,
            counters,
            made,
        };
        connections.unwatch(now, |done| maker.span(done));
        tracers.finish(made);
        self.send(made);
    }
}

impl Maker<'_> {
    /// Is a span to be made? Not for what is not sampled.
    fn is_sampled(&self, context: Option<&SpanContext>) -> bool {
        let sampled = context.is_none_or(|span| span.flags & SAMPLED != 0);
        if !sampled {
            self.counters.not_sampled.inc();
        }
        sampled
    }

    fn span(&mut self, done: Finished<'_>) {
        let Finished {
            connection,
            exchange,
        } = done;
        let Some(facts) = connection.facts else {
            self.counters.without_facts.inc();
            return;
        };
        let owners = [connection.tgid, connection.previous_tgid];
        // 0 is no process: asking for it would read /proc for every exchange.
        let mut known = owners.into_iter().filter(|tgid| *tgid != 0);
        let Some(process) = known.find_map(|tgid| self.watch.process(tgid)) else {
            self.counters.without_process.inc();
            return;
        };
        if !process.verdict.is_instrumented() {
            return;
        }
        if self.own_traffic.has(&exchange, &facts, process.pid) {
            return;
        }
        let context = exchange.label.map(span_context);
        let (pid, ended) = (process.pid, exchange.ended.0);
        let standing = self.tracers.exchanged(pid, facts.role, ended, self.watch);
        if standing == Standing::Traced || !self.is_sampled(context.as_ref()) {
            return;
        }
        let place = ConnectionFacts {
            role: facts.role,
            local: facts.local,
            remote: facts.remote,
            ended_by: connection.ended_by,
            proxied: facts.proxied,
        };
        let resource = &process.resource;
        let span = spans::build(
            &exchange,
            context.as_ref(),
            &place,
            resource,
            self.clock,
            self.options,
            self.memory,
        );
        self.made.extend(self.tracers.pass(pid, standing, span));
        match facts.role {
            Role::Server => self.counters.server.inc(),
            Role::Client => self.counters.client.inc(),
        };
    }
}

/// The span of a request as the kernel side told it.
fn span_context(label: Label) -> SpanContext {
    let part = |from: usize| {
        label
            .get(from..from + 8)
            .and_then(|part| part.try_into().ok())
    };
    let mut trace_id = [0; 16];
    trace_id.copy_from_slice(label.get(..16).unwrap_or(&[0; 16]));
    SpanContext {
        trace_id,
        span_id: part(16).unwrap_or_default(),
        parent_id: part(24).unwrap_or_default(),
        flags: label[32],
        origin: label[33],
        at_work: label[34],
        reserved: [0; 5],
    }
}

/// Waits for the ring to be worth reading. A failed wait is as good as one that timed out.
fn wait(records: &Records) {
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: TICK.as_nanos().try_into().unwrap_or(0),
    };
    let mut waited = [PollFd::new(records, PollFlags::IN)];
    let _ready = poll(&mut waited, Some(&timeout));
}

impl AsFd for Records {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the ring owns the descriptor and is borrowed as long as the result.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Now, on the clock of the records (`bpf_ktime_get_ns` is CLOCK_MONOTONIC).
fn monotonic() -> Timestamp {
    Timestamp(nanoseconds(ClockId::Monotonic))
}

/// The distance of the two clocks now: follows when the wall clock is set.
fn clock() -> Clock {
    let unix = nanoseconds(ClockId::Realtime);
    let unix_minus_monotonic_nanos = unix.wrapping_sub(monotonic().0).cast_signed();
    Clock {
        unix_minus_monotonic_nanos,
    }
}
