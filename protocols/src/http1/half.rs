//! One direction of a connection: where in a message it is, and the head being put together.

use memchr::memmem;

use super::chunked::{Chunked, Progress};
use super::framing::Framing;
use crate::{Direction, Elided, Timestamp};

/// Where in a message the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before or in a head.
    Head,
    /// So many body bytes are still to come.
    Sized(u64),
    /// In a body of the chunked transfer coding.
    Chunked(Chunked),
    /// In a body that ends with the connection.
    UntilClose,
    /// Not known: the next chunk that begins with a start line is waited for.
    Lost,
    /// Nothing more comes (FIN).
    Ended,
}

impl Phase {
    /// Where a head with this framing leads.
    pub(super) fn after_head(framing: Framing) -> Self {
        match framing {
            Framing::Sized(0) => Self::Head,
            Framing::Sized(bytes) => Self::Sized(bytes),
            Framing::Chunked => Self::Chunked(Chunked::new()),
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

/// What a hole in the stream did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hole {
    /// It was content only; `end` if the body ends with it.
    Content {
        /// The body ends with the hole.
        end: bool,
    },
    /// The place in the stream is lost.
    Footing,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) phase: Phase,
    /// Beginning of a head whose end has not come yet; holds no memory otherwise.
    partial: Vec<u8>,
    /// When the first byte of `partial` came.
    pub(super) started: Timestamp,
}

/// A step of putting a head together.
#[derive(Debug)]
pub(super) enum Assembly {
    /// More is needed.
    Incomplete,
    /// The end of the head is in; so many of the bytes given belong to it.
    Complete(Vec<u8>, usize),
    /// The limit was reached before the end.
    TooLarge,
}

impl Half {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Head,
            partial: Vec::new(),
            started: Timestamp(0),
        }
    }

    /// True between a start line's first byte and the message's last.
    pub(super) fn is_inside_message(&self) -> bool {
        match self.phase {
            Phase::Head => !self.partial.is_empty(),
            Phase::Lost | Phase::Ended => false,
            Phase::Sized(_) | Phase::Chunked(_) | Phase::UntilClose => true,
        }
    }

    pub(super) fn has_partial_head(&self) -> bool {
        !self.partial.is_empty()
    }

    pub(super) fn lose(&mut self) {
        self.phase = Phase::Lost;
        self.partial = Vec::new();
    }

    pub(super) fn end(&mut self) {
        self.phase = Phase::Ended;
        self.partial = Vec::new();
    }

    pub(super) fn footprint(&self) -> usize {
        self.partial.capacity()
    }

    /// Adds to the head; `bytes` are the next of the stream.
    pub(super) fn assemble(&mut self, bytes: &[u8], limit: usize) -> Assembly {
        let before = self.partial.len();
        let room = limit.saturating_sub(before);
        self.partial
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        // An end may lie across the seam: LF CR LF has two bytes before its last.
        let from = before.saturating_sub(2);
        let fresh = self.partial.get(from..).unwrap_or_default();
        if let Some(end) = head_end(fresh) {
            let end = from.saturating_add(end);
            let mut head = std::mem::take(&mut self.partial);
            head.truncate(end);
            return Assembly::Complete(head, end.saturating_sub(before));
        }
        if self.partial.len() >= limit {
            return Assembly::TooLarge;
        }
        Assembly::Incomplete
    }

    /// What is there of an incomplete head.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// True if the last `added` bytes of the partial head end its start line and that is none.
    pub(super) fn start_line_is_bad(&self, direction: Direction, added: usize) -> bool {
        let seam = self.partial.len().saturating_sub(added);
        let Some((old, new)) = self.partial.split_at_checked(seam) else {
            return false;
        };
        memchr::memchr(b'\n', new).is_some()
            && memchr::memchr(b'\n', old).is_none()
            && !begins_message(direction, &self.partial)
    }

    /// Takes body bytes; at the body's end the next head is waited for.
    pub(super) fn body(&mut self, bytes: &[u8]) -> Progress {
        let progress = match &mut self.phase {
            Phase::Sized(left) => sized(left, bytes),
            Phase::Chunked(decoder) => decoder.decode(bytes),
            Phase::UntilClose => Progress {
                used: bytes.len(),
                content: bytes.len() as u64,
                ..Progress::default()
            },
            Phase::Head | Phase::Lost | Phase::Ended => Progress::default(),
        };
        if progress.end {
            self.phase = Phase::Head;
        }
        progress
    }

    /// Takes counted body bytes. Content, whether the body has ended, and whether the two counts of
    /// a Content-Length disagree.
    pub(super) fn elided(&mut self, elided: Elided) -> (u64, bool, bool) {
        let (content, end, conflict) = match &mut self.phase {
            Phase::Sized(left) => {
                let over = elided.bytes > *left;
                *left = left.saturating_sub(elided.bytes);
                let end = *left == 0;
                (elided.bytes, end, over || (elided.end && !end))
            }
            Phase::Chunked(decoder) => {
                decoder.skip(elided.bytes, elided.content);
                (elided.content, false, false)
            }
            Phase::UntilClose => (elided.content, false, false),
            Phase::Head | Phase::Lost | Phase::Ended => (0, false, false),
        };
        let end = end || elided.end;
        if end {
            self.phase = Phase::Head;
        }
        (content, end, conflict)
    }

    /// A hole of so many bytes (0: unknown).
    pub(super) fn hole(&mut self, bytes: u64) -> Hole {
        match &mut self.phase {
            _ if bytes == 0 => Hole::Footing,
            Phase::Sized(left) if bytes <= *left => {
                *left = left.saturating_sub(bytes);
                let end = *left == 0;
                if end {
                    self.phase = Phase::Head;
                }
                Hole::Content { end }
            }
            Phase::Chunked(decoder) if decoder.holds(bytes) => {
                decoder.skip(bytes, bytes);
                Hole::Content { end: false }
            }
            Phase::UntilClose => Hole::Content { end: false },
            _ => Hole::Footing,
        }
    }
}

fn sized(left: &mut u64, bytes: &[u8]) -> Progress {
    let here = bytes.len() as u64;
    let content = here.min(*left);
    *left = left.saturating_sub(content);
    Progress {
        used: usize::try_from(content).unwrap_or(bytes.len()),
        content,
        end: *left == 0,
        malformed: false,
    }
}

/// Length up to and with the first empty line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let crlf = memmem::find(bytes, b"\n\r\n").map(|at| at.saturating_add(3));
    // A bare LF pair can only matter before the regular end.
    let before = bytes.get(..crlf.unwrap_or(bytes.len())).unwrap_or(bytes);
    memmem::find(before, b"\n\n")
        .map(|at| at.saturating_add(2))
        .or(crlf)
}

/// True if a chunk begins with a whole start line of this direction: what is looked for after footing
/// was lost. Anything less could as well be content.
pub(super) fn begins_message(direction: Direction, bytes: &[u8]) -> bool {
    match direction {
        Direction::Response => begins_status_line(bytes),
        Direction::Request => begins_request_line(bytes),
    }
}

fn begins_status_line(bytes: &[u8]) -> bool {
    let Some((start, rest)) = bytes.split_at_checked(b"HTTP/1.1 200".len()) else {
        return false;
    };
    let &[
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        b'0' | b'1',
        b' ',
        hundreds,
        tens,
        units,
    ] = start
    else {
        return false;
    };
    matches!(hundreds, b'1'..=b'9')
        && tens.is_ascii_digit()
        && units.is_ascii_digit()
        && matches!(rest.first(), Some(b' ' | b'\r' | b'\n'))
}

fn begins_request_line(bytes: &[u8]) -> bool {
    // Most content is told apart by its first byte.
    if !bytes.first().is_some_and(|&byte| is_token(byte)) {
        return false;
    }
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return false;
    };
    let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    let Some(line) = line
        .strip_suffix(b" HTTP/1.1")
        .or_else(|| line.strip_suffix(b" HTTP/1.0"))
    else {
        return false;
    };
    let mut parts = line.splitn(2, |&byte| byte == b' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or_default();
    method.iter().all(|&byte| is_token(byte))
        && !target.is_empty()
        && target.iter().all(|&byte| byte > b' ' && byte != 0x7f)
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// True if the first bytes of a connection are surely another protocol: the HTTP/2 preface (RFC 9113
/// section 3.4), a TLS record (RFC 8446 section 5.1), or control characters.
pub(super) fn is_foreign(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 32;
    if bytes.starts_with(b"PRI * HTTP/2") {
        return true;
    }
    let start = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    start
        .iter()
        .any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n'))
}
