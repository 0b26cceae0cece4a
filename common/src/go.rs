//! What the uprobes in Go's HTTP/2 implementations are told, and what they leave.

/// At which function a uprobe stands.
pub mod place {
    /// `google.golang.org/grpc.(*Server).handleStream`, in the goroutine that serves the stream: the transport is the third
    /// word of the arguments, the stream the fourth.
    pub const SERVES_GRPC: u8 = 1;
    /// `runHandler` of `net/http`'s and `golang.org/x/net/http2`'s `serverConn`, in the goroutine that serves the stream:
    /// the connection is the receiver, the response writer the first argument.
    pub const SERVES_HTTP: u8 = 2;
    /// The function in grpc-go's `(*http2Client).NewStream` that takes the next stream's number, in the goroutine that calls:
    /// the transport is the first variable it captures.
    pub const CALLS_GRPC: u8 = 3;
    /// `roundTrip` of `net/http`'s and `golang.org/x/net/http2`'s `ClientConn`: the goroutine that calls starts the
    /// one that writes.
    pub const CALLS_HTTP: u8 = 4;
}

/// The cookie of such a uprobe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// A value of [`place`].
    pub place: u8,
    /// How many pointers lead from the stream's argument to the structure with its number; each is that structure's first
    /// word.
    pub pointers: u8,
    /// Where the transport or connection has its `net.Conn`: the interface's data word.
    pub conn: u16,
    /// Where the 32-bit number of the stream is; for [`place::CALLS_GRPC`] the next one's, in the transport.
    pub stream: u16,
}

impl Probe {
    /// Does a goroutine begin to serve there? Else it calls.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self.place, place::SERVES_GRPC | place::SERVES_HTTP)
    }

    /// As a cookie.
    #[inline(always)]
    #[must_use]
    pub const fn cookie(self) -> u64 {
        (self.stream as u64) << 32
            | (self.conn as u64) << 16
            | (self.pointers as u64) << 8
            | self.place as u64
    }

    /// Of a cookie.
    #[inline(always)]
    #[must_use]
    pub const fn of(cookie: u64) -> Self {
        Self {
            place: cookie as u8,
            pointers: (cookie >> 8) as u8,
            conn: (cookie >> 16) as u16,
            stream: (cookie >> 32) as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Probe, place};

    #[test]
    fn a_cookie_is_the_probe() {
        for (place, pointers, conn, stream) in [
            (place::SERVES_GRPC, 1, 24, 0),
            (place::CALLS_GRPC, 0, u16::MAX, 440),
            (place::CALLS_HTTP, u8::MAX, 0, u16::MAX),
        ] {
            let probe = Probe {
                place,
                pointers,
                conn,
                stream,
            };
            assert_eq!(Probe::of(probe.cookie()), probe);
        }
    }
}
