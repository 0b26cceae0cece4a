//! Text for stdout.

use crate::cli::Failure;
use std::io::{self, ErrorKind, Write as _};

/// Writes `text` to stdout. A reader that has gone (`sonde list | head -1`) has all it wanted: success.
///
/// # Errors
/// stdout cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::run_time("cannot write to stdout").because(error))
        }
        _ => Ok(()),
    }
}
