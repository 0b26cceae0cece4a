//! OTLP from services that trace themselves, so that mixed systems show whole traces.
//!
//! One listener takes OTLP over gRPC and over HTTP, told apart by the request; bodies are protobuf or JSON, plain or gzip.
//! What comes in goes to the view and nowhere else. There is no token: it listens only where the operator says, and what a
//! browser sends is refused, since no page has any business here.
//!
//! Messages are not decoded here but handed over as bytes, so that a string that is no UTF-8 costs a span and not the
//! request ([`crate::otlp`]).

mod grpc;
mod http;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, StatusCode, header};
use axum::body::Body;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::view::View;

/// Bytes of one request, unpacked. Senders split at 4 MiB, which is what gRPC receivers take by default.
const MAX_REQUEST: usize = 16 << 20;
/// Connections at once; a sender keeps one.
const MAX_CONNECTIONS: usize = 256;
/// Requests that are read at once, over all connections.
const MAX_REQUESTS: usize = 8;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For a whole request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 16 << 10;
const MAX_STREAMS: u32 = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// The view is behind: come again.
    Busy,
    /// No request.
    Malformed,
}

/// Receives until the future is dropped. The caller binds, so that an address in use is an error of the start.
pub async fn receive(listener: TcpListener, view: View) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let requests = Arc::new(Semaphore::new(MAX_REQUESTS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "the OTLP receiver cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        tokio::spawn(connection(
            stream,
            view.clone(),
            Arc::clone(&requests),
            place,
        ));
    }
}

async fn connection(
    stream: TcpStream,
    view: View,
    requests: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
) {
    let service = service_fn(|request| {
        let (view, requests) = (view.clone(), Arc::clone(&requests));
        async move { Ok::<_, Infallible>(answer(request, view, &requests).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD as u32)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(60)));
    if let Err(error) = builder
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection to the OTLP receiver failed");
    }
}

async fn answer(request: Request<Incoming>, view: View, requests: &Semaphore) -> Response<Body> {
    if is_from_browser(&request) {
        return (StatusCode::FORBIDDEN, "not for browsers\n").into_response();
    }
    let Ok(_turn) = requests.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let answer = async {
        if grpc::is_grpc(&request) {
            grpc::answer(request, view).await
        } else {
            http::answer(request, &view).await
        }
    };
    tokio::time::timeout(REQUEST_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// Browsers add these to every request that can change something.
fn is_from_browser(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

#[cfg(test)]
mod tests;
