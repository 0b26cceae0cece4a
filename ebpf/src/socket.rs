//! The life of a socket: connect, listen, accept, read, close.

use crate::{
    carrier, chain, http2,
    maps::{CONNECTIONS, PROCESSES, RECORDS, SOCKETS, config, lose},
    omit, option, passed_on, pending, process, ring, sampling,
    task::{Socket, Task},
    turn, words,
};
use aya_ebpf::{
    bindings::{
        BPF_ANY, BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_HDR_OPT_LEN_CB,
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_WRITE_HDR_OPT_CB,
    },
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{bpf_get_socket_cookie, bpf_ktime_get_ns, bpf_sock_hash_update},
    },
    macros::{btf_tracepoint, sock_ops},
    programs::{BtfTracePointContext, SockOpsContext},
};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, Direction, phase, role, state},
    loss::{Hook, Reason},
    process::{Process, propagate, threads, verdict},
    record::{Closed, Kind},
};

const TCP_SYN_SENT: i32 = 2;
const TCP_FIN_WAIT1: i32 = 4;
const TCP_CLOSE: i32 = 7;
const TCP_LAST_ACK: i32 = 9;
const TCP_LISTEN: i32 = 10;

/// sock_ops programs answer 1 for "go on".
const GO_ON: u32 = 1;

#[inline(always)]
fn current_tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// Connect and listen run in the calling thread: the owner is known before the first byte.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let sk: *mut c_void = ctx.arg(0);
    let new: i32 = ctx.arg(2);
    match new {
        TCP_SYN_SENT => take_in(sk, role::CLIENT, state::NEW),
        TCP_LISTEN => take_in(sk, role::SERVER, state::LISTENING),
        TCP_FIN_WAIT1 | TCP_LAST_ACK => shut(sk),
        TCP_CLOSE => closed(sk),
        _ => None,
    };
    0
}

#[inline(always)]
fn take_in(sk: *mut c_void, role: u8, state: u8) -> Option<()> {
    let tgid = current_tgid();
    process::inherit(tgid);
    // SAFETY: the values are copied at once.
    let (verdict, sampler, of_proxy) = unsafe { PROCESSES.get(tgid) }
        .map_or((verdict::UNKNOWN, 0, 0), |process| {
            (process.verdict, process.sampler as u16, is_proxy(process))
        });
    let leave = verdict == verdict::LEAVE || tgid == config().agent_tgid;
    if leave && state != state::LISTENING {
        return None;
    }
    // What is accepted from a listener that is left alone inherits that.
    let state = if leave { state::LEFT } else { state };
    let connection = CONNECTIONS.get_or_create(sk);
    if connection.is_null() {
        lose(Hook::State, Reason::NoStorage);
        return None;
    }
    // A socket may connect again after a failure, or a value be there that user space has put in.
    // SAFETY: a map value, checked for null; the socket sees no traffic yet.
    unsafe {
        reset(connection, role, state);
        (*connection).tgid = tgid;
        (*connection).verdict = verdict;
        (*connection).sampler = sampler;
        (*connection).of_proxy = of_proxy;
        if role == role::CLIENT {
            chain::connects(connection);
        }
    }
    Some(())
}

#[inline(always)]
const fn is_proxy(process: &Process) -> u8 {
    (process.threads & threads::PROXY != 0) as u8
}

/// Forgets all about a socket.
#[inline(always)]
pub unsafe fn reset(connection: *mut Connection, role: u8, state: u8) {
    // SAFETY: the caller passes a checked map value; zeros are a value of it.
    unsafe {
        words::clear(connection);
        (*connection).role = role;
        (*connection).state = state;
        (*connection).ingress.phase = phase::UNSYNCED;
        (*connection).egress.phase = phase::UNSYNCED;
    }
}

/// Puts a client socket into the map of those that fields are written for, if its process wants that.
#[inline(always)]
unsafe fn enroll(ctx: &SockOpsContext, connection: *mut Connection) {
    // SAFETY: as in `reset`; the process is used before the program ends.
    unsafe {
        let wanted = PROCESSES
            .get((*connection).tgid)
            .is_some_and(|process| process.propagate & propagate::HEADER != 0);
        if !wanted {
            return;
        }
        let mut cookie = bpf_get_socket_cookie(ctx.ops.cast());
        let map = (&raw const SOCKETS).cast_mut().cast();
        let key = (&raw mut cookie).cast();
        match bpf_sock_hash_update(ctx.ops, map, key, BPF_ANY as u64) {
            0 => {
                (*connection).enrolled = 1;
                (*connection).cookie = cookie;
            }
            _ => lose(Hook::SockOps, Reason::NotEnrolled),
        }
    }
}

/// Both ends get here with the handshake done: the sequence numbers of the first bytes are known.
#[sock_ops]
pub fn sock_ops(ctx: SockOpsContext) -> u32 {
    match ctx.op() {
        BPF_SOCK_OPS_HDR_OPT_LEN_CB => option::header_length(&ctx),
        BPF_SOCK_OPS_WRITE_HDR_OPT_CB => option::write(&ctx),
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => established(&ctx, false),
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => established(&ctx, true),
        _ => None,
    };
    GO_ON
}

#[inline(always)]
fn established(ctx: &SockOpsContext, accepted: bool) -> Option<()> {
    // SAFETY: `ops` is the program's context; the kernel gives null for a socket that is not full.
    let sk = unsafe { (*ctx.ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let mut connection = CONNECTIONS.get(sk.cast());
    if connection.is_null() && accepted {
        // Its listener is older than the agent and hidden from user space (the subflow of an MPTCP
        // listener, Go's default): the first reader will tell whose it is.
        connection = CONNECTIONS.get_or_create(sk.cast());
        if !connection.is_null() {
            // SAFETY: a map value, checked for null; no data has passed yet.
            unsafe { reset(connection, role::SERVER, state::NEW) };
        }
    }
    if connection.is_null() {
        return None;
    }
    // SAFETY: a map value, checked for null; no data has passed yet.
    unsafe {
        if (*connection).state == state::LEFT {
            return None;
        }
        if !accepted {
            (*connection).ends.client_port = ctx.local_port() as u16;
            (*connection).ends.server_port = (u32::from_be(ctx.remote_port()) & 0xffff) as u16;
            enroll(ctx, connection);
            if (*connection).enrolled == 0 {
                option::listen(ctx, connection);
            }
        }
        // Read once: the verifier refuses an address into the context that is kept.
        let received = (*ctx.ops).rcv_nxt;
        let early = accepted && pending::hand_over(connection, received);
        if accepted {
            sampling::accepted(connection);
        }
        if accepted && !early {
            (*connection).state = state::NEW;
            (*connection).role = role::SERVER;
        }
        if !early {
            begin(&raw mut (*connection).ingress, received);
        }
        begin(&raw mut (*connection).egress, (*ctx.ops).snd_nxt);
    }
    Some(())
}

#[inline(always)]
unsafe fn begin(direction: *mut Direction, sequence: u32) {
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe {
        (*direction).next_sequence = sequence;
        (*direction).sequenced = 1;
        (*direction).phase = phase::HEAD;
    }
}

/// Runs in every thread that copied bytes out of a TCP socket.
#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
pub fn tcp_rcv_space_adjust(ctx: BtfTracePointContext) -> i32 {
    read(ctx.arg(0));
    0
}

#[inline(always)]
fn read(sk: *mut c_void) -> Option<()> {
    let connection = CONNECTIONS.get(sk);
    if connection.is_null() {
        return None;
    }
    // SAFETY: a map value, checked for null; these fields are written here only.
    unsafe {
        let task = Task::current();
        let tgid = task.tgid();
        let known = matches!(
            (*connection).state,
            state::HTTP1 | state::HTTP2 | state::OPAQUE
        );
        if !known {
            carrier::take_up_unknown(tgid);
            return None;
        }
        // Some readers in the kernel run where nobody's thread does (`tcp_read_sock`): then the current one is anybody.
        let socket = Socket::of(sk).filter(Socket::is_owned)?;
        if (*connection).tgid != tgid {
            (*connection).tgid = tgid;
            (*connection).verdict = verdict::UNKNOWN;
            (*connection).of_proxy = PROCESSES.get(tgid).map_or(0, is_proxy);
        }
        let begun = (&raw const (*connection).ingress.begun).read_volatile();
        if (*connection).role == role::SERVER && (*connection).read_messages != begun {
            // A request that is arriving at this moment was not what has been read: its own read is still to come.
            if !turn::is_taken(&raw const (*connection).turn) {
                (*connection).read_messages = begun;
            }
            (*connection).read_at = bpf_ktime_get_ns();
            if (*connection).state == state::HTTP1 {
                passed_on::note_all(connection, tgid);
            }
        }
        match (*connection).state {
            state::HTTP2 => http2::chain::reads(connection, sk, &socket, &task, tgid),
            _ => chain::reads(connection, &socket, &task, tgid),
        }
    }
    Some(())
}

/// The owner writes nothing any more: what it serves there is answered, or given up.
#[inline(always)]
fn shut(sk: *mut c_void) -> Option<()> {
    let connection = CONNECTIONS.get(sk);
    if connection.is_null() {
        return None;
    }
    // SAFETY: a map value, checked for null.
    unsafe { chain::forget(connection, bpf_ktime_get_ns()) };
    Some(())
}

#[inline(always)]
fn closed(sk: *mut c_void) -> Option<()> {
    let connection = CONNECTIONS.get(sk);
    if connection.is_null() {
        return None;
    }
    // SAFETY: a map value, checked for null; the socket has no more traffic.
    unsafe {
        chain::forget(connection, bpf_ktime_get_ns());
        if (*connection).state == state::HTTP2 {
            http2::chain::forget(connection, sk);
        }
        if (*connection).announced == 0 || (*connection).state == state::LISTENING {
            return None;
        }
        omit::finish::<false>(connection, &raw mut (*connection).ingress);
        omit::finish::<true>(connection, &raw mut (*connection).egress);
        let Some(mut entry) = RECORDS.reserve::<Closed>(0) else {
            lose(Hook::State, Reason::RingFull);
            return None;
        };
        entry.write(Closed {
            kind: Kind::Closed as u32,
            tgid: (*connection).tgid,
            cookie: (*connection).cookie,
            at: bpf_ktime_get_ns(),
            read_at: (*connection).read_at,
            ingress_elided: untold(&raw const (*connection).ingress),
            egress_elided: untold(&raw const (*connection).egress),
            local: Socket::of(sk).is_some_and(|socket| socket.is_owned()) as u32,
            reserved: 0,
        });
        (*connection).announced = 0;
        (*connection).state = state::LEFT;
        ring::submit(entry, size_of::<Closed>() as u64);
    }
    Some(())
}

#[inline(always)]
unsafe fn untold(direction: *const Direction) -> [u64; 2] {
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe {
        [
            (*direction).offset.wrapping_sub((*direction).reported),
            (*direction).content,
        ]
    }
}
