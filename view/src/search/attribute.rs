//! An attribute and its value, as text that may stand for several types.

use memchr::memmem::Finder;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use crate::otlp::{Origin, text};
use crate::store::{Mark, StoredSpan, Trace};

/// One condition on attributes.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    wanted: Wanted,
    /// Encoded forms; a message that has none of them does not have the attribute.
    needles: Vec<Finder<'static>>,
}

#[derive(Clone, Debug)]
enum Wanted {
    Pair {
        key: String,
        value: String,
        mark: Mark,
    },
    Status(StatusCode),
}

impl Attribute {
    /// `key` has `value`, whatever its type.
    pub(crate) fn new(key: &str, value: &str) -> Self {
        let mut values = vec![Value::StringValue(value.to_owned())];
        values.extend(value.parse().ok().map(Value::IntValue));
        values.extend(value.parse().ok().map(Value::BoolValue));
        values.extend(value.parse().ok().map(Value::DoubleValue));
        // Arrays, maps and bytes are compared as the text that they are shown as, so only their key can be looked for.
        let is_compound = value.starts_with(['[', '{']) || value.is_empty();
        let needles = if is_compound {
            vec![encoded(key, None)]
        } else {
            values
                .into_iter()
                .map(|value| encoded(key, Some(value)))
                .collect()
        };
        Self {
            wanted: Wanted::Pair {
                key: key.to_owned(),
                value: value.to_owned(),
                mark: Mark::new(key, value),
            },
            needles: needles
                .iter()
                .map(|needle| Finder::new(needle).into_owned())
                .collect(),
        }
    }

    /// The status of the span.
    pub(crate) const fn status(code: StatusCode) -> Self {
        Self {
            wanted: Wanted::Status(code),
            needles: Vec::new(),
        }
    }

    fn may_be_in(&self, message: &[u8]) -> bool {
        self.needles
            .iter()
            .any(|needle| needle.find(message).is_some())
    }

    /// Whether one of the spans may have it.
    pub(super) const fn may_be_in_trace(&self, trace: &Trace) -> bool {
        match &self.wanted {
            Wanted::Status(_) => true,
            Wanted::Pair { mark, .. } => trace.may_have(*mark),
        }
    }

    /// In the span's attributes or those of one of its events.
    pub(super) fn is_in_span(&self, span: &StoredSpan) -> bool {
        match &self.wanted {
            Wanted::Status(code) => span
                .rest()
                .status
                .is_some_and(|status| status.code == *code as i32),
            Wanted::Pair { key, value, mark } => {
                if !span.may_have(*mark) || !self.may_be_in(span.body()) {
                    return false;
                }
                let span = span.rest();
                holds(&span.attributes, key, value)
                    || span
                        .events
                        .iter()
                        .any(|event| holds(&event.attributes, key, value))
            }
        }
    }

    /// In the attributes of the resource or of the scope.
    pub(super) fn is_in_origin(&self, origin: &Origin) -> bool {
        let Wanted::Pair { key, value, .. } = &self.wanted else {
            return false;
        };
        let resource = Resource::decode(&*origin.resource).unwrap_or_default();
        let scope = InstrumentationScope::decode(&*origin.scope).unwrap_or_default();
        holds(&resource.attributes, key, value) || holds(&scope.attributes, key, value)
    }
}

fn holds(attributes: &[KeyValue], key: &str, value: &str) -> bool {
    attributes.iter().any(|attribute| {
        attribute.key == key
            && attribute
                .value
                .as_ref()
                .is_some_and(|found| text(found) == value)
    })
}

fn encoded(key: &str, value: Option<Value>) -> Vec<u8> {
    let value = value.map(|value| AnyValue { value: Some(value) });
    KeyValue {
        key: key.to_owned(),
        value,
        ..KeyValue::default()
    }
    .encode_to_vec()
}
