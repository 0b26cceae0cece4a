//! Who may ask: the answer to DNS rebinding, to other sites in the same browser, and to people without the token.
//!
//! In this order: the method reads; the `Host` is a name of this listener; the request does not come from another site; it
//! brings the token, if there is one. A page that another site can open shows nothing by itself, so following a link to it
//! is allowed; all data is behind `/api`, which is not.
//!
//! What it deliberately does not do: TLS. Whoever listens on more than loopback puts a proxy or a tunnel before it.

mod host;
mod peer;
mod token;

pub use host::parse as parse_host;
pub(crate) use peer::is_trusted;
pub(crate) use token::Token;

use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// The rules of one listener.
#[derive(Debug)]
pub struct Access {
    local: SocketAddr,
    hosts: Vec<String>,
    token: Option<Token>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Method,
    NoHost,
    Host,
    CrossSite,
    Token,
}

/// What a request may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What it asks for.
    Pass,
    /// The token was in the URL: a cookie instead, and the same page again without it.
    SignIn { cookie: HeaderValue, path: String },
    /// Nothing.
    Refuse(Refusal),
}

impl Refusal {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Method => "only GET and HEAD",
            Self::NoHost => "exactly one Host field is needed",
            Self::Host => "this Host is not a name of the view; --ui-host allows it",
            Self::CrossSite => "requests from other sites are refused",
            Self::Token => {
                "a token is needed: open /?token=TOKEN once, or send Authorization: Bearer TOKEN"
            }
        }
    }
}

impl Access {
    /// The rules of a listener at `local`, which is also known by the names `hosts`, and asks for `token`.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn new(
        local: SocketAddr,
        hosts: Vec<String>,
        token: Option<&str>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            local,
            hosts,
            token: token
                .map(|token| Token::new(token, local.port()))
                .transpose()?,
        })
    }

    /// Decides about a request.
    pub(crate) fn judge(&self, request: &Parts) -> Verdict {
        let refusal = self.refusal(request);
        if let Some(refusal) = refusal {
            return Verdict::Refuse(refusal);
        }
        let Some(token) = &self.token else {
            return Verdict::Pass;
        };
        if token.is_in_headers(&request.headers) {
            return Verdict::Pass;
        }
        let path = request.uri.path();
        match request.uri.query().and_then(token::in_query) {
            Some(given) if !is_api(path) && token.is(&given) => Verdict::SignIn {
                cookie: token.cookie(),
                path: path.to_owned(),
            },
            _ => Verdict::Refuse(Refusal::Token),
        }
    }

    fn refusal(&self, request: &Parts) -> Option<Refusal> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Some(Refusal::Method);
        }
        let mut hosts = request.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Some(Refusal::NoHost);
        };
        let Ok(host) = host.to_str() else {
            return Some(Refusal::Host);
        };
        let authority = request.uri.authority().map(http::uri::Authority::as_str);
        let known = |host: &str| host::is_allowed(host, self.local.ip(), &self.hosts);
        if !known(host) || authority.is_some_and(|authority| !known(authority)) {
            return Some(Refusal::Host);
        }
        let other_site = is_cross_site(&request.headers, host, request.uri.path());
        other_site.then_some(Refusal::CrossSite)
    }
}

/// Where data is.
pub(crate) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// By `Sec-Fetch-Site`, which browsers set and pages cannot, and by `Origin`.
fn is_cross_site(headers: &HeaderMap, host: &str, path: &str) -> bool {
    let is = |name: &str, value: &str| {
        headers
            .get(name)
            .is_some_and(|found| found.as_bytes() == value.as_bytes())
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        let own = origin.to_str().ok().is_some_and(|origin| {
            ["http://", "https://"].iter().any(|scheme| {
                origin
                    .strip_prefix(scheme)
                    .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
            })
        });
        if !own {
            return true;
        }
    }
    if !headers.contains_key("sec-fetch-site") {
        return false;
    }
    let follows_link = is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
    let own = is("sec-fetch-site", "same-origin") || is("sec-fetch-site", "none");
    !own && (!follows_link || is_api(path))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]
mod tests;
