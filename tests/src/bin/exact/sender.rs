//! Sends parts in as many ways as there are: cut anywhere, by every system call, blocking or not, and goes on after a partial
//! send by the count that was returned.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use crate::plan::{Message, Part};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::rng::Rng;
use crate::socket::{self, patience};

const PIECES: usize = 8;

/// How a batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// All that fits into one call.
    Whole,
    /// Anywhere.
    Random,
    /// So many single bytes first.
    Bytes(usize),
    /// Inside the last four bytes of each part: of a head, the empty line.
    Tail,
}

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    socket: &'a TcpStream,
    pool: &'a Pool,
    rng: Rng,
    pipe: Option<(OwnedFd, OwnedFd)>,
    zerocopy: bool,
    /// What the other end has, to see that nothing is held back; none if that is not known.
    arrived: Option<&'a Progress>,
    sent: u64,
    /// MSG_ZEROCOPY sends from this memory, until the other end has it.
    kept: Vec<Message>,
}

impl<'a> Sender<'a> {
    /// Sets the socket's options at random, too.
    pub(crate) fn new(
        socket: &'a TcpStream,
        pool: &'a Pool,
        mut rng: Rng,
        arrived: Option<&'a Progress>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(rng.once_in(3))?;
        socket.set_write_timeout(Some(patience()))?;
        socket.set_nodelay(!rng.once_in(4))?;
        if rng.once_in(4) {
            let bytes = i32::try_from(rng.magnitude(1, 8192)).unwrap_or(1);
            socket::set(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes)?;
        }
        let zerocopy =
            rng.once_in(3) && socket::set(socket, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1).is_ok();
        Ok(Self {
            socket,
            pool,
            rng,
            pipe: None,
            zerocopy,
            arrived,
            sent: 0,
            kept: Vec::new(),
        })
    }

    /// How many bytes it has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// What must live until the other end has received all.
    pub(crate) fn into_kept(self) -> Vec<Message> {
        self.kept
    }

    /// Sends all of the messages.
    pub(crate) fn send(&mut self, messages: Vec<Message>) -> io::Result<()> {
        let parts: Vec<&Part> = messages.iter().flat_map(|m| &m.parts).collect();
        let result = self.send_parts(&parts);
        if self.zerocopy {
            self.kept.extend(messages);
        }
        result
    }

    fn send_parts(&mut self, parts: &[&Part]) -> io::Result<()> {
        let mut style = match self.rng.below(8) {
            0..3 => Style::Whole,
            3..5 => Style::Random,
            5 => Style::Bytes(self.rng.within(1, 120)),
            _ => Style::Tail,
        };
        let (mut part, mut done) = (0, 0);
        while part < parts.len() {
            if done == parts[part].length() {
                (part, done) = (part + 1, 0);
                continue;
            }
            let left = parts[part..].iter().map(|p| p.length()).sum::<usize>() - done;
            let wanted = self.count(&mut style, left, parts[part].length() - done);
            let mut sent = self.send_some(&parts[part..], done, wanted, left)?;
            self.sent += sent as u64;
            while sent > 0 {
                let step = sent.min(parts[part].length() - done);
                sent -= step;
                done += step;
                if done == parts[part].length() && part + 1 < parts.len() {
                    (part, done) = (part + 1, 0);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, style: &mut Style, left: usize, in_part: usize) -> usize {
        match style {
            Style::Whole => left,
            Style::Bytes(bytes) if *bytes > 0 => {
                *bytes -= 1;
                1
            }
            Style::Tail if in_part > 4 && in_part < 20_000 => in_part - self.rng.within(1, 4),
            Style::Tail if in_part <= 4 => self.rng.within(1, in_part),
            _ => self.rng.magnitude(1, left),
        }
    }

    /// At least one byte and at most `wanted`, by some system call.
    fn send_some(
        &mut self,
        parts: &[&Part],
        done: usize,
        wanted: usize,
        left: usize,
    ) -> io::Result<usize> {
        if let Part::Pool { at, length } = parts[0]
            && self.rng.once_in(2)
        {
            let count = wanted.min(length - done);
            if self.rng.once_in(2) {
                return self.until_possible(|s| {
                    socket::sendfile(s.socket, &s.pool.file, at + done, count)
                });
            }
            return self.splice(at + done, count.min(65_536));
        }
        let pieces = gather(parts, done, wanted, self.pool);
        let asked: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (flags, by_writev) = self.flags(asked < left);
        let sent = self.until_possible(|s| {
            if by_writev {
                socket::writev(s.socket, &pieces)
            } else {
                send_with_room(s.socket, &pieces, flags)
            }
        })?;
        if sent == 0 || sent > asked {
            let text = format!("{sent} bytes sent of {asked}");
            return Err(io::Error::other(text));
        }
        if flags & libc::MSG_ZEROCOPY != 0 {
            socket::drain_errors(self.socket);
        }
        if flags & libc::MSG_MORE == 0 && self.rng.once_in(16) {
            self.see_arrive(self.sent + sent as u64)?;
        }
        Ok(sent)
    }

    fn flags(&mut self, more_follows: bool) -> (i32, bool) {
        let mut flags = 0;
        if more_follows && self.rng.once_in(4) {
            flags |= libc::MSG_MORE;
        }
        if self.zerocopy && self.rng.once_in(2) {
            flags |= libc::MSG_ZEROCOPY;
        }
        if self.rng.once_in(3) {
            flags |= libc::MSG_DONTWAIT;
        }
        (flags, flags == 0 && self.rng.once_in(2))
    }

    /// By way of a pipe, which is empty before and after.
    fn splice(&mut self, at: usize, count: usize) -> io::Result<usize> {
        if self.pipe.is_none() {
            self.pipe = Some(socket::pipe()?);
        }
        let Some((read, write)) = &self.pipe else {
            return Err(io::Error::other("no pipe"));
        };
        let inside = socket::splice(&self.pool.file, Some(at), write, count)?;
        let mut left = inside;
        while left > 0 {
            left -= self.until_possible(|s| socket::splice(read, None, s.socket, left))?;
        }
        Ok(inside)
    }

    /// Repeats what would block when there is room again.
    fn until_possible(&self, call: impl Fn(&Self) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match call(self) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket::wait(self.socket, libc::POLLOUT)?;
                }
                result => return result,
            }
        }
    }

    /// Waits until all that was sent has arrived, if that can be known.
    pub(crate) fn see_all_arrive(&self) -> io::Result<()> {
        self.see_arrive(self.sent)
    }

    /// So many bytes reach the other end with no further send.
    fn see_arrive(&self, wanted: u64) -> io::Result<()> {
        match self.arrived {
            Some(arrived) if !arrived.reach(wanted) => Err(io::Error::other(format!(
                "of {wanted} sent bytes only {} arrived",
                arrived.value()
            ))),
            _ => Ok(()),
        }
    }
}

/// MSG_ZEROCOPY has a limit of its own on what is in flight; beyond it the call is repeated without.
fn send_with_room(socket: &TcpStream, pieces: &[&[u8]], flags: i32) -> io::Result<usize> {
    let result = socket::send(socket, pieces, flags);
    let no_room = |error: &io::Error| error.raw_os_error() == Some(libc::ENOBUFS);
    if result.as_ref().is_err_and(no_room) {
        return socket::send(socket, pieces, flags & !libc::MSG_ZEROCOPY);
    }
    result
}

/// Slices of the first `wanted` bytes after `done`, a few at most.
fn gather<'b>(parts: &[&'b Part], done: usize, wanted: usize, pool: &'b Pool) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let (mut skip, mut left) = (done, wanted);
    for part in parts {
        let bytes = &part.bytes(pool)[skip..];
        let piece = &bytes[..bytes.len().min(left)];
        skip = 0;
        left -= piece.len();
        if !piece.is_empty() {
            pieces.push(piece);
        }
        if left == 0 || pieces.len() == PIECES {
            break;
        }
    }
    pieces
}
