//! The unmodified services: a row each.

mod compiled;
mod copied;
mod go;
mod http2;
mod java;
mod jvm;
mod loops;
mod nginx;
mod node;
mod others;
mod proxies;
mod python;
mod ruby;

use std::process::Command;

use anyhow::Result;
use sonde_tests::process::Process;
use sonde_tests::service::Service as Listening;

use super::load::Shape;

/// What a service speaks, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC on that.
    Grpc,
}

/// A row of the table.
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: &'static str,
    /// What runs.
    pub(crate) about: &'static str,
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// Every fifth request has a twin that is cancelled within 20 ms; HTTP/2 and gRPC only.
    pub(crate) cancels: bool,
    /// Calls a request.
    pub(crate) calls: usize,
    /// Are some of them made again?
    pub(crate) retries: bool,
    /// The kernel's FIONREAD fault may keep the field away: then the spans alone count.
    pub(crate) asks_fionread: bool,
    /// Least share of right calls at 64, in per cent.
    pub(crate) floor: f64,
    /// What the requests look like.
    pub(crate) shape: Shape,
    /// Also without a `traceparent`, and with paths that a proxy leaves as they are?
    pub(crate) at_edge: bool,
    /// Is it part of the short form?
    pub(crate) in_short: bool,
    /// Starts it on a port, given the callee's two: that of its protocol, and that of the database. The
    /// first process is the one that listens, sooner or later.
    pub(crate) start: fn(u16, u16, u16) -> Result<Vec<Process>>,
}

const fn service(
    name: &'static str,
    about: &'static str,
    floor: f64,
    start: fn(u16, u16, u16) -> Result<Vec<Process>>,
) -> Service {
    Service {
        name,
        about,
        protocol: Protocol::Http1,
        cancels: false,
        calls: 4,
        retries: false,
        asks_fionread: false,
        floor,
        shape: Shape::PLAIN,
        at_edge: false,
        in_short: true,
        start,
    }
}

const fn long(service: Service) -> Service {
    Service {
        in_short: false,
        ..service
    }
}

const fn cancels(service: Service) -> Service {
    Service {
        cancels: true,
        ..service
    }
}

const fn asks_fionread(service: Service) -> Service {
    Service {
        asks_fionread: true,
        ..service
    }
}

/// One that makes so many calls a request.
const fn calls(calls: usize, service: Service) -> Service {
    Service { calls, ..service }
}

/// A proxy: a call for each request, also where nothing has traced it before.
const fn proxy(service: Service) -> Service {
    Service {
        calls: 1,
        at_edge: true,
        ..service
    }
}

/// All rows.
pub(crate) fn all() -> impl Iterator<Item = &'static Service> {
    let tables = [
        HTTP1,
        python::LOOPS,
        nginx::ROWS,
        proxies::ROWS,
        ruby::ROWS,
        copied::ROWS,
        compiled::ROWS,
        loops::ROWS,
        jvm::ROWS,
        http2::ROWS,
    ];
    tables.into_iter().flatten()
}

const HTTP1: &[Service] = &[
    service(
        "node",
        "Node: http, http.Agent, fetch",
        99.9,
        |port, http, database| node::server(port, http, database, "calls"),
    ),
    service(
        "node-timers",
        "Node: the same with setTimeout between the calls",
        0.0,
        |port, http, database| node::server(port, http, database, "timers"),
    ),
    // Long: without the tracepoint of Linux 6.3 some calls are wrong.
    long(service(
        "node-unix",
        "Node: the same, the database on a Unix socket",
        0.0,
        node::unix,
    )),
    long(service(
        "node-cluster",
        "Node: the same in a cluster of two workers",
        99.9,
        |port, http, database| node::script("node/cluster.js", port, http, database),
    )),
    long(service(
        "node-workers",
        "Node: the first two calls in worker_threads, the others when they are done",
        0.0,
        |port, http, database| node::script("node/worker_threads.js", port, http, database),
    )),
    Service {
        calls: 2,
        ..service(
            "node-shared",
            "Node: a promise that requests await together, then two calls",
            0.0,
            |port, http, database| node::waits(port, http, database, "shared"),
        )
    },
    Service {
        calls: 2,
        ..service(
            "node-loader",
            "Node: keys that are fetched for several requests, then two calls",
            0.0,
            |port, http, database| node::waits(port, http, database, "loader"),
        )
    },
    // Known to be wrong at times: a request that has a call in flight is taken to wait for nothing else.
    Service {
        in_short: false,
        calls: 2,
        ..service(
            "node-branches",
            "Node: a call, and beside it one behind a promise of several requests",
            0.0,
            |port, http, database| node::waits(port, http, database, "branches"),
        )
    },
    Service {
        calls: 4,
        ..service(
            "node-sockets",
            "Node: http.Agent with four sockets at most, kept and fresh",
            0.0,
            |port, http, database| node::waits(port, http, database, "sockets"),
        )
    },
    Service {
        calls: 4,
        ..service(
            "node-limit",
            "Node: four calls at a time, the others wait in a queue",
            0.0,
            |port, http, database| node::waits(port, http, database, "limit"),
        )
    },
    Service {
        calls: 2,
        ..service(
            "node-pool",
            "Node: a pool of four database connections, then two calls",
            0.0,
            |port, http, database| node::waits(port, http, database, "pool"),
        )
    },
    Service {
        calls: 4,
        ..service(
            "node-names",
            "Node: http, http.Agent, fetch by host name",
            99.0,
            |port, http, database| node::waits(port, http, database, "names"),
        )
    },
    Service {
        calls: 4,
        ..service(
            "node-fetches",
            "Node: four calls of fetch, one behind the other",
            99.0,
            |port, http, database| node::waits(port, http, database, "fetches"),
        )
    },
    Service {
        calls: 4,
        ..service(
            "node-threads",
            "Node: calls behind files, crypto and zlib",
            99.0,
            |port, http, database| node::waits(port, http, database, "threads"),
        )
    },
    Service {
        calls: 2,
        ..service(
            "node-callbacks",
            "Node: calls from callbacks of setTimeout and setImmediate",
            40.0,
            |port, http, database| node::waits(port, http, database, "callbacks"),
        )
    },
    service(
        "node-renamed",
        "Node under another name, setTimeout between the calls",
        0.0,
        node::renamed,
    ),
    service(
        "express",
        "Express and axios",
        99.9,
        |port, http, database| node::script("express/server.js", port, http, database),
    ),
    service(
        "fastify",
        "Fastify, undici 6.24 and fetch",
        // Behind a connection that closes, other requests may go on in anybody's turn.
        24.0,
        |port, http, database| node::fastify(port, http, database, "undici-plain"),
    ),
    long(service(
        "fastify-undici",
        "Fastify: the same with undici 6.29, which writes from setImmediate",
        0.0,
        |port, http, database| node::fastify(port, http, database, "undici-checking"),
    )),
    service(
        "go",
        "Go: net/http, goroutines",
        99.9,
        |port, http, database| go::start(port, http, database, "goroutines", true),
    ),
    service(
        "go-stripped",
        "Go: the same without symbols",
        99.9,
        |port, http, database| go::start(port, http, database, "goroutines", false),
    ),
    long(service(
        "go-errgroup",
        "Go: the last two calls in an errgroup",
        99.9,
        |port, http, database| go::start(port, http, database, "errgroup", true),
    )),
    service(
        "go-pool",
        "Go: the last two calls by a pool of workers",
        49.9,
        |port, http, database| go::start(port, http, database, "pool", true),
    ),
    service(
        "go-context-pool",
        "Go: the same with the request's context",
        99.9,
        |port, http, database| go::start(port, http, database, "pool-context", true),
    ),
    long(service(
        "go-late-pool",
        "Go: the same, the pool started by the first request",
        49.9,
        |port, http, database| go::start(port, http, database, "late-pool", true),
    )),
    service(
        "go-late-buffered-pool",
        "Go: the same, its channel buffered",
        49.9,
        |port, http, database| go::start(port, http, database, "late-buffered-pool", true),
    ),
    long(service(
        "go-late-select-pool",
        "Go: the same, its workers in a select",
        49.9,
        |port, http, database| go::start(port, http, database, "late-select-pool", true),
    )),
    long(service(
        "go-late-context-pool",
        "Go: the same with the request's context, without symbols",
        99.9,
        |port, http, database| go::start(port, http, database, "late-buffered-pool-context", false),
    )),
    service(
        "go-growing-pool",
        "Go: a pool that grows with its jobs",
        49.9,
        |port, http, database| go::start(port, http, database, "growing-pool", true),
    ),
    long(service(
        "go-growing-context-pool",
        "Go: the same with the request's context",
        99.9,
        |port, http, database| go::start(port, http, database, "growing-pool-context", true),
    )),
    service(
        "go-left-behind",
        "Go: the last call in a goroutine that outlives its request",
        74.9,
        |port, http, database| go::start(port, http, database, "left-behind", true),
    ),
    service(
        "go-shared-port",
        "Go: two pools of connections that share their local ports",
        99.9,
        |port, http, database| go::start(port, http, database, "shared-port", true),
    ),
    service(
        "flask",
        "Flask on gunicorn's threads, requests",
        99.9,
        |port, http, database| python::gunicorn("flask_app:app", "", port, http, database),
    ),
    service(
        "flask-pool",
        "Flask: the last two calls from a ThreadPoolExecutor",
        49.9,
        |port, http, database| python::gunicorn("pool_app:app", "pool", port, http, database),
    ),
    long(service(
        "flask-threads",
        "Flask: the last two calls from new threads",
        49.9,
        |port, http, database| python::gunicorn("pool_app:app", "threads", port, http, database),
    )),
    service(
        "threading",
        "Python: ThreadingHTTPServer, http.client",
        99.9,
        |port, http, database| python::script("threading_server.py", &[], port, http, database),
    ),
    service(
        "aiohttp",
        "aiohttp, server and client",
        99.9,
        |port, http, database| python::script("aiohttp_server.py", &[], port, http, database),
    ),
    service(
        "fastapi",
        "FastAPI on uvicorn (asyncio), aiohttp's client",
        99.9,
        |port, http, database| python::uvicorn("fastapi_app:app", "asyncio", port, http, database),
    ),
    service(
        "uvloop",
        "FastAPI on uvicorn (uvloop), aiohttp's client",
        99.0,
        |port, http, database| python::uvicorn("fastapi_app:app", "uvloop", port, http, database),
    ),
    long(service(
        "fastapi-threads",
        "FastAPI: plain `def` in anyio's threads, requests",
        0.0,
        |port, http, database| {
            python::uvicorn("fastapi_threads_app:app", "asyncio", port, http, database)
        },
    )),
    service("php", "PHP: built-in server, curl", 99.9, others::php),
    long(service(
        "php-fpm",
        "PHP-FPM behind nginx, curl",
        0.0,
        others::php_fpm,
    )),
    asks_fionread(service(
        "java",
        "Java: a thread a request, HttpURLConnection",
        99.0,
        |port, http, database| java::server("Threads", port, http, database),
    )),
    asks_fionread(service(
        "servlet",
        "Java: a servlet on Jetty (Javalin), HttpURLConnection",
        99.0,
        |port, http, database| java::servlet("thread", port, http, database),
    )),
    long(asks_fionread(service(
        "servlet-executor",
        "Java: the same, the last two calls from an executor",
        49.5,
        |port, http, database| java::servlet("executor", port, http, database),
    ))),
    long(asks_fionread(service(
        "java-virtual",
        "Java: a virtual thread a request, HttpURLConnection",
        0.0,
        java::virtual_threads,
    ))),
    asks_fionread(service(
        "java-httpclient",
        "Java: java.net.http, send and sendAsync",
        0.0,
        |port, http, database| java::server("Client", port, http, database),
    )),
    service(
        "tokio",
        "Rust: axum, reqwest, multi-threaded tokio",
        // The first requests of connections older than the uprobe, in the short form one in 200; and messages that a task
        // takes before the uprobe has seen them, up to one in 60.
        97.0,
        |port, http, database| others::tokio(port, http, database, false),
    ),
    service(
        "tokio-lto",
        "Rust: the same with lto = \"thin\"",
        99.0,
        |port, http, database| others::tokio(port, http, database, true),
    ),
];

/// Starts `command`, and waits until it accepts on `port`.
fn listening(name: &str, port: u16, command: &mut Command) -> Result<Vec<Process>> {
    Ok(vec![Listening::start(name, port, command)?.process])
}

/// Starts `command` and leaves the waiting to the bench, so that several services come up together.
fn starting(name: &str, command: &mut Command) -> Result<Vec<Process>> {
    Ok(vec![Process::start(name, command)?])
}

/// The numbers as arguments.
fn numbers(numbers: [u16; 3]) -> [String; 3] {
    numbers.map(|number| number.to_string())
}
