//! An OTLP receiver in this process: both transports on one port, answers by script.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service;

/// What to answer; when the script is at its end, everything is accepted.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Partial(i64),
    Grpc(Status),
    Http(u16, Option<&'static str>),
    Hang,
}

/// A request that came in.
pub(super) struct Seen {
    pub(super) headers: HeaderMap,
    pub(super) path: String,
    pub(super) request: ExportTraceServiceRequest,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
    always_hang: bool,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub(super) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), script, None, false).await
    }

    pub(super) async fn hanging() -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), [], None, true).await
    }

    pub(super) async fn on(
        address: SocketAddr,
        script: impl IntoIterator<Item = Reply>,
        tls: Option<TlsAcceptor>,
        always_hang: bool,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Mutex::new(script.into_iter().collect());
        let shared = Arc::new(Shared {
            script,
            always_hang,
            ..Shared::default()
        });
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Looks at the requests seen so far.
    pub(super) fn seen<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&self.shared.seen.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // The connections end with the server.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match tls {
                None => serve(stream, shared).await,
                // A client without the right certificate is refused here.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Infallible> {
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .unwrap()
        .to_str()
        .unwrap();
    if media_type.starts_with("application/grpc") {
        let (headers, path) = (request.headers().clone(), request.uri().path().to_owned());
        return TraceServiceServer::new(Grpc {
            shared,
            headers,
            path,
        })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .call(request)
        .await;
    }
    Ok(http(request, &shared).await)
}

impl Shared {
    async fn see(&self, seen: Seen) -> Option<Reply> {
        self.seen.lock().unwrap().push(seen);
        let reply = self.script.lock().unwrap().pop_front();
        if self.always_hang || matches!(reply, Some(Reply::Hang)) {
            std::future::pending::<()>().await;
        }
        reply
    }
}

fn response(reply: Option<Reply>) -> ExportTraceServiceResponse {
    let partial_success = match reply {
        Some(Reply::Partial(rejected_spans)) => Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: "too old".to_owned(),
        }),
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}

struct Grpc {
    shared: Arc<Shared>,
    headers: HeaderMap,
    path: String,
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let seen = Seen {
            headers: self.headers.clone(),
            path: self.path.clone(),
            request: request.into_inner(),
        };
        match self.shared.see(seen).await {
            Some(Reply::Grpc(status)) => Err(status),
            reply => Ok(tonic::Response::new(response(reply))),
        }
    }
}

async fn http(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let encoding = head
        .headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.to_str().unwrap());
    let body = match encoding {
        None => body.to_vec(),
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..])
                .read_to_end(&mut plain)
                .unwrap();
            plain
        }
        Some("zstd") => zstd::decode_all(&body[..]).unwrap(),
        Some(other) => panic!("unexpected content-encoding {other}"),
    };
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let seen = Seen {
        headers: head.headers,
        path: head.uri.path().to_owned(),
        request,
    };
    let reply = shared.see(seen).await;
    let mut answer = Response::new(Body::new(Full::from(
        response(reply.clone()).encode_to_vec(),
    )));
    if let Some(Reply::Http(status, retry_after)) = reply {
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(value) = retry_after {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, value.parse().unwrap());
        }
    }
    answer
}
