//! One request at a time over the agent's unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use super::model::Refusal;
use crate::cli::Failure;

/// For one answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of one answer.
const MAX_ANSWER: usize = 128 << 20;

/// A way to a running agent.
pub(super) struct Client {
    socket: PathBuf,
    runtime: Runtime,
}

impl Client {
    /// Connects with the first request only.
    pub(super) fn new(socket: &Path) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::run_time("cannot start a runtime").because(error))?;
        Ok(Self {
            socket: socket.to_owned(),
            runtime,
        })
    }

    /// What the view says at `path`, with its query part.
    ///
    /// # Errors
    /// No agent listens there, it does not trust this user, or it refuses the query.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let bytes = self.bytes(path)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::run_time("the agent's answer cannot be read: is it of another version?")
                .because(error)
        })
    }

    /// The same as it came.
    pub(super) fn bytes(&self, path: &str) -> Result<Bytes, Failure> {
        let asked = async { tokio::time::timeout(TIMEOUT, self.ask(path)).await };
        self.runtime.block_on(asked).unwrap_or_else(|_elapsed| {
            Err(Failure::run_time(format!(
                "the agent at {} did not answer within {} seconds",
                self.socket.display(),
                TIMEOUT.as_secs()
            )))
        })
    }

    async fn ask(&self, path: &str) -> Result<Bytes, Failure> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|error| self.unreachable(error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(error))?;
        // It ends with the sender, and its errors are those of the request.
        let driving = tokio::spawn(connection);
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|error| Failure::configuration("cannot ask for that").because(error))?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| self.broken(error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        driving.abort();
        let bytes = body
            .map_err(|error| Failure::run_time("the agent's answer broke off").because(error))?
            .to_bytes();
        if status.is_success() {
            return Ok(bytes);
        }
        Err(refused(status, &bytes))
    }

    fn unreachable(&self, error: std::io::Error) -> Failure {
        use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
        let socket = self.socket.display();
        let message = match error.kind() {
            NotFound | ConnectionRefused => format!(
                "no agent with a trace view listens at {socket}: start one with `sonde run --ui 127.0.0.1:7070`, \
                 or name its --socket"
            ),
            PermissionDenied => {
                format!("{socket} is for root and the agent's own user: try again as one of them")
            }
            _ => format!("cannot reach the agent at {socket}"),
        };
        Failure::run_time(message).because(error)
    }

    /// The agent closes connections of users that it does not trust.
    fn broken(&self, error: hyper::Error) -> Failure {
        let socket = self.socket.display();
        Failure::run_time(format!(
            "the agent at {socket} closed the connection: it answers root and its own user only"
        ))
        .because(error)
    }
}

fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let said = serde_json::from_slice::<Refusal>(body).ok();
    let said = said.and_then(|refusal| refusal.errors.into_iter().next());
    let message = said.map_or_else(|| status.to_string(), |fault| fault.msg);
    match status {
        StatusCode::BAD_REQUEST => Failure::configuration(message),
        _ => Failure::run_time(message),
    }
}
