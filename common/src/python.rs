//! What the BPF programs need to know of a CPython process, and the key of its asyncio contexts.

/// Addresses and byte offsets in one process. All zero: nothing is known, every task is missing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Python {
    /// Address of `_PyRuntime.interpreters.main`.
    pub interpreter: u64,
    /// Address of `PyContext_Type`.
    pub context_type: u64,
    /// `PyInterpreterState.threads.head`
    pub threads: u32,
    /// `PyThreadState.next`
    pub next: u16,
    /// `PyThreadState.thread_id`
    pub thread_id: u16,
    /// `PyThreadState.context`
    pub context: u16,
    /// `PyContext.ctx_prev`
    pub previous: u16,
    /// `FutureObj.fut_callback0`; `fut_context0` follows.
    pub callback: u16,
    /// `FutureObj.fut_state`
    pub state: u16,
    /// `TaskObj.task_context`
    pub task_context: u16,
    /// The task in the object that wakes it.
    pub wakes: u16,
    /// Spelled-out padding.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Python>() == 40);
