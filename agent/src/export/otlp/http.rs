//! OTLP over HTTP with binary protobuf: a POST for each request.

use std::io::Write;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::{Answer, Error, IN_FLIGHT, Otlp, USER_AGENT, tls, with_causes};
use crate::export::Compression;

/// Largest response that is read; a useful one has a sentence.
const MAX_RESPONSE: usize = 64 << 10;
/// Level of gzip and zstd: the fast end, for the agent's CPU is the scarcer thing.
const LEVEL: u8 = 1;
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

type Inner = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A pool of connections, made when they are needed.
pub(super) struct Client {
    inner: Inner,
    uri: Uri,
    headers: HeaderMap,
    compression: Compression,
}

impl Client {
    pub(super) fn new(settings: &Otlp) -> Result<Self, Error> {
        let unusable = |error: http::uri::InvalidUri| Error::Endpoint {
            endpoint: settings.endpoint.clone(),
            problem: error.to_string(),
        };
        let uri: Uri = settings.endpoint.parse().map_err(unusable)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(settings.timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(settings)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        let inner = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IN_FLIGHT)
            .build(connector);
        Ok(Self {
            inner,
            uri,
            headers: headers(settings),
            compression: settings.compression,
        })
    }

    pub(super) async fn export(&self, body: Bytes) -> Answer {
        let body = match compressed(self.compression, body) {
            Ok(body) => body,
            Err(error) => {
                return Answer::Refused {
                    problem: format!("cannot compress: {error}"),
                };
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        match self.inner.request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                answer(head.status, &head.headers, read(body).await)
            }
            Err(error) => Answer::Retry {
                after: None,
                problem: with_causes(&error),
            },
        }
    }
}

/// The operator's headers under those that describe the body.
fn headers(settings: &Otlp) -> HeaderMap {
    let mut headers =
        HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))]);
    headers.extend(settings.headers.iter().cloned());
    headers.insert(header::CONTENT_TYPE, PROTOBUF);
    let encoding = match settings.compression {
        Compression::None => return headers,
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    headers
}

fn compressed(compression: Compression, body: Bytes) -> std::io::Result<Bytes> {
    match compression {
        Compression::None => Ok(body),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(
                Vec::with_capacity(body.len() / 4),
                flate2::Compression::new(LEVEL.into()),
            );
            encoder.write_all(&body)?;
            encoder.finish().map(Bytes::from)
        }
        Compression::Zstd => zstd::bulk::compress(&body, LEVEL.into()).map(Bytes::from),
    }
}

/// The body, or nothing when it is too long or breaks off: the status has said what matters.
async fn read(body: Incoming) -> Bytes {
    Limited::new(body, MAX_RESPONSE)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default()
}

/// <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>
fn answer(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Answer {
    if status.is_success() {
        // As with gRPC, a response that cannot be read is no reason to send the spans twice.
        return Answer::accepted(ExportTraceServiceResponse::decode(body).unwrap_or_default());
    }
    let problem = format!("HTTP status {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Answer::Retry {
            after: retry_after(headers, SystemTime::now()),
            problem,
        },
        _ => Answer::Refused { problem },
    }
}

/// RFC 9110 section 10.2.3: seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let cases = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ];
        for (value, seconds) in cases {
            let headers =
                HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(
                retry_after(&headers, now),
                seconds.map(Duration::from_secs),
                "{value:?}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn statuses() {
        for (status, outcome) in [
            (200, "Accepted"),
            (202, "Accepted"),
            (301, "Refused"),
            (400, "Refused"),
            (401, "Refused"),
            (413, "Refused"),
            (429, "Retry"),
            (500, "Refused"),
            (502, "Retry"),
            (503, "Retry"),
            (504, "Retry"),
        ] {
            let answer = answer(
                StatusCode::from_u16(status).unwrap(),
                &HeaderMap::new(),
                Bytes::new(),
            );
            assert!(
                format!("{answer:?}").starts_with(outcome),
                "{status}: {answer:?}"
            );
        }
    }
}
