//! What the BPF programs need to know of gRPC's C core in a process, and what they keep of its calls.

/// Byte offsets in the C core's structs. All zero: nothing is known, every call is missing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grpc {
    /// `grpc_core::Call::arena_`
    pub arena: u16,
    /// `grpc_chttp2_transport::ep`
    pub endpoint: u16,
    /// `grpc_chttp2_stream::id`
    pub stream_id: u16,
    /// Padding.
    pub reserved: u16,
}

const _: () = assert!(size_of::<Grpc>() == 8);

impl Grpc {
    /// Are the calls of the process known?
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.arena != 0
    }
}

/// Which end of a call.
pub mod end {
    /// It has called.
    pub const CLIENT: u32 = 1;
    /// It was called.
    pub const SERVER: u32 = 2;
}

/// A call; key: its arena.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// At the server: the connection.
    pub cookie: u64,
    /// At the client: handle of what it is made for; 0: nothing that is known.
    pub handle: u64,
    /// At the server: the stream's id.
    pub stream: u32,
    /// A value of [`end`].
    pub end: u32,
}

/// Streams of a connection that may wait to be written.
pub const UNSENT: usize = 256;

/// A client's stream that has no id yet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Address of the `grpc_chttp2_stream`; 0: it has been sent.
    pub stream: u64,
    /// Its first word: address of the `grpc_chttp2_transport`.
    pub transport: u64,
    /// Handle of what its call is made for; 0: nothing that is known.
    pub handle: u64,
}

/// Those of one connection, and the search for one of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// By the number of the stream among the connection's.
    pub streams: [Begun; UNSENT],
    /// How many have begun.
    pub begun: u64,
    /// Handle of what was found.
    pub found: u64,
    /// The id that is looked for.
    pub wanted: u32,
    /// Where streams have theirs.
    pub offset: u32,
}

impl Unsent {
    /// None.
    pub const NONE: Self = Self {
        streams: [Begun {
            stream: 0,
            transport: 0,
            handle: 0,
        }; UNSENT],
        begun: 0,
        found: 0,
        wanted: 0,
        offset: 0,
    };
}
