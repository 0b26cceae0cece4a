//! What Jaeger does to a trace before it shows it (`querysvc/adjusters.go` there): sorts tags, moves those about the SDK to
//! the process, warns about parents that are missing and clocks that differ, and drops references to nothing.
//!
//! Jaeger's default is not to correct clocks (`max-clock-skew-adjust: 0s`), and so it is here.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::duration::go;
use super::model::{Span, Tag, TagValue};

/// Span attributes that are about the process.
const OF_PROCESS: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

/// Does all of it.
pub(super) fn adjust(spans: &mut [Span]) {
    for span in spans.iter_mut() {
        sort(&mut span.tags);
        sort(&mut span.process.tags);
        for log in &mut span.logs {
            sort_fields(&mut log.fields);
        }
    }
    warn_of_clocks(spans);
    for span in spans {
        adjust_addresses(&mut span.tags);
        adjust_addresses(&mut span.process.tags);
        move_to_process(span);
        sort(&mut span.process.tags);
        check_references(span);
        put_parent_first(span);
    }
}

fn sort(tags: &mut [Tag]) {
    tags.sort_by(|left, right| {
        left.key.cmp(&right.key).then_with(|| {
            left.value
                .partial_cmp(&right.value)
                .unwrap_or(Ordering::Equal)
        })
    });
}

/// The name of the event stays in front.
fn sort_fields(fields: &mut [Tag]) {
    let event = fields
        .iter()
        .position(|field| field.key == "event" && matches!(field.value, TagValue::Text(_)));
    match event {
        Some(place) => {
            fields.swap(0, place);
            sort(&mut fields[1..]);
        }
        None => sort(fields),
    }
}

fn move_to_process(span: &mut Span) {
    let (moved, kept) = std::mem::take(&mut span.tags)
        .into_iter()
        .partition(|tag| OF_PROCESS.contains(&tag.key.as_str()));
    span.tags = kept;
    span.process.tags.extend::<Vec<Tag>>(moved);
}

/// Addresses that came as numbers.
fn adjust_addresses(tags: &mut [Tag]) {
    for tag in tags
        .iter_mut()
        .filter(|tag| matches!(tag.key.as_str(), "ip" | "peer.ipv4"))
    {
        let number = match tag.value {
            TagValue::Int(number) => number as u32,
            TagValue::Float(number) => number as u32,
            _ => continue,
        };
        tag.value = TagValue::Text(std::net::Ipv4Addr::from(number).to_string());
    }
}

fn check_references(span: &mut Span) {
    let (valid, invalid): (Vec<_>, Vec<_>) = std::mem::take(&mut span.references)
        .into_iter()
        .partition(|reference| reference.trace_id != [0; 16]);
    span.references = valid;
    for reference in invalid {
        span.warnings.push(format!(
            "Invalid span reference removed {{TraceID:{} SpanID:{:016x} RefType:{}}}",
            "0".repeat(32),
            reference.span_id,
            if reference.follows {
                "FOLLOWS_FROM"
            } else {
                "CHILD_OF"
            },
        ));
    }
}

fn put_parent_first(span: &mut Span) {
    let own = |follows: bool| {
        span.references.iter().position(|reference| {
            reference.trace_id == span.trace_id && reference.follows == follows
        })
    };
    if let Some(place) = own(false).or_else(|| own(true)) {
        span.references.swap(0, place);
    }
}

/// Walks from the roots, since the difference of a parent's clock is its children's, too.
fn warn_of_clocks(spans: &mut [Span]) {
    let places: FxHashMap<u64, usize> = spans
        .iter()
        .enumerate()
        .rev()
        .map(|(place, span)| (span.id, place))
        .collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut walk: Vec<(usize, Option<usize>)> = Vec::new();
    for (place, span) in spans.iter_mut().enumerate() {
        if places.get(&span.id) != Some(&place) {
            let warning = "duplicate span IDs; skipping clock skew adjustment";
            span.warnings.push(warning.to_owned());
            continue;
        }
        let parent = parent(span);
        match places.get(&parent) {
            _ if parent == 0 => walk.push((place, None)),
            Some(parent) => children[*parent].push(place),
            None => {
                span.warnings.push(format!(
                    "invalid parent span IDs={parent:016x}; skipping clock skew adjustment"
                ));
                walk.push((place, None));
            }
        }
    }
    let mut skews: Vec<i64> = vec![0; spans.len()];
    while let Some((place, above)) = walk.pop() {
        if let Some(above) = above {
            let unknown = host(&spans[place]).is_empty();
            skews[place] = if unknown || host(&spans[place]) != host(&spans[above]) {
                skew(&spans[place], &spans[above])
            } else {
                skews[above]
            };
        }
        if skews[place] != 0 {
            let delta = go(skews[place]);
            spans[place].warnings.push(format!(
                "clock skew adjustment disabled; not applying calculated delta of {delta}"
            ));
        }
        walk.extend(children[place].iter().map(|child| (*child, Some(place))));
    }
}

/// Of the same trace, which is where Jaeger looks.
fn parent(span: &Span) -> u64 {
    let own = |follows: bool| {
        span.references
            .iter()
            .find(|reference| reference.trace_id == span.trace_id && reference.follows == follows)
    };
    own(false)
        .or_else(|| own(true))
        .map_or(0, |reference| reference.span_id)
}

fn host(span: &Span) -> &str {
    let tag = span.process.tags.iter().find(|tag| tag.key == "ip");
    match tag.map(|tag| &tag.value) {
        Some(TagValue::Text(address)) => address,
        _ => "",
    }
}

/// What the child's clock would have to be set forward by to lie within its parent.
fn skew(child: &Span, parent: &Span) -> i64 {
    let end = |span: &Span| span.start.saturating_add(span.duration);
    let difference = |left: u64, right: u64| left.wrapping_sub(right).cast_signed();
    if child.duration > parent.duration {
        return difference(parent.start, child.start).max(0);
    }
    if child.start >= parent.start && end(child) <= end(parent) {
        return 0;
    }
    let latency = (parent.duration - child.duration) / 2;
    difference(parent.start.saturating_add(latency), child.start)
}
