//! gRPC's C core (Python's grpcio): which call a thread works on, and which one a stream is sent for.
//!
//! The threads of the C core read and parse, others run the handlers, and whoever holds the transport writes what all
//! have to send: neither reading nor writing tells anything. But every call has an arena of its own, which both its
//! `grpc_call` and its stream name:
//!
//! - `grpc_chttp2_transport::InitStream` makes the stream of an arena. A server's has its id from the beginning.
//! - `FilterStackCall::StartBatch` is where the application acts on a call. Who asks for a server call's message
//!   works on it, until it sends the status. What the thread or task works on that begins a client's call, is what the
//!   call is made for.
//! - A client's stream gets its id when it is written: then the transport's streams that have begun are looked through for
//!   the one with that id.
//!
//! Both functions are virtual: they are found by their class, and not inlined. The socket is found by the descriptor in
//! the transport's endpoint.
//!
//! As in `asyncio`, each function that is not inlined has less than 64 bytes of stack.

mod endpoint;

use crate::{
    asyncio, carrier, context, handles,
    maps::{CALLS, PROCESSES, UNSENT},
    task::{Task, user_word},
};
use aya_ebpf::{helpers::generated::bpf_loop, macros::uprobe, programs::ProbeContext};
use core::{arch::asm, ffi::c_void};
use sonde_common::{
    grpc::{Begun, Call, Grpc, UNSENT as STREAMS_UNSENT, Unsent, end},
    python::ObjectKey,
};

/// Bits of `grpc_op_type` (`grpc/impl/grpc_types.h`).
mod operation {
    pub const SEND_INITIAL_METADATA: u32 = 1 << 0;
    pub const SEND_CLOSE_FROM_CLIENT: u32 = 1 << 2;
    pub const SEND_STATUS_FROM_SERVER: u32 = 1 << 3;
    pub const RECEIVE_MESSAGE: u32 = 1 << 5;
    pub const RECEIVE_STATUS_ON_CLIENT: u32 = 1 << 6;
    pub const RECEIVE_CLOSE_ON_SERVER: u32 = 1 << 7;

    /// Only a server's call has these.
    pub const OF_SERVER: u32 = SEND_STATUS_FROM_SERVER | RECEIVE_CLOSE_ON_SERVER;
    /// Only a client's call has these.
    pub const OF_CLIENT: u32 = SEND_CLOSE_FROM_CLIENT | RECEIVE_STATUS_ON_CLIENT;
}

/// `sizeof(grpc_op)`
const OPERATION: u64 = 80;
/// A batch has each of them once at most.
const OPERATIONS: u64 = 8;

/// `grpc_chttp2_transport::InitStream(this, stream, refcount, server_data, arena)`
#[uprobe]
pub fn grpc_init_stream(ctx: ProbeContext) -> u32 {
    let tgid = Task::current().tgid();
    let key = ObjectKey {
        address: ctx.arg(4).unwrap_or(0),
        tgid,
        reserved: 0,
    };
    if let Some(grpc) = known(tgid) {
        let transport = ctx.arg(0).unwrap_or(0);
        let cookie = endpoint::cookie(word(transport + grpc.endpoint as u64));
        // The server's stream is told as its id.
        match ctx.arg::<u64>(3).unwrap_or(0) as u32 {
            0 => begin(&key, cookie, ctx.arg(1).unwrap_or(0), transport),
            stream => accept(&key, cookie, stream),
        }
    }
    0
}

/// `grpc_core::FilterStackCall::StartBatch(this, operations, count, ...)`
#[uprobe]
pub fn grpc_start_batch(ctx: ProbeContext) -> u32 {
    let task = Task::current();
    let tgid = task.tgid();
    let Some(grpc) = known(tgid) else {
        return 0;
    };
    let key = ObjectKey {
        address: word(ctx.arg::<u64>(0).unwrap_or(0) + grpc.arena as u64),
        tgid,
        reserved: 0,
    };
    let operations = operations(ctx.arg(1).unwrap_or(0), ctx.arg(2).unwrap_or(0));
    let stream = served(&key, operations);
    if stream != 0 {
        serves(&task, tgid, stream, operations);
    } else if operations & operation::SEND_INITIAL_METADATA != 0
        && operations & operation::OF_SERVER == 0
    {
        call(&key, carrier::of_python(&task, tgid));
    }
    0
}

/// Handle of what the client's stream is sent for that leaves on the connection with this id; 0: not known.
#[inline(always)]
pub fn sent_for(cookie: u64, stream: u32, grpc: &Grpc) -> u64 {
    let Some(unsent) = UNSENT.get_ptr_mut(cookie) else {
        return 0;
    };
    // SAFETY: a map value; one thread at a time writes to the socket. The callback gets a pointer to it back.
    unsafe {
        (*unsent).wanted = stream;
        (*unsent).offset = grpc.stream_id as u32;
        (*unsent).found = 0;
        let mut context = unsent;
        bpf_loop(
            STREAMS_UNSENT as u32,
            is_sent as *mut c_void,
            (&raw mut context).cast(),
            0,
        );
        context::under_way((*unsent).found)
    }
}

/// Is the stream at this place the one that is looked for? 1 ends the loop.
unsafe extern "C" fn is_sent(index: u64, context: *mut *mut Unsent) -> i64 {
    // SAFETY: `sent_for` passes a pointer to a map value.
    unsafe {
        let unsent = *context;
        // Those that have begun last come first.
        let begun = slot(unsent, (*unsent).begun.wrapping_sub(index + 1));
        let stream = (*begun).stream;
        if stream == 0 {
            return 0;
        }
        let id = word(stream + (*unsent).offset as u64) as u32;
        if id != (*unsent).wanted || word(stream) != (*begun).transport {
            return 0;
        }
        (*unsent).found = (*begun).handle;
        (*begun).stream = 0;
        1
    }
}

/// A client's stream has been made for the call of an arena. One without work counts too: another may have been at its
/// address and never sent.
#[inline(never)]
fn begin(key: &ObjectKey, cookie: u64, stream: u64, transport: u64) {
    let handle = made_for(key);
    if cookie == 0 {
        return;
    }
    let Some(unsent) = unsent(cookie) else {
        return;
    };
    // SAFETY: a map value.
    unsafe {
        let mut number = 1_u64;
        let counter = &raw mut (*unsent).begun;
        asm!("{0} = atomic_fetch_add((u64 *)({1} + 0), {0})", inout(reg) number, in(reg) counter);
        let begun = slot(unsent, number);
        (*begun).stream = 0;
        (*begun).handle = handle;
        (*begun).transport = transport;
        (*begun).stream = stream;
    }
}

/// Handle of what a client's call is made for.
#[inline(always)]
fn made_for(key: &ObjectKey) -> u64 {
    let Some(call) = CALLS.get_ptr_mut(key) else {
        return 0;
    };
    // SAFETY: a map value.
    unsafe {
        if (*call).end != end::CLIENT {
            // The arena of a server's call that is over.
            (*call).end = end::CLIENT;
            (*call).handle = 0;
        }
        (*call).handle
    }
}

/// The streams that have begun on a connection.
#[inline(always)]
fn unsent(cookie: u64) -> Option<*mut Unsent> {
    if let Some(known) = UNSENT.get_ptr_mut(cookie) {
        return Some(known);
    }
    let _ = UNSENT.insert(cookie, &NONE, 0);
    UNSENT.get_ptr_mut(cookie)
}

static NONE: Unsent = Unsent::NONE;

#[inline(always)]
unsafe fn slot(unsent: *mut Unsent, number: u64) -> *mut Begun {
    // SAFETY: the caller passes a map value; the number is bounded.
    unsafe {
        (&raw mut (*unsent).streams)
            .cast::<Begun>()
            .add(number as usize % STREAMS_UNSENT)
    }
}

/// A server's stream has been made for the call of an arena.
#[inline(never)]
fn accept(key: &ObjectKey, cookie: u64, stream: u32) {
    remember(key, end::SERVER, stream);
    if let Some(call) = CALLS.get_ptr_mut(key) {
        // SAFETY: a map value; nobody else has the new call yet.
        unsafe { (*call).cookie = cookie };
    }
}

/// A client's call begins.
#[inline(never)]
fn call(key: &ObjectKey, handle: u64) {
    if handle != 0 {
        remember(key, end::CLIENT, 0);
    }
    if let Some(call) = CALLS.get_ptr_mut(key) {
        // SAFETY: a map value; one thread at a time begins a call.
        unsafe {
            (*call).end = end::CLIENT;
            (*call).handle = handle;
        }
    }
}

#[inline(always)]
fn remember(key: &ObjectKey, end: u32, stream: u32) {
    let call = Call {
        cookie: 0,
        handle: 0,
        stream,
        end,
    };
    // A full map gives up its least recently used entry.
    let _ = CALLS.insert(key, call, 0);
}

/// Handle of the request that this batch of a server's call belongs to; 0: it is a client's, or its stream is over.
#[inline(never)]
fn served(key: &ObjectKey, operations: u32) -> u64 {
    if operations & operation::OF_CLIENT != 0 {
        return 0;
    }
    let Some(call) = CALLS.get_ptr_mut(key) else {
        return 0;
    };
    // SAFETY: map values.
    unsafe {
        if (*call).end != end::SERVER {
            return 0;
        }
        handles::of_stream((*call).cookie, (*call).stream).unwrap_or(0)
    }
}

/// The thread or task acts on a call that it serves. The one that hands calls to the others does not ask for messages.
#[inline(always)]
fn serves(task: &Task, tgid: u32, handle: u64, operations: u32) {
    let handle = if operations & operation::SEND_STATUS_FROM_SERVER != 0 {
        0
    } else if operations & operation::RECEIVE_MESSAGE != 0 {
        handle
    } else {
        return;
    };
    if !asyncio::work_on(handle) {
        carrier::work_on(task, tgid, handle);
    }
}

/// The operations of a batch, a bit each.
#[inline(never)]
fn operations(at: u64, count: u64) -> u32 {
    let mut found = 0;
    for index in 0..OPERATIONS {
        if index < count {
            found |= 1 << (word(at + index * OPERATION) as u32 & 7);
        }
    }
    found
}

/// What is known of the C core in a process.
#[inline(always)]
fn known(tgid: u32) -> Option<Grpc> {
    // SAFETY: the value is copied at once.
    let grpc = unsafe { PROCESSES.get(tgid) }.map(|process| process.grpc)?;
    grpc.is_known().then_some(grpc)
}

/// A word of the process's memory; 0 where there is none.
#[inline(never)]
fn word(at: u64) -> u64 {
    user_word(at).unwrap_or(0)
}
