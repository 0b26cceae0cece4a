//! What the kernel side could not do, by hook and reason; counted in a per-CPU array.

/// The hooks, in the order of their rows in the counter map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Hook {
    /// `cgroup_skb/ingress`
    Ingress,
    /// `cgroup_skb/egress`
    Egress,
    /// `tp_btf/inet_sock_set_state`
    State,
    /// `tp_btf/sched_process_exec` and `sched_process_exit`
    Process,
    /// `sock_ops`
    SockOps,
    /// `sk_msg`
    Message,
}

/// Why something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// The ring had no room.
    RingFull,
    /// Segments came out of order or were missed where a head was expected.
    Gap,
    /// A packet held more messages or chunks than one run may walk.
    Budget,
    /// A head was longer than the maximum.
    HeadTooLarge,
    /// The kernel had no memory for a socket's state.
    NoStorage,
    /// Bytes could not be read from a packet or a message.
    Unreadable,
    /// There was no room for a field in a message.
    NoRoom,
    /// The head of a request named its parent in an invalid way (W3C Trace Context section 3.2).
    InvalidParent,
    /// The head of a request had more than one `traceparent`.
    SeveralParents,
    /// The field of another propagator was invalid.
    InvalidPropagator,
    /// A `tracestate` was no valid list (W3C Trace Context section 3.3).
    InvalidState,
    /// A `tracestate` was too long: members were left out.
    LongState,
    /// A `baggage` held bytes that cannot be part of one.
    InvalidBaggage,
    /// A `baggage` was too long.
    LongBaggage,
    /// Fields had to be read once more when their head had ended, and it did not lie in one packet.
    HeadInPieces,
    /// The kernel did not take a socket into the map of those that fields are written for.
    NotEnrolled,
    /// Another CPU was at work on the same direction of a connection for too long.
    Busy,
}

impl Hook {
    /// All, in order.
    pub const ALL: [Self; 6] = [
        Self::Ingress,
        Self::Egress,
        Self::State,
        Self::Process,
        Self::SockOps,
        Self::Message,
    ];

    /// The name used as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "cgroup_skb_ingress",
            Self::Egress => "cgroup_skb_egress",
            Self::State => "inet_sock_set_state",
            Self::Process => "sched_process",
            Self::SockOps => "sock_ops",
            Self::Message => "sk_msg",
        }
    }
}

impl Reason {
    /// All, in order.
    pub const ALL: [Self; 17] = [
        Self::RingFull,
        Self::Gap,
        Self::Budget,
        Self::HeadTooLarge,
        Self::NoStorage,
        Self::Unreadable,
        Self::NoRoom,
        Self::InvalidParent,
        Self::SeveralParents,
        Self::InvalidPropagator,
        Self::InvalidState,
        Self::LongState,
        Self::InvalidBaggage,
        Self::LongBaggage,
        Self::HeadInPieces,
        Self::NotEnrolled,
        Self::Busy,
    ];

    /// The name used as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Gap => "gap",
            Self::Budget => "budget",
            Self::HeadTooLarge => "head_too_large",
            Self::NoStorage => "no_storage",
            Self::Unreadable => "unreadable",
            Self::NoRoom => "no_room",
            Self::InvalidParent => "invalid_traceparent",
            Self::SeveralParents => "several_traceparents",
            Self::InvalidPropagator => "invalid_propagator",
            Self::InvalidState => "invalid_tracestate",
            Self::LongState => "tracestate_too_long",
            Self::InvalidBaggage => "invalid_baggage",
            Self::LongBaggage => "baggage_too_long",
            Self::HeadInPieces => "head_in_pieces",
            Self::NotEnrolled => "not_enrolled",
            Self::Busy => "busy",
        }
    }
}

/// Entries of the counter map.
pub const LOSSES: u32 = (Hook::ALL.len() * Reason::ALL.len()) as u32;

/// Index of one counter.
#[inline(always)]
#[must_use]
pub const fn index(hook: Hook, reason: Reason) -> u32 {
    hook as u32 * Reason::ALL.len() as u32 + reason as u32
}
