//! `sonde traces`: the traces that match, the newest first.

use std::time::SystemTime;

use super::client::Client;
use super::model::{Found, Summary};
use super::table::{numbers, render, words};
use super::{format, query};
use crate::cli::{Failure, TracesArguments};

/// The table, or the view's JSON.
///
/// # Errors
/// There is no agent to ask, or it refuses the query.
pub fn traces(arguments: &TracesArguments) -> Result<String, Failure> {
    let client = Client::new(&arguments.socket.path)?;
    let found: Found = client.get(&query::search(arguments, SystemTime::now()))?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&found.traces);
        return text
            .map(|text| text + "\n")
            .map_err(|error| Failure::run_time("cannot write JSON").because(error));
    }
    Ok(table(&found.traces))
}

fn table(traces: &[Summary]) -> String {
    if traces.is_empty() {
        return "no traces match\n".to_owned();
    }
    let columns = [
        words("START"),
        words("TRACE"),
        numbers("DURATION"),
        numbers("SPANS"),
        numbers("ERRORS"),
        words("SERVICE"),
        words("OPERATION"),
    ];
    let rows: Vec<[String; 7]> = traces.iter().map(row).collect();
    render(columns, &rows)
}

fn row(trace: &Summary) -> [String; 7] {
    [
        format::time(trace.start_ms),
        format::escaped(&trace.trace_id),
        format::milliseconds(Some(trace.duration_ms)),
        trace.spans.to_string(),
        trace.errors.to_string(),
        format::cut(&format::escaped(&trace.service), 40),
        operation(trace),
    ]
}

/// A call that no request is known to have caused is said to be one.
fn operation(trace: &Summary) -> String {
    let name = format::cut(&format::escaped(&trace.operation), 80);
    if trace.fragment {
        format!("{name} (cause not known)")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_say_so() {
        let trace = |fragment| Summary {
            operation: "GET".to_owned(),
            fragment,
            ..Summary::default()
        };
        let text = table(&[trace(false), trace(true)]);
        let ends: Vec<&str> = text
            .lines()
            .skip(1)
            .map(|line| line.rsplit("  ").next().unwrap_or_default())
            .collect();
        assert_eq!(ends, ["GET", "GET (cause not known)"], "{text}");
    }
}
