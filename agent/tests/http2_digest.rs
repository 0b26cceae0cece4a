//! The kernel side and the parser agree on the digest of an HTTP/2 direction, of which neither depends on the other.

use sonde_common::context::SpanContext;
use sonde_common::http2 as common;
use sonde_protocols::Label;
use sonde_protocols::http2::frame;

#[test]
fn numbers_are_the_same() {
    let types = [
        (common::frame::DATA, frame::DATA),
        (common::frame::HEADERS, frame::HEADERS),
        (common::frame::RST_STREAM, frame::RST_STREAM),
        (common::frame::SETTINGS, frame::SETTINGS),
        (common::frame::PUSH_PROMISE, frame::PUSH_PROMISE),
        (common::frame::GOAWAY, frame::GOAWAY),
        (common::frame::CONTINUATION, frame::CONTINUATION),
        (common::frame::LABEL, frame::LABEL),
    ];
    let flags = [
        (common::flag::END_STREAM, frame::END_STREAM),
        (common::flag::ACK, frame::ACK),
        (common::flag::END_HEADERS, frame::END_HEADERS),
        (common::flag::PADDED, frame::PADDED),
        (common::flag::PRIORITY, frame::PRIORITY),
    ];
    for (theirs, ours) in types.into_iter().chain(flags) {
        assert_eq!(theirs, ours);
    }
    let lengths = [
        (common::FRAME_HEADER, frame::HEADER),
        (common::GOAWAY, frame::GOAWAY_LENGTH),
        (size_of::<common::Data>(), frame::DATA_LENGTH),
        (size_of::<SpanContext>(), size_of::<Label>()),
    ];
    for (theirs, ours) in lengths {
        assert_eq!(theirs, ours);
    }
}
