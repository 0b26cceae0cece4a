//! What the kernel says of loaded BPF programs and of TCP connections.

use std::fs;

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
