//! What the agent tells the kernel side about one process: the value of the `PROCESSES` map (key: tgid).

use crate::{grpc::Grpc, python::Python, tokio::Tokio};

/// What is to be done with a process.
pub mod verdict {
    /// Not decided yet: capture, the agent will sort it out.
    pub const UNKNOWN: u8 = 0;
    /// Watch.
    pub const WATCH: u8 = 1;
    /// Leave alone.
    pub const LEAVE: u8 = 2;
}

/// Bits of [`Process::propagate`]: how the context is carried on.
pub mod propagate {
    /// As a field in the request, written by `sk_msg`.
    pub const HEADER: u8 = 1;
    /// As a TCP option beside it, written by `sock_ops`, where no field can be written.
    pub const TCP: u8 = 2;
}

/// What carries a context through the process.
pub mod runtime {
    /// Its threads.
    pub const THREADS: u8 = 0;
    /// Goroutines.
    pub const GO: u8 = 1;
    /// asyncio tasks.
    pub const ASYNCIO: u8 = 2;
    /// Tasks that move between threads, and of which nothing is known: no request is linked to another.
    pub const MOVING: u8 = 3;
    /// Threads, but for those that may carry virtual ones: of these nothing is known.
    pub const JAVA: u8 = 4;
    /// Threads, each with an event loop, which reads from more than TCP sockets.
    pub const NODE: u8 = 5;
    /// tokio's tasks.
    pub const TOKIO: u8 = 6;
}

/// Bits of [`Process::threads`]: what is known of the threads of a runtime.
pub mod threads {
    /// A thread begins to read a request and may give the connection to another: only a request that it has read to its end is its own, and
    /// none once it is answered (Ruby: Puma's reactor).
    pub const HAND_OVER: u8 = 1;
    /// Sockets that do not block are an event loop's (Perl, whose clients block).
    pub const NONBLOCKING_IS_LOOP: u8 = 2;
    /// The process is a proxy: what it sends on unchanged is for the request that came with it.
    pub const PROXY: u8 = 4;
    /// A read of an answer that finds nothing yet is an event loop's (Python, whose clients wait first).
    pub const EMPTY_READ_IS_LOOP: u8 = 8;
    /// Coroutines may change within a thread, and nothing tells when (Python's greenlets): no thread is believed.
    pub const SWITCHES: u8 = 16;
}

/// Where the goroutine is found, as offsets in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Go {
    /// From the thread's TLS base to the pointer to `runtime.g`.
    pub g: i32,
    /// `runtime.g.goid`
    pub goid: u32,
    /// `runtime.g.parentGoid`; 0: the version has none.
    pub parent_goid: u32,
    /// `net/http.persistConn.conn`, the interface's data word; 0: no handing over is watched.
    pub conn: u32,
    /// From there: `net.TCPConn.conn.fd`
    pub fd: u32,
    /// From there: `net.netFD.laddr`, the interface's data word
    pub local: u32,
    /// From `net.netFD`: `pfd.Sysfd`; 0: no streams are watched.
    pub descriptor: u32,
    /// `net/http.Request.ctx`; 0: contexts are not followed.
    pub context: u32,
    /// `net/http.conn.rwc`, the interface's data word.
    pub served: u32,
    /// `runtime.g.startpc`; 0: nobody is believed to work for who started it.
    pub start_pc: u32,
    /// `runtime.g.waitreason`
    pub wait_reason: u32,
    /// Bits of the wait reasons for which a goroutine waits for others, or for a time.
    pub waits: u32,
}

/// The value.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// A value of [`verdict`].
    pub verdict: u8,
    /// Bits of [`propagate`].
    pub propagate: u8,
    /// A value of [`runtime`].
    pub runtime: u8,
    /// Bits of [`threads`].
    pub threads: u8,
    /// For Go.
    pub go: Go,
    /// Entry of its service in the map of samplers.
    pub sampler: u32,
    /// 1: it makes spans of its own. For those who read the map; the programs do not care.
    pub traces_itself: u32,
    /// For asyncio.
    pub python: Python,
    /// For tokio.
    pub tokio: Tokio,
    /// For gRPC's C core.
    pub grpc: Grpc,
}

const _: () = assert!(size_of::<Process>() == 120);
