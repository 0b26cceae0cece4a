//! Does `ioctl(FIONREAD)` tell the truth for a socket in a sockhash?
//!
//! Kernels 6.6.128, 6.12.75, 6.18.14 and 6.19 up to a fix of July 2026 answer 0 for a socket in a
//! `BPF_MAP_TYPE_SOCKHASH` without verdict program, whatever waits in it. nginx, Java and .NET ask. Only a try
//! tells: distributions carry the fix, and the fault, under other versions.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use aya::maps::SockHash;

use super::{Capture, CaptureError};

const MAP: &str = "PROBE";
const SENT: [u8; 100] = [0; 100];

/// What the kernel answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fionread {
    /// The bytes that wait.
    Right,
    /// Something else.
    Wrong(i32),
}

impl Capture {
    /// Puts a socket of the agent's own, on loopback, into a sockhash and asks. Once.
    ///
    /// # Errors
    /// No sockets, or the kernel refuses the map.
    pub fn try_fionread(&mut self) -> Result<Fionread, CaptureError> {
        let refused = |source| CaptureError::Map { map: MAP, source };
        let map = self.take_map(MAP)?;
        let mut sockets = SockHash::<_, u32>::try_from(map).map_err(refused)?;
        let (mut sender, receiver) = pair().map_err(CaptureError::Probe)?;
        sockets
            .insert(0, receiver.as_raw_fd(), 0)
            .map_err(refused)?;
        sender.write_all(&SENT).map_err(CaptureError::Probe)?;
        wait(&receiver).map_err(CaptureError::Probe)?;
        let mut waiting = 0;
        // SAFETY: FIONREAD writes one int.
        let failed =
            unsafe { libc::ioctl(receiver.as_raw_fd(), libc::FIONREAD, &raw mut waiting) } != 0;
        if failed {
            return Err(CaptureError::Probe(io::Error::last_os_error()));
        }
        let right = usize::try_from(waiting).is_ok_and(|waiting| waiting == SENT.len());
        Ok(if right {
            Fionread::Right
        } else {
            Fionread::Wrong(waiting)
        })
    }
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    Ok((sender, listener.accept()?.0))
}

/// Until something waits in the socket, or its peer has had a second.
fn wait(socket: &TcpStream) -> io::Result<()> {
    let mut asked = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, as the count says.
    match unsafe { libc::poll(&raw mut asked, 1, 1000) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
