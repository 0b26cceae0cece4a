//! The value of `SK_STORAGE`: all that the kernel side knows about one socket.
//!
//! `ingress` is written by the ingress hook only and `egress` by the egress hook only, so no lock is
//! needed; each other field names its writer.

use crate::context::{Ends, Joint, SpanContext};
use crate::http1::{ChunkScan, HeadScan};
use crate::option::{Received, Sending};
use crate::proxy_protocol::HeaderScan;

/// What the next byte of a direction is.
pub mod phase {
    /// Part of a message head.
    pub const HEAD: u8 = 0;
    /// Part of a body of known length.
    pub const BODY: u8 = 1;
    /// Part of a chunked body.
    pub const CHUNKED: u8 = 2;
    /// Part of a body that ends with the connection.
    pub const UNTIL_CLOSE: u8 = 3;
    /// Unknown: wait for a packet that begins with a start line.
    pub const UNSYNCED: u8 = 4;
    /// A frame of HTTP/2, until the programs for that take over.
    pub const FRAMES: u8 = 5;
    /// The rest of a header of the PROXY protocol.
    pub const PROXY: u8 = 6;
}

/// What a connection is.
pub mod state {
    /// Nothing decided.
    pub const NEW: u8 = 0;
    /// HTTP/1.x was recognised and the connection announced to the agent.
    pub const HTTP1: u8 = 1;
    /// Another protocol: only who writes and reads is followed, on client sockets.
    pub const OPAQUE: u8 = 2;
    /// A listening socket; its value is cloned into accepted ones.
    pub const LISTENING: u8 = 3;
    /// Its owner is left alone: every hook leaves at once.
    pub const LEFT: u8 = 4;
    /// HTTP/2 was recognised and the connection announced to the agent.
    pub const HTTP2: u8 = 5;
    /// A response of HTTP/1.x has given the connection to another protocol; if that is HTTP/2, its first bytes tell.
    pub const UPGRADED: u8 = 6;
}

/// What an announced connection speaks.
pub mod protocol {
    /// HTTP/1.x
    pub const HTTP1: u8 = 0;
    /// HTTP/2
    pub const HTTP2: u8 = 1;
}

/// Who uses a client connection whose messages are not understood.
pub mod sharing {
    /// Nobody has written yet.
    pub const UNUSED: u8 = 0;
    /// One request in work has written, and nothing was read since.
    pub const WRITTEN: u8 = 1;
    /// And an answer was read.
    pub const READ: u8 = 2;
    /// Several wrote before an answer was read: what is read belongs to nobody for certain, for good.
    pub const SHARED: u8 = 3;
}

/// Requests of one server connection whose contexts are kept at a time (pipelining).
pub const PIPELINED: usize = 4;

/// Which end of the connection the socket is.
pub mod role {
    /// Not known (older than the agent).
    pub const UNKNOWN: u8 = 0;
    /// It connected.
    pub const CLIENT: u8 = 1;
    /// It was accepted.
    pub const SERVER: u8 = 2;
}

/// One direction of a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// Stream offset of the next byte in order.
    pub offset: u64,
    /// Stream offset up to which records told of the bytes.
    pub reported: u64,
    /// Content bytes left out since `reported`.
    pub content: u64,
    /// Body bytes still to come (phase BODY).
    pub remaining: u64,
    /// Position in a head.
    pub head: HeadScan,
    /// Position in a chunked body.
    pub chunk: ChunkScan,
    /// TCP sequence number of the next byte in order.
    pub next_sequence: u32,
    /// Messages whose head has ended in this direction, interim responses not counted; pairs
    /// responses with their requests' methods.
    pub messages: u32,
    /// Messages begun in this direction.
    pub begun: u32,
    /// In a proxy: digest of the request line of the last head that began; 0: it has none.
    pub target: u32,
    /// Sequence number of the first byte that was told of out of order; equal to `held_end`: none.
    pub held: u32,
    /// Sequence number after the last of them.
    pub held_end: u32,
    /// Next byte of the segment at hand. Scratch of a walk; here and not on the BPF stack, since the
    /// verifier takes what it reads from a map as unknown and so sees the walk's loop once.
    pub at: u32,
    /// A value of [`phase`].
    pub phase: u8,
    /// 1 once `next_sequence` is meaningful.
    pub sequenced: u8,
    /// 1 after a FIN.
    pub finished: u8,
    /// 1 when nothing more can be learnt from the segment at hand. Scratch of a walk.
    pub stop: u8,
}

/// The value.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Socket cookie (`SO_COOKIE`); 0 until the first hook that can ask for it.
    pub cookie: u64,
    /// `bpf_ktime_get_ns` when the owner first read of the newest unread request. Written by the
    /// reading hook.
    pub read_at: u64,
    /// Bit `n % 64`: request `n` was HEAD. Written where requests pass.
    pub head_requests: u64,
    /// Bit `n % 64`: request `n` was CONNECT. Written where requests pass.
    pub connect_requests: u64,
    /// On a server socket: handles of the requests at hand, by their number. Written by the ingress hook.
    pub contexts: [u64; PIPELINED],
    /// On a server socket of a Go process: the goroutine that serves it. Written by the reading hook.
    pub reader: u64,
    /// On a client socket: handle of what the connecting thread worked on, for the first request.
    pub bound: u64,
    /// On a client socket: handle of what the request in flight, or the last one, was sent for; 0: unknown.
    /// Written where requests leave.
    pub parent: u64,
    /// On a client socket of an event loop: handle of the request that waits for it; 0: none is known.
    pub awaited: u64,
    /// On a client socket: the request in flight. Written where requests leave.
    pub outgoing: Joint,
    /// Both ends; known once the connection was announced.
    pub ends: Ends,
    /// By direction, ingress first: 1 while a message goes by that is left out. Written by the direction's hook.
    pub leaves_out: [u8; 2],
    /// 1: the agent was told of it. Written by the `cgroup_skb` hooks.
    pub announced: u8,
    /// 1: its owner is a proxy, whose requests have digests. Written with the owner.
    pub of_proxy: u8,
    /// Owner. Written on connect and listen, and by the reading hook.
    pub tgid: u32,
    /// `begun` of the request direction at the last read.
    pub read_messages: u32,
    /// A value of [`role`].
    pub role: u8,
    /// A value of [`state`].
    pub state: u8,
    /// A value of [`crate::process::verdict`].
    pub verdict: u8,
    /// A value of [`sharing`]. Written where bytes of an unknown protocol leave and are read.
    pub sharing: u8,
    /// 1: it is in the map of sockets whose messages pass the `sk_msg` program.
    pub enrolled: u8,
    /// 1: what was sent is not quite HTTP/1.x; nothing is written into it any more. Written by the egress hook.
    pub distrusted: u8,
    /// Entry of the owner's service in the map of samplers. Written with the owner, and by the reading hook.
    pub sampler: u16,
    /// On a server socket: responses that have ended. Written by the egress hook.
    pub answered: u32,
    /// Number of the request, counted from 1, that was left out last as its trace is not sampled: its response is left out too.
    /// Written where requests pass.
    pub left_out: u32,
    /// On a client socket: sequence number up to which bytes had been written when it was last read. Written by the reading hook.
    pub written_at_read: u32,
    /// Padding.
    pub reserved: u32,
    /// 1 while a CPU walks what has arrived; see the kernel side's `turn`. A word of its own, for atomic operations.
    pub turn: u64,
    /// On a client socket: the option that carries a context. Written with the socket locked.
    pub sending: Sending,
    /// The option that came last. Written by the ingress hook.
    pub received: Received,
    /// The header of the PROXY protocol. Written where requests pass.
    pub proxied: HeaderScan,
    /// Bytes received.
    pub ingress: Direction,
    /// Bytes sent.
    pub egress: Direction,
}

/// A request that the `sk_msg` program has written a field into, until it is seen to leave.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Its span.
    pub span: SpanContext,
    /// Handle of what it was sent for.
    pub parent: u64,
}

/// First data of a connection that came with the last packet of its handshake: seen at the listening
/// socket, handed to the accepted one a moment later on the same CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// What the accepted socket starts from.
    pub connection: Connection,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// 1 until it is handed over.
    pub waiting: u32,
}

const _: () = assert!(size_of::<Pending>() == size_of::<Connection>() + 8);
const _: () = assert!(size_of::<Direction>() == 152);
const _: () = assert!(size_of::<Connection>() == 224 + 56 + 40 + 32 + 2 * 152);

impl Direction {
    /// A direction joined at an unknown place.
    pub const UNSYNCED: Self = Self {
        offset: 0,
        reported: 0,
        content: 0,
        remaining: 0,
        head: HeadScan::START,
        chunk: ChunkScan::START,
        next_sequence: 0,
        messages: 0,
        begun: 0,
        target: 0,
        phase: phase::UNSYNCED,
        sequenced: 0,
        finished: 0,
        held: 0,
        held_end: 0,
        at: 0,
        stop: 0,
    };
}
