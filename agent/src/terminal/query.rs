//! The flags of `sonde traces` as the query part of a URL.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cli::TracesArguments;

/// Path and query for the traces that are asked for.
pub(super) fn search(arguments: &TracesArguments, now: SystemTime) -> String {
    let mut query = Query::default();
    query.text("service", arguments.service.as_deref());
    query.text("operation", arguments.operation.as_deref());
    query.text("status", arguments.status.as_deref());
    query.number("min_ms", arguments.min_duration.map(milliseconds));
    query.number("max_ms", arguments.max_duration.map(milliseconds));
    if arguments.errors {
        query.text("errors", Some("true"));
    }
    for pair in &arguments.attribute {
        query.text("attribute", Some(pair));
    }
    let start = arguments.since.map(|since| {
        let start = now.checked_sub(since).unwrap_or(UNIX_EPOCH);
        milliseconds(start.duration_since(UNIX_EPOCH).unwrap_or_default())
    });
    query.number("start_ms", start);
    query.text("limit", Some(&arguments.limit.to_string()));
    format!("/api/sonde/search?{}", query.0)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[derive(Default)]
struct Query(String);

impl Query {
    fn text(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.bytes() {
            match byte {
                // Unreserved (RFC 3986 section 2.3).
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.0.push(char::from(byte));
                }
                _ => self.0.push_str(&format!("%{byte:02X}")),
            }
        }
    }

    fn number(&mut self, name: &str, value: Option<f64>) {
        self.text(name, value.map(|value| value.to_string()).as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::search;
    use crate::cli::TracesArguments;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn flags_become_parameters() {
        let arguments = TracesArguments {
            service: Some("a b&c".to_owned()),
            min_duration: Some(Duration::from_secs(1)),
            errors: true,
            attribute: vec!["user=ü".to_owned()],
            since: Some(Duration::from_secs(60)),
            limit: 20,
            ..TracesArguments::default()
        };
        assert_eq!(
            search(&arguments, UNIX_EPOCH + Duration::from_secs(100)),
            "/api/sonde/search?service=a%20b%26c&min_ms=1000&errors=true&attribute=user%3D%C3%BC\
             &start_ms=40000&limit=20"
        );
    }
}
