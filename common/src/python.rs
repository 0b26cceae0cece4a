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
    /// 1: the process has uvloop.
    pub uvloop: u8,
    /// 1: the process has Tornado, whose HTTP client starts the next call of its queue where another one ends.
    pub tornado: u8,
    /// 1: the process has gRPC, which names the task that it serves a call by: all tasks are remembered.
    pub grpc: u16,
}

const _: () = assert!(size_of::<Python>() == 40);

/// Key of the maps of tasks (by their `PyContext`) and of serving tasks (by what names the read callback).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectKey {
    /// Its address.
    pub address: u64,
    /// Process.
    pub tgid: u32,
    /// Padding.
    pub reserved: u32,
}

/// How a task has got its work: a value of [`TaskWork::manner`].
pub mod manner {
    /// By what it does itself, as gRPC tells.
    pub const OWN: u16 = 0;
    /// The callback that read a request has made it.
    pub const MADE_AT_READ: u16 = 1;
    /// Another task has made it.
    pub const INHERITED: u16 = 2;
    /// It was waiting for what was read; it may serve a connection, one request after the other.
    pub const WOKEN: u16 = 3;
}

/// What a task works on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskWork {
    /// Handle of the context; 0: none.
    pub handle: u64,
    /// Address of the `TaskObj` whose context it is: the entry means nothing once that is done.
    pub task: u64,
    /// A value of [`manner`].
    pub manner: u16,
    /// Padding.
    pub reserved: [u16; 3],
}

/// The task that serves a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Address of the `TaskObj`.
    pub task: u64,
    /// Id of the connection; 0: not known yet.
    pub connection: u64,
}

/// What is known of a thread; key: tgid and tid. Written by its own thread only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Its process's offsets.
    pub python: Python,
    /// Address of its `PyThreadState`; 0: not found.
    pub state: u64,
    /// Context of the read callback that it is in; 0: in none.
    pub reading: u64,
    /// Handle of what was read.
    pub read: u64,
    /// Address of the task that it created last and whose context is not known yet; 0: none.
    pub created: u64,
    /// Handle of what that task works on.
    pub cause: u64,
    /// Where the search for the thread state is.
    pub cursor: u64,
    /// What it searches: base of the thread's local storage.
    pub tls: u64,
    /// Process.
    pub tgid: u32,
    /// 1: it has created a task or completed a future.
    pub runs_loop: u16,
    /// How the task that it created last has got its work: a value of [`manner`].
    pub manner: u16,
    /// Id of the connection, if it reads from a server socket; 0: from a client socket.
    pub connection: u64,
    /// What names its read callback: the context, or uvloop's `UVStream`.
    pub stream: u64,
    /// The `UVStream` whose protocol is told of its connection right now; 0: none.
    pub making: u64,
}

const _: () = assert!(size_of::<ObjectKey>() == 16);
const _: () = assert!(size_of::<TaskWork>() == 24);
const _: () = assert!(size_of::<Thread>() == 128);

impl Python {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        interpreter: 0,
        context_type: 0,
        threads: 0,
        next: 0,
        thread_id: 0,
        context: 0,
        previous: 0,
        callback: 0,
        state: 0,
        task_context: 0,
        wakes: 0,
        uvloop: 0,
        tornado: 0,
        grpc: 0,
    };
}

impl Thread {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        python: Python::UNKNOWN,
        state: 0,
        reading: 0,
        read: 0,
        created: 0,
        cause: 0,
        cursor: 0,
        tls: 0,
        tgid: 0,
        runs_loop: 0,
        manner: 0,
        connection: 0,
        stream: 0,
        making: 0,
    };
}
