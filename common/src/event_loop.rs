//! Event loops of Node.js: what the kernel side keeps of each, and which uprobe is which.

/// What a uprobe stands on: the low byte of its cookie.
pub mod probe {
    /// What runs from here on was caused by nothing that is known.
    pub const OTHER: u64 = 0;
    /// Timers: what runs has the async id of its timer.
    pub const TIMERS: u64 = 1;
    /// `node::Environment::RunAndClearNativeImmediates(this, ...)`, before what `setImmediate` has put off. Above the low byte:
    /// where in the environment the address of its async ids is.
    pub const IMMEDIATES: u64 = 2;
    /// `uv__work_submit(loop, work, ...)`
    pub const SUBMIT: u64 = 3;
    /// `uv_queue_work(loop, request, ...)`
    pub const QUEUE: u64 = 4;
    /// The end of such work; it is the first argument.
    pub const DONE: u64 = 5;
    /// `uv__tcp_connect(request, ...)`
    pub const CONNECT: u64 = 6;
    /// The end of a connect: request and status.
    pub const CONNECTED: u64 = 7;
    /// Bits of the cookie that say which.
    pub const BITS: u32 = 8;

    /// The cookie of [`IMMEDIATES`].
    #[must_use]
    pub const fn immediates(ids: u32) -> u64 {
        IMMEDIATES | (ids as u64) << BITS
    }
}

/// `uv_work_t.work_req`: part of libuv's binary interface.
pub const WORK_OF_REQUEST: u64 = 88;

/// What a request waits for, as a word: how much, below a bit that says whether it is under way.
pub mod waits {
    /// It is under way, on the event loop that its context names.
    pub const OPEN: u64 = 1 << 32;

    /// Is it under way, and waits for nothing that is known?
    #[inline(always)]
    #[must_use]
    pub const fn for_nothing(word: u64) -> bool {
        word == OPEN
    }

    /// Is it under way, and is this the first thing, or the last, that it waits for?
    #[inline(always)]
    #[must_use]
    pub const fn is_first(before: u64) -> bool {
        before == OPEN
    }

    /// Does something remain that it waits for?
    #[inline(always)]
    #[must_use]
    pub const fn some(word: u64) -> bool {
        word as u32 != 0
    }
}

/// What is done outside of JavaScript for what an event loop works on: work of libuv's threads, a connect.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// Address of its `uv__work` or `uv_connect_t`.
    pub address: u64,
    /// Process.
    pub tgid: u32,
    /// Padding.
    pub reserved: u32,
}

/// A thread with an event loop.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventLoop {
    /// Cookie of the HTTP/2 connection that it has read from, until a session takes the bytes; else 0.
    pub read: u64,
    /// Address of the HTTP/2 session that it has written for last, if it has not read since; else 0.
    pub sending: u64,
    /// Requests under way.
    pub open: u64,
    /// Of these, those that wait for something that is known.
    pub busy: u64,
    /// Address of the environment's async ids; 0: not known.
    pub ids: u64,
    /// The last async id that was given when the turn at hand began.
    pub before: u64,
    /// What is worked on in the turn at hand without a doubt; 0: nothing that is known.
    pub handle: u64,
    /// What is likely worked on: it counts for what waits for what, and nothing else.
    pub likely: u64,
    /// Cookie of the client connection whose bytes began the turn at hand; 0: something else did.
    pub socket: u64,
    /// 1: what runs has the async id of a timer or an immediate.
    pub by_id: u64,
}

/// What an operation is for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purpose {
    /// What goes on at its end; 0: nothing that is known.
    pub handle: u64,
    /// What counts as waiting for it; 0: nothing.
    pub awaited: u64,
}

/// The turn in which an async id was given.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The id, and above its bits the thread's.
    pub id: u64,
    /// What was worked on.
    pub handle: u64,
    /// [`EventLoop::socket`]
    pub socket: u64,
}

/// Ids whose turns are remembered; a power of two.
pub const GIVEN: u32 = 1 << 16;
/// Of each turn the first so many ids.
pub const MOST_IDS: u32 = 1024;

/// A whole number that is a double, as its bits; None: it is not, or is negative, or has more than 40 bits.
#[inline(always)]
#[must_use]
pub const fn whole(bits: u64) -> Option<u64> {
    const FRACTION: u32 = 52;
    const BIAS: u64 = 1023;
    if bits == 0 {
        return Some(0);
    }
    let exponent = (bits >> FRACTION).wrapping_sub(BIAS);
    if exponent > 40 {
        return None;
    }
    let shift = FRACTION as u64 - exponent;
    let significand = (bits & ((1 << FRACTION) - 1)) | 1 << FRACTION;
    if significand & ((1 << shift) - 1) != 0 {
        return None;
    }
    Some(significand >> shift)
}

const _: () = assert!(size_of::<EventLoop>() == 80);
const _: () = assert!(size_of::<Given>() == 24);

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn ids_are_whole_numbers() {
        for number in [0_u64, 1, 2, 3, 1000, 65_537, (1 << 40) - 1] {
            #[expect(clippy::cast_precision_loss, reason = "they fit")]
            let bits = (number as f64).to_bits();
            assert_eq!(whole(bits), Some(number));
        }
        for other in [0.5_f64, 1.25, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(whole(other.to_bits()), None, "{other}");
        }
    }
}
