//! How to reach an OTLP receiver: flags over `OTEL_EXPORTER_OTLP_TRACES_*` over `OTEL_EXPORTER_OTLP_*` over defaults.
//!
//! Pure: files are read and connections made later. Rules:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>. Two choices the specification leaves open: the
//! default protocol is `grpc`, and `zstd` is a compression, too. A variable with an unusable value is an error, for an
//! agent that silently sends elsewhere than told helps nobody.

mod endpoint;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use opentelemetry_otlp as otlp;

/// Encoding and transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// `grpc`
    #[default]
    Grpc,
    /// `http/protobuf`
    HttpProtobuf,
}

/// Compression of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// `none`
    #[default]
    None,
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
}

/// How to reach an OTLP receiver, resolved.
#[derive(Clone, PartialEq, Eq)]
pub struct Otlp {
    /// Encoding and transport.
    pub protocol: Protocol,
    /// Absolute URL with its scheme, for HTTP with its full path; `https` means TLS.
    pub endpoint: String,
    /// Compression of requests.
    pub compression: Compression,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_certificate: Option<PathBuf>,
    /// PEM file of the certificate to show; always together with the key.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub client_key: Option<PathBuf>,
    /// Sent with every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// For one request.
    pub timeout: Duration,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            protocol: Protocol::Grpc,
            endpoint: endpoint::GRPC_DEFAULT.to_owned(),
            compression: Compression::None,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            headers: Vec::new(),
            timeout: otlp::OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT,
        }
    }
}

impl fmt::Debug for Otlp {
    /// Without the values of headers, which are often secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("protocol", &self.protocol)
            .field("endpoint", &self.endpoint)
            .field("compression", &self.compression)
            .field("ca_certificate", &self.ca_certificate)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .field(
                "headers",
                &self
                    .headers
                    .iter()
                    .map(|(name, _)| name)
                    .collect::<Vec<_>>(),
            )
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// The flags as given; text is parsed here by the same rules as the variables.
#[derive(Clone, Debug, Default)]
pub struct OtlpFlags {
    /// `grpc` or `http/protobuf`.
    pub protocol: Option<String>,
    /// URL. For HTTP `/v1/traces` is appended unless it is there.
    pub endpoint: Option<String>,
    /// `none`, `gzip` or `zstd`.
    pub compression: Option<String>,
    /// PEM file.
    pub ca_certificate: Option<PathBuf>,
    /// PEM file.
    pub client_certificate: Option<PathBuf>,
    /// PEM file.
    pub client_key: Option<PathBuf>,
    /// Each `NAME=VALUE[,NAME=VALUE]`, values percent-encoded; any of them replaces those of the environment.
    pub headers: Vec<String>,
    /// For one request.
    pub timeout: Option<Duration>,
    /// No TLS for a gRPC endpoint without scheme.
    pub insecure: Option<bool>,
}

/// A flag or variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one of the values there are.
    #[error("{origin}: unknown value {value:?}, possible are {possible}")]
    Unknown {
        /// Flag or variable.
        origin: &'static str,
        /// As given.
        value: String,
        /// Separated by commas, the nearest first.
        possible: String,
    },
    /// Not a URL that can be used.
    #[error("{origin}: {value:?} {problem}")]
    Endpoint {
        /// Flag or variable.
        origin: &'static str,
        /// As given.
        value: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Not a list of headers; the value is not shown, as it may be a secret.
    #[error("{origin}: entry {position} {problem}")]
    Header {
        /// Flag or variable.
        origin: &'static str,
        /// From 1.
        position: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Not a number of milliseconds.
    #[error("{origin}: {value:?} is not a positive number of milliseconds")]
    Timeout {
        /// Variable.
        origin: &'static str,
        /// As given.
        value: String,
    },
    /// One of the two without the other.
    #[error("a client certificate and its key must be given together, {missing} is missing")]
    Identity {
        /// `the key` or `the certificate`.
        missing: &'static str,
    },
}

/// A value and the flag or variable it came from.
#[derive(Clone, Debug)]
struct Given {
    origin: &'static str,
    value: String,
    /// From the generic variable, or a flag: the signal's path is to be appended to an HTTP endpoint.
    generic: bool,
}

/// The names of one setting: its flag, its variable for traces, its generic variable.
struct Names {
    flag: &'static str,
    traces: &'static str,
    generic: &'static str,
}

const PROTOCOL: Names = Names {
    flag: "--otlp-protocol",
    traces: otlp::OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    generic: otlp::OTEL_EXPORTER_OTLP_PROTOCOL,
};
const ENDPOINT: Names = Names {
    flag: "--otlp-endpoint",
    traces: otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    generic: otlp::OTEL_EXPORTER_OTLP_ENDPOINT,
};
const COMPRESSION: Names = Names {
    flag: "--otlp-compression",
    traces: otlp::OTEL_EXPORTER_OTLP_TRACES_COMPRESSION,
    generic: otlp::OTEL_EXPORTER_OTLP_COMPRESSION,
};
const HEADERS: Names = Names {
    flag: "--otlp-headers",
    traces: otlp::OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    generic: otlp::OTEL_EXPORTER_OTLP_HEADERS,
};
const TIMEOUT: Names = Names {
    flag: "--otlp-timeout",
    traces: otlp::OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
    generic: otlp::OTEL_EXPORTER_OTLP_TIMEOUT,
};
const INSECURE: Names = Names {
    flag: "--otlp-insecure",
    traces: otlp::OTEL_EXPORTER_OTLP_TRACES_INSECURE,
    generic: otlp::OTEL_EXPORTER_OTLP_INSECURE,
};
// The crate has no constants for the certificates.
const CA: Names = Names {
    flag: "--otlp-ca-certificate",
    traces: "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    generic: "OTEL_EXPORTER_OTLP_CERTIFICATE",
};
const CLIENT_CERTIFICATE: Names = Names {
    flag: "--otlp-client-certificate",
    traces: "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    generic: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
};
const CLIENT_KEY: Names = Names {
    flag: "--otlp-client-key",
    traces: "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    generic: "OTEL_EXPORTER_OTLP_CLIENT_KEY",
};

/// The rules by which [`Otlp`] is resolved.
#[derive(Debug)]
pub struct OtlpSettings;

impl OtlpSettings {
    /// Resolves `flags` and the environment, which `lookup` reads by name; an empty variable counts as unset.
    ///
    /// # Errors
    /// Names the flag or variable that cannot be used.
    pub fn resolve(
        flags: &OtlpFlags,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Otlp, Error> {
        let environment = Environment { lookup };
        let text = |flag: &Option<String>, names: &Names| environment.given(flag.clone(), names);
        let file = |flag: &Option<PathBuf>, names: &Names| {
            flag.clone().or_else(|| {
                environment
                    .given(None, names)
                    .map(|given| given.value.into())
            })
        };
        let protocol = text(&flags.protocol, &PROTOCOL)
            .map_or(Ok(Protocol::default()), |given| protocol(&given))?;
        let insecure = match flags.insecure {
            Some(insecure) => insecure,
            // "Any value that is not explicitly defined here as a true value ... is interpreted as false."
            None => {
                text(&None, &INSECURE).is_some_and(|given| given.value.eq_ignore_ascii_case("true"))
            }
        };
        let resolved = Otlp {
            protocol,
            endpoint: endpoint::resolve(protocol, text(&flags.endpoint, &ENDPOINT), insecure)?,
            compression: text(&flags.compression, &COMPRESSION)
                .map_or(Ok(Compression::default()), |given| compression(&given))?,
            ca_certificate: file(&flags.ca_certificate, &CA),
            client_certificate: file(&flags.client_certificate, &CLIENT_CERTIFICATE),
            client_key: file(&flags.client_key, &CLIENT_KEY),
            headers: resolve_headers(flags, &environment)?,
            timeout: resolve_timeout(flags, &environment)?,
        };
        check_identity(resolved)
    }
}

struct Environment<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn given(&self, flag: Option<String>, names: &Names) -> Option<Given> {
        if let Some(value) = flag {
            return Some(Given {
                origin: names.flag,
                value,
                generic: true,
            });
        }
        [(names.traces, false), (names.generic, true)]
            .into_iter()
            .find_map(|(origin, generic)| {
                let value = (self.lookup)(origin)?.trim().to_owned();
                (!value.is_empty()).then_some(Given {
                    origin,
                    value,
                    generic,
                })
            })
    }
}

fn protocol(given: &Given) -> Result<Protocol, Error> {
    one_of(
        given,
        &[
            (otlp::OTEL_EXPORTER_OTLP_PROTOCOL_GRPC, Protocol::Grpc),
            (
                otlp::OTEL_EXPORTER_OTLP_PROTOCOL_HTTP_PROTOBUF,
                Protocol::HttpProtobuf,
            ),
        ],
    )
}

fn compression(given: &Given) -> Result<Compression, Error> {
    one_of(
        given,
        &[
            ("none", Compression::None),
            ("gzip", Compression::Gzip),
            ("zstd", Compression::Zstd),
        ],
    )
}

fn one_of<T: Copy>(given: &Given, known: &[(&str, T)]) -> Result<T, Error> {
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == given.value) {
        return Ok(*value);
    }
    let mut possible: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    possible
        .sort_by(|a, b| strsim::jaro(b, &given.value).total_cmp(&strsim::jaro(a, &given.value)));
    Err(Error::Unknown {
        origin: given.origin,
        value: given.value.clone(),
        possible: possible.join(", "),
    })
}

fn resolve_timeout(
    flags: &OtlpFlags,
    environment: &Environment<impl Fn(&str) -> Option<String>>,
) -> Result<Duration, Error> {
    if let Some(timeout) = flags.timeout {
        return Ok(timeout);
    }
    let Some(given) = environment.given(None, &TIMEOUT) else {
        return Ok(otlp::OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT);
    };
    match given.value.parse::<u64>() {
        Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err(Error::Timeout {
            origin: given.origin,
            value: given.value,
        }),
    }
}

type Headers = Vec<(HeaderName, HeaderValue)>;

fn resolve_headers(
    flags: &OtlpFlags,
    environment: &Environment<impl Fn(&str) -> Option<String>>,
) -> Result<Headers, Error> {
    let flag = (!flags.headers.is_empty()).then(|| flags.headers.join(","));
    environment
        .given(flag, &HEADERS)
        .map_or(Ok(Vec::new()), |given| headers(&given))
}

/// The list of a W3C Baggage header without properties: `name=value,name=value`, values percent-encoded.
fn headers(given: &Given) -> Result<Headers, Error> {
    let entries = given
        .value
        .split(',')
        .enumerate()
        .filter(|(_, entry)| !entry.trim().is_empty());
    entries
        .map(|(index, entry)| {
            header(entry).map_err(|problem| Error::Header {
                origin: given.origin,
                position: index + 1,
                problem,
            })
        })
        .collect()
}

fn header(entry: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = entry.split_once('=').ok_or("has no '='")?;
    let name =
        HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| "has no valid header name")?;
    let value = percent_decoded(value.trim()).ok_or("has an incomplete percent-encoding")?;
    let mut value =
        HeaderValue::from_bytes(&value).map_err(|_| "has a value that no header can carry")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        decoded.push(u8::try_from(high << 4 | low).ok()?);
    }
    Some(decoded)
}

fn check_identity(resolved: Otlp) -> Result<Otlp, Error> {
    match (&resolved.client_certificate, &resolved.client_key) {
        (Some(_), None) => Err(Error::Identity { missing: "the key" }),
        (None, Some(_)) => Err(Error::Identity {
            missing: "the certificate",
        }),
        _ => Ok(resolved),
    }
}

#[cfg(test)]
mod tests;
