//! The shapes of Jaeger's JSON, field by field (`internal/uimodel/model.go` there).

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::{Serialize, Serializer};

use crate::otlp::hex;
use crate::store::TraceId;

/// What every answer is wrapped in.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<T> {
    pub(crate) data: Option<T>,
    pub(crate) total: usize,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) errors: Option<Vec<Fault>>,
}

/// An element of `errors`.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u16>,
    pub(crate) msg: String,
    #[serde(rename = "traceID", skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

impl<T> Answer<T> {
    /// An answer without a total.
    pub(crate) const fn of(data: T) -> Self {
        Self {
            data: Some(data),
            total: 0,
            limit: 0,
            offset: 0,
            errors: None,
        }
    }
}

impl<T> Answer<Vec<T>> {
    /// An answer that says how many there are.
    pub(crate) fn counted(data: Vec<T>) -> Self {
        Self {
            total: data.len(),
            ..Self::of(data)
        }
    }
}

impl Answer<()> {
    /// What went wrong.
    pub(crate) fn fault(code: u16, message: String) -> Self {
        Self {
            data: None,
            total: 0,
            limit: 0,
            offset: 0,
            errors: Some(vec![Fault {
                code: Some(code),
                msg: message,
                trace_id: None,
            }]),
        }
    }
}

/// An element of `/api/operations`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct OperationName {
    pub(crate) name: String,
    #[serde(rename = "spanKind")]
    pub(crate) span_kind: &'static str,
}

/// An element of `/api/dependencies`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dependency {
    pub(crate) parent: String,
    pub(crate) child: String,
    pub(crate) call_count: u64,
}

/// A trace.
#[derive(Debug, Serialize)]
pub(crate) struct UiTrace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<UiSpan>,
    processes: BTreeMap<String, Process>,
    /// Always null: there is no warning about a trace.
    warnings: (),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UiSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    references: Vec<UiReference>,
    start_time: u64,
    duration: u64,
    tags: Vec<Tag>,
    logs: Vec<UiLog>,
    #[serde(rename = "processID")]
    process_id: String,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct UiReference {
    #[serde(rename = "refType")]
    kind: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Serialize)]
struct UiLog {
    timestamp: u64,
    fields: Vec<Tag>,
}

/// Who made a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Process {
    #[serde(rename = "serviceName")]
    pub(super) service: String,
    pub(super) tags: Vec<Tag>,
}

/// A span on its way to JSON; times in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace_id: TraceId,
    pub(super) id: u64,
    pub(super) operation: String,
    pub(super) references: Vec<Reference>,
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) tags: Vec<Tag>,
    pub(super) logs: Vec<Log>,
    pub(super) process: Process,
    pub(super) warnings: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) follows: bool,
    pub(super) trace_id: TraceId,
    pub(super) span_id: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) time: u64,
    pub(super) fields: Vec<Tag>,
}

/// A key with a value that has a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: TagValue,
}

/// In the order that Jaeger sorts them in.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum TagValue {
    Text(String),
    Bool(bool),
    Int(i64),
    Float(f64),
    Binary(Vec<u8>),
}

/// Integers beyond this are strings, since JavaScript would round them.
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a, V> {
            key: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            value: V,
        }
        fn shape<S: Serializer>(
            key: &str,
            kind: &str,
            value: impl Serialize,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            Shape { key, kind, value }.serialize(to)
        }
        let key = &self.key;
        match &self.value {
            TagValue::Text(text) => shape(key, "string", text, serializer),
            TagValue::Bool(boolean) => shape(key, "bool", boolean, serializer),
            TagValue::Int(number) if number.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs() => {
                shape(key, "int64", number.to_string(), serializer)
            }
            TagValue::Int(number) => shape(key, "int64", number, serializer),
            TagValue::Float(number) => shape(key, "float64", number, serializer),
            TagValue::Binary(bytes) => {
                let text = base64::prelude::BASE64_STANDARD.encode(bytes);
                shape(key, "binary", text, serializer)
            }
        }
    }
}

/// Numbers the processes, in the order in which spans name them.
pub(super) fn ui_trace(id: &TraceId, spans: Vec<Span>) -> UiTrace {
    let mut processes: Vec<Process> = Vec::new();
    let spans = spans
        .into_iter()
        .map(|span| {
            let known = processes.iter().position(|known| *known == span.process);
            let place = known.unwrap_or_else(|| {
                processes.push(span.process.clone());
                processes.len() - 1
            });
            UiSpan::of(span, key(place))
        })
        .collect();
    UiTrace {
        trace_id: trace_hex(id),
        spans,
        processes: processes
            .into_iter()
            .enumerate()
            .map(|(place, process)| (key(place), process))
            .collect(),
        warnings: (),
    }
}

/// Jaeger shows an id of 64 bits with 16 digits.
fn trace_hex(id: &TraceId) -> String {
    match id.split_first_chunk::<8>() {
        Some(([0, 0, 0, 0, 0, 0, 0, 0], low)) => hex(low),
        _ => hex(id),
    }
}

fn key(place: usize) -> String {
    format!("p{}", place + 1)
}

impl UiSpan {
    fn of(span: Span, process_id: String) -> Self {
        Self {
            trace_id: trace_hex(&span.trace_id),
            span_id: format!("{:016x}", span.id),
            operation_name: span.operation,
            references: span.references.into_iter().map(UiReference::of).collect(),
            start_time: span.start / 1_000,
            duration: span.duration / 1_000,
            tags: span.tags,
            logs: span
                .logs
                .into_iter()
                .map(|log| UiLog {
                    timestamp: log.time / 1_000,
                    fields: log.fields,
                })
                .collect(),
            process_id,
            warnings: (!span.warnings.is_empty()).then_some(span.warnings),
        }
    }
}

impl UiReference {
    fn of(reference: Reference) -> Self {
        Self {
            kind: if reference.follows {
                "FOLLOWS_FROM"
            } else {
                "CHILD_OF"
            },
            trace_id: trace_hex(&reference.trace_id),
            span_id: format!("{:016x}", reference.span_id),
        }
    }
}

/// What is said of a trace that is not here.
pub(crate) fn not_found(id: &TraceId) -> Fault {
    Fault {
        code: None,
        msg: "trace not found".to_owned(),
        trace_id: Some(trace_hex(id)),
    }
}
