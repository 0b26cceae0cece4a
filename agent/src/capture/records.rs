//! Records of the ring as typed values. Lengths and tags are checked; nothing is reinterpreted in place
//! but the captured bytes themselves.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use aya::maps::{MapData, RingBuf};
use sonde_common::connection::{protocol, role};
use sonde_common::record::{Accepted, Closed, DataHeader, Exec, Exit, Kind, Open};

use crate::spans::Role;

/// The reading end of the ring.
pub struct Records(RingBuf<MapData>);

/// One record.
#[derive(Debug)]
pub enum Record<'a> {
    /// Bytes of a connection.
    Data(Data<'a>),
    /// A connection was recognised.
    Open(OpenFacts),
    /// An announced connection is gone.
    Closed(Closed),
    /// A process runs a program.
    Exec(ExecFacts),
    /// A process has ended.
    Exit(u32),
    /// The connection of this cookie, so far tentative, exists.
    Accepted(u64),
}

/// A data record: header and captured bytes.
#[derive(Debug)]
pub struct Data<'a> {
    /// Where the bytes belong.
    pub header: DataHeader,
    /// The captured ones.
    pub bytes: &'a [u8],
}

/// What an announced connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.x
    Http1,
    /// HTTP/2
    Http2,
}

impl Protocol {
    /// All of them, for counters that start at zero.
    pub const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    /// The name used as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }
}

/// Who is connected with whom, and how they talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFacts {
    /// Socket cookie.
    pub cookie: u64,
    /// Owner, 0: unknown.
    pub tgid: u32,
    /// The socket's role.
    pub role: Role,
    /// The socket's own end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Whose connection the other end passes on, where it has said so in a header of the PROXY protocol.
    pub proxied: Option<SocketAddr>,
    /// What they speak.
    pub protocol: Protocol,
}

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecFacts {
    /// Thread group.
    pub tgid: u32,
    /// Thread name.
    pub comm: String,
    /// Path as given to execve.
    pub filename: String,
    /// Arguments, each ended by NUL; maybe cut.
    pub arguments: Vec<u8>,
}

/// A record that does not fit its tag, or an unknown tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown record")]
pub struct UnknownRecord;

impl Records {
    /// Takes the ring.
    #[must_use]
    pub fn new(ring: RingBuf<MapData>) -> Self {
        Self(ring)
    }

    /// Hands each waiting record to `take`, up to `most`; gives how many there were.
    pub fn drain(
        &mut self,
        most: usize,
        mut take: impl FnMut(Result<Record<'_>, UnknownRecord>),
    ) -> usize {
        let mut count = 0;
        while count < most {
            let Some(item) = self.0.next() else { break };
            take(Record::parse(&item));
            count += 1;
        }
        count
    }
}

impl AsRawFd for Records {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl<'a> Record<'a> {
    /// Reads one record.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UnknownRecord> {
        const DATA: u32 = Kind::Data as u32;
        const OPEN: u32 = Kind::Open as u32;
        const CLOSED: u32 = Kind::Closed as u32;
        const EXEC: u32 = Kind::Exec as u32;
        const EXIT: u32 = Kind::Exit as u32;
        const ACCEPTED: u32 = Kind::Accepted as u32;
        let kind = bytes.first_chunk::<4>().map(|tag| u32::from_ne_bytes(*tag));
        match kind.ok_or(UnknownRecord)? {
            DATA => data(bytes),
            OPEN => OpenFacts::try_from(&plain::<Open>(bytes)?).map(Self::Open),
            CLOSED => plain(bytes).map(Self::Closed),
            EXEC => plain(bytes).map(|exec| Self::Exec(ExecFacts::from(&exec))),
            EXIT => plain::<Exit>(bytes).map(|exit| Self::Exit(exit.tgid)),
            ACCEPTED => plain::<Accepted>(bytes).map(|accepted| Self::Accepted(accepted.cookie)),
            _ => Err(UnknownRecord),
        }
    }
}

fn data(bytes: &[u8]) -> Result<Record<'_>, UnknownRecord> {
    let header: DataHeader = plain(bytes)?;
    let captured = bytes.get(size_of::<DataHeader>()..).unwrap_or_default();
    let bytes = captured
        .get(..usize::from(header.captured))
        .ok_or(UnknownRecord)?;
    Ok(Record::Data(Data { header, bytes }))
}

/// Types that any bytes are a value of.
///
/// # Safety
/// Only for `repr(C)` types of integers.
unsafe trait Plain: Copy {}
// SAFETY: `repr(C)`, integers and arrays of them.
unsafe impl Plain for DataHeader {}
// SAFETY: as above.
unsafe impl Plain for Open {}
// SAFETY: as above.
unsafe impl Plain for Closed {}
// SAFETY: as above.
unsafe impl Plain for Exec {}
// SAFETY: as above.
unsafe impl Plain for Exit {}
// SAFETY: as above.
unsafe impl Plain for Accepted {}

fn plain<T: Plain>(bytes: &[u8]) -> Result<T, UnknownRecord> {
    let bytes = bytes.get(..size_of::<T>()).ok_or(UnknownRecord)?;
    // SAFETY: the length was checked, the read is unaligned, and any bytes make a `Plain` value.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

impl TryFrom<&Open> for OpenFacts {
    type Error = UnknownRecord;

    fn try_from(open: &Open) -> Result<Self, UnknownRecord> {
        let address = |bytes: [u8; 16], port| {
            SocketAddr::new(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(), port)
        };
        let client = address(open.ends.client, open.ends.client_port);
        let server = address(open.ends.server, open.ends.server_port);
        let (role, local, remote) = if open.role == role::CLIENT {
            (Role::Client, client, server)
        } else {
            (Role::Server, server, client)
        };
        let protocol = match open.protocol {
            protocol::HTTP1 => Protocol::Http1,
            protocol::HTTP2 => Protocol::Http2,
            _ => return Err(UnknownRecord),
        };
        Ok(Self {
            cookie: open.cookie,
            tgid: open.tgid,
            role,
            local,
            remote,
            proxied: open
                .proxied
                .source()
                .map(|(source, port)| address(source, port)),
            protocol,
        })
    }
}

impl From<&Exec> for ExecFacts {
    fn from(exec: &Exec) -> Self {
        let text = |bytes: &[u8]| {
            let end = bytes
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(bytes.len());
            String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
        };
        let part =
            |bytes: &[u8], length: u32| bytes.get(..length as usize).unwrap_or(bytes).to_vec();
        Self {
            tgid: exec.tgid,
            comm: text(&exec.comm),
            filename: text(&part(&exec.filename, exec.filename_length)),
            arguments: part(&exec.arguments, exec.arguments_length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OpenFacts, Record, UnknownRecord};
    use sonde_common::connection::role;
    use sonde_common::proxy_protocol::HeaderScan;
    use sonde_common::record::{DataHeader, Kind, Open};

    #[test]
    fn proxied_connections_name_their_client() {
        let mut proxied = HeaderScan::default();
        for byte in b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n" {
            proxied.step(*byte);
        }
        let open = Open {
            role: role::SERVER,
            proxied,
            ..Open::default()
        };
        let facts = OpenFacts::try_from(&open).unwrap();
        assert_eq!(facts.proxied, Some("192.0.2.1:4000".parse().unwrap()));
        let facts = OpenFacts::try_from(&Open::default()).unwrap();
        assert_eq!(facts.proxied, None);
    }

    fn bytes_of(header: &DataHeader) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<DataHeader>()];
        bytes[..4].copy_from_slice(&header.kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&header.captured.to_ne_bytes());
        bytes
    }

    #[test]
    fn short_and_unknown_records_are_refused() {
        let header = DataHeader {
            kind: Kind::Data as u32,
            captured: 4,
            ..DataHeader::default()
        };
        let mut data = bytes_of(&header);
        assert!(
            matches!(Record::parse(&data), Err(UnknownRecord)),
            "captured bytes are missing"
        );
        data.extend_from_slice(b"GET ");
        assert!(matches!(Record::parse(&data), Ok(Record::Data(data)) if data.bytes == b"GET "));
        for bytes in [&b""[..], b"\x01\0\0", b"\x09\0\0\0", &[2, 0, 0, 0, 1]] {
            assert!(Record::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
