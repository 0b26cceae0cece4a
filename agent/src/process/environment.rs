//! What the target's own environment says about its telemetry: `OTEL_SERVICE_NAME` and
//! `OTEL_RESOURCE_ATTRIBUTES`, as the OpenTelemetry SDK specification defines them.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Attributes taken from one environment, and the length of a key or value: past these they are left out.
const MAX_ATTRIBUTES: usize = 64;
const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 4096;
/// Distinct keys kept for the life of the agent; see [`intern`].
const MAX_KEYS: usize = 1024;

/// The variables of one process, as in `/proc/PID/environ`.
#[derive(Debug, Default)]
pub(super) struct Environment(Vec<u8>);

impl Environment {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Value of a variable; empty counts as unset, as the specification asks.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = self.0.split(|byte| *byte == 0).find_map(|entry| {
            let rest = entry.strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        })?;
        (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
    }

    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded.
    pub(super) fn resource_attributes(&self) -> Vec<(String, String)> {
        self.get("OTEL_RESOURCE_ATTRIBUTES")
            .and_then(|text| parse_attributes(&text))
            .unwrap_or_default()
    }
}

/// `key=value,key=value` with percent-encoding. Nothing if any part is malformed: the specification
/// asks to discard the whole value then.
fn parse_attributes(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let mut attributes = Vec::new();
    for pair in pairs.take(MAX_ATTRIBUTES) {
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (percent_decoded(key.trim())?, percent_decoded(value.trim())?);
        if key.is_empty() {
            return None;
        }
        if key.len() <= MAX_KEY_BYTES && value.len() <= MAX_VALUE_BYTES {
            attributes.push((key, value));
        }
    }
    Some(attributes)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

/// A key that lives as long as the agent, because an attribute's key is `&'static str`.
///
/// Keys from environments are few and repeat; the set is bounded (128 KiB in all), so a hostile
/// process that invents keys gets `None` and costs nothing more.
pub(super) fn intern(key: &str) -> Option<&'static str> {
    static KEYS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut keys = KEYS.lock().ok()?;
    if let Some(known) = keys.get(key) {
        return Some(known);
    }
    if keys.len() >= MAX_KEYS {
        return None;
    }
    let key: &'static str = Box::leak(key.to_owned().into_boxed_str());
    keys.insert(key);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes() {
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: [(&str, Option<Pairs>); 8] = [
            ("a=1,b=2", Some(&[("a", "1"), ("b", "2")])),
            (" a = 1 , b=2,", Some(&[("a", "1"), ("b", "2")])),
            ("a=x%2Cy%3D%C3%A9", Some(&[("a", "x,y=é")])),
            ("a=b=c", Some(&[("a", "b=c")])),
            ("a=", Some(&[("a", "")])),
            ("a=1,b", None),
            ("a=50%", None),
            ("=1", None),
        ];
        for (text, expected) in cases {
            let got = parse_attributes(text);
            let got = got.as_ref().map(|pairs| {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()));
                pairs.collect::<Vec<_>>()
            });
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn variables() {
        let environment = Environment::new(b"AB=1\0A=2\0EMPTY=\0BAD=\xff\0".to_vec());
        assert_eq!(environment.get("A").as_deref(), Some("2"));
        assert_eq!(environment.get("EMPTY"), None);
        assert_eq!(environment.get("BAD").as_deref(), Some("\u{fffd}"));
        assert_eq!(environment.get("NONE"), None);
    }

    proptest! {
        #[test]
        fn encoded_comes_back(value in "\\PC{0,40}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(percent_decoded(&encoded), Some(value));
        }

        #[test]
        fn anything_is_survived(text in "(?s).{0,100}") {
            parse_attributes(&text);
        }
    }
}
