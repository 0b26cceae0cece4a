//! The rows: what is driven, how, and which side the agent traces.

use std::time::Duration;

use anyhow::Result;
use sonde_tests::service::{self, Kind, Nginx, Service};
use sonde_tests::{http2, rpc};

use super::load::{self, Report};
use super::{ghz, http2_load};

/// What is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Nginx,
    Other(Kind),
    /// By h2load, 64 streams at once on each connection.
    Http2(http2::Kind),
    /// A unary gRPC call, by h2load as well.
    Grpc(rpc::Kind),
    /// The same, by ghz.
    Ghz(rpc::Kind),
}

/// Which side the agent traces, and whose CPU is in the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    Service,
    /// The load generator, by its program.
    Client(&'static str),
}

/// How it is driven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// First column.
    pub(crate) name: &'static str,
    target: Target,
    connections: usize,
    close: bool,
    pub(super) watched: Watched,
    /// Instead of the plan's time.
    pub(super) time: Option<Duration>,
}

impl Case {
    /// All rows.
    pub(crate) fn all(soak: Duration) -> Vec<Self> {
        let case = |name, target, connections, close| Self {
            name,
            target,
            connections,
            close,
            watched: Watched::Service,
            time: None,
        };
        let client = |program, case: Self| Self {
            watched: Watched::Client(program),
            ..case
        };
        let long = |case: Self| Self {
            time: Some(soak),
            ..case
        };
        let go = Target::Other(Kind::Go);
        vec![
            case("nginx static, 8 connections", Target::Nginx, 8, false),
            case("Go net/http, 8 connections", go, 8, false),
            case("Go net/http, 200 connections", go, 200, false),
            case("Go net/http, a connection a request", go, 64, true),
            case(
                "HTTP/2: Go net/http, 1 connection, 64 streams",
                Target::Http2(http2::Kind::Go),
                1,
                false,
            ),
            case(
                "HTTP/2: Go net/http, 8 connections, 64 streams",
                Target::Http2(http2::Kind::Go),
                8,
                false,
            ),
            case(
                "gRPC: grpc-go, 1 connection, 64 streams",
                Target::Grpc(rpc::Kind::Go),
                1,
                false,
            ),
            case(
                "gRPC by ghz: grpc-go, 1 connection, 64 streams",
                Target::Ghz(rpc::Kind::Go),
                1,
                false,
            ),
            client(
                "ghz",
                case(
                    "gRPC, the client watched: ghz (grpc-go), 1 connection, 64 streams",
                    Target::Ghz(rpc::Kind::Go),
                    1,
                    false,
                ),
            ),
            client(
                "h2load",
                case(
                    "HTTP/2, the client watched: h2load, 1 connection, 64 streams",
                    Target::Http2(http2::Kind::Go),
                    1,
                    false,
                ),
            ),
            case(
                "Flask (gunicorn), 8 connections",
                Target::Other(Kind::Gunicorn),
                8,
                false,
            ),
            case(
                "Express, 8 connections",
                Target::Other(Kind::Express),
                8,
                false,
            ),
            long(case(
                "soak: nginx, 200 connections",
                Target::Nginx,
                200,
                false,
            )),
            long(case(
                "soak: nginx, a connection a request",
                Target::Nginx,
                64,
                true,
            )),
        ]
    }
}

pub(super) enum Running {
    Nginx(Nginx),
    Other(Service),
}

impl Running {
    pub(super) fn start(case: &Case) -> Result<Self> {
        Ok(match case.target {
            Target::Nginx => Self::Nginx(service::nginx(1, &[600])?),
            Target::Other(kind) => Self::Other(kind.start()?),
            Target::Http2(kind) => Self::Other(kind.start()?),
            Target::Grpc(kind) | Target::Ghz(kind) => Self::Other(kind.serve()?),
        })
    }

    pub(super) fn service(&self) -> &Service {
        match self {
            Self::Nginx(nginx) => &nginx.service,
            Self::Other(service) => service,
        }
    }

    pub(super) fn url(&self, case: &Case) -> String {
        let path = match case.target {
            Target::Nginx => "static/600",
            Target::Other(_) | Target::Http2(_) => "sized/600",
            Target::Grpc(_) | Target::Ghz(_) => "sonde.test.v1.Echo/Say",
        };
        format!("{}/{path}", self.service().url)
    }

    pub(super) fn drive(&self, case: &Case, time: Duration) -> Result<Report> {
        let url = self.url(case);
        match case.target {
            Target::Http2(_) => http2_load::drive(&url, case.connections, false, time),
            Target::Grpc(_) => http2_load::drive(&url, case.connections, true, time),
            Target::Ghz(_) => ghz::drive(self.service().port, case.connections, time),
            _ => load::drive(&url, case.connections, case.close, time),
        }
    }
}
