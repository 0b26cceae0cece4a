//! The embedded trace view: where it listens, who may ask, what it keeps.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::fitting;
use crate::cli::{Failure, ViewArguments};

/// Where commands are served, and where they look.
pub(crate) const DEFAULT_SOCKET: &str = "/run/sonde/sonde.sock";

/// The embedded trace view.
#[derive(Clone, PartialEq, Eq)]
pub struct View {
    /// Where browsers are served.
    pub listen: Option<SocketAddr>,
    /// What they have to show.
    pub token: Option<String>,
    /// Names of the view besides localhost and addresses.
    pub hosts: Vec<String>,
    /// Bytes of memory.
    pub memory: usize,
    /// Where traces are kept across restarts.
    pub data: Option<PathBuf>,
    /// Where OTLP is received.
    pub otlp_listen: Vec<SocketAddr>,
    /// Where commands of this machine are served.
    pub socket: PathBuf,
    /// The operator named the socket: that it cannot be had is an error.
    pub socket_is_given: bool,
}

impl std::fmt::Debug for View {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("listen", &self.listen)
            .field("hosts", &self.hosts)
            .field("memory", &self.memory)
            .field("data", &self.data)
            .field("otlp_listen", &self.otlp_listen)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl View {
    /// The view, if one of the flags asks for it.
    ///
    /// # Errors
    /// An address that others can reach, without a token.
    pub(super) fn resolve(arguments: ViewArguments) -> Result<Option<Self>, Failure> {
        let ViewArguments {
            ui,
            ui_token,
            ui_host,
            ui_memory,
            ui_data,
            otlp_listen,
            socket,
        } = arguments;
        let memory = fitting("--ui-memory", ui_memory)?;
        if ui.is_none() && socket.is_none() {
            return match otlp_listen.first() {
                None => Ok(None),
                Some(_) => Err(Failure::configuration(
                    "--otlp-listen receives for the trace view only: it needs --ui or --socket",
                )),
            };
        }
        if let Some(address) = ui
            && !address.ip().to_canonical().is_loopback()
            && ui_token.is_none()
        {
            return Err(Failure::configuration(format!(
                "--ui {address} can be reached from other machines: it needs --ui-token (or SONDE_UI_TOKEN); \
                 127.0.0.1:{} does not",
                address.port()
            )));
        }
        Ok(Some(Self {
            listen: ui,
            token: ui_token,
            hosts: ui_host,
            memory,
            data: ui_data,
            otlp_listen,
            socket_is_given: socket.is_some(),
            socket: socket.unwrap_or_else(|| DEFAULT_SOCKET.into()),
        }))
    }
}
