//! What the agent tells of a Rust process on tokio, and what the kernel side keeps of its tasks.

pub mod streams;

/// Where the running task is found.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokio {
    /// From the thread's TLS base to `tokio::runtime::context::Context.current_task_id`; 0: not known.
    pub task_id: i32,
    /// 1: the word before the id is 0 while no task runs; else the id itself is.
    pub tagged: u32,
}

/// The cookie of a uprobe that sees messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// From its code to that of `tokio::runtime::task::waker::wake_by_val`, which tells tokio's own wakers.
    pub wake_by_val: i32,
    /// From its first argument to the channel's `AtomicWaker`.
    pub waker: u32,
}

impl Probe {
    /// As a cookie.
    #[inline(always)]
    #[must_use]
    pub const fn cookie(self) -> u64 {
        (self.waker as u64) << 32 | self.wake_by_val.cast_unsigned() as u64
    }

    /// Of a cookie.
    #[inline(always)]
    #[must_use]
    pub const fn of(cookie: u64) -> Self {
        Self {
            wake_by_val: cookie as i32,
            waker: (cookie >> 32) as u32,
        }
    }
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

const _: () = assert!(size_of::<Tokio>() == 8);
const _: () = assert!(size_of::<Receiver>() == 32);

#[cfg(test)]
mod tests {
    use super::Probe;

    #[test]
    fn a_cookie_is_the_probe() {
        for (wake_by_val, waker) in [(0, 0), (-1, 128), (i32::MIN, u32::MAX), (i32::MAX, 1)] {
            let probe = Probe { wake_by_val, waker };
            assert_eq!(Probe::of(probe.cookie()), probe);
        }
    }
}
