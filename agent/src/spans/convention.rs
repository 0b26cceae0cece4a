//! Which convention names an exchange. Whoever adds one adds it to the list.

use sonde_protocols::Exchange;

use super::{Attribute, ConnectionFacts, Options, Status, http, rpc};

/// What a convention says of an exchange; the rest of a span is the same for all of them.
pub(super) struct Description {
    /// Name of the span.
    pub(super) name: String,
    /// Its status.
    pub(super) status: Status,
    /// Attributes, each key once.
    pub(super) attributes: Vec<Attribute>,
}

/// `None` if the exchange is none of the convention's.
type Convention = fn(&Exchange, &ConnectionFacts) -> Option<Description>;

/// Conventions of what is carried by HTTP, in the order they are asked.
const CARRIED: [Convention; 1] = [rpc::describe];

/// The route of a path, if it has one.
pub(super) type Route<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// The words of the convention that fits best; HTTP's own fits every exchange.
pub(super) fn describe(
    exchange: &Exchange,
    connection: &ConnectionFacts,
    options: &Options,
    route: &mut Route<'_>,
) -> Description {
    CARRIED
        .iter()
        .find_map(|convention| convention(exchange, connection))
        .unwrap_or_else(|| http::describe(exchange, connection, options, route))
}
