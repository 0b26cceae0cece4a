//! The token: sent as a bearer token, or shown once in the URL and then kept as a cookie.
//!
//! The cookie holds a random number of this run, not the token: cookies do not know ports, so another service of the same
//! host would be shown it.

use http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq as _;

use crate::otlp::hex;

/// What opens the view.
pub(crate) struct Token {
    token: Vec<u8>,
    session: String,
    cookie_name: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(super) fn new(token: &str, port: u16) -> std::io::Result<Self> {
        let mut session = [0; 32];
        getrandom::fill(&mut session).map_err(std::io::Error::other)?;
        Ok(Self {
            token: token.as_bytes().to_vec(),
            session: hex(&session),
            cookie_name: format!("sonde-session-{port}"),
        })
    }

    /// In a time that does not depend on where the two differ.
    pub(super) fn is(&self, given: &str) -> bool {
        self.token.ct_eq(given.as_bytes()).into()
    }

    pub(super) fn is_in_headers(&self, headers: &HeaderMap) -> bool {
        self.is_bearer(headers) || self.is_in_cookie(headers)
    }

    fn is_bearer(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '));
        given.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && self.is(token.trim())
        })
    }

    fn is_in_cookie(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| {
                name == self.cookie_name
                    && bool::from(self.session.as_bytes().ct_eq(value.as_bytes()))
            })
    }

    /// `Set-Cookie`.
    pub(super) fn cookie(&self) -> HeaderValue {
        let text = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie_name, self.session
        );
        let mut value =
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

/// The parameter `token` of a query.
pub(super) fn in_query(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.into_owned())
}
