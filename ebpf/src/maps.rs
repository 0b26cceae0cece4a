//! The maps and the read-only settings.

use aya_ebpf::{
    bindings::{BPF_F_CLONE, BPF_F_NO_PREALLOC, bpf_map_type::BPF_MAP_TYPE_SK_STORAGE},
    btf_maps::{HashMap, PerCpuArray},
    helpers::generated::bpf_sk_storage_get,
    macros::{btf_map, map},
    maps::{RingBuf, SockHash},
};
use core::ffi::c_void;
use sonde_common::{
    config::Config,
    connection::{Connection, Pending},
    loss::{Hook, LOSSES, Reason, index},
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
};

/// The settings as the loader left them.
#[inline(always)]
pub fn config() -> &'static Config {
    // SAFETY: a read-only map value that is patched before load; the volatile read of the address
    // keeps the compiler from folding in the defaults.
    unsafe { &*core::ptr::read_volatile(&&raw const CONFIG) }
}

/// Layout of a BTF-defined socket storage map whose values are cloned from a listening socket into
/// the accepted ones. (aya's own type has no room for `BPF_F_CLONE`.)
#[repr(C)]
pub struct SocketStorage {
    r#type: *const [i32; BPF_MAP_TYPE_SK_STORAGE as usize],
    key: *const i32,
    value: *const Connection,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; (BPF_F_NO_PREALLOC | BPF_F_CLONE) as usize],
}

// SAFETY: only placeholders for the loader; never dereferenced.
unsafe impl Sync for SocketStorage {}

impl SocketStorage {
    /// The value of `sk`, if it has one. `flags` may ask to create it from `initial`.
    #[inline(always)]
    pub fn get(&self, sk: *mut c_void, initial: *mut Connection, flags: u64) -> *mut Connection {
        // SAFETY: the helper checks `sk` against the verifier's type; null gives null.
        unsafe {
            bpf_sk_storage_get(
                core::ptr::from_ref(self).cast_mut().cast(),
                sk,
                initial.cast(),
                flags,
            )
            .cast()
        }
    }
}

/// State of each watched socket; freed with the socket.
#[btf_map]
pub static CONNECTIONS: SocketStorage = SocketStorage {
    r#type: core::ptr::null(),
    key: core::ptr::null(),
    value: core::ptr::null(),
    max_entries: core::ptr::null(),
    map_flags: core::ptr::null(),
};

/// Records for the agent; its size is set by the loader.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// tgid -> `config::verdict`; written by the agent, which also removes what has exited.
#[btf_map]
pub static VERDICTS: HashMap<u32, u8, 65_536> = HashMap::new();

/// The one connection per CPU that is between its first data and its socket.
#[btf_map]
pub static PENDING: PerCpuArray<Pending, 1> = PerCpuArray::new();

/// For the agent's try whether sockets may be put into such a map on this kernel; no program uses it.
#[map]
pub static PROBE: SockHash<u32> = SockHash::with_max_entries(1, 0);

/// Counters of what was lost, by `loss::index`.
#[btf_map]
pub static LOST: PerCpuArray<u64, { LOSSES as usize }> = PerCpuArray::new();

/// Counts one loss.
#[inline(always)]
pub fn lose(hook: Hook, reason: Reason) {
    if let Some(count) = LOST.get_ptr_mut(index(hook, reason)) {
        // SAFETY: this CPU's own counter; an update lost to an interrupt costs one count.
        unsafe { *count += 1 };
    }
}
