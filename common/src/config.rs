//! What the agent tells the BPF programs before they are loaded: one read-only global.

/// Settings and kernel facts; constant while the programs are loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Thread group of the agent: never watched.
    pub agent_tgid: u32,
    /// Longest head that is captured, in bytes.
    pub max_head_bytes: u32,
    /// Bytes in the ring at which the reader is woken before its timer.
    pub wake_bytes: u32,
    /// 1: watch every process; 0: only those the `VERDICTS` map says yes to, and those it does not
    /// know yet.
    pub watch_all: u32,
    /// Offset of `mm` in `task_struct` (kernel BTF); 0 where unknown.
    pub task_mm: u32,
    /// Offset of `arg_start` in `mm_struct`; 0 where unknown.
    pub mm_arg_start: u32,
    /// Offset of `arg_end` in `mm_struct`; 0 where unknown.
    pub mm_arg_end: u32,
    /// Offset of `filename` in `linux_binprm`; 0 where unknown.
    pub binprm_filename: u32,
    /// Offset of `skb` in `bpf_sock_ops_kern` (kernel BTF); 0 where unknown.
    pub sock_ops_skb: u32,
    /// Offset of the TCP sequence number in `sk_buff`: `cb`, seen as `tcp_skb_cb`; 0 where unknown.
    pub skb_sequence: u32,
    /// Offset of `pid` (the thread's id) in `task_struct`.
    pub task_pid: u32,
    /// Offset of `tgid` in `task_struct`.
    pub task_tgid: u32,
    /// Offset of `nvcsw` in `task_struct`.
    pub task_nvcsw: u32,
    /// Offset of `comm` in `task_struct`.
    pub task_comm: u32,
    /// Offset of `sk_protocol` in `sock`.
    pub sock_protocol: u32,
    /// Offset of `thread.fsbase` (x86_64) or `thread.uw.tp_value` (arm64) in `task_struct`; 0 where unknown.
    pub task_tls: u32,
    /// Offset of `sk_lock.owned` in `sock`.
    pub sock_owned: u32,
    /// Offset of `sk_wq` in `sock`.
    pub sock_wait_queue: u32,
    /// Offset of `wait.head` in `socket_wq`.
    pub wait_queue_head: u32,
    /// Offset of `sk_socket` in `sock`.
    pub sock_socket: u32,
    /// Offset of `f_flags` in `file`.
    pub file_flags: u32,
    /// Offset of `copied_seq` in `tcp_sock`.
    pub tcp_copied_seq: u32,
    /// Padding.
    pub reserved: u32,
    /// Offset of `sk_wmem_queued` in `sock`.
    pub sock_wmem_queued: u32,
    /// Offset of `sk_sndbuf` in `sock`.
    pub sock_sndbuf: u32,
    /// Offset of `write_seq` in `tcp_sock`.
    pub tcp_write_seq: u32,
    /// Offset of `rcv_nxt` in `tcp_sock`.
    pub tcp_rcv_nxt: u32,
    /// 1: services differ in their samplers.
    pub service_samplers: u32,
    /// A value of [`trust`].
    pub trust_incoming: u32,
    /// Offset of `real_parent` in `task_struct`.
    pub task_real_parent: u32,
    /// Offset of `files` in `task_struct`; 0 where unknown.
    pub task_files: u32,
    /// Offset of `fdt` in `files_struct`.
    pub files_fdt: u32,
    /// Offset of `max_fds` in `fdtable`.
    pub fdtable_max_fds: u32,
    /// Offset of `fd` in `fdtable`.
    pub fdtable_fd: u32,
    /// Offset of `private_data` in `file`.
    pub file_private_data: u32,
    /// Offset of `sk` in `socket`.
    pub socket_sk: u32,
    /// Offset of `__sk_common.skc_cookie` in `sock`.
    pub sock_cookie: u32,
    /// 1: `traceparent` names the parent of a request.
    pub traceparent: u32,
    /// 1: `baggage` is carried on.
    pub baggage: u32,
    /// Other propagators that do, as bits of [`crate::propagator::known`] in the order that decides; 0: no more.
    pub propagators: [u32; crate::propagator::COUNT],
    /// Offset of `file` in `socket`.
    pub socket_file: u32,
    /// How long work goes on after its response, in nanoseconds.
    pub linger: u64,
}

/// Values of [`Config::trust_incoming`].
pub mod trust {
    /// Whoever names a parent.
    pub const ALL: u32 = 0;
    /// Peers with a private, loopback or link-local address.
    pub const PRIVATE: u32 = 1;
    /// Nobody.
    pub const NONE: u32 = 2;
}
