//! The flags of `sonde traces` as the query part of a URL.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use form_urlencoded::Serializer;

use crate::cli::TracesArguments;

/// Path and query for the traces that are asked for.
pub(super) fn search(arguments: &TracesArguments, now: SystemTime) -> String {
    let mut query = Query(Serializer::new(String::new()));
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
    format!("/api/sonde/search?{}", query.0.finish())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

struct Query(Serializer<'static, String>);

impl Query {
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.append_pair(name, value);
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
            "/api/sonde/search?service=a+b%26c&min_ms=1000&errors=true&attribute=user%3D%C3%BC\
             &start_ms=40000&limit=20"
        );
    }
}
