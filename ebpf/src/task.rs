//! The thread that runs the program, and the socket's own facts, read from kernel memory by offsets that
//! the agent took from the kernel's type information.
//!
//! Only plain loads through pointers of the verifier's own types: no helper call a field.

use crate::maps::config;
use aya_ebpf::{
    bindings::task_struct,
    helpers::generated::{
        bpf_get_current_task_btf, bpf_probe_read_kernel, bpf_probe_read_user, bpf_skc_to_tcp_sock,
    },
    programs::ProbeContext,
};
use core::{ffi::c_void, hint::black_box};

/// `IPPROTO_TCP`
const TCP: u16 = 6;
/// The same on all architectures that are supported.
const O_NONBLOCK: u32 = 0o4000;

/// The current thread.
#[derive(Clone, Copy)]
pub struct Task(*const u8);

impl Task {
    /// The one that runs, or was interrupted.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: always the current task.
        Self(unsafe { bpf_get_current_task_btf() } as *const u8)
    }

    /// For the helpers that take a task.
    #[inline(always)]
    pub fn pointer(&self) -> *mut task_struct {
        self.0.cast_mut().cast()
    }

    /// Its id.
    #[inline(always)]
    pub fn tid(&self) -> u32 {
        // SAFETY: the verifier checks the field; a fault reads as zero.
        unsafe { field(self.0, config().task_pid) }
    }

    /// Its process.
    #[inline(always)]
    pub fn tgid(&self) -> u32 {
        // SAFETY: as above.
        unsafe { field(self.0, config().task_tgid) }
    }

    /// The process that started its own.
    #[inline(always)]
    pub fn parent_tgid(&self) -> u32 {
        // SAFETY: as above; a task always has a parent.
        unsafe {
            let parent: *const u8 = field(self.0, config().task_real_parent);
            if parent.is_null() {
                return 0;
            }
            field(parent, config().task_tgid)
        }
    }

    /// How often it went to sleep of its own will.
    #[inline(always)]
    pub fn switches(&self) -> u64 {
        // SAFETY: as above.
        unsafe { field(self.0, config().task_nvcsw) }
    }

    /// Its name, as two words in memory order.
    #[inline(always)]
    pub fn name(&self) -> [u64; 2] {
        let at = config().task_comm;
        // SAFETY: as above; the name has 16 bytes.
        unsafe { [field(self.0, at), field(self.0, at + 8)] }
    }

    /// Base of its thread-local storage; 0 where the offset is unknown.
    #[inline(always)]
    pub fn tls(&self) -> u64 {
        if config().task_tls == 0 {
            return 0;
        }
        // SAFETY: as above.
        unsafe { field(self.0, config().task_tls) }
    }
}

/// A TCP socket.
#[derive(Clone, Copy)]
pub struct Socket(*const u8);

impl Socket {
    /// Of a socket as the hook gives it.
    #[inline(always)]
    pub fn of(sk: *mut c_void) -> Option<Self> {
        // SAFETY: the helper checks the socket's kind.
        let socket: *const u8 = unsafe { bpf_skc_to_tcp_sock(sk) }.cast();
        (!socket.is_null()).then_some(Self(socket))
    }

    /// Does a thread hold its lock, that is: is it in a system call on this socket? Then the current
    /// thread is that one, since what the network brings in meanwhile waits for it.
    #[inline(always)]
    pub fn is_owned(&self) -> bool {
        // SAFETY: as in `Task`.
        unsafe { field::<u32>(self.0, config().sock_owned) != 0 }
    }

    /// Does somebody wait on it? While its owner is in a system call on it, that is no thread that blocks: it sits in an epoll, so a loop
    /// serves it (decision 15). Also true of a socket that nobody holds any more.
    #[inline(always)]
    pub fn is_waited_on(&self) -> bool {
        // SAFETY: as in `Task`; an empty list is its own next entry.
        unsafe {
            let queue: *const u8 = field(self.0, config().sock_wait_queue);
            if queue.is_null() {
                return true;
            }
            let head = config().wait_queue_head;
            let next: u64 = field(queue, head);
            next != queue.add(head as usize) as u64
        }
    }

    /// Is it set not to block (`O_NONBLOCK`)?
    #[inline(always)]
    pub fn is_nonblocking(&self) -> bool {
        // SAFETY: as in `Task`.
        unsafe {
            let socket: *const u8 = field(self.0, config().sock_socket);
            if socket.is_null() {
                return false;
            }
            let file: *const u8 = field(socket, config().socket_file);
            !file.is_null() && field::<u32>(file, config().file_flags) & O_NONBLOCK != 0
        }
    }

    /// Sequence number of the next byte that the application reads.
    #[inline(always)]
    pub fn copied_sequence(&self) -> u32 {
        // SAFETY: as in `Task`.
        unsafe { field(self.0, config().tcp_copied_seq) }
    }

    /// Sequence number of the next byte that is written.
    #[inline(always)]
    pub fn write_sequence(&self) -> u32 {
        // SAFETY: as in `Task`.
        unsafe { field(self.0, config().tcp_write_seq) }
    }

    /// Sequence number of the next byte that TCP expects.
    #[inline(always)]
    pub fn expected_sequence(&self) -> u32 {
        // SAFETY: as in `Task`.
        unsafe { field(self.0, config().tcp_rcv_nxt) }
    }

    /// Bytes of memory that may still be queued for sending.
    #[inline(always)]
    pub fn room(&self) -> i32 {
        // SAFETY: as in `Task`.
        let (limit, queued): (i32, i32) = unsafe {
            (
                field(self.0, config().sock_sndbuf),
                field(self.0, config().sock_wmem_queued),
            )
        };
        limit.wrapping_sub(queued)
    }
}

/// Is it a TCP socket, of a tracepoint's argument?
#[inline(always)]
pub fn is_tcp(sk: *const u8) -> bool {
    // SAFETY: as in `Task`.
    unsafe { field::<u16>(sk, config().sock_protocol) == TCP }
}

/// Cookie of the TCP socket behind a descriptor of the current process; 0: there is none.
#[inline(always)]
pub fn socket_cookie(task: &Task, descriptor: u64) -> u64 {
    let config = config();
    if config.task_files == 0 {
        return 0;
    }
    // SAFETY: the verifier checks the fields; a fault reads as zero.
    let (count, files) = unsafe {
        let files: *const u8 = field(task.0, config.task_files);
        if files.is_null() {
            return 0;
        }
        let table: *const u8 = field(files, config.files_fdt);
        if table.is_null() {
            return 0;
        }
        let count: u32 = field(table, config.fdtable_max_fds);
        let files: u64 = field(table, config.fdtable_fd);
        (count, files)
    };
    if descriptor >= count as u64 {
        return 0;
    }
    let file = kernel_word(files.wrapping_add(descriptor.wrapping_mul(8)));
    let socket = kernel_word(file.wrapping_add(config.file_private_data as u64));
    // The data of any other file is no socket, which would lead back to it.
    if file == 0 || kernel_word(socket.wrapping_add(config.socket_file as u64)) != file {
        return 0;
    }
    let sk = kernel_word(socket.wrapping_add(config.socket_sk as u64));
    if !is_tcp_at(sk) {
        return 0;
    }
    kernel_word(sk.wrapping_add(config.sock_cookie as u64))
}

/// One field of a kernel structure.
#[inline(always)]
unsafe fn field<T: Copy>(structure: *const u8, offset: u32) -> T {
    // SAFETY: the caller passes a pointer of a type that the verifier knows; `offset` is a constant to it.
    unsafe { structure.add(offset as usize).cast::<T>().read_volatile() }
}

/// A word of the current process's memory.
#[inline(always)]
pub fn user_word(at: u64) -> Option<u64> {
    let mut word = 0_u64;
    // SAFETY: the helper checks the address and fails on what is not there.
    let failed = unsafe { bpf_probe_read_user((&raw mut word).cast(), 8, at as *const c_void) };
    (failed == 0).then_some(word)
}

/// A word of the kernel's memory; 0 where there is none.
#[inline(never)]
pub fn kernel_word(at: u64) -> u64 {
    let mut word = 0_u64;
    // SAFETY: the helper fails on what is not there.
    let failed = unsafe { bpf_probe_read_kernel((&raw mut word).cast(), 8, at as *const c_void) };
    if failed == 0 { word } else { 0 }
}

/// Is it a TCP socket, by its address?
#[inline(always)]
pub fn is_tcp_at(sock: u64) -> bool {
    kernel_word(sock + config().sock_protocol as u64) as u16 == TCP
}

/// An argument of the probed function. Opaque, or the compiler would choose between two addresses in the context, which the verifier refuses.
#[inline(always)]
pub fn argument(ctx: &ProbeContext, index: usize) -> Option<u64> {
    Some(black_box(ctx.arg::<u64>(index)?))
}
