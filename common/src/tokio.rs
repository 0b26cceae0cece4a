//! What the agent tells of a Rust process on tokio, and what the kernel side keeps of its tasks.

/// Where the running task is found, and how a waker is known to be tokio's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokio {
    /// From the thread's TLS base to `tokio::runtime::context::Context.current_task_id`; 0: not known.
    pub task_id: i32,
    /// 1: the word before the id is 0 while no task runs; else the id itself is.
    pub tagged: u32,
    /// From the code of `AtomicWaker::wake` to that of `tokio::runtime::task::waker::wake_by_val`.
    pub wake_by_val: i32,
    /// Padding.
    pub reserved: u32,
}

/// A task that messages wake. hyper's connections are such tasks: each message is a request to write.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// Address of its channel's `AtomicWaker`.
    pub channel: u64,
    /// Handle of what the sender of the last message worked on; 0: not known.
    pub handle: u64,
    /// Messages so far.
    pub messages: u32,
    /// By how many they are more than the requests, if `agreed` is [`AGREED`].
    pub ahead: u32,
    /// For so many requests on end.
    pub agreed: u32,
    /// Responses that had come before the last of them.
    pub answered: u32,
}

/// So many requests on end, and it is known which message belongs to which request.
pub const AGREED: u32 = 4;

const _: () = assert!(size_of::<Tokio>() == 16);
const _: () = assert!(size_of::<Receiver>() == 32);
