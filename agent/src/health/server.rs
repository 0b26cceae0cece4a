//! `/metrics`, `/healthz` and `/readyz` over HTTP/1.
//!
//! Made for a scraper and a kubelet: few connections, short requests. A client that sends slowly, says nothing, or
//! opens too many connections is cut off.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Health, Readiness};

/// The media type of what [`Health::text`] returns.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

const MAX_CONNECTIONS: usize = 32;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A scraper that keeps its connection asks at least once in this time; others connect anew.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// Pause after a failed accept, as when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on `listener` until the future is dropped.
///
/// The caller binds, so that an address in use is an error of the start and port 0 can be asked back.
pub async fn serve(listener: TcpListener, health: Arc<Health>, readiness: Arc<Readiness>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "health endpoint cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (health, readiness) = (Arc::clone(&health), Arc::clone(&readiness));
        tokio::spawn(async move {
            let _place = place;
            serve_connection(stream, peer, &health, &readiness).await;
        });
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    health: &Health,
    readiness: &Readiness,
) {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(answer(
            request.method(),
            request.uri().path(),
            health,
            readiness,
        ))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "health connection failed"),
    }
}

fn answer(
    method: &Method,
    path: &str,
    health: &Health,
    readiness: &Readiness,
) -> Response<Full<Bytes>> {
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        return text(
            StatusCode::NOT_FOUND,
            "not found: there are /metrics, /healthz and /readyz\n",
        );
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/healthz" => check(readiness.is_alive(), "alive\n", "the pipeline is stuck\n"),
        "/readyz" => check(
            readiness.is_ready(),
            "ready\n",
            "not all hooks are attached\n",
        ),
        _ => metrics(health),
    }
}

fn check(good: bool, yes: &'static str, no: &'static str) -> Response<Full<Bytes>> {
    if good {
        text(StatusCode::OK, yes)
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, no)
    }
}

fn metrics(health: &Health) -> Response<Full<Bytes>> {
    match health.text() {
        Ok(body) => response(StatusCode::OK, OPENMETRICS, body.into()),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "metrics could not be formatted\n",
        ),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    response(status, TEXT, Bytes::from_static(body.as_bytes()))
}

fn response(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
