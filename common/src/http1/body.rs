//! How long a message's body is (RFC 9112 section 6.3).

use super::HeadScan;

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: the message is over.
    None,
    /// An interim (1xx) response; the final one is still to come.
    Interim,
    /// This many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// Everything until the connection closes.
    UntilClose,
    /// Bytes of another protocol (101, or 2xx to CONNECT).
    Tunnel,
}

/// Decides by the rules of RFC 9112 section 6.3 in their order. `to_head` and `to_connect` tell, for a
/// response, the method of its request.
#[inline(always)]
#[must_use]
pub fn body_of(head: &HeadScan, to_head: bool, to_connect: bool) -> Body {
    if !head.is_response() {
        return match () {
            () if head.is_chunked() => Body::Chunked,
            () if head.content_length > 0 => Body::Length(head.content_length),
            () => Body::None,
        };
    }
    if head.status == 101 || (to_connect && head.status >= 200 && head.status < 300) {
        return Body::Tunnel;
    }
    if head.status < 200 {
        return Body::Interim;
    }
    if to_head || head.status == 204 || head.status == 304 {
        return Body::None;
    }
    if head.is_chunked() {
        return Body::Chunked;
    }
    if !head.has_length() {
        return Body::UntilClose;
    }
    if head.content_length == 0 {
        return Body::None;
    }
    Body::Length(head.content_length)
}
