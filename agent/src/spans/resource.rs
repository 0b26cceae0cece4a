//! Who made a span: the OpenTelemetry resource of one process.

use super::Attribute;

/// Attributes that all spans of one process share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Value of `service.name`; also among the attributes.
    pub service_name: String,
    /// Everything, `service.name` first.
    pub attributes: Vec<Attribute>,
}
