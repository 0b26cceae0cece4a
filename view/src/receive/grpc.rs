//! `opentelemetry.proto.collector.trace.v1.TraceService/Export`, with messages as bytes.

use axum::body::Body;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::{Request, Response, header};
use hyper::body::Incoming;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};

use super::{MAX_REQUEST, Outcome, http::hand_over};
use crate::view::View;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(super) fn is_grpc(request: &Request<Incoming>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

pub(super) async fn answer(request: Request<Incoming>, view: View) -> Response<Body> {
    if request.uri().path() != EXPORT {
        return Status::unimplemented("only TraceService/Export")
            .into_http::<tonic::body::Body>()
            .map(Body::new);
    }
    let mut grpc = Grpc::new(Raw)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(MAX_REQUEST);
    grpc.unary(Export(view), request).await.map(Body::new)
}

struct Export(View);

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = std::future::Ready<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        std::future::ready(match hand_over(&self.0, request.into_inner()) {
            // An empty message: all was accepted.
            Outcome::Taken => Ok(tonic::Response::new(Bytes::new())),
            Outcome::Busy => Err(Status::new(Code::Unavailable, "the view is behind")),
            Outcome::Malformed => Err(Status::invalid_argument("no ExportTraceServiceRequest")),
        })
    }
}

/// Messages as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
