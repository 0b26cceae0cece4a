//! Sonde's BPF programs: they stand at the socket, see each TCP segment of a watched process, and put
//! message heads, sizes and times on one ring.
//!
//! | program | hook | for |
//! |---|---|---|
//! | `cgroup_skb_ingress`, `cgroup_skb_egress` | cgroup, both directions | the bytes |
//! | `sock_ops` | cgroup | sequence numbers of new connections, the TCP option |
//! | `tcp_rcv_space_adjust` | BTF tracepoint | who reads, and when |
//! | `inet_sock_set_state` | BTF tracepoint | connect, listen, close |
//! | `task_init`, `future_set_result`, `uvloop_connection_made` | uprobes in Python processes | asyncio's tasks |
//! | `sched_process_exec`, `sched_process_exit` | BTF tracepoint | processes |
//!
//! | `uprobe_event_loop` | Node.js's loop, libuv's operations | what no read has caused |
//! | `uprobe_nghttp2` | Node.js's HTTP/2 | which stream is worked on, and what one was opened for |
//! | `sock_recv_length` | BTF tracepoint, once there is a Node.js process | the same |
//! | `uprobe_round_trip` | Go's HTTP client | who hands a request to which connection |
//! | `uprobe_serve_stream`, `uprobe_open_stream` | Go's HTTP/2 and gRPC | which goroutine belongs to which stream |
//! | `uprobe_wake` | tokio's messages | who gives a request to which connection |
//! | `uprobe_tokio_streams` | h2, tokio, tonic | which task belongs to which stream |
//! | `sk_msg_verdict` | sockhash | writes `traceparent` into requests of enrolled client sockets |
//!
//! No program changes a packet, a socket option or a byte of memory outside Sonde's own maps, but for that
//! one field.
#![feature(asm_experimental_arch)]
#![no_std]
#![no_main]

mod ancestry;
mod announce;
mod asyncio;
mod carrier;
mod chain;
mod chunked;
mod context;
mod empty_reads;
mod event_loop;
mod fields;
mod go_context;
mod go_streams;
mod goroutine;
mod grpc;
mod handles;
mod handover;
mod head;
mod hold;
mod http2;
mod join;
mod maps;
mod nghttp2;
mod omit;
mod option;
mod packet;
mod passed_on;
mod pending;
mod process;
mod proxy_protocol;
mod received;
mod ring;
mod sampling;
mod segment;
mod sending;
mod socket;
mod table;
mod target;
mod task;
mod threads;
mod tokio;
mod turn;
mod walk;
mod window;
mod words;

/// The kernel lets only GPL-compatible programs call tracing helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
