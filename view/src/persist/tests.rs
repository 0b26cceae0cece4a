use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::testing::{failed, request, span, trace_id};
use crate::view::{Options, View};

fn open(folder: &std::path::Path, memory: usize) -> View {
    View::start(&Options {
        memory,
        data: Some(folder.to_owned()),
    })
    .unwrap()
}

fn ingest(view: &View, request: Vec<u8>) {
    view.ingest(request.into(), 1);
    view.drain();
}

fn has(view: &View, trace: u64) -> bool {
    view.shared().read().store.trace(&trace_id(trace)).is_some()
}

#[test]
fn traces_come_back_with_their_late_spans_and_their_class() {
    let folder = tempfile::tempdir().unwrap();
    let view = open(folder.path(), 16 << 20);
    let root = failed(span(1, 1, 0, SpanKind::Server, 5));
    ingest(&view, request("cart", vec![root.clone()]));
    ingest(
        &view,
        request("cart", vec![span(2, 1, 0, SpanKind::Server, 5)]),
    );
    view.shutdown();
    drop(view);

    let view = open(folder.path(), 16 << 20);
    assert!(has(&view, 1) && has(&view, 2));
    let settled = view.shared().write().store.next_settled(u64::MAX).is_some();
    assert!(!settled, "they are neither shown nor counted again");
    ingest(
        &view,
        request("orders", vec![span(1, 2, 1, SpanKind::Client, 3)]),
    );
    view.shutdown();
    drop(view);

    let view = open(folder.path(), 16 << 20);
    let core = view.shared().read();
    let trace = core.store.trace(&trace_id(1)).unwrap();
    assert_eq!(trace.spans.len(), 2);
    assert_eq!(trace.spans[0].decode(&trace_id(1)), root);
    assert_eq!(trace.class, crate::store::Class::Error);
    assert_eq!(&*trace.spans[1].operation.service, "orders");
}

#[test]
fn what_the_store_lets_go_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let view = open(folder.path(), 4 << 20);
    for batch in 0..60_u64 {
        let spans = (0..500)
            .map(|number| span(batch * 500 + number + 1, 1, 0, SpanKind::Server, 5))
            .collect();
        ingest(&view, request("cart", spans));
    }
    assert!(!has(&view, 1));
    let kept = view.shared().read().store.traces();
    view.shutdown();
    drop(view);

    let view = open(folder.path(), 4 << 20);
    assert_eq!(view.shared().read().store.traces(), kept);
    assert!(has(&view, 30_000));
    view.shutdown();
    drop(view);

    // With less memory than before, the newest stay.
    let view = open(folder.path(), 4 << 20);
    assert!(has(&view, 30_000) && !has(&view, 1));
    let size = std::fs::metadata(folder.path().join("traces.redb"))
        .unwrap()
        .len();
    assert!(size < 32 << 20, "{size}");
}

#[test]
fn two_views_do_not_share_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path(), 4 << 20);
    let second = View::start(&Options {
        memory: 4 << 20,
        data: Some(folder.path().to_owned()),
    });
    let error = second.unwrap_err().to_string();
    assert!(
        error.contains(&folder.path().display().to_string()),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("traces.redb"),
        "not a database at all".repeat(1_000),
    )
    .unwrap();
    let view = View::start(&Options {
        memory: 4 << 20,
        data: Some(folder.path().to_owned()),
    });
    assert!(view.is_err());
    let content = std::fs::read(folder.path().join("traces.redb")).unwrap();
    assert!(
        content.starts_with(b"not a database"),
        "it is left as it was"
    );
}
