//! Content of bodies: random bytes with HTTP-looking text in them, once in memory and once in a file for sendfile and splice.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::FromRawFd as _;
use std::sync::OnceLock;

use crate::rng::Rng;

/// Bytes in the pool.
pub(crate) const SIZE: usize = 8 << 20;

/// Text that a careless scanner takes for the start of something.
pub(crate) const BAIT: [&str; 8] = [
    "GET / HTTP/1.1\r\n",
    "GET /bait HTTP/1.1\r\nHost: bait\r\n\r\n",
    "\r\n\r\n",
    "\r\n0\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "\r\n\r",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

/// The same bytes in two places.
#[derive(Debug)]
pub(crate) struct Pool {
    /// In memory.
    pub(crate) bytes: Vec<u8>,
    /// In a file without a name.
    pub(crate) file: File,
}

/// The pool of this process.
///
/// # Errors
/// When there is no memory for the file.
pub(crate) fn prepare() -> io::Result<&'static Pool> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    if let Some(pool) = POOL.get() {
        return Ok(pool);
    }
    let made = make()?;
    Ok(POOL.get_or_init(|| made))
}

fn make() -> io::Result<Pool> {
    let mut rng = Rng::new(1);
    let mut bytes = rng.bytes(SIZE);
    for _ in 0..SIZE / 2048 {
        let bait = rng.pick(&BAIT).as_bytes();
        let at = rng.below(SIZE - bait.len());
        bytes[at..at + bait.len()].copy_from_slice(bait);
    }
    // SAFETY: the name is a constant C string; the result is checked before it becomes the file's only owner.
    let mut file = unsafe {
        match libc::memfd_create(c"pool".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(io::Error::last_os_error()),
            descriptor => File::from_raw_fd(descriptor),
        }
    };
    file.write_all(&bytes)?;
    Ok(Pool { bytes, file })
}
