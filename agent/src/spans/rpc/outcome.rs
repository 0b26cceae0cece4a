//! How a call ended, as a span tells it.

use std::borrow::Cow;

/// Status code, error and description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// `rpc.response.status_code`, if it is known.
    pub(super) code: Option<&'static str>,
    /// `error.type`, if the call failed as this side sees it.
    pub(super) error: Option<Cow<'static, str>>,
    /// Description of the span's status, if it failed.
    pub(super) description: Cow<'static, str>,
}
