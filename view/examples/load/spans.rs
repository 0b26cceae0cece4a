//! Traces of a small shop: `edge` asks `orders`, which asks `stock` and a database.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

/// Spans in a trace.
pub(crate) const SPANS: usize = 7;

const SERVICES: [&str; 3] = ["edge", "orders", "stock"];

/// A generator of traces; the same seed gives the same traces.
pub(crate) struct Shop {
    state: u64,
}

impl Shop {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// By `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random() % bound
    }

    /// An encoded request with so many traces that end at `now`, in nanoseconds.
    pub(crate) fn request(&mut self, traces: usize, now: u64) -> Vec<u8> {
        let mut spans: [Vec<Span>; 3] = Default::default();
        for _ in 0..traces {
            self.trace(now, &mut spans);
        }
        let groups = SERVICES.iter().zip(spans);
        ExportTraceServiceRequest {
            resource_spans: groups
                .map(|(service, spans)| resource_spans(service, spans))
                .collect(),
        }
        .encode_to_vec()
    }

    fn trace(&mut self, now: u64, spans: &mut [Vec<Span>; 3]) {
        let mut trace = self.random().to_be_bytes().to_vec();
        trace.extend(self.random().to_be_bytes());
        let slow = if self.below(100) == 0 { 20 } else { 1 };
        let failed = self.below(50) == 0;
        let (item, order) = (self.below(50), self.below(1_000_000));
        let base = (400_000 + self.below(600_000)) * slow;
        let start = now - base * 10;
        let mut last = Vec::new();
        let template = [
            (0, SpanKind::Server, "GET /orders/{id}", 0, 10),
            (0, SpanKind::Client, "GET", 1, 9),
            (1, SpanKind::Server, "GET /orders/{id}", 2, 8),
            (1, SpanKind::Client, "SELECT orders", 2, 3),
            (1, SpanKind::Client, "GET", 4, 8),
            (2, SpanKind::Server, "GET /stock/{item}", 5, 7),
            (2, SpanKind::Internal, "look up", 5, 6),
        ];
        let mut parents: Vec<Vec<u8>> = Vec::new();
        for (place, (service, kind, name, begin, end)) in template.into_iter().enumerate() {
            let id = self.random().to_be_bytes().to_vec();
            let parent = match place {
                0 => Vec::new(),
                4 => parents[2].clone(),
                _ => last,
            };
            let mut span = Span {
                trace_id: trace.clone(),
                span_id: id.clone(),
                parent_span_id: parent,
                name: name.to_owned(),
                kind: kind as i32,
                start_time_unix_nano: start + begin * base,
                end_time_unix_nano: start + end * base,
                ..Span::default()
            };
            describe(&mut span, place, order, item, failed);
            spans[service].push(span);
            last = if place == 3 {
                parents[2].clone()
            } else {
                id.clone()
            };
            parents.push(id);
        }
    }
}

fn describe(span: &mut Span, place: usize, order: u64, item: u64, failed: bool) {
    if place == 3 {
        span.attributes = vec![
            text("db.system.name", "postgresql"),
            text("db.namespace", "shop"),
            text("db.query.text", "SELECT * FROM orders WHERE id = $1"),
            text("server.address", "db.shop.example"),
        ];
        return;
    }
    if place == 6 {
        span.attributes = vec![int("shop.item", item)];
        return;
    }
    let target = if place > 3 {
        format!("/stock/{item}")
    } else {
        format!("/orders/{order}")
    };
    span.attributes = vec![
        text("http.request.method", "GET"),
        text("url.path", &target),
        text("url.scheme", "http"),
        text("server.address", "shop.example"),
        int("server.port", 8080),
        text("network.protocol.version", "1.1"),
        text("network.peer.address", "10.1.2.3"),
        int("network.peer.port", 40_000 + item),
        text("user_agent.original", "python-requests/2.32.3"),
        int("http.response.status_code", if failed { 500 } else { 200 }),
        int("http.response.body.size", 500 + item),
    ];
    if failed {
        span.attributes.push(text("error.type", "500"));
        span.status = Some(Status {
            message: String::new(),
            code: 2,
        });
    }
}

fn resource_spans(service: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![
                text("service.name", service),
                text("telemetry.sdk.language", "python"),
                text("host.name", "node-1"),
                text("process.executable.path", "/usr/bin/python3.13"),
                int("process.pid", 4_711),
            ],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "sonde".to_owned(),
                version: "0.1.0".to_owned(),
                ..InstrumentationScope::default()
            }),
            spans,
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(value.cast_signed()))
}
