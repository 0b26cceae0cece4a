//! The four forms of a request target (RFC 9112 section 3.2), and what HTTP/2 has for them (RFC 9113 section 8.3.1).

use sonde_protocols::exchange::{RequestHead, Version};

/// Parts of a request target; what a form does not have is None.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Of the absolute form, of HTTP/2 and of what is neither: `http`, as nothing else comes in plain text. None if it was
    /// not seen (HTTP/2).
    pub(super) scheme: Option<&'a str>,
    /// Of the absolute and the authority form, with credentials if there are any.
    pub(super) authority: Option<&'a str>,
    /// Starts with `/`, or is `*`; None in the authority form.
    pub(super) path: Option<&'a str>,
    /// Without `?`.
    pub(super) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Parts of the target of this request; `text` is it as text, if it is known.
    pub(super) fn of(request: &'a RequestHead, text: Option<&'a str>) -> Self {
        let method = request.method().unwrap_or_default();
        let target = text.map_or_else(Self::default, |text| Self::parse(method, text));
        let plain =
            (request.version() != Version::Http2 || !request.has_unknown()).then_some("http");
        Self {
            scheme: target.scheme.or_else(|| request.scheme()).or(plain),
            ..target
        }
    }

    fn parse(method: &str, text: &'a str) -> Self {
        if method == "CONNECT" {
            return Self {
                authority: Some(text),
                ..Self::default()
            };
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (text, query) = match text.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (text, None),
        };
        if text.starts_with('/') || text == "*" {
            return Self {
                path: Some(text),
                query,
                ..Self::default()
            };
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self {
                path: Some(text),
                query,
                ..Self::default()
            };
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        Self {
            scheme: Some(scheme),
            authority: Some(authority),
            path: Some(path),
            query,
        }
    }
}
