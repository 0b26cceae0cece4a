//! Receives in as many ways as there are, and holds each of them to what it promises: a peek shows what is read next, FIONREAD
//! counts no less than was seen and no more than is there.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::checker::{Checker, Difference};
use crate::plan::Message;
use crate::pool::Pool;
use crate::rng::Rng;
use crate::socket;
use crate::tally::Tally;

const LARGEST: usize = 256 << 10;

/// How a connection ended before its plan did.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Other bytes than those sent.
    Difference(Difference),
    /// The socket failed, or stood still.
    Socket(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl Trouble {
    /// The other end has reset the connection.
    pub(crate) fn is_reset(&self) -> bool {
        let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        matches!(self, Self::Socket(error) if kinds.contains(&error.kind()))
    }
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Receiver<'a> {
    socket: &'a TcpStream,
    pool: &'a Pool,
    rng: Rng,
    pipe: Option<(OwnedFd, OwnedFd)>,
    /// A wrong FIONREAD is an error and not only counted.
    strict: bool,
    slow: bool,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that hold data not yet looked at.
    filled: std::ops::Range<usize>,
    received: u64,
    /// What was seen.
    pub(crate) tally: Tally,
}

impl<'a> Receiver<'a> {
    /// Sets the socket's options at random, too.
    pub(crate) fn new(
        socket: &'a TcpStream,
        pool: &'a Pool,
        mut rng: Rng,
        strict: bool,
    ) -> io::Result<Self> {
        if rng.once_in(6) {
            // Smaller than a segment of loopback would make every transfer wait for timers.
            socket::set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, 70_000)?;
        }
        Ok(Self {
            socket,
            pool,
            slow: rng.once_in(20),
            rng,
            pipe: None,
            strict,
            buffer: vec![0; LARGEST],
            filled: 0..0,
            received: 0,
            tally: Tally::default(),
        })
    }

    /// Reads one message, calling `arrived` with the count of all message bytes so far. A message may be cut short where
    /// `cut` says so: by the end or a reset of the connection.
    pub(crate) fn expect(
        &mut self,
        message: Message,
        cut: bool,
        arrived: impl Fn(u64),
    ) -> Result<(), Trouble> {
        let mut checker = Checker::new(message);
        let before = self.received;
        while !checker.is_complete() {
            if self.filled.is_empty() {
                match self.fill() {
                    Err(error) if cut && error.is_reset() => return Ok(()),
                    Err(error) => return Err(error),
                    Ok(()) if !self.filled.is_empty() => {}
                    Ok(()) if cut => return Ok(()),
                    Ok(()) => return checker.end(self.pool).map_err(Trouble::Difference),
                }
            }
            let bytes = &self.buffer[self.filled.clone()];
            let taken = checker
                .feed(bytes, self.pool)
                .map_err(Trouble::Difference)?;
            self.filled.start += taken;
            self.received = before + checker.position() as u64;
            arrived(self.received);
        }
        self.tally.bytes += checker.position() as u64;
        self.tally.requests += u64::from(checker.eligible());
        self.tally.inserted += u64::from(checker.inserted());
        Ok(())
    }

    /// The connection ends here; with `cut`, by a reset perhaps. A reset that came after the other end's last byte and FIN,
    /// which is EPIPE, takes nothing away.
    pub(crate) fn expect_end(&mut self, cut: bool) -> Result<(), Trouble> {
        if self.filled.is_empty() {
            match self.fill() {
                Err(error) if cut && error.is_reset() => return Ok(()),
                Err(Trouble::Socket(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(());
                }
                result => result?,
            }
        }
        if self.filled.is_empty() {
            return Ok(());
        }
        let extra = Checker::extra(&self.buffer[self.filled.clone()]);
        Err(Trouble::Difference(extra))
    }

    /// Reads something; nothing at the end of the connection.
    fn fill(&mut self) -> Result<(), Trouble> {
        if self.slow && self.rng.once_in(40) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let count = loop {
            socket::wait(self.socket, libc::POLLIN | libc::POLLRDHUP)?;
            match self.read_some() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.filled = 0..count;
        Ok(())
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let wanted = match self.rng.below(4) {
            0 => self.rng.magnitude(1, 3000),
            1 => self.rng.magnitude(1, LARGEST),
            _ => LARGEST,
        };
        match self.rng.below(8) {
            0 => self.peek_then_read(wanted),
            1 => self.count_then_read(),
            2 => self.splice(wanted.min(65_536)),
            _ => socket::receive(self.socket, &mut self.buffer[..wanted], libc::MSG_DONTWAIT),
        }
    }

    fn peek_then_read(&mut self, wanted: usize) -> io::Result<usize> {
        let mut seen = vec![0; wanted.min(20_000)];
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peeked = socket::receive(self.socket, &mut seen, flags)?;
        let into = &mut self.buffer[..wanted];
        let count = socket::receive(self.socket, into, libc::MSG_DONTWAIT)?;
        if count < peeked || seen[..peeked] != self.buffer[..peeked] {
            let text = format!("MSG_PEEK gave {peeked} bytes, then {count} others were read");
            return Err(io::Error::other(text));
        }
        Ok(count)
    }

    /// What a peek gives <= FIONREAD <= what a read gives: bytes may come in between, but none may go.
    fn count_then_read(&mut self) -> io::Result<usize> {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peeked = socket::receive(self.socket, &mut self.buffer, flags)?;
        let waiting = socket::waiting(self.socket)?;
        let count = socket::receive(self.socket, &mut self.buffer, libc::MSG_DONTWAIT)?;
        self.tally.fionread += 1;
        if peeked <= waiting && waiting.min(LARGEST) <= count {
            return Ok(count);
        }
        self.tally.fionread_wrong += 1;
        if self.strict {
            let text = format!(
                "FIONREAD said {waiting} between a peek of {peeked} and a read of {count} bytes"
            );
            return Err(io::Error::other(text));
        }
        Ok(count)
    }

    fn splice(&mut self, wanted: usize) -> io::Result<usize> {
        if self.pipe.is_none() {
            self.pipe = Some(socket::pipe()?);
        }
        let Some((read, write)) = &self.pipe else {
            return Err(io::Error::other("no pipe"));
        };
        let inside = socket::splice(self.socket, None, write, wanted)?;
        let file = std::fs::File::from(read.try_clone()?);
        (&file).read_exact(&mut self.buffer[..inside])?;
        Ok(inside)
    }
}
