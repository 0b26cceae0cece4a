//! A span's place in its trace: what the kernel side decided, or where it told nothing, what the request's
//! own fields say.

use sonde_common::context::{RANDOM, SAMPLED, SpanContext, origin};

use super::trace_context::TraceContext;
use super::{IdGenerator, Link, SpanId, TraceId};

/// A span's place in its trace.
pub(super) struct Place {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) flags: u8,
    pub(super) state: String,
    /// The caller's span, where its word about the parent did not count.
    pub(super) link: Option<Link>,
}

impl Place {
    /// `context` is the kernel side's word, `told` the request's own.
    pub(super) fn of(
        context: Option<&SpanContext>,
        told: Option<TraceContext>,
        ids: &mut IdGenerator,
    ) -> Self {
        match context {
            Some(context) => Self::decided(context, told),
            None => Self::guessed(told, ids),
        }
    }

    fn decided(context: &SpanContext, told: Option<TraceContext>) -> Self {
        let trace_id = TraceId(context.trace_id);
        let link = told
            .as_ref()
            .filter(|_| context.origin == origin::UNTRUSTED)
            .map(|told| Link {
                trace_id: told.trace_id,
                span_id: told.parent,
                trace_flags: told.flags,
                trace_state: told.state.clone(),
            });
        let state = told
            .filter(|told| told.trace_id == trace_id)
            .map(|told| told.state);
        Self {
            trace_id,
            span_id: SpanId(context.span_id),
            parent: (context.parent_id != [0; 8]).then_some(SpanId(context.parent_id)),
            flags: context.flags,
            state: state.unwrap_or_default(),
            link,
        }
    }

    /// A request whose head the kernel side did not see whole. The field of one that is sent may name its own span, or
    /// another one that an SDK or a proxy has put there: no span gets the id of another, so it is the parent in either case.
    fn guessed(told: Option<TraceContext>, ids: &mut IdGenerator) -> Self {
        let Some(told) = told else {
            return Self {
                trace_id: ids.trace_id(),
                span_id: ids.span_id(),
                parent: None,
                flags: SAMPLED | RANDOM,
                state: String::new(),
                link: None,
            };
        };
        Self {
            trace_id: told.trace_id,
            span_id: ids.span_id(),
            parent: Some(told.parent),
            flags: told.flags,
            state: told.state,
            link: None,
        }
    }
}
