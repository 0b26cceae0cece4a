//! HTTP/2 on tokio: what the uprobes in h2, tokio and tonic are told, and what they leave.

/// At which function a uprobe stands.
pub mod place {
    /// `h2::proto::streams::recv::Recv::take_request`: the connection's task takes the request of a stream.
    pub const TAKES: u8 = 1;
    /// `tokio::runtime::task_hooks::TaskHooks::spawn`: a task starts another.
    pub const SPAWNS: u8 = 2;
    /// `<tonic::transport::channel::Channel as tower_service::Service<_>>::call`: a task calls.
    pub const CALLS: u8 = 3;
    /// `h2::frame::headers::Headers::encode`: the connection's task writes a header block.
    pub const ENCODES: u8 = 4;
}

/// The cookie of such a uprobe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// A value of [`place`].
    pub place: u8,
    /// Where the 32-bit number of the stream is: for [`place::TAKES`] in `h2::proto::streams::store::Ptr`, for
    /// [`place::ENCODES`] in `Headers`; else 0.
    pub stream: u16,
}

impl Probe {
    /// As a cookie.
    #[inline(always)]
    #[must_use]
    pub const fn cookie(self) -> u64 {
        (self.stream as u64) << 8 | self.place as u64
    }

    /// Of a cookie.
    #[inline(always)]
    #[must_use]
    pub const fn of(cookie: u64) -> Self {
        Self {
            place: cookie as u8,
            stream: (cookie >> 8) as u16,
        }
    }
}

/// `http::HeaderMap`, as the compiler lays it out; the agent asks the code for two of these, the kernel side asks each map whether its
/// numbers agree.
pub mod header_map {
    /// `entries`, a `Vec`: its capacity.
    pub const CAPACITY: u64 = 0x18;
    /// Its address.
    pub const ENTRIES: u64 = 0x20;
    /// Its length.
    pub const LENGTH: u64 = 0x28;
    /// Address of `indices`.
    pub const INDICES: u64 = 0x48;
    /// How many there are.
    pub const SLOTS: u64 = 0x50;
    /// `mask`, of 16 bits.
    pub const MASK: u64 = 0x58;
    /// Size of an entry.
    pub const ENTRY: u64 = 0x68;
}

/// The fields of a request that was handed to tonic and is not written yet. Its key is the address of their entries.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Handle of what the caller works on; 0: not known.
    pub handle: u64,
    /// Address of their indices.
    pub indices: u64,
    /// All bytes of the last entry, folded.
    pub last: u64,
    /// Entries that there is room for.
    pub capacity: u32,
    /// Entries.
    pub length: u32,
}

/// A task that reads or writes an HTTP/2 connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Of the socket; 0: not known yet, [`SEVERAL`]: there are several.
    pub cookie: u64,
    /// The stream whose request it has taken, until it starts a task; else 0.
    pub taken: u32,
    /// The last stream of a call that it has written.
    pub written: u32,
}

/// In [`Connection::cookie`].
pub const SEVERAL: u64 = u64::MAX;

/// A stream that a task has written. Its value is the handle of what it was opened for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Process.
    pub tgid: u32,
    /// Its number.
    pub id: u32,
    /// Id of the task.
    pub task: u64,
}

const _: () = assert!(size_of::<Fields>() == 32);
const _: () = assert!(size_of::<Connection>() == 16);
const _: () = assert!(size_of::<Stream>() == 16);

#[cfg(test)]
mod tests {
    use super::{Probe, place};

    #[test]
    fn a_cookie_is_the_probe() {
        for (place, stream) in [(place::TAKES, 12), (place::ENCODES, u16::MAX), (u8::MAX, 0)] {
            let probe = Probe { place, stream };
            assert_eq!(Probe::of(probe.cookie()), probe);
        }
    }
}
