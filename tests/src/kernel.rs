//! What the kernel says of loaded BPF programs and of TCP connections.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};

/// `BPF_PROG_GET_NEXT_ID` of the bpf(2) system call.
const PROG_GET_NEXT_ID: libc::c_long = 11;

/// The part of `union bpf_attr` that the `*_GET_NEXT_ID` commands use.
#[repr(C)]
struct NextId {
    start_id: u32,
    next_id: u32,
    open_flags: u32,
}

/// How many BPF programs are loaded on the machine; needs root.
pub fn loaded_programs() -> usize {
    let mut attribute = NextId {
        start_id: 0,
        next_id: 0,
        open_flags: 0,
    };
    let mut count = 0;
    loop {
        // SAFETY: the pointer and size are those of a live structure with the layout that this command expects.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                PROG_GET_NEXT_ID,
                &raw mut attribute,
                size_of::<NextId>(),
            )
        };
        if result != 0 {
            return count;
        }
        count += 1;
        attribute.start_id = attribute.next_id;
    }
}

/// `BPF_MAP_CREATE` and `BPF_MAP_UPDATE_ELEM`.
const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
/// `BPF_MAP_TYPE_SOCKHASH`.
const SOCKHASH: u32 = 18;

/// The part of `union bpf_attr` that `BPF_MAP_CREATE` uses.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// The part of `union bpf_attr` that `BPF_MAP_UPDATE_ELEM` uses.
#[repr(C)]
struct MapUpdate {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Whether `ioctl(FIONREAD)` is right for a socket in a SOCKHASH: on some kernels it says 0. Needs root.
pub fn counts_in_sockhash() -> Result<bool> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    let (mut peer, _) = listener.accept()?;
    let create = MapCreate {
        map_type: SOCKHASH,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        map_flags: 0,
    };
    let map = bpf(MAP_CREATE, &create).context("cannot make a SOCKHASH")?;
    // SAFETY: the descriptor was just made, and nobody else owns it.
    let map = unsafe { OwnedFd::from_raw_fd(map) };
    let (key, value) = (0_u32, socket.as_raw_fd());
    let update = MapUpdate {
        map: map.as_raw_fd().cast_unsigned(),
        padding: 0,
        key: (&raw const key).addr() as u64,
        value: (&raw const value).addr() as u64,
        flags: 0,
    };
    bpf(MAP_UPDATE_ELEM, &update).context("cannot put a socket into a SOCKHASH")?;
    peer.write_all(b"seven b")?;
    socket.peek(&mut [0; 7])?;
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which is a live local.
    unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    Ok(count == 7)
}

fn bpf<T>(command: libc::c_long, attribute: &T) -> std::io::Result<i32> {
    // SAFETY: pointer and size are those of a live structure with the layout that the command expects.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attribute, size_of::<T>()) };
    match i32::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Remote ports of the established IPv4 connections of the local `port`, from `/proc/net/tcp` and, v4-mapped, `tcp6`.
pub fn established_peers(port: u16) -> Result<Vec<u16>> {
    let mut peers = Vec::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let table = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        peers.extend(table.lines().skip(1).filter_map(|line| peer_of(line, port)));
    }
    Ok(peers)
}

/// `sl local_address rem_address st ...`, addresses as `HEX:PORT` in hexadecimal; state 01 is ESTABLISHED.
fn peer_of(line: &str, port: u16) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    let port_of = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    (state == "01" && port_of(local)? == port).then(|| port_of(remote))?
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no VmRSS")?;
    let kibibytes: u64 = line
        .split_whitespace()
        .nth(1)
        .context("no value")?
        .parse()?;
    Ok(kibibytes * 1024)
}

/// Does the kernel count the runs of BPF programs (`kernel.bpf_stats_enabled`)?
pub fn counts_runs() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled")
        .is_ok_and(|text| text.trim() == "1")
}
