//! Takes in sockets older than the agent: duplicates each socket of each process by `pidfd_getfd(2)`
//! and puts a value into the kernel side's socket storage.
//!
//! The duplicate is closed at once; nothing is read from it, written to it or set on it.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use aya::maps::{MapData, SkStorage, SockHash};
use rustc_hash::FxHashSet;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use sonde_common::connection::{Connection, Direction, role, state};
use sonde_common::process::{Process, propagate, threads, verdict};

use super::loader::StoredConnection;
use super::{Capture, CaptureError};

const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;
/// `BPF_NOEXIST`: what the kernel side has made in the meantime is newer.
const NOEXIST: u64 = 1;

/// Writes socket storage from user space.
pub struct Enroller {
    connections: SkStorage<MapData, StoredConnection>,
    sockets: SockHash<MapData, u64>,
    /// Ports that sockets of this machine listen on, as far as they were met.
    listening: FxHashSet<u16>,
    seen: FxHashSet<u64>,
}

/// What a sweep over a process found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Connected sockets taken in.
    pub connected: u32,
    /// Listening sockets taken in.
    pub listening: u32,
    /// Sockets that could not be duplicated or written to.
    pub failed: u32,
}

impl Enroller {
    /// Takes the storage map.
    pub fn new(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            connections: capture.take_connections()?,
            sockets: capture.take_sockets()?,
            listening: FxHashSet::default(),
            seen: FxHashSet::default(),
        })
    }

    /// Takes in every TCP socket of the process that is connected or listening. A process that is gone
    /// has none. Of a process that is left alone it takes in listeners only: what they accept
    /// inherits that.
    pub fn enroll(&mut self, pid: u32, process: &Process) -> Enrolled {
        let mut result = Enrolled::default();
        let Some(pidfd) = open(pid) else {
            return result;
        };
        let sockets = sockets(pid);
        // First who listens: what is connected on such a port was accepted.
        for (descriptor, _) in &sockets {
            self.note_listener(&pidfd, *descriptor);
        }
        for (descriptor, inode) in sockets {
            if !self.seen.insert(inode) {
                continue;
            }
            match self.enroll_one(&pidfd, descriptor, pid, process) {
                Ok(Some(TCP_LISTEN)) => result.listening += 1,
                Ok(Some(_)) => result.connected += 1,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(pid, descriptor, %error, "socket not taken in");
                    result.failed += 1;
                }
            }
        }
        result
    }

    /// Forgets which sockets were seen: inodes are reused.
    pub fn finish(&mut self) {
        self.seen = FxHashSet::default();
    }

    fn enroll_one(
        &mut self,
        pidfd: &OwnedFd,
        descriptor: RawFd,
        pid: u32,
        process: &Process,
    ) -> io::Result<Option<u8>> {
        let watch = process.verdict == verdict::WATCH;
        let socket = pidfd_getfd(pidfd.as_fd(), descriptor, PidfdGetfdFlags::empty())?;
        let Some(tcp_state) = tcp_state(&socket) else {
            return Ok(None);
        };
        let (role, state) = match tcp_state {
            TCP_LISTEN if watch => (role::SERVER, state::LISTENING),
            TCP_LISTEN => (role::SERVER, state::LEFT),
            _ if !watch => return Ok(None),
            TCP_ESTABLISHED | TCP_CLOSE_WAIT => (role::UNKNOWN, state::NEW),
            _ => return Ok(None),
        };
        let header = process.propagate & propagate::HEADER != 0;
        let client = state == state::NEW && !self.is_served(&socket);
        let enrolled = header && client && self.write_for(&socket);
        let value = Connection {
            tgid: pid,
            role,
            state,
            enrolled: enrolled.into(),
            cookie: cookie(&socket).unwrap_or(0),
            sampler: u16::try_from(process.sampler).unwrap_or(0),
            of_proxy: (process.threads & threads::PROXY != 0).into(),
            ingress: Direction::UNSYNCED,
            egress: Direction::UNSYNCED,
            ..Connection::default()
        };
        match self
            .connections
            .insert(&socket, StoredConnection(value), NOEXIST)
        {
            Ok(()) => Ok(Some(tcp_state)),
            Err(error) if is_exists(&error) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Notes the port of a listening socket; that of a multi-path one too, which hides all else.
    fn note_listener(&mut self, pidfd: &OwnedFd, descriptor: RawFd) {
        let socket = pidfd_getfd(pidfd.as_fd(), descriptor, PidfdGetfdFlags::empty());
        let Ok(socket) = socket.map(std::net::TcpListener::from) else {
            return;
        };
        let listens = rustix::net::sockopt::socket_acceptconn(&socket).unwrap_or(false);
        if let (true, Ok(address)) = (listens, socket.local_addr()) {
            self.listening.insert(address.port());
        }
    }

    /// Is it connected on a port that is listened on?
    fn is_served(&self, socket: &OwnedFd) -> bool {
        let Ok(socket) = socket.try_clone().map(std::net::TcpStream::from) else {
            return true;
        };
        let port = socket.local_addr().map(|address| address.port());
        port.is_ok_and(|port| self.listening.contains(&port))
    }

    /// Puts a socket into the map of those whose requests fields are written into.
    fn write_for(&mut self, socket: &OwnedFd) -> bool {
        let Some(cookie) = cookie(socket) else {
            return false;
        };
        self.sockets.insert(cookie, socket.as_raw_fd(), 0).is_ok()
    }
}

/// `SO_COOKIE`.
fn cookie(socket: &OwnedFd) -> Option<u64> {
    let mut cookie = 0_u64;
    let mut length: libc::socklen_t = 8;
    // SAFETY: the kernel writes at most eight bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(cookie)
}

fn is_exists(error: &aya::maps::MapError) -> bool {
    let aya::maps::MapError::SyscallError(error) = error else {
        return false;
    };
    error.io_error.kind() == io::ErrorKind::AlreadyExists
}

fn open(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Descriptors of sockets, with their inodes.
fn sockets(pid: u32) -> Vec<(RawFd, u64)> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let socket = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        let inode = target
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .parse()
            .ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, inode))
    };
    entries.flatten().filter_map(socket).collect()
}

/// `tcpi_state` of a TCP socket; `None` for any other.
fn tcp_state(socket: &OwnedFd) -> Option<u8> {
    let mut info = MaybeUninit::<[u8; 8]>::zeroed();
    let mut length: libc::socklen_t = 8;
    // SAFETY: the kernel writes at most `length` bytes into `info`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    // SAFETY: zeroed at the start, any bytes are valid.
    (result == 0 && length > 0).then(|| unsafe { info.assume_init() }[0])
}
