//! Traces as indented trees of lines.
//!
//! The spans of a trace come one by one, children before parents; a trace is printed when nothing was added to it
//! for a while. What comes later is printed as a tree of its own, below a line that says that its parent is elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use opentelemetry_semantic_conventions::attribute::{HTTP_RESPONSE_STATUS_CODE, SERVICE_NAME};
use rustc_hash::FxHashMap;

/// Time without a new span after which a trace is printed.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Spans held at most; beyond, the traces that have waited longest are printed as they are.
const MAX_SPANS: usize = 20_000;

/// Whether to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Colour,
}

impl Style {
    /// Colour on a terminal, unless the variable `NO_COLOR` (<https://no-color.org>) is set.
    pub(super) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !refused {
            Self::Colour
        } else {
            Self::Plain
        }
    }

    fn paint(self, code: &'static str) -> (&'static str, &'static str) {
        match self {
            Self::Plain => ("", ""),
            Self::Colour => (code, "\x1b[0m"),
        }
    }
}

/// One line to be.
struct Line {
    service: String,
    span: Span,
}

struct Trace {
    lines: Vec<Line>,
    last: Instant,
}

/// Traces that have not settled.
#[derive(Default)]
pub(super) struct Forest {
    traces: FxHashMap<Vec<u8>, Trace>,
    spans: usize,
}

impl Forest {
    pub(super) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Adds the spans of one request.
    pub(super) fn add(&mut self, request: ExportTraceServiceRequest, now: Instant) {
        for resource in request.resource_spans {
            let service = service_name(&resource);
            for span in resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans)
            {
                let trace = self
                    .traces
                    .entry(span.trace_id.clone())
                    .or_insert_with(|| Trace {
                        lines: Vec::new(),
                        last: now,
                    });
                trace.last = now;
                trace.lines.push(Line {
                    service: service.clone(),
                    span,
                });
                self.spans += 1;
            }
        }
    }

    /// Takes out the traces that have settled, and the oldest ones when there are too many spans.
    pub(super) fn settled(&mut self, now: Instant, style: Style) -> String {
        let is_crowded = self.spans > MAX_SPANS;
        self.take(style, |trace| {
            is_crowded || now.saturating_duration_since(trace.last) >= SETTLE
        })
    }

    /// Takes out everything.
    pub(super) fn all(&mut self, style: Style) -> String {
        self.take(style, |_| true)
    }

    fn take(&mut self, style: Style, ready: impl Fn(&Trace) -> bool) -> String {
        let mut taken: Vec<Trace> = self
            .traces
            .extract_if(|_, trace| ready(trace))
            .map(|(_, trace)| trace)
            .collect();
        taken.sort_by_key(|trace| {
            trace
                .lines
                .iter()
                .map(|line| line.span.start_time_unix_nano)
                .min()
        });
        let mut text = String::new();
        for trace in &taken {
            self.spans -= trace.lines.len();
            put_trace(&mut text, trace, style);
        }
        text
    }
}

fn service_name(resource: &ResourceSpans) -> String {
    let attributes = resource
        .resource
        .iter()
        .flat_map(|resource| &resource.attributes);
    let name = attributes
        .into_iter()
        .find(|attribute| attribute.key == SERVICE_NAME);
    match name.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name.clone(),
        _ => "unknown_service".to_owned(),
    }
}

/// One request's traces, in colour if stdout is a terminal.
pub(crate) fn render(request: ExportTraceServiceRequest) -> String {
    let mut forest = Forest::default();
    forest.add(request, Instant::now());
    forest.all(Style::of_stdout())
}

/// A line for the trace, then its roots: spans without parent, or whose parent is not here.
fn put_trace(text: &mut String, trace: &Trace, style: Style) {
    let mut children: BTreeMap<&[u8], Vec<&Line>> = BTreeMap::new();
    let mut roots = Vec::new();
    for line in &trace.lines {
        let parent = &line.span.parent_span_id;
        let is_here = !parent.is_empty()
            && trace
                .lines
                .iter()
                .any(|other| &other.span.span_id == parent);
        if is_here && parent != &line.span.span_id {
            children.entry(parent).or_default().push(line);
        } else {
            roots.push(line);
        }
    }
    for lines in children.values_mut().chain([&mut roots]) {
        lines.sort_by_key(|line| line.span.start_time_unix_nano);
    }
    let (dim, end) = style.paint("\x1b[2m");
    text.push_str(dim);
    text.push_str("trace ");
    for byte in trace
        .lines
        .first()
        .map_or(&[][..], |line| &line.span.trace_id)
    {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(end);
    text.push('\n');
    put_lines(text, roots, &mut children, style);
}

/// Depth first with a stack of its own, so that no depth of calls is too deep. Taking the children out as they are
/// printed ends circles, which only a broken parent id makes.
fn put_lines(
    text: &mut String,
    roots: Vec<&Line>,
    children: &mut BTreeMap<&[u8], Vec<&Line>>,
    style: Style,
) {
    let mut stack: Vec<(usize, &Line)> = roots.into_iter().rev().map(|line| (1, line)).collect();
    while let Some((depth, line)) = stack.pop() {
        put_line(text, depth, line, style);
        let below = children
            .remove(line.span.span_id.as_slice())
            .unwrap_or_default();
        stack.extend(below.into_iter().rev().map(|line| (depth + 1, line)));
    }
}

fn put_line(text: &mut String, depth: usize, line: &Line, style: Style) {
    let span = &line.span;
    let (bold, end) = style.paint("\x1b[1m");
    let _ = write!(text, "{:width$}{bold}", "", width = 2 * depth.min(40));
    put_escaped(text, &line.service);
    let _ = write!(text, "{end} {} ", kind(span));
    put_escaped(text, &span.name);
    put_status(text, span, style);
    let duration = Duration::from_nanos(
        span.end_time_unix_nano
            .saturating_sub(span.start_time_unix_nano),
    );
    let _ = writeln!(text, " {}", duration_text(duration));
}

fn kind(span: &Span) -> &'static str {
    match span.kind() {
        SpanKind::Server => "SERVER",
        SpanKind::Client => "CLIENT",
        SpanKind::Internal => "INTERNAL",
        SpanKind::Producer => "PRODUCER",
        SpanKind::Consumer => "CONSUMER",
        SpanKind::Unspecified => "-",
    }
}

/// The response's status code if there is one, and ERROR with its description.
fn put_status(text: &mut String, span: &Span, style: Style) {
    let code = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == HTTP_RESPONSE_STATUS_CODE);
    if let Some(Value::IntValue(code)) =
        code.and_then(|attribute| attribute.value.as_ref()?.value.as_ref())
    {
        let _ = write!(text, " {code}");
    }
    let Some(status) = span
        .status
        .as_ref()
        .filter(|status| status.code() == StatusCode::Error)
    else {
        return;
    };
    let (red, end) = style.paint("\x1b[31m");
    let _ = write!(text, " {red}ERROR");
    if !status.message.is_empty() {
        text.push(' ');
        put_escaped(text, &status.message);
    }
    text.push_str(end);
}

fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.001 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.0} us", seconds * 1e6)
    }
}

/// What a service sends must not steer the reader's terminal.
pub(crate) fn put_escaped(text: &mut String, raw: &str) {
    for character in raw.chars() {
        // Format characters that turn the direction of text are as good at hiding as control characters.
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
}

#[cfg(test)]
mod tests;
