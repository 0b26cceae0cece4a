use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use tonic::codec::CompressionEncoding;

use super::*;
use crate::testing::{request, span, trace_id};

async fn receiver() -> (SocketAddr, View) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let view = crate::testing::view([]);
    tokio::spawn(receive(listener, view.clone()));
    (address, view)
}

fn has(view: &View, trace: u64) -> bool {
    view.drain();
    view.shared().read().store.trace(&trace_id(trace)).is_some()
}

fn one(trace: u64) -> Vec<u8> {
    request("cart", vec![span(trace, 1, 0, SpanKind::Server, 5)])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post(address: SocketAddr, path: &str, fields: &str, body: Vec<u8>) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    );
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // A request that is refused by its head may be cut off before its body is sent.
        let _sent = stream.write_all(&body);
        let mut answer = Vec::new();
        let _closed = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_in_every_form() {
    let (address, view) = receiver().await;
    let protobuf = "Content-Type: application/x-protobuf\r\n";
    let json = "Content-Type: application/json; charset=utf-8\r\n";
    let packed = "Content-Encoding: gzip\r\n";
    let as_json = |trace| {
        let request = ExportTraceServiceRequest::decode(one(trace).as_slice()).unwrap();
        serde_json::to_vec(&request).unwrap()
    };
    let cases = [
        (1, protobuf.to_owned(), one(1)),
        (2, format!("{protobuf}{packed}"), gzip(&one(2))),
        (3, json.to_owned(), as_json(3)),
        (4, format!("{json}{packed}"), gzip(&as_json(4))),
    ];
    for (trace, fields, body) in cases {
        let answer = post(address, "/v1/traces", &fields, body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{fields}: {answer}");
        assert_eq!(
            answer.ends_with("\r\n\r\n{}"),
            fields.contains("json"),
            "{answer}"
        );
        assert!(has(&view, trace), "{fields}");
    }
    let bomb = gzip(&vec![0; MAX_REQUEST + 1]);
    let refused = [
        (
            "/v1/traces",
            "Content-Type: text/plain\r\n".to_owned(),
            one(9),
            415,
        ),
        ("/v1/traces", String::new(), one(9), 415),
        (
            "/v1/traces",
            format!("{protobuf}Content-Encoding: br\r\n"),
            one(9),
            415,
        ),
        ("/v1/traces", format!("{protobuf}{packed}"), one(9), 400),
        ("/v1/traces", format!("{protobuf}{packed}"), bomb, 413),
        (
            "/v1/traces",
            protobuf.to_owned(),
            b"no message".to_vec(),
            400,
        ),
        ("/v1/traces", json.to_owned(), b"{".to_vec(), 400),
        ("/v1/metrics", protobuf.to_owned(), one(9), 404),
        (
            "/v1/traces",
            format!("{protobuf}Origin: http://localhost\r\n"),
            one(9),
            403,
        ),
        (
            "/v1/traces",
            format!("{json}Sec-Fetch-Site: same-origin\r\n"),
            as_json(9),
            403,
        ),
    ];
    for (path, fields, body, status) in refused {
        let answer = post(address, path, &fields, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{path} {fields}: {answer}"
        );
    }
    assert!(!has(&view, 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc_plain_and_packed() {
    let (address, view) = receiver().await;
    let mut client = TraceServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    let decoded = |trace| ExportTraceServiceRequest::decode(one(trace).as_slice()).unwrap();
    let answer = client.export(decoded(1)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
    assert!(has(&view, 1));
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    client.export(decoded(2)).await.unwrap();
    assert!(has(&view, 2));
}
