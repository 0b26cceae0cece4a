//! Go's HTTP client hands a request to another goroutine, which writes it: one uprobe sees who hands over,
//! and on which connection (`(*persistConn).roundTrip`: receiver and request are its arguments).
//!
//! What the request is for is left under the socket's cookie, for the write to that socket. HTTP/1 has one request under way
//! on a connection. What is no `*net.TCPConn` (TLS, a wrapper of the program's) leads to no socket.
//!
//! Fewer than 64 bytes of stack a function: on Linux 6.13 and later a uprobe program with more shares them with
//! whoever runs the same program on that CPU in between.

use crate::{go_streams, handles, maps::PROCESSES, task::Task};
use aya_ebpf::{macros::uprobe, programs::ProbeContext};

/// A goroutine sends a request on a connection of the pool.
#[uprobe]
pub fn uprobe_round_trip(ctx: ProbeContext) -> u32 {
    let [receiver, transported, ..] = go_streams::words(&ctx);
    let handle = go_streams::round_trip(go_streams::g(&ctx), transported);
    hand_over(receiver, handle);
    0
}

#[inline(never)]
fn hand_over(receiver: u64, handle: u64) -> u64 {
    // SAFETY: the process is used before the program ends.
    let Some(process) = (unsafe { PROCESSES.get(Task::current().tgid()) }) else {
        return 0;
    };
    if process.go.conn == 0 {
        return 0;
    }
    let socket = go_streams::socket(receiver, process.go.conn as u64);
    if socket != 0 {
        handles::hands_over(socket, handle);
    }
    0
}
