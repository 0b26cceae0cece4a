//! The maps and the read-only settings.

use aya_ebpf::{
    bindings::{
        BPF_F_CLONE, BPF_F_NO_PREALLOC, BPF_SK_STORAGE_GET_F_CREATE,
        bpf_map_type::BPF_MAP_TYPE_SK_STORAGE,
    },
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray},
    helpers::generated::bpf_sk_storage_get,
    macros::{btf_map, map},
    maps::{RingBuf, SockHash},
};
use core::ffi::c_void;
use sonde_common::{
    ancestry::History,
    config::{Config, trust},
    connection::{Connection, Pending},
    context::{CONTEXTS as SLOTS, Carrier, Context, Ends, Joint, Work},
    event_loop::{self, EventLoop, Operation, Purpose},
    grpc::{Call, Unsent},
    loss::{Hook, LOSSES, Reason, index},
    nghttp2,
    process::Process,
    propagator::COUNT,
    python::{ObjectKey, Serving, TaskWork, Thread},
    sampler::{SAMPLERS as SERVICES, Sampler},
    tokio::{Receiver, streams},
};

use crate::{
    ancestry::{CHILD, StartFunction},
    http2::{
        Http2, Messages, data,
        hold::{Held, PLACES as HELD_PLACES},
        streams::{STREAM, STREAM_JOINT},
    },
    received::{SLOTS as RECEIVED_SLOTS, Slot},
    sending::{Frames, Sending},
    table::Table,
};

/// Set by the agent before loading.
#[unsafe(no_mangle)]
static CONFIG: Config = Config {
    agent_tgid: 0,
    max_head_bytes: 16 * 1024,
    wake_bytes: 0,
    watch_all: 1,
    task_mm: 0,
    mm_arg_start: 0,
    mm_arg_end: 0,
    binprm_filename: 0,
    sock_ops_skb: 0,
    skb_sequence: 0,
    task_pid: 0,
    task_tgid: 0,
    task_nvcsw: 0,
    task_comm: 0,
    sock_protocol: 0,
    task_real_parent: 0,
    task_files: 0,
    files_fdt: 0,
    fdtable_max_fds: 0,
    fdtable_fd: 0,
    file_private_data: 0,
    socket_sk: 0,
    sock_cookie: 0,
    task_tls: 0,
    sock_owned: 0,
    sock_wait_queue: 0,
    wait_queue_head: 0,
    sock_socket: 0,
    file_flags: 0,
    tcp_copied_seq: 0,
    reserved: 0,
    sock_wmem_queued: 0,
    sock_sndbuf: 0,
    tcp_write_seq: 0,
    tcp_rcv_nxt: 0,
    service_samplers: 0,
    trust_incoming: trust::ALL,
    traceparent: 1,
    baggage: 0,
    propagators: [0; COUNT],
    socket_file: 0,
    linger: 0,
};

/// The settings as the loader left them.
#[inline(always)]
pub fn config() -> &'static Config {
    // SAFETY: a read-only map value that is patched before load; the volatile read of the address
    // keeps the compiler from folding in the defaults.
    unsafe { &*core::ptr::read_volatile(&&raw const CONFIG) }
}

/// Layout of a BTF-defined socket storage map of values `V` with `FLAGS`. (aya's own type has no room
/// for `BPF_F_CLONE`.)
#[repr(C)]
pub struct SocketStorage<V, const FLAGS: usize> {
    r#type: *const [i32; BPF_MAP_TYPE_SK_STORAGE as usize],
    key: *const i32,
    value: *const V,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; FLAGS],
}

/// A storage of its own for each socket.
const OWN: usize = BPF_F_NO_PREALLOC as usize;
/// A storage that accepted sockets take over from their listener.
const CLONED: usize = (BPF_F_NO_PREALLOC | BPF_F_CLONE) as usize;

// SAFETY: only placeholders for the loader; never dereferenced.
unsafe impl<V, const FLAGS: usize> Sync for SocketStorage<V, FLAGS> {}

impl<V, const FLAGS: usize> SocketStorage<V, FLAGS> {
    const fn new() -> Self {
        Self {
            r#type: core::ptr::null(),
            key: core::ptr::null(),
            value: core::ptr::null(),
            max_entries: core::ptr::null(),
            map_flags: core::ptr::null(),
        }
    }

    /// The value of `sk`, or null.
    #[inline(always)]
    pub fn get(&self, sk: *mut c_void) -> *mut V {
        self.call(sk, 0)
    }

    /// The value of `sk`, made of zeros if there is none; null if there is no memory for it.
    #[inline(always)]
    pub fn get_or_create(&self, sk: *mut c_void) -> *mut V {
        self.call(sk, BPF_SK_STORAGE_GET_F_CREATE as u64)
    }

    #[inline(always)]
    fn call(&self, sk: *mut c_void, flags: u64) -> *mut V {
        // SAFETY: the helper checks `sk` against the verifier's type; null gives null.
        unsafe {
            bpf_sk_storage_get(
                core::ptr::from_ref(self).cast_mut().cast(),
                sk,
                core::ptr::null_mut(),
                flags,
            )
            .cast()
        }
    }
}

/// State of each watched socket; freed with the socket.
#[btf_map]
pub static CONNECTIONS: SocketStorage<Connection, CLONED> = SocketStorage::new();

/// What the `sk_msg` program knows of a client socket that it writes fields for.
#[btf_map]
pub static SENDING: SocketStorage<Sending, OWN> = SocketStorage::new();

/// What it knows of one that speaks HTTP/2.
#[btf_map]
pub static FRAMES: SocketStorage<Frames, OWN> = SocketStorage::new();

/// What the programs know of an HTTP/2 connection.
#[btf_map]
pub static HTTP2: SocketStorage<Http2, OWN> = SocketStorage::new();

/// Segments that came early.
#[btf_map]
pub static HELD: Array<Held, HELD_PLACES> = Array::new();

/// Requests that clients have under way on streams.
#[btf_map]
pub static STREAMS: Table<STREAM> = Array::new();

/// Handles of the requests that are served on streams.
#[btf_map]
pub static SERVED: Table<1> = Array::new();

/// Requests that left on a stream without a field, for a server on the same machine to find their span.
#[btf_map]
pub static STREAM_JOINTS: Table<STREAM_JOINT> = Array::new();

/// gRPC messages that go on in their stream's next DATA frame.
#[btf_map]
pub static UNFINISHED: LruHashMap<data::Key, Messages, 16_384> = LruHashMap::new();

/// Client sockets whose messages pass the `sk_msg` program, by cookie.
#[map]
pub static SOCKETS: SockHash<u64> = SockHash::with_max_entries(65_536, 0);

/// Requests that services are working on, by `context::slot`.
#[btf_map]
pub static CONTEXTS: Array<Context, { SLOTS as usize }> = Array::new();

/// What those requests brought beside `traceparent`, by `received::slot`.
#[btf_map]
pub static RECEIVED: Array<Slot, RECEIVED_SLOTS> = Array::new();

/// The handle given last.
#[btf_map]
pub static LAST_HANDLE: Array<u64, 1> = Array::new();

/// Handles of what streams are opened for, by who opens them before another writes them.
#[btf_map]
pub static CAUSES: Table<1> = Array::new();

/// What goroutines work on.
#[btf_map]
pub static GOROUTINES: Table<1> = Array::new();

/// What threads and tasks work on.
#[btf_map]
pub static WORK: LruHashMap<Carrier, Work, 65_536> = LruHashMap::new();

/// Requests by the fields that they brought; see `passed_on`.
#[btf_map]
pub static BROUGHT: Table<1> = Array::new();

/// Span ids of other tracers that spans have taken.
#[btf_map]
pub static ADOPTED: Table<1> = Array::new();

/// Processes of which one thread was seen to go on with a request that another had read of.
#[btf_map]
pub static HANDS_OVER: LruHashMap<u32, u8, 4_096> = LruHashMap::new();

/// What contexts of Go's streams stand for, by their addresses.
#[btf_map]
pub static STREAM_CONTEXTS: Table<1> = Array::new();

/// Goroutines that serve HTTP/1 connections, by the addresses of the connections' local addresses.
#[btf_map]
pub static LOCAL_ADDRESSES: Table<1> = Array::new();

/// Goroutines that others started and that made a call for a request, by that.
#[btf_map]
pub static CHILDREN: Table<CHILD> = Array::new();

/// What is known of the functions that goroutines begin with.
#[btf_map]
pub static START_FUNCTIONS: LruHashMap<StartFunction, History, 16_384> = LruHashMap::new();

/// Tasks of tokio that messages wake.
#[btf_map]
pub static RECEIVERS: LruHashMap<Carrier, Receiver, 65_536> = LruHashMap::new();

/// Tasks of tokio that read or write HTTP/2 connections.
#[btf_map]
pub static TOKIO_CONNECTIONS: LruHashMap<Carrier, streams::Connection, 16_384> = LruHashMap::new();

/// Calls of tonic that are not written yet, by the addresses of their fields.
#[btf_map]
pub static TOKIO_FIELDS: LruHashMap<ObjectKey, streams::Fields, 16_384> = LruHashMap::new();

/// Handles of what streams are opened for, by the tasks that write them.
#[btf_map]
pub static TOKIO_STREAMS: LruHashMap<streams::Stream, u64, 16_384> = LruHashMap::new();

/// Streams of Node.js's HTTP/2: what a client's were opened for, as `nghttp2` has it, and, as stream 0, the cookie of the connection whose bytes the
/// session took last. See `nghttp2`.
#[btf_map]
pub static NODE_STREAMS: LruHashMap<nghttp2::Stream, u64, 65_536> = LruHashMap::new();

/// The sessions of connections, by cookie.
#[btf_map]
pub static NODE_SESSIONS: LruHashMap<u64, u64, 16_384> = LruHashMap::new();

/// Event loops of Node.js, by tgid and tid.
#[btf_map]
pub static EVENT_LOOPS: LruHashMap<u64, EventLoop, 16_384> = LruHashMap::new();

/// What is done for them outside of JavaScript.
#[btf_map]
pub static OPERATIONS: LruHashMap<Operation, Purpose, 16_384> = LruHashMap::new();

/// What async ids were given for.
#[btf_map]
pub static GIVEN: Array<event_loop::Given, { event_loop::GIVEN as usize }> = Array::new();

/// Requests that left without a field, for a server on the same machine to find their span.
#[btf_map]
pub static JOINTS: LruHashMap<Ends, Joint, 16_384> = LruHashMap::new();

/// Records for the agent; its size is set by the loader.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// What the agent knows of each process, by tgid; the agent also removes what has exited.
#[btf_map]
pub static PROCESSES: HashMap<u32, Process, 65_536> = HashMap::new();

/// Samplers of services, by `Process::sampler`; the first is for all that have none of their own.
#[btf_map]
pub static SAMPLERS: Array<Sampler, { SERVICES as usize }> = Array::new();

/// What asyncio tasks work on, by their contexts; see `asyncio`.
#[btf_map]
pub static TASKS: LruHashMap<ObjectKey, TaskWork, 65_536> = LruHashMap::new();

/// The tasks that serve connections.
#[btf_map]
pub static SERVING: LruHashMap<ObjectKey, Serving, 65_536> = LruHashMap::new();

/// Threads of Python processes, by tgid and tid.
#[btf_map]
pub static THREADS: LruHashMap<u64, Thread, 16_384> = LruHashMap::new();

/// Calls of gRPC's C core, by their arenas; see `grpc`.
#[btf_map]
pub static CALLS: LruHashMap<ObjectKey, Call, 16_384> = LruHashMap::new();

/// Streams that its clients have begun, by the cookies of their sockets.
#[btf_map]
pub static UNSENT: LruHashMap<u64, Unsent, 512> = LruHashMap::new();

/// The one connection per CPU that is between its first data and its socket.
#[btf_map]
pub static PENDING: PerCpuArray<Pending, 1> = PerCpuArray::new();

/// For the agent's try whether sockets may be put into such a map on this kernel; no program uses it.
#[map]
pub static PROBE: SockHash<u32> = SockHash::with_max_entries(1, 0);

/// Counters of what was lost, by `loss::index`.
#[btf_map]
pub static LOST: PerCpuArray<u64, { LOSSES as usize }> = PerCpuArray::new();

/// Exchanges that were left out, as their traces are not sampled.
#[btf_map]
pub static LEFT_OUT: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Counts one loss.
#[inline(always)]
pub fn lose(hook: Hook, reason: Reason) {
    if let Some(count) = LOST.get_ptr_mut(index(hook, reason)) {
        // SAFETY: this CPU's own counter; an update lost to an interrupt costs one count.
        unsafe { *count += 1 };
    }
}
