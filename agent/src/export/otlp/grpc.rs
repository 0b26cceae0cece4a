//! OTLP over gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! tonic's generated client would take a message; here the request is bytes already, so the codec copies them.

use bytes::{BufMut, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{Answer, Error, Otlp, USER_AGENT, tls, with_causes};
use crate::export::Compression;

const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// A connection that is made when it is needed, and made again when it breaks.
pub(super) struct Client {
    grpc: Grpc<Channel>,
    metadata: MetadataMap,
}

impl Client {
    pub(super) fn new(settings: &Otlp) -> Result<Self, Error> {
        let mut grpc = Grpc::new(channel(settings)?);
        grpc = match settings.compression {
            Compression::None => grpc,
            Compression::Gzip => grpc.send_compressed(CompressionEncoding::Gzip),
            Compression::Zstd => grpc.send_compressed(CompressionEncoding::Zstd),
        };
        let headers: HeaderMap = settings.headers.iter().cloned().collect();
        Ok(Self {
            grpc,
            metadata: MetadataMap::from_headers(headers),
        })
    }

    pub(super) async fn export(&self, body: Bytes) -> Answer {
        let mut grpc = self.grpc.clone();
        if let Err(error) = grpc.ready().await {
            return Answer::Retry {
                after: None,
                problem: with_causes(&error),
            };
        }
        let request = Request::from_parts(self.metadata.clone(), tonic::Extensions::new(), body);
        match grpc.unary(request, EXPORT, RawCodec).await {
            Ok(response) => Answer::accepted(response.into_inner()),
            Err(status) => failed(&status),
        }
    }
}

fn channel(settings: &Otlp) -> Result<Channel, Error> {
    let unusable = |error: tonic::transport::Error| Error::Endpoint {
        endpoint: settings.endpoint.clone(),
        problem: with_causes(&error),
    };
    let endpoint = Endpoint::from_shared(settings.endpoint.clone())
        .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
        .map_err(unusable)?
        .connect_timeout(settings.timeout);
    if !settings.endpoint.starts_with("https:") {
        return Ok(endpoint.connect_lazy());
    }
    Ok(endpoint
        .tls_config(tls::for_tonic(settings)?)
        .map_err(unusable)?
        .connect_lazy())
}

/// The table of <https://opentelemetry.io/docs/specs/otlp/#failures>.
pub(super) fn failed(status: &Status) -> Answer {
    let problem = format!("{:?}: {}", status.code(), with_causes(status));
    let after = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    // A status with a cause was made here, not by the receiver: the connection failed.
    let is_local = std::error::Error::source(status).is_some();
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Answer::Retry { after, problem },
        Code::ResourceExhausted if after.is_some() => Answer::Retry { after, problem },
        _ if is_local => Answer::Retry {
            after: None,
            problem,
        },
        _ => Answer::Refused { problem },
    }
}

/// Sends bytes as they are, receives the response message.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.reserve(item.len());
        dst.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(
        &mut self,
        src: &mut DecodeBuf<'_>,
    ) -> Result<Option<ExportTraceServiceResponse>, Status> {
        // A response that cannot be read followed a request that was accepted: to repeat it would double the spans.
        Ok(Some(
            ExportTraceServiceResponse::decode(src).unwrap_or_default(),
        ))
    }
}
