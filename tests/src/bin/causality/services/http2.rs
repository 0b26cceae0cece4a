//! Rows whose services speak HTTP/2 or gRPC: many streams on one connection to the service, and on one from it.

use super::{
    Protocol, Service, asks_fionread, cancels, go, java, long, node, others, python, service,
};

const fn http2(service: Service) -> Service {
    Service {
        protocol: Protocol::Http2,
        ..service
    }
}

const fn grpc(service: Service) -> Service {
    Service {
        protocol: Protocol::Grpc,
        ..service
    }
}

/// The rows.
pub(super) const ROWS: &[Service] = &[
    http2(service(
        "go-http2",
        "Go over HTTP/2: net/http, server and client",
        99.9,
        |port, http, database| go::http2(port, http, database, "net/http"),
    )),
    long(http2(service(
        "go-http2-xnet",
        "Go over HTTP/2: golang.org/x/net/http2's client",
        99.9,
        |port, http, database| go::http2(port, http, database, "x/net"),
    ))),
    http2(service(
        "go-http2-pool",
        "Go over HTTP/2: the last two calls by a pool that the first request starts",
        49.9,
        |port, http, database| go::http2(port, http, database, "net/http-pool"),
    )),
    long(http2(service(
        "go-http2-context-pool",
        "Go over HTTP/2: the same with the request's context",
        99.9,
        |port, http, database| go::http2(port, http, database, "net/http-pool-context"),
    ))),
    grpc(service(
        "grpc-go",
        "gRPC: grpc-go",
        99.9,
        |port, http, database| go::grpc(port, http, database, 0, true),
    )),
    long(grpc(service(
        "grpc-go-stripped",
        "gRPC: grpc-go without symbols",
        99.9,
        |port, http, database| go::grpc(port, http, database, 0, false),
    ))),
    long(grpc(service(
        "grpc-go-workers",
        "gRPC: grpc-go, stream workers",
        99.9,
        |port, http, database| go::grpc(port, http, database, 8, true),
    ))),
    long(http2(service(
        "node-http2",
        "Node over HTTP/2: node:http2, server and client",
        99.9,
        |port, http, database| node::script("node/http2_server.js", port, http, database),
    ))),
    long(grpc(service(
        "grpc-js",
        "gRPC: @grpc/grpc-js",
        99.9,
        |port, http, database| node::script("node/grpc_server.js", port, http, database),
    ))),
    long(grpc(service(
        "grpcio",
        "gRPC: grpcio, a pool of threads",
        99.9,
        |port, http, _| python::grpc("grpc_server.py", port, http),
    ))),
    long(grpc(service(
        "grpcio-aio",
        "gRPC: grpcio, asyncio",
        0.0,
        |port, http, _| python::grpc("grpc_aio_server.py", port, http),
    ))),
    long(cancels(grpc(service(
        "grpc-go-cancelled",
        "gRPC: grpc-go, beside requests that are cancelled",
        99.9,
        |port, http, database| go::grpc(port, http, database, 0, true),
    )))),
    long(cancels(grpc(service(
        "grpc-js-cancelled",
        "gRPC: @grpc/grpc-js, beside requests that are cancelled",
        99.9,
        |port, http, database| node::script("node/grpc_server.js", port, http, database),
    )))),
    long(cancels(grpc(service(
        "grpcio-cancelled",
        "gRPC: grpcio, beside requests that are cancelled",
        99.9,
        |port, http, _| python::grpc("grpc_server.py", port, http),
    )))),
    long(cancels(grpc(service(
        "grpcio-aio-cancelled",
        "gRPC: grpcio, asyncio, beside requests that are cancelled",
        99.0,
        |port, http, _| python::grpc("grpc_aio_server.py", port, http),
    )))),
    long(grpc(service(
        "tonic",
        "gRPC: tonic, multi-threaded tokio",
        99.9,
        |port, http, database| others::tonic(port, http, database, false),
    ))),
    long(grpc(asks_fionread(service(
        "grpc-java",
        "gRPC: grpc-java on Netty, a pool of threads",
        0.0,
        |port, http, _| java::grpc(port, http),
    )))),
];
