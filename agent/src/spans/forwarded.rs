//! Who stands before the proxies: `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! Only the first element is read: the one nearest the client. Nothing is checked for trust.

use std::net::IpAddr;

/// One parameter (`for`, `host`, `proto`) of the first element, unquoted of its quotation marks.
#[must_use]
pub fn parameter<'a>(field: &'a str, name: &str) -> Option<&'a str> {
    split_quoted(first_element(field), b';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .unwrap_or(value);
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
    })
}

/// First element of a comma-separated list, commas in quoted strings aside.
#[must_use]
pub fn first_element(field: &str) -> &str {
    split_quoted(field, b',').next().unwrap_or_default().trim()
}

/// An IP address with or without port; None for `unknown`, obfuscated identifiers and everything else.
#[must_use]
pub fn node(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_canonical(), None));
    }
    let (host, port) = host_port(text);
    let address = host.parse::<IpAddr>().ok()?;
    Some((address.to_canonical(), port))
}

/// Host (without brackets) and port of an authority; a port that is no number is none.
#[must_use]
pub fn host_port(authority: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return (
            host,
            rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        );
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, None),
    }
}

fn split_quoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let mut quoted = false;
        let end = current.bytes().position(|byte| {
            quoted ^= byte == b'"';
            !quoted && byte == separator
        });
        rest = end.map(|at| &current[at + 1..]);
        Some(&current[..end.unwrap_or(current.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_element_of_forwarded() {
        for (field, expected) in [
            (
                "for=192.0.2.43, for=198.51.100.17",
                Some(("192.0.2.43", None)),
            ),
            (
                r#"proto=https;For="[2001:db8::17]:4711""#,
                Some(("2001:db8::17", Some(4711))),
            ),
            (r#"for="192.0.2.1:80";by=_x"#, Some(("192.0.2.1", Some(80)))),
            ("for=unknown", None),
            ("for=_hidden, for=192.0.2.1", None),
            (r#"by="a,b;c";for=192.0.2.9"#, Some(("192.0.2.9", None))),
            ("", None),
        ] {
            let found = parameter(field, "for").and_then(node);
            assert_eq!(
                found,
                expected.map(|(ip, port)| (ip.parse().unwrap(), port)),
                "{field}"
            );
        }
        assert_eq!(
            node("::ffff:192.0.2.1"),
            Some(("192.0.2.1".parse().unwrap(), None))
        );
    }
}
