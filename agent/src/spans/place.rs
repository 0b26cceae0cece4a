//! A span's place in its trace: what the kernel side decided, or where it told nothing, what the request's
//! own fields say.

use sonde_common::context::{SpanContext, origin};

use super::trace_context::TraceContext;
use super::{IdGenerator, Link, Role, SpanId, TraceId};

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
        role: Role,
        ids: &mut IdGenerator,
    ) -> Self {
        match context {
            Some(context) => Self::decided(context, told),
            None => Self::guessed(told, role, ids),
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

    /// A request whose head the kernel side did not see whole. On the client's side the field names the
    /// span itself.
    fn guessed(told: Option<TraceContext>, role: Role, ids: &mut IdGenerator) -> Self {
        let Some(told) = told else {
            return Self {
                trace_id: ids.trace_id(),
                span_id: ids.span_id(),
                parent: None,
                flags: 1,
                state: String::new(),
                link: None,
            };
        };
        let (span_id, parent) = match role {
            Role::Server => (ids.span_id(), Some(told.parent)),
            Role::Client => (told.parent, None),
        };
        Self {
            trace_id: told.trace_id,
            span_id,
            parent,
            flags: told.flags,
            state: told.state,
            link: None,
        }
    }
}
