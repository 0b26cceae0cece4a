//! `POST /v1/traces`: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use std::io::Read as _;

use axum::body::Body;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::{MAX_REQUEST, Outcome};
use crate::otlp;
use crate::view::View;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// What a request can fail by.
type Refusal = (StatusCode, &'static str);

pub(super) async fn answer(request: Request<Incoming>, view: &View) -> Response<Body> {
    match take(request, view).await {
        // An empty message: all was accepted.
        Ok(JSON) => ([(header::CONTENT_TYPE, JSON)], "{}").into_response(),
        Ok(kind) => ([(header::CONTENT_TYPE, kind)], "").into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Returns the media type to answer in.
async fn take(request: Request<Incoming>, view: &View) -> Result<&'static str, Refusal> {
    if request.uri().path() != "/v1/traces" {
        return Err((StatusCode::NOT_FOUND, "there is only /v1/traces\n"));
    }
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only POST\n"));
    }
    let kind = media_type(request.headers())?;
    let gzip = is_gzip(request.headers())?;
    let body = Limited::new(request.into_body(), MAX_REQUEST)
        .collect()
        .await
        .map_err(|_| {
            (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large, or broke off\n",
            )
        })?
        .to_bytes();
    let body = if gzip { unpacked(&body)? } else { body };
    let body = if kind == JSON {
        from_json(&body)?
    } else {
        body
    };
    match hand_over(view, body) {
        Outcome::Taken => Ok(kind),
        Outcome::Busy => Err((StatusCode::SERVICE_UNAVAILABLE, "the view is behind\n")),
        Outcome::Malformed => Err(MALFORMED),
    }
}

const MALFORMED: Refusal = (StatusCode::BAD_REQUEST, "no ExportTraceServiceRequest\n");

/// Gives a request to the view.
pub(super) fn hand_over(view: &View, request: Bytes) -> Outcome {
    if !otlp::is_message(&request) {
        return Outcome::Malformed;
    }
    if view.offer(request) {
        Outcome::Taken
    } else {
        Outcome::Busy
    }
}

fn media_type(headers: &HeaderMap) -> Result<&'static str, Refusal> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .map(str::trim);
    match kind {
        Some(PROTOBUF) => Ok(PROTOBUF),
        Some(JSON) => Ok(JSON),
        _ => Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type is application/x-protobuf or application/json\n",
        )),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refusal> {
    match headers
        .get(header::CONTENT_ENCODING)
        .map(http::HeaderValue::as_bytes)
    {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding is gzip\n",
        )),
    }
}

/// A small body may unpack to a large one.
fn unpacked(body: &[u8]) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(body).take(MAX_REQUEST as u64 + 1);
    reader
        .read_to_end(&mut unpacked)
        .map_err(|_| (StatusCode::BAD_REQUEST, "no gzip\n"))?;
    if unpacked.len() > MAX_REQUEST {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"));
    }
    Ok(unpacked.into())
}

fn from_json(body: &[u8]) -> Result<Bytes, Refusal> {
    // Control characters and broken UTF-8 within strings are worth no loss of the others.
    let text = String::from_utf8_lossy(body);
    let request: ExportTraceServiceRequest = serde_json::from_str(&text).map_err(|_| MALFORMED)?;
    Ok(request.encode_to_vec().into())
}
