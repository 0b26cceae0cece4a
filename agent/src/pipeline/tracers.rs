//! Acts on what [`crate::own_spans`] finds: drops, keeps back and lets go spans, counts, tells the operator and the kernel side's
//! table of processes, which `sonde list` reads.

use sonde_common::connection::role;
use sonde_common::record::DataHeader;

use super::Watch;
use crate::context::Sdk;
use crate::health::{Counter, Gauge, Health};
use crate::own_spans::{Change, Head, Held, OwnSpans, Standing};
use crate::process::Process;
use crate::spans::{Role, Span};

/// Processes that make spans of their own, and spans of those of which that is not decided.
pub struct Tracers {
    own: OwnSpans,
    held: Held,
    /// Processes found so far.
    declared: Counter,
    /// Of them, those that have sent requests without a parent of their own.
    contradicted: Counter,
    /// Those of which nothing more was seen.
    silent: Counter,
    /// How many there are now.
    traced: Gauge,
    /// Exchanges that no span was made for.
    dropped: Counter,
}

impl Tracers {
    /// Nothing known yet.
    #[must_use]
    pub fn new(sdk: Sdk, health: &Health) -> Self {
        Self {
            own: OwnSpans::new(sdk),
            held: Held::default(),
            declared: health.tracing_verdicts("declared"),
            contradicted: health.tracing_verdicts("contradicted"),
            silent: health.tracing_verdicts("silent"),
            traced: health.processes_with_own_spans.clone(),
            dropped: health.unexported("traced_by_sdk"),
        }
    }

    /// The head of a request was captured.
    pub(super) fn head(&mut self, header: &DataHeader, watch: &mut Watch) {
        if !header.span.is_some() {
            return;
        }
        let is_client = header.role == u32::from(role::CLIENT);
        let change = self.own.head(&Head {
            tgid: header.tgid,
            role: if is_client {
                Role::Client
            } else {
                Role::Server
            },
            connection: header.cookie,
            span: &header.span,
            at: header.at,
        });
        self.act(header.tgid, change, watch);
    }

    /// An exchange of a process has ended at a time of the kernel's monotonic clock. Is a span to be made?
    pub(super) fn exchanged(
        &mut self,
        tgid: u32,
        role: Role,
        at: u64,
        watch: &mut Watch,
    ) -> Standing {
        let change = self.own.exchanged(tgid, role, at);
        self.act(tgid, change, watch);
        let standing = self.own.standing(tgid, at);
        if standing == Standing::Traced {
            self.dropped.inc();
        }
        standing
    }

    /// A span of a process; gives what can be sent now.
    pub(super) fn pass(&mut self, tgid: u32, standing: Standing, span: Span) -> Option<Span> {
        match standing {
            Standing::Untraced => Some(span),
            Standing::Open => self.held.keep(tgid, span),
            Standing::Traced => None,
        }
    }

    /// Lets go what has been kept back for long enough.
    pub(super) fn keep_house(&mut self, now: u64, made: &mut Vec<Span>) {
        let traced = i64::try_from(self.own.traced()).unwrap_or(i64::MAX);
        self.traced.set(traced);
        if !self.held.is_empty() {
            let own = &self.own;
            let is_free = |tgid| own.standing(tgid, now) != Standing::Open;
            self.held.release(is_free, made);
        }
    }

    /// Lets go everything.
    pub(super) fn finish(&mut self, made: &mut Vec<Span>) {
        self.held.release(|_| true, made);
    }

    /// The process is gone, or runs another program.
    pub(super) fn forget(&mut self, tgid: u32) {
        self.own.forget(tgid);
    }

    fn act(&mut self, tgid: u32, change: Option<Change>, watch: &mut Watch) {
        let Some(change) = change else {
            return;
        };
        let process = watch.process(tgid);
        let who = process.as_deref().map_or(String::new(), name);
        match change {
            Change::Declared => {
                self.declared.inc();
                let dropped = u64::try_from(self.held.drop_of(tgid)).unwrap_or(u64::MAX);
                self.dropped.inc_by(dropped);
                tracing::warn!(
                    pid = tgid,
                    "{who} puts parents of its own into its requests, as tracing SDKs do: Sonde makes no spans for it; if \
                     its spans are missing from your backend, start Sonde with --sdk never"
                );
            }
            Change::Contradicted => {
                self.contradicted.inc();
                tracing::warn!(
                    pid = tgid,
                    "{who} no longer puts parents of its own into most of its requests: Sonde makes its spans again; if \
                     you see them twice, start Sonde with --sdk always, or leave the service out with --exclude"
                );
            }
            Change::Silent => {
                self.silent.inc();
                tracing::warn!(
                    pid = tgid,
                    "{who} has not put parents of its own into requests for ten minutes: Sonde makes its spans again; if \
                     you see them twice, start Sonde with --sdk always, or leave the service out with --exclude"
                );
            }
        }
        watch.set_traces_itself(tgid, change == Change::Declared);
    }
}

fn name(process: &Process) -> String {
    format!("service {}", process.resource.service_name)
}
