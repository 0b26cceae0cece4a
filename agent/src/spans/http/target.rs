//! The four forms of a request target (RFC 9112 section 3.2).

/// Parts of a request target; what a form does not have is None.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Of the absolute form.
    pub(super) scheme: Option<&'a str>,
    /// Of the absolute and the authority form, with credentials if there are any.
    pub(super) authority: Option<&'a str>,
    /// Starts with `/`, or is `*`; None in the authority form.
    pub(super) path: Option<&'a str>,
    /// Without `?`.
    pub(super) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(super) fn parse(method: &str, text: &'a str) -> Self {
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
