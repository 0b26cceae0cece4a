//! The HTTP server: one for the TCP listener, one for the unix socket, over the same routes.
//!
//! Connections are few and short, or one live tail each. A client that sends its request slowly, or does not read the
//! answer, is cut off; what is too large is refused before it is read.

mod assets;
mod io;
mod respond;
mod routes;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use self::io::Timed;
use crate::guard::{Access, Verdict, is_trusted};
use crate::view::View;

/// Connections at once, on each of the two listeners.
const MAX_CONNECTIONS: usize = 128;
/// For the head of a request; an idle connection is closed after it, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For a client to take a part of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Request line and fields, in bytes.
const MAX_HEAD: usize = 16 << 10;
const MAX_FIELDS: usize = 64;
/// Pause after a failed accept, as when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves browsers and other clients by the rules of `access`, until the future is dropped.
///
/// The caller binds, so that an address in use is an error of the start.
pub async fn serve(listener: TcpListener, view: View, access: Access) {
    let (router, access) = (routes::router(&view), Arc::new(access));
    accept(
        || async { listener.accept().await.map(|(stream, _)| Some(stream)) },
        router,
        Some(access),
    )
    .await;
}

/// Serves commands on this machine, until the future is dropped: root and the agent's own user, without a token.
pub async fn serve_unix(listener: UnixListener, view: View) {
    let next = || async {
        let (stream, _) = listener.accept().await?;
        let trusted = is_trusted(stream.peer_cred()?.uid());
        Ok(trusted.then_some(stream))
    };
    accept(next, routes::router(&view), None).await;
}

async fn accept<S, F>(next: impl Fn() -> F, router: Router, access: Option<Arc<Access>>)
where
    F: Future<Output = std::io::Result<Option<S>>>,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let stream = match next().await {
            Ok(Some(stream)) => stream,
            Ok(None) => continue,
            Err(error) => {
                tracing::debug!(%error, "the view cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        tokio::spawn(connection(stream, router.clone(), access.clone(), place));
    }
}

async fn connection<S>(
    stream: S,
    router: Router,
    access: Option<Arc<Access>>,
    _place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (router, access) = (router.clone(), access.clone());
        async move { Ok::<_, Infallible>(answer(request, router, access.as_deref()).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(Timed::new(stream, WRITE_TIMEOUT)), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the view failed");
    }
}

async fn answer(
    request: http::Request<Incoming>,
    router: Router,
    access: Option<&Access>,
) -> http::Response<Body> {
    let (parts, _body) = request.into_parts();
    let verdict = access.map_or_else(
        || respond::reads(&parts.method),
        |access| access.judge(&parts),
    );
    let path = parts.uri.path().to_owned();
    let response = match verdict {
        Verdict::Refuse(refusal) => respond::refused(refusal),
        Verdict::SignIn { cookie, path } => respond::signed_in(cookie, &path),
        Verdict::Pass => {
            let request = http::Request::from_parts(parts, Body::empty());
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    respond::secured(response, &path)
}

#[cfg(test)]
mod tests;
