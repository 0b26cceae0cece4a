//! Which processes make spans of their own, so that none are made for them (`--sdk auto`).
//!
//! A process with a tracer puts a span of its own between the request that came in and the ones that it sends: the same
//! trace-id, and a parent-id that neither came in nor was issued by this agent. One such request proves nothing ([`evidence`] says
//! how many do, and when they no longer count); what came in is remembered in [`seen`].
//!
//! All that is known comes with the heads of requests as the kernel side labelled them, and their times. What becomes of a
//! span while the matter is open: [`held`].

mod evidence;
mod held;
mod seen;

use rustc_hash::FxHashMap;
use sonde_common::context::{SpanContext, origin};

use crate::context::Sdk;
use crate::spans::Role;
use evidence::{Call, Evidence};
use seen::{Seen, Whence};

pub use evidence::{Change, Standing};
pub use held::Held;

/// A request's head, with its context.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Process; 0: unknown.
    pub tgid: u32,
    /// Its end of the connection.
    pub role: Role,
    /// Cookie of the connection.
    pub connection: u64,
    /// Its span.
    pub span: &'a SpanContext,
    /// When it passed, in nanoseconds of the kernel's monotonic clock.
    pub at: u64,
}

/// What is known of all processes.
#[derive(Debug)]
pub struct OwnSpans {
    sdk: Sdk,
    seen: Seen,
    /// Those that have named a parent of their own.
    processes: FxHashMap<u32, Evidence>,
}

impl OwnSpans {
    /// Nothing known yet.
    #[must_use]
    pub fn new(sdk: Sdk) -> Self {
        Self {
            sdk,
            seen: Seen::default(),
            processes: FxHashMap::default(),
        }
    }

    /// A request has come in or goes out.
    pub fn head(&mut self, head: &Head<'_>) -> Option<Change> {
        if self.sdk != Sdk::Auto {
            return None;
        }
        let span = head.span;
        let trace = half(span.trace_id);
        if head.role == Role::Server {
            self.seen
                .come_in(trace, u64::from_ne_bytes(span.parent_id), head.at);
            return None;
        }
        let id = u64::from_ne_bytes(span.span_id);
        let call = match span.origin {
            origin::ADOPTED => match self.seen.whence(trace, id, head.at) {
                Whence::Unknown => return None,
                Whence::PassedOn => Call::Untraced,
                Whence::Foreign => Call::Traced {
                    id,
                    connection: head.connection,
                },
            },
            origin::CHAIN | origin::PASSED_ON => Call::Untraced,
            // What no request is known to have caused, such as an exporter's traffic, says nothing.
            _ => return None,
        };
        self.judge(head.tgid, call, head.at)
    }

    fn judge(&mut self, tgid: u32, call: Call, at: u64) -> Option<Change> {
        if tgid == 0 {
            return None;
        }
        match (self.processes.get_mut(&tgid), call) {
            (Some(evidence), call) => evidence.call(call, at),
            (None, Call::Traced { .. }) => {
                let evidence = self.processes.entry(tgid).or_default();
                evidence.call(call, at)
            }
            (None, Call::Untraced) => None,
        }
    }

    /// An exchange of the process has ended.
    pub fn exchanged(&mut self, tgid: u32, role: Role, at: u64) -> Option<Change> {
        let evidence = self.processes.get_mut(&tgid)?;
        evidence.exchange(role == Role::Server, at)
    }

    /// What is known of a process now.
    #[must_use]
    pub fn standing(&self, tgid: u32, now: u64) -> Standing {
        match self.sdk {
            Sdk::Never => Standing::Untraced,
            Sdk::Always => Standing::Traced,
            Sdk::Auto => self
                .processes
                .get(&tgid)
                .map_or(Standing::Untraced, |evidence| evidence.standing(now)),
        }
    }

    /// The process is gone, or runs another program.
    pub fn forget(&mut self, tgid: u32) {
        self.processes.remove(&tgid);
    }

    /// How many processes are found to make their own spans.
    #[must_use]
    pub fn traced(&self) -> usize {
        self.processes
            .values()
            .filter(|evidence| evidence.is_traced())
            .count()
    }
}

/// The half of a trace-id that is random by every version of the recommendation.
fn half(trace_id: [u8; 16]) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = trace_id;
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
