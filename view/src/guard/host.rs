//! Names by which a browser may know the view.
//!
//! A page of another site can make its own name resolve to 127.0.0.1 (DNS rebinding) and then ask as if it were ours; the
//! `Host` field gives it away. An address cannot be made to point elsewhere, so literal ones are harmless.

use std::net::IpAddr;

/// Whether `host`, with or without a port, is a name of a listener on `local`.
pub(super) fn is_allowed(host: &str, local: IpAddr, names: &[String]) -> bool {
    let Some(name) = without_port(host) else {
        return false;
    };
    let literal = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    if let Ok(address) = literal.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback() || local.is_unspecified() || address == local.to_canonical();
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> Option<&str> {
    if host.starts_with('[') {
        let end = host.find(']')? + 1;
        let rest = &host[end..];
        let is_port = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_number);
        return is_port.then_some(&host[..end]);
    }
    match host.split_once(':') {
        None => Some(host),
        Some((name, port)) => is_number(port).then_some(name),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name for the list of allowed ones.
///
/// # Errors
/// It is no DNS name.
pub fn parse(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() < 254 && name.split('.').all(is_label) {
        Ok(name.to_ascii_lowercase())
    } else {
        Err("expected a DNS name without a port".to_owned())
    }
}
