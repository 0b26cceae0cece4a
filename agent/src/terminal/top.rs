//! `sonde top`: services, edges, and the slowest and failing requests, live.
//!
//! On a terminal a screen that is drawn anew each second; else, or with `--once`, the same as text, once. The state is
//! asked for by a thread of its own, so that keys are answered while the agent is busy.

mod once;
mod screen;
mod state;
mod widgets;

use std::io::IsTerminal as _;

use super::client::Client;
use crate::cli::{Failure, TopArguments, print};

/// Shows the state until `q`, or once.
///
/// # Errors
/// There is no agent to ask, or the terminal cannot be used.
pub fn top(arguments: &TopArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.socket.path)?;
    let window = arguments.window.as_secs().max(1);
    // What is wrong at the start is said without a screen.
    let first = state::ask(&client, window)?;
    if arguments.once || !std::io::stdout().is_terminal() {
        return print(&once::text(&first));
    }
    screen::show(client, window, first)
}
