//! The endpoint: its scheme decides on TLS, its path is for HTTP.

use http::Uri;

use super::{ENDPOINT, Error, Given, Protocol};

/// Where a collector on the same machine listens for gRPC.
pub(super) const GRPC_DEFAULT: &str = "http://localhost:4317";
const HTTP_DEFAULT: &str = "http://localhost:4318";
/// Appended to a base URL.
const TRACES_PATH: &str = "v1/traces";

pub(super) fn resolve(
    protocol: Protocol,
    given: Option<Given>,
    insecure: bool,
) -> Result<String, Error> {
    match (protocol, given) {
        (Protocol::Grpc, None) => Ok(GRPC_DEFAULT.to_owned()),
        (Protocol::HttpProtobuf, None) => Ok(format!("{HTTP_DEFAULT}/{TRACES_PATH}")),
        (Protocol::Grpc, Some(given)) => grpc(given, insecure),
        (Protocol::HttpProtobuf, Some(given)) => http_url(&given),
    }
}

/// "The scheme of the endpoint takes precedence" over `INSECURE`, which counts where there is none.
fn grpc(given: Given, insecure: bool) -> Result<String, Error> {
    if given.value.contains("://") {
        checked(&given, &given.value)?;
        return Ok(given.value);
    }
    let scheme = if insecure { "http" } else { "https" };
    let url = format!("{scheme}://{}", given.value);
    checked(&given, &url)?;
    Ok(url)
}

/// The URL for traces is used as it is, but for a missing path, which is `/`; to the generic one `v1/traces` is
/// appended. The flag follows the generic rule, but may have the path already.
fn http_url(given: &Given) -> Result<String, Error> {
    let uri = checked(given, &given.value)?;
    let is_flag = given.origin == ENDPOINT.flag;
    if !given.generic || is_flag && uri.path().ends_with(TRACES_PATH) {
        return Ok(given.value.clone());
    }
    let (base, query) = given
        .value
        .split_once('?')
        .map_or((given.value.as_str(), None), |(base, query)| {
            (base, Some(query))
        });
    let url = format!("{}/{TRACES_PATH}", base.trim_end_matches('/'));
    Ok(query.map_or(url.clone(), |query| format!("{url}?{query}")))
}

fn checked(given: &Given, url: &str) -> Result<Uri, Error> {
    let error = |problem| Error::Endpoint {
        origin: given.origin,
        value: given.value.clone(),
        problem,
    };
    let uri: Uri = url.parse().map_err(|_| error("is not a URL"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(error("must start with http:// or https://")),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(error("names no host"));
    }
    Ok(uri)
}
