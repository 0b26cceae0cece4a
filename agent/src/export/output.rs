//! Stdout as a place for spans: written by a thread of its own.
//!
//! A pipe whose reader has stopped reading blocks the writer. That must be neither a thread of the runtime, which the
//! other exporters need, nor one the runtime waits for at its end.

use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

struct Job {
    text: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

/// A writer behind a thread.
pub(super) struct Output {
    jobs: mpsc::SyncSender<Job>,
}

impl Output {
    /// Starts the thread; it ends when the `Output` is dropped.
    pub(super) fn new(mut writer: impl Write + Send + 'static) -> Self {
        let (jobs, queue) = mpsc::sync_channel::<Job>(1);
        let started = thread::Builder::new()
            .name("sonde-stdout".to_owned())
            .spawn(move || {
                for job in queue {
                    let result = writer.write_all(&job.text).and_then(|()| writer.flush());
                    // Nobody waits any more when the exporters were shut down meanwhile.
                    let _ = job.done.send(result);
                }
            });
        if let Err(error) = started {
            tracing::warn!(%error, "cannot start the thread that writes to stdout");
        }
        Self { jobs }
    }

    /// Writes all of `text`; one call at a time.
    pub(super) async fn write(&self, text: Vec<u8>) -> io::Result<()> {
        let (done, result) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.jobs.try_send(Job { text, done }).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

/// Says why writing ended, unless the reader of the pipe simply went away, which is how `head` works.
pub(super) fn log_end(exporter: &str, error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        tracing::warn!(exporter, %error, "cannot write to stdout, this exporter ends");
    }
}
