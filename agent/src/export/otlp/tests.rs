mod server;
mod tls;

use std::net::SocketAddr;

use ::http::{HeaderName, HeaderValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use self::server::{Reply, Server};
use super::*;
use crate::export::tests::{resource, span};
use crate::export::{Compression, Exporter, Exporters, Options};
use crate::health::{ExporterHealth, Health};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// Settings for a receiver on loopback.
fn otlp(protocol: Protocol, address: SocketAddr) -> Otlp {
    Otlp {
        protocol,
        endpoint: format!("http://{address}/v1/traces"),
        ..Otlp::default()
    }
}

/// Running exporters with quick retries, and what is counted about the one there is.
fn start(settings: Otlp, options: Options) -> (Exporters, ExporterHealth) {
    let backoff = Backoff {
        initial: Duration::from_millis(1),
        max: Duration::from_millis(5),
    };
    let options = Options {
        exporters: vec![Exporter::Otlp(Box::new(settings))],
        batch_interval: Duration::from_millis(5),
        backoff,
        ..options
    };
    let health = Health::new();
    let exporters =
        Exporters::start(&options, &health, &tokio::runtime::Handle::current()).unwrap();
    (exporters, health.exporter("otlp"))
}

/// Waits for a condition; the time limit only ends a test that has failed.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let reached = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// Sends one span to a receiver with `script`, waits until nothing is queued, returns what was counted.
async fn send_one(protocol: Protocol, script: Vec<Reply>) -> (ExporterHealth, usize) {
    let server = Server::start(script).await;
    let (exporters, health) = start(otlp(protocol, server.address), Options::default());
    exporters.send(vec![span(1, &resource("a"))]);
    until("settled", || {
        health.exported_total() + health.all_dropped() == 1
    })
    .await;
    assert_eq!(exporters.shutdown(Duration::from_secs(30)).await, 0);
    assert_eq!((health.queue_spans(), health.queue_bytes()), (0, 0));
    (health, server.seen(<[_]>::len))
}

#[tokio::test]
async fn delivers_with_every_compression() {
    for protocol in BOTH {
        for (compression, encoding) in [
            (Compression::None, None),
            (Compression::Gzip, Some("gzip")),
            (Compression::Zstd, Some("zstd")),
        ] {
            let server = Server::start([]).await;
            let headers = vec![(
                HeaderName::from_static("api-key"),
                HeaderValue::from_static("k"),
            )];
            let settings = Otlp {
                compression,
                headers,
                ..otlp(protocol, server.address)
            };
            let (exporters, health) = start(settings, Options::default());
            let (a, b) = (resource("a"), resource("b"));
            exporters.send(vec![span(1, &a), span(2, &b), span(3, &a)]);
            assert_eq!(exporters.shutdown(Duration::from_secs(30)).await, 0);
            assert_eq!(health.exported_total(), 3, "{protocol:?} {compression:?}");
            server.seen(|seen| {
                let [seen] = seen else {
                    panic!("{} requests", seen.len())
                };
                let per_resource: Vec<usize> = seen
                    .request
                    .resource_spans
                    .iter()
                    .map(|resource| resource.scope_spans[0].spans.len())
                    .collect();
                assert_eq!(per_resource, [2, 1]);
                let header =
                    |name: &str| seen.headers.get(name).map(|value| value.to_str().unwrap());
                assert_eq!(header("api-key"), Some("k"));
                assert!(
                    header("user-agent").unwrap().starts_with(USER_AGENT),
                    "{:?}",
                    header("user-agent")
                );
                let (name, path) = match protocol {
                    Protocol::Grpc => (
                        "grpc-encoding",
                        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                    ),
                    Protocol::HttpProtobuf => ("content-encoding", "/v1/traces"),
                };
                assert_eq!(header(name), encoding);
                assert_eq!(seen.path, path);
            });
        }
    }
}

#[tokio::test]
async fn grpc_codes_are_repeated_or_not() {
    for code in (1..=16).map(Code::from_i32) {
        let is_repeated = matches!(
            code,
            Code::Cancelled
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unavailable
                | Code::DataLoss
        );
        let (health, requests) =
            send_one(Protocol::Grpc, vec![Reply::Grpc(Status::new(code, "no"))]).await;
        check_repeated(&format!("{code:?}"), is_repeated, &health, requests);
    }
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(2)));
    let status = Status::with_error_details(Code::ResourceExhausted, "later", details);
    let (health, requests) = send_one(Protocol::Grpc, vec![Reply::Grpc(status)]).await;
    check_repeated("RESOURCE_EXHAUSTED with RetryInfo", true, &health, requests);
}

#[tokio::test]
async fn http_statuses_are_repeated_or_not() {
    for (status, retry_after, is_repeated) in [
        (400, None, false),
        (401, None, false),
        (500, None, false),
        (429, None, true),
        (502, None, true),
        (503, Some("0"), true),
        (504, None, true),
    ] {
        let (health, requests) = send_one(
            Protocol::HttpProtobuf,
            vec![Reply::Http(status, retry_after)],
        )
        .await;
        check_repeated(&status.to_string(), is_repeated, &health, requests);
    }
}

fn check_repeated(what: &str, is_repeated: bool, health: &ExporterHealth, requests: usize) {
    let counts = (
        health.exported_total(),
        health.dropped_total(Reason::Refused),
        health.requests_total(Outcome::Retry),
        health.requests_total(Outcome::Failure),
        requests,
    );
    assert_eq!(
        counts,
        if is_repeated {
            (1, 0, 1, 0, 2)
        } else {
            (0, 1, 0, 1, 1)
        },
        "{what}"
    );
}

#[tokio::test]
async fn the_receivers_delay_is_taken_over() {
    let delay = Duration::from_secs(7);
    for (code, is_known) in [
        (Code::Unavailable, true),
        (Code::ResourceExhausted, true),
        (Code::Internal, false),
    ] {
        let status =
            Status::with_error_details(code, "", ErrorDetails::with_retry_info(Some(delay)));
        match grpc::failed(&status) {
            Answer::Retry { after, .. } => {
                assert!(is_known && after == Some(delay), "{code:?} {after:?}")
            }
            answer => assert!(!is_known, "{code:?} {answer:?}"),
        }
    }
}

#[tokio::test]
async fn partial_success_is_counted_not_repeated() {
    for protocol in BOTH {
        let server = Server::start([Reply::Partial(2)]).await;
        let (exporters, health) = start(otlp(protocol, server.address), Options::default());
        let resource = resource("a");
        exporters.send((0..5).map(|id| span(id, &resource)).collect());
        assert_eq!(exporters.shutdown(Duration::from_secs(30)).await, 0);
        assert_eq!(
            (
                health.exported_total(),
                health.dropped_total(Reason::Rejected)
            ),
            (3, 2),
            "{protocol:?}"
        );
        assert_eq!(health.requests_total(Outcome::Partial), 1);
        assert_eq!(server.seen(<[_]>::len), 1);
    }
}

#[tokio::test]
async fn catches_up_when_the_receiver_is_back() {
    for protocol in BOTH {
        let address = Server::start([]).await.address;
        let (exporters, health) = start(
            otlp(protocol, address),
            Options {
                batch_spans: 10,
                ..Options::default()
            },
        );
        let resource = resource("a");
        exporters.send((0..100).map(|id| span(id, &resource)).collect());
        until("tried in vain", || {
            health.requests_total(Outcome::Retry) > 4
        })
        .await;
        assert_eq!(
            (health.exported_total(), health.queue_spans()),
            (0, 100),
            "{protocol:?}"
        );
        let server = Server::on(address, [], None, false).await;
        until("caught up", || health.exported_total() == 100).await;
        assert_eq!(
            (health.queue_spans(), health.all_dropped()),
            (0, 0),
            "{protocol:?}"
        );
        assert_eq!(server.seen(<[_]>::len), 10);
        assert_eq!(exporters.shutdown(Duration::from_secs(30)).await, 0);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_costs_the_queue_and_no_more() {
    const QUEUE: usize = 20_000;
    const BATCH: usize = 10;
    const MADE: u64 = 5_000;
    for protocol in BOTH {
        let server = Server::hanging().await;
        let options = Options {
            queue_bytes: QUEUE,
            batch_spans: BATCH,
            ..Options::default()
        };
        let (exporters, health) = start(otlp(protocol, server.address), options);
        let resource = resource("a");
        let mut largest = 0;
        for id in 0..MADE {
            exporters.send(vec![span(id, &resource)]);
            largest = largest.max(health.queue_bytes());
        }
        until("in flight", || server.seen(<[_]>::len) == IN_FLIGHT).await;
        let batch_bytes = crate::export::bench_encoder()(&vec![span(1, &resource); BATCH]) as u64;
        assert!(largest <= QUEUE as u64 + batch_bytes, "{largest}");
        assert_eq!(health.exported_total(), 0);
        assert_eq!(
            health.dropped_total(Reason::QueueFull) + health.queue_spans(),
            MADE,
            "{protocol:?}"
        );
        let queued = health.queue_spans();
        assert_eq!(
            exporters.shutdown(Duration::from_millis(1)).await as u64,
            queued
        );
        assert_eq!(
            (health.dropped_total(Reason::Shutdown), health.queue_spans()),
            (queued, 0)
        );
    }
}

#[tokio::test]
async fn no_answer_in_time_is_repeated() {
    for protocol in BOTH {
        let server = Server::start([Reply::Hang]).await;
        let settings = Otlp {
            timeout: Duration::from_millis(200),
            ..otlp(protocol, server.address)
        };
        let (exporters, health) = start(settings, Options::default());
        exporters.send(vec![span(1, &resource("a"))]);
        until("delivered", || health.exported_total() == 1).await;
        assert!(health.requests_total(Outcome::Retry) >= 1, "{protocol:?}");
        assert_eq!(exporters.shutdown(Duration::from_secs(30)).await, 0);
    }
}

#[test]
fn backoff_doubles_up_to_its_limit_and_jitter_stays_below() {
    let backoff = Backoff {
        initial: Duration::from_millis(500),
        max: Duration::from_secs(5),
    };
    let cases = [
        (0, 500),
        (1, 1_000),
        (3, 4_000),
        (4, 5_000),
        (31, 5_000),
        (32, 5_000),
        (u32::MAX, 5_000),
    ];
    for (failed, millis) in cases {
        let delay = Duration::from_millis(millis);
        assert_eq!(backoff.delay(failed), delay, "{failed}");
        assert!((delay / 2..=delay).contains(&jittered(delay)));
    }
}
