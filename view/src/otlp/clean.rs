//! Rewrites an encoded message so that it decodes and is small.
//!
//! Strings become UTF-8, long ones are cut, fields that the schema does not know or that have the wrong type go, and
//! so does what is nested too deeply or does not fit [`MAX_SPAN_BYTES`].

use std::borrow::Cow;

use super::wire::{Field, fields, put};

/// The longest string or byte value that is kept.
pub(crate) const MAX_VALUE_BYTES: usize = 16 << 10;
/// The most that is kept of a span, a resource or a scope.
pub(crate) const MAX_SPAN_BYTES: usize = 64 << 10;
/// Depth of arrays and maps in attribute values.
const MAX_DEPTH: usize = 8;
/// What a cut string ends with.
const CUT: &str = "… [cut]";

/// What was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) values: u64,
    pub(super) attributes: u64,
    pub(super) events: u64,
    pub(super) links: u64,
}

impl Loss {
    pub(super) fn total(self) -> u64 {
        self.values + self.attributes + self.events + self.links
    }
}

/// The messages of OTLP that hold strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Span,
    Resource,
    Scope,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    Array,
    Map,
}

/// What a field of a message holds.
enum Type {
    Scalar,
    Bytes,
    Text,
    Message(Kind),
    Unknown,
}

impl Kind {
    /// <https://github.com/open-telemetry/opentelemetry-proto>, `trace.proto`, `common.proto`, `resource.proto`.
    fn field(self, number: u32) -> Type {
        use Type::{Bytes, Message, Scalar, Text, Unknown};
        match (self, number) {
            (Self::Span, 1 | 2 | 4) => Bytes,
            (Self::Span, 3 | 5)
            | (Self::Scope, 1 | 2)
            | (Self::Event | Self::Status, 2)
            | (Self::Link, 3)
            | (Self::KeyValue | Self::AnyValue, 1) => Text,
            (Self::Span, 6..=8 | 10 | 12 | 14 | 16)
            | (Self::Resource, 2)
            | (Self::Scope, 4)
            | (Self::Event, 1 | 4)
            | (Self::Link, 5 | 6)
            | (Self::Status, 3)
            | (Self::AnyValue, 2..=4) => Scalar,
            (Self::Span, 9)
            | (Self::Resource | Self::Map, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Link, 4) => Message(Self::KeyValue),
            (Self::Span, 11) => Message(Self::Event),
            (Self::Span, 13) => Message(Self::Link),
            (Self::Span, 15) => Message(Self::Status),
            (Self::Link, 1 | 2) | (Self::AnyValue, 7) => Bytes,
            (Self::KeyValue, 2) | (Self::Array, 1) => Message(Self::AnyValue),
            (Self::AnyValue, 5) => Message(Self::Array),
            (Self::AnyValue, 6) => Message(Self::Map),
            _ => Unknown,
        }
    }
}

/// The message again, cleaned.
pub(super) fn rewrite(bytes: &[u8], kind: Kind) -> (Vec<u8>, Loss) {
    let mut loss = Loss::default();
    let out = message(bytes, kind, 0, MAX_SPAN_BYTES, &mut loss);
    (out, loss)
}

fn message(bytes: &[u8], kind: Kind, depth: usize, room: usize, loss: &mut Loss) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().min(room));
    for field in fields(bytes) {
        let Ok((number, field)) = field else {
            loss.values += 1;
            break;
        };
        let left = room.saturating_sub(out.len());
        match (kind.field(number), field) {
            (Type::Scalar, Field::Varint(_) | Field::Fixed64(_) | Field::Fixed32(_)) => {
                put(&mut out, number, field);
            }
            (Type::Bytes, Field::Bytes(value)) => {
                let kept = &value[..value.len().min(MAX_VALUE_BYTES).min(left)];
                loss.values += u64::from(kept.len() < value.len());
                put(&mut out, number, Field::Bytes(kept));
            }
            (Type::Text, Field::Bytes(value)) => {
                let (text, cut) = shorten(value, MAX_VALUE_BYTES.min(left));
                loss.values += u64::from(cut);
                put(&mut out, number, Field::Bytes(text.as_bytes()));
            }
            (Type::Message(inner), Field::Bytes(value)) => {
                let nested = depth + usize::from(matches!(inner, Kind::Array | Kind::Map));
                let room = left.min(room / 2);
                if nested > MAX_DEPTH || left < 256 {
                    count(inner, loss);
                    continue;
                }
                let cleaned = message(value, inner, nested, room, loss);
                put(&mut out, number, Field::Bytes(&cleaned));
            }
            _ => loss.values += 1,
        }
    }
    out
}

fn count(left_out: Kind, loss: &mut Loss) {
    match left_out {
        Kind::Event => loss.events += 1,
        Kind::Link => loss.links += 1,
        Kind::KeyValue => loss.attributes += 1,
        _ => loss.values += 1,
    }
}

/// The text in at most about `limit` bytes, with replacement characters where it is no UTF-8; whether it was cut.
pub(super) fn shorten(bytes: &[u8], limit: usize) -> (Cow<'_, str>, bool) {
    if bytes.len() <= limit {
        return (String::from_utf8_lossy(bytes), false);
    }
    let mut end = limit.saturating_sub(CUT.len());
    // A character that the cut would split goes whole.
    while end > 0 && bytes[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned() + CUT;
    (text.into(), true)
}
