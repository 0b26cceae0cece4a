//! The socket of an endpoint of gRPC's C core.
//!
//! Two kinds, each recognised by what it says twice: `EventEngineEndpointWrapper` points back to the endpoint and
//! has both its addresses as text before the descriptor; `grpc_tcp` (up to 1.76) has the descriptor itself and a pointer to
//! a `grpc_fd`, which begins with the same. The descriptor then leads to the kernel's socket, and to its cookie.

use super::word;
use crate::task::{Task, socket_cookie};

/// `grpc_event_engine_endpoint::wrapper`, `grpc_tcp::em_fd`
const BEHIND: u64 = 8;
/// `grpc_tcp::fd`
const DESCRIPTOR: u64 = 16;
/// `EventEngineEndpointWrapper::eeep_`
const BACK: u64 = 8;
/// `EventEngineEndpointWrapper::peer_address_`; `local_address_` and `fd_` follow.
const PEER: u64 = 96;
/// `sizeof(std::string)`: libstdc++'s first one, and that since GCC 5.
const STRINGS: [u64; 2] = [8, 32];

/// Cookie of the endpoint's TCP socket; 0: not known.
#[inline(always)]
pub fn cookie(endpoint: u64) -> u64 {
    match descriptor(endpoint) {
        0 => 0,
        descriptor => of(descriptor as u64),
    }
}

/// File descriptor of an endpoint; 0: not known.
#[inline(never)]
fn descriptor(endpoint: u64) -> u32 {
    let behind = word(endpoint + BEHIND);
    let descriptor = word(endpoint + DESCRIPTOR) as u32;
    if descriptor != 0 && word(behind) as u32 == descriptor {
        return descriptor;
    }
    if word(behind + BACK) != endpoint {
        return 0;
    }
    for string in STRINGS {
        let peer = behind + PEER;
        if is_address(word(peer)) && is_address(word(peer + string)) {
            return word(peer + 2 * string) as u32;
        }
    }
    0
}

/// Is it a text like `ipv4:127.0.0.1:80`?
#[inline(always)]
fn is_address(text: u64) -> bool {
    const SCHEME: u64 = u32::from_le_bytes(*b"ipv\0") as u64;
    word(text) & 0xff_ffff == SCHEME
}

/// Cookie of the TCP socket behind a descriptor of the current process.
#[inline(never)]
fn of(descriptor: u64) -> u64 {
    socket_cookie(&Task::current(), descriptor)
}
