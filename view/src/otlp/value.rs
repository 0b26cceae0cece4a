//! Attribute values as text.

use std::fmt::Write as _;

use base64::Engine as _;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::Value as Json;

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The value of an attribute.
pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a AnyValue> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()
}

/// As the Collector's `AsString`: arrays and maps as JSON, bytes in base64.
pub(crate) fn text(value: &AnyValue) -> String {
    match &value.value {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BytesValue(bytes)) => base64::prelude::BASE64_STANDARD.encode(bytes),
        Some(Value::DoubleValue(number)) => double(*number),
        Some(_) => json(value).to_string(),
    }
}

/// Go writes whole numbers without a fraction.
fn double(number: f64) -> String {
    if number.is_finite() && number.fract() == 0.0 && number.abs() < 1e21 {
        return format!("{number:.0}");
    }
    number.to_string()
}

fn json(value: &AnyValue) -> Json {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone().into(),
        Some(Value::BoolValue(boolean)) => (*boolean).into(),
        Some(Value::IntValue(number)) => (*number).into(),
        Some(Value::DoubleValue(number)) => {
            serde_json::Number::from_f64(*number).map_or(Json::Null, Json::Number)
        }
        Some(Value::BytesValue(bytes)) => base64::prelude::BASE64_STANDARD.encode(bytes).into(),
        Some(Value::ArrayValue(array)) => array.values.iter().map(json).collect(),
        Some(Value::KvlistValue(map)) => map
            .values
            .iter()
            .map(|entry| {
                let value = entry.value.as_ref().map_or(Json::Null, json);
                (entry.key.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => Json::Null,
    }
}
