//! Answers that are not data, and the fields that all answers have.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::guard::{Refusal, Verdict, is_api};

/// Nothing from elsewhere, nothing inline, in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The rule that is left where the kernel has said who asks.
pub(super) fn reads(method: &Method) -> Verdict {
    if matches!(*method, Method::GET | Method::HEAD) {
        Verdict::Pass
    } else {
        Verdict::Refuse(Refusal::Method)
    }
}

pub(super) fn refused(refusal: Refusal) -> Response {
    let mut response = (refusal.status(), format!("{}\n", refusal.message())).into_response();
    let (name, value) = match refusal {
        Refusal::Method => (header::ALLOW, "GET, HEAD"),
        Refusal::Token => (header::WWW_AUTHENTICATE, "Bearer"),
        Refusal::NoHost | Refusal::Host | Refusal::CrossSite => return response,
    };
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    response
}

/// `path` is that of a URI, so it fits a field.
pub(super) fn signed_in(cookie: HeaderValue, path: &str) -> Response {
    // Two slashes would name another host.
    let path = format!("/{}", path.trim_start_matches('/'));
    let location = HeaderValue::from_str(&path).unwrap_or_else(|_| HeaderValue::from_static("/"));
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Adds the fields that all answers have.
pub(super) fn secured(mut response: Response<Body>, path: &str) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api(path) || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
