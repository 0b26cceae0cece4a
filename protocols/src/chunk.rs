//! What a parser is fed: one direction's bytes in order, what was left out of them, and when.

/// What the capture side attaches to a request; not looked at here.
pub type Label = [u8; 40];

/// A moment in nanoseconds of the capture side's monotonic clock. Parsers only carry and compare it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// Which half of an exchange a byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Client to server.
    Request,
    /// Server to client.
    Response,
}

/// Message-body bytes that were counted by the kernel side and not copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elided {
    /// Bytes of the stream left out.
    pub bytes: u64,
    /// How many of them are content; less than `bytes` under the chunked transfer coding, whose
    /// framing (RFC 9112 section 7.1) is not content.
    pub content: u64,
    /// The last of these bytes ends the message.
    pub end: bool,
}

/// The next piece of one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Bytes as they were on the wire.
    Bytes(&'a [u8]),
    /// The same, where a request's head ends with the last of them: the label is that request's. What HTTP/2 attaches to a
    /// request is an entry of its digest instead.
    Head(&'a [u8], Label),
    /// Body bytes that were only counted. They never hide a message head.
    Elided(Elided),
    /// A hole of this many bytes (0: unknown); the parser has to find its footing again.
    Gap(u64),
}

/// Why a connection, or one direction of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Both sides are done (or the socket was closed).
    Finished,
    /// A reset was sent or received.
    Reset,
    /// The observer stops watching: the connection itself may live on.
    Unwatched,
}
