//! The embedded trace view's listeners and threads.
//!
//! It has a runtime of its own, so that a heavy query cannot keep an exporter waiting.

use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sonde_view::{Access, Options, View, receive, server};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};

use crate::cli::Failure;
use crate::config;

/// Threads for queries, which the server has no more than four of at once.
const QUERY_THREADS: usize = 6;
/// For connections to end.
const STOP: Duration = Duration::from_millis(200);

/// The view at work.
#[derive(Debug)]
pub(super) struct Viewing {
    view: View,
    runtime: Runtime,
    addresses: Vec<SocketAddr>,
    _socket: Option<SocketFile>,
}

/// Removes the file at the end, whatever the end is.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone already, which is as well.
        let _removed = std::fs::remove_file(&self.0);
    }
}

impl Viewing {
    /// Opens the store and listens.
    pub(super) fn start(config: &config::View) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(QUERY_THREADS)
            .thread_name("view-http")
            .enable_all()
            .build()
            .map_err(|error| Failure::run_time("cannot start the view's runtime").because(error))?;
        // Listening comes first: reading the data directory may take a while, an address in use is known at once.
        let listeners = bind(config, &runtime)?;
        let addresses = listeners.addresses();
        let view = View::start(&Options {
            memory: config.memory,
            data: config.data.clone(),
        })
        .map_err(|error| Failure::configuration("the trace view cannot start").because(error))?;
        let socket = serve(config, listeners, &view, &runtime)?;
        Ok(Self {
            view,
            runtime,
            addresses,
            _socket: socket,
        })
    }

    /// The view itself.
    pub(super) const fn view(&self) -> &View {
        &self.view
    }

    /// The addresses that it listens on.
    pub(super) fn listeners(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addresses.iter().copied()
    }

    /// Keeps what came last, and ends.
    pub(super) fn stop(self) {
        self.view.shutdown();
        self.runtime.shutdown_timeout(STOP);
    }
}

struct Listeners {
    ui: Option<TcpListener>,
    otlp: Vec<TcpListener>,
    socket: Option<UnixListener>,
}

impl Listeners {
    fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = self.ui.iter().chain(&self.otlp);
        listeners
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }
}

fn bind(config: &config::View, runtime: &Runtime) -> Result<Listeners, Failure> {
    let listen = |flag: &str, address: SocketAddr| {
        runtime
            .block_on(TcpListener::bind(address))
            .map_err(|error| {
                Failure::configuration(format!("{flag}: cannot listen on {address}")).because(error)
            })
    };
    let otlp = config
        .otlp_listen
        .iter()
        .map(|address| listen("--otlp-listen", *address));
    Ok(Listeners {
        ui: config
            .listen
            .map(|address| listen("--ui", address))
            .transpose()?,
        otlp: otlp.collect::<Result<_, _>>()?,
        socket: bind_socket(config, runtime)?,
    })
}

fn bind_socket(config: &config::View, runtime: &Runtime) -> Result<Option<UnixListener>, Failure> {
    let _context = runtime.enter();
    let path = config.socket.display();
    match private_socket(&config.socket) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if config.socket_is_given => {
            Err(Failure::configuration(format!("--socket: cannot listen on {path}")).because(error))
        }
        Err(error) => {
            tracing::warn!(%error, %path, "going on without the socket for `sonde top` and `sonde traces`");
            Ok(None)
        }
    }
}

/// A socket that only its owner may use. One that an agent has left behind is replaced; one that answers is not.
fn private_socket(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(std::io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // Whoever connects before this is turned away by who they are.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Starts to serve.
fn serve(
    config: &config::View,
    listeners: Listeners,
    view: &View,
    runtime: &Runtime,
) -> Result<Option<SocketFile>, Failure> {
    let no_access = |error: std::io::Error| Failure::run_time("--ui").because(error);
    if let Some(listener) = listeners.ui {
        let address = listener.local_addr().map_err(no_access)?;
        let access = Access::new(address, config.hosts.clone(), config.token.as_deref())
            .map_err(no_access)?;
        runtime.spawn(server::serve(listener, view.clone(), access));
        tracing::info!("the trace view is at http://{address}");
    }
    for listener in listeners.otlp {
        runtime.spawn(receive(listener, view.clone()));
    }
    Ok(listeners.socket.map(|listener| {
        runtime.spawn(server::serve_unix(listener, view.clone()));
        SocketFile(config.socket.clone())
    }))
}
