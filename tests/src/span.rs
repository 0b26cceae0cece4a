//! What a test reads from one exported span.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// OTLP `SpanKind` SERVER.
pub const SERVER: u64 = 2;
/// OTLP `SpanKind` CLIENT.
pub const CLIENT: u64 = 3;
/// OTLP `StatusCode` ERROR.
pub const ERROR: u64 = 2;

/// Attributes as text: integers and booleans in their usual form.
pub type Attributes = BTreeMap<String, String>;

/// One span of an OTLP JSON export request.
#[derive(Clone, Debug)]
pub struct Span {
    /// Of the ResourceSpans that it is in.
    pub resource: Attributes,
    /// Of the ScopeSpans that it is in.
    pub scope: String,
    /// OTLP number of the kind.
    pub kind: u64,
    /// Name.
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits, or empty.
    pub parent_span_id: String,
    /// W3C tracestate.
    pub trace_state: String,
    /// OTLP flags: the low 8 bits are the W3C trace-flags.
    pub flags: u64,
    /// Nanoseconds since the epoch.
    pub start_ns: u64,
    /// Nanoseconds since the epoch.
    pub end_ns: u64,
    /// OTLP number of the status code.
    pub status: u64,
    /// Attributes.
    pub attributes: Attributes,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
}

impl Span {
    /// An attribute, or the empty text.
    pub fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }

    /// A resource attribute, or the empty text.
    pub fn resource(&self, key: &str) -> &str {
        self.resource.get(key).map_or("", String::as_str)
    }

    /// Path and query, from the attributes of either kind.
    pub fn target(&self) -> String {
        let full = self.get("url.full");
        if let Some((_, rest)) = full.split_once("://") {
            return rest
                .find('/')
                .map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned());
        }
        match self.get("url.query") {
            "" => self.get("url.path").to_owned(),
            query => format!("{}?{query}", self.get("url.path")),
        }
    }

    /// Milliseconds from start to end.
    pub fn milliseconds(&self) -> f64 {
        let nanoseconds = self.end_ns.saturating_sub(self.start_ns);
        std::time::Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
    }
}

/// All spans of a text of which each whole line is one `ExportTraceServiceRequest`; an unfinished last line is left out.
pub fn parse_lines(text: &str) -> Result<Vec<Span>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut spans = Vec::new();
    for line in whole.lines().filter(|line| !line.is_empty()) {
        let request = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        append_request(&request, &mut spans);
    }
    Ok(spans)
}

fn append_request(request: &Value, spans: &mut Vec<Span>) {
    for resource_spans in list(request, "resourceSpans") {
        let resource = attributes(&resource_spans["resource"]);
        for scope_spans in list(resource_spans, "scopeSpans") {
            let scope = text(&scope_spans["scope"], "name");
            spans.extend(
                list(scope_spans, "spans")
                    .iter()
                    .map(|span| span_of(span, &resource, &scope)),
            );
        }
    }
}

fn span_of(span: &Value, resource: &Attributes, scope: &str) -> Span {
    Span {
        resource: resource.clone(),
        scope: scope.to_owned(),
        kind: number(span, "kind"),
        name: text(span, "name"),
        trace_id: text(span, "traceId"),
        span_id: text(span, "spanId"),
        parent_span_id: text(span, "parentSpanId"),
        trace_state: text(span, "traceState"),
        flags: number(span, "flags"),
        start_ns: number(span, "startTimeUnixNano"),
        end_ns: number(span, "endTimeUnixNano"),
        status: number(&span["status"], "code"),
        attributes: attributes(span),
        links: list(span, "links")
            .iter()
            .map(|link| (text(link, "traceId"), text(link, "spanId")))
            .collect(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// OTLP JSON writes 64-bit integers as text and enumerations as numbers.
fn number(value: &Value, key: &str) -> u64 {
    match &value[key] {
        Value::String(digits) => digits.parse().unwrap_or(0),
        other => other.as_u64().unwrap_or(0),
    }
}

fn attributes(owner: &Value) -> Attributes {
    let pair = |attribute: &Value| (text(attribute, "key"), any_value(&attribute["value"]));
    list(owner, "attributes").iter().map(pair).collect()
}

/// The one member of an OTLP `AnyValue`, as text.
fn any_value(value: &Value) -> String {
    match value
        .as_object()
        .and_then(|members| members.values().next())
    {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(array)) => {
            let values = array.get("values").and_then(Value::as_array);
            let texts: Vec<String> = values.into_iter().flatten().map(any_value).collect();
            texts.join(",")
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
