//! The system calls that the two ends use, as they are: no retries, no hidden loops.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static PATIENCE_SECONDS: AtomicU64 = AtomicU64::new(20);

/// How long a socket may stand still before that is an error.
pub(crate) fn patience() -> Duration {
    Duration::from_secs(PATIENCE_SECONDS.load(Ordering::Relaxed))
}

/// Sets it, before there are connections.
pub(crate) fn set_patience(seconds: u64) {
    PATIENCE_SECONDS.store(seconds, Ordering::Relaxed);
}

fn checked(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// sendmsg(2) of several pieces.
pub(crate) fn send(socket: &impl AsRawFd, pieces: &[&[u8]], flags: i32) -> io::Result<usize> {
    let mut vector: Vec<libc::iovec> = pieces.iter().map(|piece| to_iovec(piece)).collect();
    // SAFETY: an all-zero msghdr is a valid one without name, vector and control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = vector.as_mut_ptr();
    message.msg_iovlen = vector.len();
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: the vector describes live slices, which sendmsg only reads.
    checked(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) })
}

/// writev(2) of several pieces.
pub(crate) fn writev(socket: &impl AsRawFd, pieces: &[&[u8]]) -> io::Result<usize> {
    let vector: Vec<libc::iovec> = pieces.iter().map(|piece| to_iovec(piece)).collect();
    let count = i32::try_from(vector.len()).unwrap_or(i32::MAX);
    // SAFETY: the vector describes live slices, which writev only reads.
    checked(unsafe { libc::writev(socket.as_raw_fd(), vector.as_ptr(), count) })
}

fn to_iovec(piece: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: piece.as_ptr().cast_mut().cast(),
        iov_len: piece.len(),
    }
}

/// sendfile(2) of `count` bytes from `offset`.
pub(crate) fn sendfile(
    socket: &impl AsRawFd,
    file: &impl AsRawFd,
    offset: usize,
    count: usize,
) -> io::Result<usize> {
    let mut offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
    // SAFETY: the offset is a live local.
    checked(unsafe { libc::sendfile(socket.as_raw_fd(), file.as_raw_fd(), &raw mut offset, count) })
}

/// splice(2) of at most `count` bytes; one of the two is a pipe. `offset` is of `from`, if that is a file.
pub(crate) fn splice(
    from: &impl AsRawFd,
    offset: Option<usize>,
    to: &impl AsRawFd,
    count: usize,
) -> io::Result<usize> {
    let mut offset = offset.and_then(|at| libc::loff_t::try_from(at).ok());
    let pointer = offset.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the offset is null or a live local.
    checked(unsafe {
        libc::splice(
            from.as_raw_fd(),
            pointer,
            to.as_raw_fd(),
            ptr::null_mut(),
            count,
            libc::SPLICE_F_NONBLOCK,
        )
    })
}

/// recv(2).
pub(crate) fn receive(socket: &impl AsRawFd, into: &mut [u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice.
    checked(unsafe {
        libc::recv(
            socket.as_raw_fd(),
            into.as_mut_ptr().cast(),
            into.len(),
            flags,
        )
    })
}

/// `ioctl(FIONREAD)`: how many bytes wait.
pub(crate) fn waiting(socket: &impl AsRawFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which is a live local.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    usize::try_from(count).map_err(io::Error::other)
}

/// Takes what MSG_ZEROCOPY reports as sent from the error queue.
pub(crate) fn drain_errors(socket: &impl AsRawFd) {
    let mut control = [0_u64; 32];
    loop {
        // SAFETY: an all-zero msghdr is a valid one.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of::<[u64; 32]>();
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the control buffer is live and as long as said.
        if unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) } == -1 {
            return;
        }
    }
}

/// Waits until one of `events` is there; reports that only the error queue has something as ready, too.
pub(crate) fn wait(socket: &impl AsRawFd, events: i16) -> io::Result<()> {
    let mut poll = libc::pollfd {
        fd: socket.as_raw_fd(),
        events,
        revents: 0,
    };
    let patience = i32::try_from(patience().as_millis()).unwrap_or(i32::MAX);
    loop {
        // SAFETY: the one structure is a live local.
        match unsafe { libc::poll(&raw mut poll, 1, patience) } {
            0 => return Err(io::Error::new(io::ErrorKind::TimedOut, "stalled")),
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ => break,
        }
    }
    if poll.revents & libc::POLLERR != 0 {
        drain_errors(socket);
    }
    Ok(())
}

/// Sets an option that is an int.
pub(crate) fn set(socket: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_bytes(socket, level, name, &value)
}

/// Makes the next close reset the connection.
pub(crate) fn reset_on_close(socket: &impl AsRawFd) -> io::Result<()> {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    set_bytes(socket, libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

fn set_bytes<T>(socket: &impl AsRawFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    let pointer = ptr::from_ref(value).cast();
    // SAFETY: pointer and length are those of a live value of the type that the option takes.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, pointer, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The reading and the writing end of a pipe.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: pipe2 writes two descriptors into the live array; each becomes owned once.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}
