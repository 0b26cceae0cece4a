//! One identity once: no two spans of a run have the same span id, and none has that of a request's own caller.

use std::collections::HashMap;

use sonde_tests::span::{CLIENT, SERVER, Span};

use super::load;

/// Each span id that more than one span has, with those spans in words.
pub(crate) fn repeated(spans: &[Span]) -> Vec<String> {
    let mut by_id: HashMap<&str, Vec<&Span>> = HashMap::new();
    for span in spans {
        by_id.entry(&span.span_id).or_default().push(span);
    }
    let mut all: Vec<String> = by_id
        .into_iter()
        .filter_map(|(id, spans)| {
            let mut words: Vec<String> = spans.iter().map(|span| describe(span)).collect();
            words.extend(load::is_sent_span(id).then(|| "the load's own request".to_owned()));
            (words.len() > 1).then(|| format!("span id {id}: {}", words.join(" and ")))
        })
        .collect();
    all.sort_unstable();
    all
}

fn describe(span: &Span) -> String {
    let kind = match span.kind {
        SERVER => "SERVER",
        CLIENT => "CLIENT",
        _ => "another span",
    };
    let service = span.resource("service.name");
    format!("{kind} {} of {service}", span.target())
}

#[cfg(test)]
mod tests {
    use sonde_tests::span;

    use super::{load, repeated};

    fn spans(ids: &[&str]) -> Vec<span::Span> {
        let one = |id: &&str| format!(r#"{{"kind":3,"traceId":"t","spanId":"{id}"}}"#);
        let all: Vec<String> = ids.iter().map(one).collect();
        let line = format!(
            "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{}]}}]}}]}}\n",
            all.join(",")
        );
        span::parse_lines(&line).unwrap_or_default()
    }

    #[test]
    fn an_id_is_not_given_twice() {
        assert!(repeated(&spans(&["0a", "0b", "0c"])).is_empty());
        let found = repeated(&spans(&["0a", "0b", "0a", "0a"]));
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|text| text.matches("CLIENT").count() == 3));
    }

    #[test]
    fn the_caller_s_id_is_not_adopted() {
        let field = load::traceparent(&load::next_trace());
        let id = field.split('-').nth(2).unwrap_or_default();
        assert_eq!(repeated(&spans(&[id])).len(), 1);
    }
}
