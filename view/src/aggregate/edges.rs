//! Who calls whom, from a trace that is complete.
//!
//! A client span and the server span below it are one call, counted with what the client saw. A client span with no
//! server span below it is a call to something without spans of its own, named by what the span says of its peer.

use opentelemetry_proto::tonic::trace::v1::Span;
use rustc_hash::FxHashMap;

use super::{Aggregates, Edge};
use crate::otlp::{attribute, name, text};
use crate::store::{StoredSpan, Trace};

/// Attributes that name a peer, the best first; old names of the conventions included.
const PEERS: [&str; 7] = [
    "service.peer.name",
    "peer.service",
    "db.system.name",
    "db.system",
    "messaging.system",
    "server.address",
    "net.peer.name",
];

impl Aggregates {
    /// Counts the edges of a trace that were not counted before.
    pub(crate) fn record_edges(&mut self, trace: &mut Trace, now: u32) {
        if trace.spans.iter().all(|span| span.counted) {
            return;
        }
        for (edge, place) in edges(&trace.spans) {
            self.record_edge(edge, &trace.spans[place], now);
        }
        for span in &mut trace.spans {
            span.counted = true;
        }
    }
}

/// New edges, each with the place of the span that says how it went.
fn edges(spans: &[StoredSpan]) -> Vec<(Edge, usize)> {
    let mut children: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
    for (place, span) in spans.iter().enumerate() {
        if span.operation.is_incoming() && span.parent != 0 {
            children.entry(span.parent).or_default().push(place);
        }
    }
    let mut found = Vec::new();
    for (place, span) in spans.iter().enumerate() {
        let servers = children.get(&span.id).map_or(&[][..], Vec::as_slice);
        if span.operation.is_outgoing() {
            if !span.counted {
                found.extend(outgoing(span, servers, spans).map(|edge| (edge, place)));
            }
            continue;
        }
        // A service that hides its client spans.
        let direct = servers.iter().filter(|server| {
            let server = &spans[**server];
            !server.counted && server.operation.service != span.operation.service
        });
        found.extend(direct.map(|server| (between(span, &spans[*server]), *server)));
    }
    found
}

fn outgoing<'a>(
    span: &'a StoredSpan,
    servers: &'a [usize],
    spans: &'a [StoredSpan],
) -> impl Iterator<Item = Edge> + 'a {
    let external = if servers.is_empty() {
        peer(&span.rest()).map(|server| Edge {
            client: span.operation.service.clone(),
            server,
            external: true,
        })
    } else {
        None
    };
    servers
        .iter()
        .map(|server| between(span, &spans[*server]))
        .chain(external)
}

fn between(client: &StoredSpan, server: &StoredSpan) -> Edge {
    Edge {
        client: client.operation.service.clone(),
        server: server.operation.service.clone(),
        external: false,
    }
}

fn peer(span: &Span) -> Option<Box<str>> {
    let value = |key: &str| {
        let value = attribute(&span.attributes, key).map(text)?;
        (!value.is_empty()).then_some(value)
    };
    let (key, found) = PEERS
        .iter()
        .find_map(|key| value(key).map(|found| (*key, found)))?;
    let port = match key {
        "server.address" => value("server.port"),
        "net.peer.name" => value("net.peer.port"),
        _ => None,
    };
    Some(match port {
        Some(port) => name(&format!("{found}:{port}")),
        None => name(&found),
    })
}
