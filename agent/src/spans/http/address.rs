//! `url.*`, `server.*`, `client.*` and `network.peer.*`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use opentelemetry_semantic_conventions::attribute as key;
use sonde_protocols::exchange::{Field, RequestHead};

use super::target::Target;
use super::text;
use crate::spans::{Attribute, ConnectionFacts, Options, Role, Value, forwarded, redact};

/// Pushes what the target, the proxies' fields and the connection say of addresses.
pub(super) fn push(
    attributes: &mut Vec<Attribute>,
    request: &RequestHead,
    target: &Target<'_>,
    connection: &ConnectionFacts,
    options: &Options,
) {
    match connection.role {
        Role::Server => push_server(attributes, request, target, connection, options),
        Role::Client => push_client(attributes, request, target, connection, options),
    }
    push_peer(attributes, connection);
}

/// The other end of the connection.
pub(in crate::spans) fn push_peer(attributes: &mut Vec<Attribute>, connection: &ConnectionFacts) {
    let peer = connection.remote.ip().to_canonical();
    attributes.push((key::NETWORK_PEER_ADDRESS, owned(peer.to_string())));
    attributes.push((
        key::NETWORK_PEER_PORT,
        Value::Int(connection.remote.port().into()),
    ));
}

fn push_server(
    attributes: &mut Vec<Attribute>,
    request: &RequestHead,
    target: &Target<'_>,
    connection: &ConnectionFacts,
    options: &Options,
) {
    let forwarded = text(request, Field::Forwarded);
    let forwarded = forwarded.as_deref();
    let proto = text(request, Field::XForwardedProto);
    let scheme = forwarded
        .and_then(|field| forwarded::parameter(field, "proto"))
        .or(proto.as_deref().map(forwarded::first_element))
        .or(target.scheme)
        .map(str::to_ascii_lowercase);
    let host = text(request, Field::Host);
    let authority = forwarded
        .and_then(|field| forwarded::parameter(field, "host"))
        .or(target.authority)
        .or(host.as_deref());
    push_server_address(attributes, authority, scheme.as_deref(), connection.local);
    if let Some(scheme) = scheme {
        attributes.push((key::URL_SCHEME, owned(scheme)));
    }
    if request.target().is_some() {
        let path = target.path.unwrap_or_default();
        attributes.push((key::URL_PATH, owned(path.to_owned())));
    }
    if let Some(query) = target.query.filter(|query| !query.is_empty()) {
        attributes.push((
            key::URL_QUERY,
            owned(redact::query(query, &options.redact_query).into_owned()),
        ));
    }
    push_client_address(attributes, request, forwarded, connection);
}

fn push_server_address(
    attributes: &mut Vec<Attribute>,
    authority: Option<&str>,
    scheme: Option<&str>,
    fallback: SocketAddr,
) {
    let default_port = if scheme == Some("https") { 443 } else { 80 };
    let (host, port) = match authority
        .map(redact::without_credentials)
        .filter(|host| !host.is_empty())
    {
        Some(authority) => {
            let (host, port) = forwarded::host_port(authority);
            (host.to_owned(), port.unwrap_or(default_port))
        }
        None => (fallback.ip().to_canonical().to_string(), fallback.port()),
    };
    attributes.push((key::SERVER_ADDRESS, owned(host)));
    attributes.push((key::SERVER_PORT, Value::Int(port.into())));
}

/// The first element of `Forwarded`, else of `X-Forwarded-For`, else whom the header of the PROXY protocol names, else the
/// peer. Behind a proxy that hides its client (`unknown`, `_token`) there is no address: the peer would be the proxy's.
fn push_client_address(
    attributes: &mut Vec<Attribute>,
    request: &RequestHead,
    forwarded: Option<&str>,
    connection: &ConnectionFacts,
) {
    let list = text(request, Field::XForwardedFor);
    let named = forwarded
        .and_then(|field| forwarded::parameter(field, "for"))
        .or(list.as_deref().map(forwarded::first_element));
    let (address, port): (IpAddr, Option<u16>) = match named {
        Some(name) => match forwarded::node(name) {
            Some(node) => node,
            None => return,
        },
        None => {
            let client = connection.proxied.unwrap_or(connection.remote);
            (client.ip().to_canonical(), Some(client.port()))
        }
    };
    attributes.push((key::CLIENT_ADDRESS, owned(address.to_string())));
    if let Some(port) = port {
        attributes.push((key::CLIENT_PORT, Value::Int(port.into())));
    }
}

fn push_client(
    attributes: &mut Vec<Attribute>,
    request: &RequestHead,
    target: &Target<'_>,
    connection: &ConnectionFacts,
    options: &Options,
) {
    let host = text(request, Field::Host);
    let authority = target.authority.or(host.as_deref());
    push_server_address(attributes, authority, target.scheme, connection.remote);
    // Of an authority that was sent but not seen (HTTP/2) the address is not the name.
    if request.target().is_none() || (authority.is_none() && request.has_unknown()) {
        return;
    }
    let remote = SocketAddr::new(
        connection.remote.ip().to_canonical(),
        connection.remote.port(),
    );
    let authority = authority.map_or_else(|| Cow::Owned(remote.to_string()), redact::authority);
    let mut url = match target.scheme.filter(|_| target.path.is_some()) {
        Some(scheme) => format!("{scheme}://{authority}"),
        // CONNECT names no resource: a reference without a scheme.
        None => format!("//{authority}"),
    };
    // RFC 9112 section 3.3: the asterisk form has an empty path.
    url.push_str(target.path.filter(|path| *path != "*").unwrap_or_default());
    if let Some(query) = target.query {
        url.push('?');
        url.push_str(&redact::query(query, &options.redact_query));
    }
    attributes.push((key::URL_FULL, owned(url)));
}

fn owned(text: String) -> Value {
    Value::Str(Cow::Owned(text))
}
