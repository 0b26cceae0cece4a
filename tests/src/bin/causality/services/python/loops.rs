//! Python services that serve several requests by turns on one thread, or share something between them: none of their calls may be
//! linked wrong.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{sources, virtual_environment};
use sonde_tests::process::Process;

use super::super::{Service, Shape, calls, listening, long, service};
use super::{script, uvicorn};

/// A Python of its own, with what the rows import.
fn interpreter() -> Result<PathBuf> {
    let packages = [
        "flask", "gunicorn", "requests", "gevent", "eventlet", "twisted", "trio", "httpx", "h11",
        "tornado", "waitress",
    ];
    virtual_environment("causality-python-loops", &packages)
}

/// `python` with these arguments.
fn start(arguments: &[&str], port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    let mut command = Command::new(interpreter()?);
    command
        .current_dir(sources("causality/python"))
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string())
        .args(arguments);
    listening("python", port, &mut command)
}

fn own(script: &str, port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    start(&[script, &port.to_string()], port, http, database)
}

fn gevent(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    let bind = format!("127.0.0.1:{port}");
    let gunicorn = ["-m", "gunicorn", "--worker-class", "gevent", "--bind"];
    let arguments = [&gunicorn[..], &[&bind, "gevent_app:app"]].concat();
    start(&arguments, port, http, database)
}

const fn pipelined(depth: usize, service: Service) -> Service {
    Service {
        shape: Shape {
            depth,
            ..Shape::PLAIN
        },
        ..service
    }
}

/// Ways of `aiohttp_ways.py`.
fn aiohttp(way: &str, port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    script("aiohttp_ways.py", &[way], port, http, database)
}

/// Their rows.
pub(in super::super) const ROWS: &[Service] = &[
    // Of eight requests that come at once, the first is known to be the one that its task serves; tasks that this makes are given nothing.
    pipelined(
        8,
        service(
            "fastapi-pipelined",
            "FastAPI on uvicorn (asyncio), eight requests at once on a connection",
            6.2,
            |port, http, database| uvicorn("fastapi_app:app", "asyncio", port, http, database),
        ),
    ),
    long(pipelined(
        8,
        service(
            "uvloop-pipelined",
            "FastAPI on uvicorn (uvloop), eight requests at once on a connection",
            6.2,
            |port, http, database| uvicorn("fastapi_app:app", "uvloop", port, http, database),
        ),
    )),
    long(pipelined(
        8,
        service(
            "aiohttp-pipelined",
            "aiohttp, eight requests at once on a connection",
            0.0,
            |port, http, database| script("aiohttp_server.py", &[], port, http, database),
        ),
    )),
    service(
        "aiohttp-limit",
        "aiohttp, the client with four connections",
        99.9,
        |port, http, database| aiohttp("limit", port, http, database),
    ),
    calls(
        1,
        service(
            "aiohttp-shared",
            "aiohttp, a future that several requests wait for",
            99.9,
            |port, http, database| aiohttp("shared", port, http, database),
        ),
    ),
    calls(
        2,
        service(
            "aiohttp-queue",
            "aiohttp, the second call by workers that the first request has started",
            49.9,
            |port, http, database| aiohttp("queue", port, http, database),
        ),
    ),
    calls(
        2,
        service(
            "tornado",
            "Tornado, server and client",
            0.0,
            |port, http, database| own("tornado_server.py", port, http, database),
        ),
    ),
    calls(
        2,
        service(
            "gevent",
            "Flask on gunicorn's gevent workers, requests",
            0.0,
            gevent,
        ),
    ),
    calls(
        2,
        service(
            "eventlet",
            "eventlet, requests",
            0.0,
            |port, http, database| own("eventlet_server.py", port, http, database),
        ),
    ),
    calls(
        2,
        service(
            "twisted",
            "Twisted, server and client",
            0.0,
            |port, http, database| own("twisted_server.py", port, http, database),
        ),
    ),
    calls(
        2,
        service("trio", "trio, httpx", 0.0, |port, http, database| {
            own("trio_server.py", port, http, database)
        }),
    ),
    service(
        "waitress",
        "Flask on waitress, requests",
        0.0,
        |port, http, database| own("waitress_server.py", port, http, database),
    ),
];
