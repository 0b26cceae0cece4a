use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use proptest::prelude::*;

use super::*;
use crate::counters::Loss;
use crate::testing::{BEGIN, failed, span, text, trace_id};

const NOW: u64 = BEGIN / 1_000_000;

fn origin(service: u64) -> Origin {
    Origin {
        service: format!("service-{service}").into(),
        resource: vec![7; 100].into(),
        ..Origin::default()
    }
}

fn core(memory: usize) -> Core {
    Core::new(memory, Arc::default())
}

#[test]
fn a_span_that_comes_twice_counts_once() {
    let mut core = core(4 << 20);
    for _ in 0..3 {
        let sent = span(1, 1, 0, SpanKind::Server, 5);
        core.insert(&origin(1), [sent].into_iter(), NOW, None);
    }
    let (_, series) = core.aggregates.services().next().unwrap();
    assert_eq!(series.totals(seconds(NOW), 60).requests, 1);
    assert_eq!(core.counters.spans.load(Ordering::Relaxed), 1);
    assert_eq!(core.counters.duplicates.load(Ordering::Relaxed), 2);
}

#[test]
fn slow_requests_are_kept_longer() {
    let mut core = core(4 << 20);
    let send = |core: &mut Core, trace, millis, now| {
        let sent = span(trace, 1, 0, SpanKind::Server, millis);
        core.insert(&origin(1), [sent].into_iter(), now, None);
    };
    for trace in 1..100 {
        send(&mut core, trace, 5, NOW);
    }
    for second in 1..5 {
        core.tick(NOW + second * 1_000, 0);
    }
    send(&mut core, 1_000, 500, NOW);
    for trace in 2_000..40_000 {
        send(&mut core, trace, 5, NOW);
    }
    assert!(core.store.trace(&trace_id(2_000)).is_none());
    assert!(core.store.trace(&trace_id(1_000)).is_some());
}

/// What a batch of spans is made from: trace, service, size of a value, whether it fails, how many.
type Batch = (u64, u64, usize, bool, u64);

fn spans(number: usize, (trace, _, size, fails, count): Batch) -> Vec<Span> {
    (0..count)
        .map(|id| {
            let id = (number as u64) << 32 | (id + 1);
            let mut span = span(trace + 1, id, 0, SpanKind::Server, id % 977);
            span.name = format!("GET /{}", id % 7);
            span.attributes = vec![text("value", &"x".repeat(size))];
            if fails { failed(span) } else { span }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn memory_never_exceeds_its_limit(
        batches in proptest::collection::vec((0_u64..400, 0_u64..40, 0_usize..16_000, any::<bool>(), 1_u64..40), 1..200)
    ) {
        let memory = 4 << 20;
        let mut core = core(memory);
        let mut sent = 0;
        for (number, batch) in batches.into_iter().enumerate() {
            let now = NOW + 200 * number as u64;
            sent += batch.4;
            core.insert(&origin(batch.1), spans(number, batch).into_iter(), now, None);
            prop_assert!(core.used() <= core.budget, "{} of {}", core.used(), core.budget);
            core.tick(now, 20);
            prop_assert!(core.used() <= memory, "{} of {memory}", core.used());
        }
        let lost: u64 = core.counters.losses().map(|(_, count)| count).sum();
        let taken = core.counters.spans.load(Ordering::Relaxed);
        prop_assert_eq!(taken + lost, sent);
        prop_assert!(core.counters.losses().all(|(reason, count)| count == 0 || reason == Loss::TraceTooLarge.as_str()));
    }
}
