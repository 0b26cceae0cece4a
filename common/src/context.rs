//! Trace contexts as the kernel side keeps them.
//!
//! A [`SpanContext`] is one span's identity. A [`Context`] is a request that a service is working on; it
//! lives in a slot of an array and is named by a handle, which dies with it: a stale handle matches no
//! slot, so what a thread remembers of an old request can do no harm.

/// Identity of one span (W3C Trace Context: trace-id, parent-id as seen by the next service, trace-flags).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanContext {
    /// trace-id, in the order of its hex digits.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
    /// Its parent; zero: none.
    pub parent_id: [u8; 8],
    /// trace-flags.
    pub flags: u8,
    /// A value of [`origin`]; 0: there is no context.
    pub origin: u8,
    /// 1: with [`origin::ADOPTED`], the sender was working on a request that is known.
    pub at_work: u8,
    /// Padding.
    pub reserved: [u8; 5],
}

/// trace-flags bit: the caller may have recorded the trace.
pub const SAMPLED: u8 = 1;
/// trace-flags bit: the last seven bytes of the trace-id are random (Level 2).
pub const RANDOM: u8 = 2;
/// trace-flags bits this agent knows (Level 2: sampled, random).
pub const KNOWN_FLAGS: u8 = 3;

/// Where the trace of a span came from.
pub mod origin {
    /// No context.
    pub const NONE: u8 = 0;
    /// The trace begins here.
    pub const ROOT: u8 = 1;
    /// A field in the request told the parent.
    pub const HEADER: u8 = 2;
    /// The TCP option told the parent.
    pub const OPTION: u8 = 3;
    /// The parent is the client's span on the same machine, found by the connection's addresses.
    pub const JOINED: u8 = 4;
    /// The parent is the request that this process is working on.
    pub const CHAIN: u8 = 5;
    /// The application set the field itself: the span takes the id that the field names.
    pub const ADOPTED: u8 = 6;
    /// The trace begins here because the peer that named another is not trusted.
    pub const UNTRUSTED: u8 = 7;
    /// The application passed on a field that names the parent, with a span that is not its own.
    pub const PASSED_ON: u8 = 8;
}

impl SpanContext {
    /// No context.
    pub const NONE: Self = Self {
        trace_id: [0; 16],
        span_id: [0; 8],
        parent_id: [0; 8],
        flags: 0,
        origin: origin::NONE,
        at_work: 0,
        reserved: [0; 5],
    };

    /// Is there one?
    #[inline(always)]
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.origin != origin::NONE
    }
}

/// A request that a service has received and not answered in full.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Its handle; 0: the slot was never used.
    pub handle: u64,
    /// The SERVER span.
    pub span: SpanContext,
    /// `bpf_ktime_get_ns` when its head was complete.
    pub started_at: u64,
    /// `bpf_ktime_get_ns` when its response had ended; 0: not yet.
    pub ended_at: u64,
    /// Digest of the `traceparent` that it brought; 0: none.
    pub field: u64,
    /// In a proxy: digest of its method and target; 0: none.
    pub target: u64,
    /// The thread that read of it last; 0: nobody yet.
    pub holder: u32,
    /// 1: its response has begun.
    pub begun: u8,
    /// 1: another request has come in on its connection since.
    pub followed: u8,
    /// Padding.
    pub reserved: u16,
    /// The event loop that works on it, as key of its map; 0: none that counts its requests.
    pub event_loop: u64,
    /// What it waits for there: see [`crate::event_loop::waits`].
    pub waits: u64,
}

/// Slots for contexts; a power of two. A handle's low bits are its slot.
pub const CONTEXTS: u32 = 1 << 16;

/// Slot of a handle.
#[inline(always)]
#[must_use]
pub const fn slot(handle: u64) -> u32 {
    handle as u32 & (CONTEXTS - 1)
}

/// What carries a context within a process.
pub mod carrier {
    /// A thread, by its id.
    pub const THREAD: u32 = 0;
    /// A task of tokio, by its id.
    pub const TOKIO: u32 = 1;
}

/// Key of the map from carriers to what they work on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carrier {
    /// Process.
    pub tgid: u32,
    /// A value of [`carrier`].
    pub kind: u32,
    /// Which one.
    pub id: u64,
}

/// What a carrier works on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Handle of the context; 0: none.
    pub handle: u64,
    /// The thread's voluntary context switches when it took the work up.
    pub switches: u64,
    /// Of a thread: handle of the request that it read last.
    pub own: u64,
    /// 1: it has read that request to its end.
    pub complete: u8,
    /// 1: it was seen to serve several requests by turns.
    pub interleaves: u8,
    /// Requests in a row that it has served one after the other since.
    pub sequential: u8,
    /// Padding.
    pub reserved: [u8; 5],
}

impl Work {
    /// On this, of a carrier of which no more is known.
    #[inline(always)]
    #[must_use]
    pub const fn on(handle: u64, switches: u64) -> Self {
        Self {
            handle,
            switches,
            own: 0,
            complete: 0,
            interleaves: 0,
            sequential: 0,
            reserved: [0; 5],
        }
    }
}

/// The two ends of a connection, seen from its client.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Address of the client; IPv4 as ::ffff:a.b.c.d.
    pub client: [u8; 16],
    /// Address of the server.
    pub server: [u8; 16],
    /// Port of the client, host order.
    pub client_port: u16,
    /// Port of the server, host order.
    pub server_port: u16,
}

/// A request that left without a field of ours.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joint {
    /// Its span.
    pub span: SpanContext,
    /// TCP sequence number of the first byte behind its head.
    pub sequence: u32,
    /// Padding.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Joint>() == 48);
const _: () = assert!(size_of::<SpanContext>() == 40);
const _: () = assert!(size_of::<Context>() == 104);
const _: () = assert!(size_of::<Carrier>() == 16);
const _: () = assert!(size_of::<Work>() == 32);
const _: () = assert!(size_of::<Ends>() == 36);
