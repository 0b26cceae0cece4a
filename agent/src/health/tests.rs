use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn text_has_every_family_with_its_labels() {
    let health = Health::new();
    health.spans(Kind::Server).inc_by(3);
    health.records("data").inc();
    health.anomalies("http1", "bad_chunk").inc();
    health.set_loss("sock_ops", "ring_full", 7);
    health.set_loss("sock_ops", "ring_full", 9);
    health.set_program("sonde_ingress", 1_000, Duration::from_millis(250));
    health.connections.set(4);
    let exporter = health.exporter("otlp");
    exporter.queued(100, 2);
    exporter.unqueued(40, 1);
    exporter.dropped(Reason::QueueFull, 1);
    exporter.request(Outcome::Success, Duration::from_millis(3));
    let text = health.text().unwrap();
    for line in [
        "sonde_spans_total{kind=\"server\"} 3",
        "sonde_spans_total{kind=\"client\"} 0",
        "sonde_records_total{kind=\"data\"} 1",
        "sonde_anomalies_total{protocol=\"http1\",kind=\"bad_chunk\"} 1",
        "sonde_losses_total{hook=\"sock_ops\",reason=\"ring_full\"} 9",
        "sonde_bpf_runs_total{program=\"sonde_ingress\"} 1000",
        "sonde_bpf_run_seconds_total{program=\"sonde_ingress\"} 0.25",
        "sonde_connections 4",
        "sonde_processes 0",
        "sonde_export_queue_size_bytes{exporter=\"otlp\"} 60",
        "sonde_export_queue_spans{exporter=\"otlp\"} 1",
        "sonde_dropped_spans_total{exporter=\"otlp\",reason=\"queue_full\"} 1",
        "sonde_dropped_spans_total{exporter=\"otlp\",reason=\"shutdown\"} 0",
        "sonde_export_requests_total{exporter=\"otlp\",outcome=\"success\"} 1",
        "sonde_export_request_duration_seconds_count{exporter=\"otlp\"} 1",
        "sonde_export_request_duration_seconds_bucket{le=\"0.005\",exporter=\"otlp\"} 1",
        "# EOF",
    ] {
        assert!(
            text.lines().any(|have| have == line),
            "no line {line:?} in:\n{text}"
        );
    }
}

/// Sends `request` and returns all that comes back.
async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn endpoints_answer_as_the_agent_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let readiness = Arc::new(Readiness::default());
    let server = tokio::spawn(serve(
        listener,
        Arc::new(Health::new()),
        Arc::clone(&readiness),
    ));
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let cases = [
        (get("/metrics"), "200", "# EOF"),
        (get("/healthz"), "200", "alive"),
        (get("/readyz"), "503", "not all hooks"),
        (get("/"), "404", "/metrics"),
        (get("/metrics").replace("GET", "POST"), "405", "only GET"),
        ("garbage\r\n\r\n".to_owned(), "400", ""),
    ];
    for (request, status, part) in cases {
        let answer = ask(address, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:?}: {answer}"
        );
        assert!(answer.contains(part), "{request:?}: {answer}");
    }
    assert!(
        ask(address, &get("/metrics"))
            .await
            .contains("content-type: application/openmetrics-text")
    );
    readiness.set_ready(true);
    assert!(
        ask(address, &get("/readyz"))
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    server.abort();
}
