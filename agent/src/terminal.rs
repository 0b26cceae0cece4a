//! Commands that show what a running agent's trace view holds: `sonde top`, `sonde traces`, `sonde trace`.
//!
//! They ask over the agent's unix socket, which answers root and the agent's own user, by the view's HTTP API. Nothing is
//! computed here that the view can tell, and nothing is kept. What services send is shown with control characters escaped:
//! it must not steer the reader's terminal.

mod calls;
mod client;
mod format;
mod model;
mod query;
mod table;
mod top;
mod trace;
mod traces;

pub use top::top;
pub use trace::trace;
pub use traces::traces;
