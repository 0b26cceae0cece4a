//! The chunked transfer coding (RFC 9112 section 7.1), counted and not copied.
//!
//! Extensions and the trailer section are passed over. A line may end in a bare LF, as section 2.2
//! allows a recipient to take it. Nothing is buffered, so no line length needs a bound.

/// The byte is not what the transfer coding wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MalformedChunk;

/// What a piece of a body held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Bytes of the piece that belong to the body.
    pub(super) used: usize,
    /// How many of them are content.
    pub(super) content: u64,
    /// The body ends with them.
    pub(super) end: bool,
    /// The byte after them is not what the transfer coding wants.
    pub(super) malformed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first digit of a chunk-size.
    SizeStart,
    /// In the digits of a chunk-size.
    Size,
    /// After the digits: white space or extensions, up to the line's end.
    Extension,
    /// A CR ended the size; LF has to follow.
    SizeLineFeed,
    /// In chunk-data.
    Data,
    /// After chunk-data: CR LF.
    DataEnd,
    /// After the CR that follows chunk-data.
    DataLineFeed,
    /// At the start of a line of the trailer section.
    TrailerStart,
    /// In a trailer field.
    Trailer,
    /// A CR at the start of a line: LF ends the body.
    TrailerLineFeed,
    /// Framing was left out of the capture; only the capture side can tell the end.
    Blind,
}

/// Decoder of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunked {
    state: State,
    /// The size so far while it is read, then the bytes of chunk-data still to come.
    left: u64,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self {
            state: State::SizeStart,
            left: 0,
        }
    }

    /// Decodes up to the end of the body or of `bytes`.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Progress {
        let mut progress = Progress::default();
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let used = match self.state {
                State::Data => self.data(rest, &mut progress),
                State::Extension | State::Trailer => self.line(rest),
                _ => match self.byte(byte) {
                    Ok(end) => {
                        progress.end = end;
                        1
                    }
                    Err(MalformedChunk) => {
                        progress.malformed = true;
                        break;
                    }
                },
            };
            progress.used = progress.used.saturating_add(used);
            rest = rest.get(used..).unwrap_or_default();
            if progress.end {
                break;
            }
        }
        progress
    }

    /// Bytes that were counted elsewhere, `content` of them content. Where they are all content of
    /// the current chunk the decoder keeps its place, otherwise it goes blind.
    pub(super) fn skip(&mut self, bytes: u64, content: u64) {
        if bytes == 0 {
            return;
        }
        if self.state != State::Data || bytes != content || bytes > self.left {
            self.state = State::Blind;
            return;
        }
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 {
            self.state = State::DataEnd;
        }
    }

    /// True for a hole of this size (not 0) that is only content of the current chunk.
    pub(super) fn holds(&self, bytes: u64) -> bool {
        self.state == State::Data && bytes <= self.left
    }

    fn data(&mut self, rest: &[u8], progress: &mut Progress) -> usize {
        let here = rest.len() as u64;
        let (used, content) = match usize::try_from(self.left) {
            Ok(left) if left < rest.len() => (left, self.left),
            _ => (rest.len(), here),
        };
        self.left = self.left.saturating_sub(content);
        progress.content = progress.content.saturating_add(content);
        if self.left == 0 {
            self.state = State::DataEnd;
        }
        used
    }

    /// Passes over a line whose text does not matter.
    fn line(&mut self, rest: &[u8]) -> usize {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return rest.len();
        };
        self.state = match self.state {
            State::Extension => self.after_size(),
            _ => State::TrailerStart,
        };
        end.saturating_add(1)
    }

    /// One byte of framing; true if it ends the body.
    fn byte(&mut self, byte: u8) -> Result<bool, MalformedChunk> {
        self.state = match (self.state, byte) {
            (State::SizeStart, _) if byte.is_ascii_hexdigit() => {
                self.left = 0;
                self.digit(byte)?
            }
            (State::Size, _) if byte.is_ascii_hexdigit() => self.digit(byte)?,
            (State::Size, b'\r') => State::SizeLineFeed,
            (State::Size | State::SizeLineFeed, b'\n') => self.after_size(),
            (State::Size, b';' | b' ' | b'\t') => State::Extension,
            (State::DataEnd, b'\r') => State::DataLineFeed,
            (State::DataEnd | State::DataLineFeed, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::TrailerLineFeed,
            (State::TrailerStart | State::TrailerLineFeed, b'\n') => return Ok(true),
            (State::TrailerStart, _) => State::Trailer,
            _ => return Err(MalformedChunk),
        };
        Ok(false)
    }

    fn digit(&mut self, byte: u8) -> Result<State, MalformedChunk> {
        let digit = char::from(byte).to_digit(16).ok_or(MalformedChunk)?;
        self.left = self
            .left
            .checked_mul(16)
            .and_then(|left| left.checked_add(u64::from(digit)))
            .ok_or(MalformedChunk)?;
        Ok(State::Size)
    }

    /// The last chunk has size 0 and is followed by the trailer section.
    fn after_size(&self) -> State {
        if self.left == 0 {
            State::TrailerStart
        } else {
            State::Data
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes whole and byte by byte; both must agree.
    fn decoded(bytes: &[u8]) -> Progress {
        let whole = Chunked::new().decode(bytes);
        let mut decoder = Chunked::new();
        let mut sum = Progress::default();
        for byte in bytes.chunks(1) {
            let step = decoder.decode(byte);
            sum.used += step.used;
            sum.content += step.content;
            sum.end = step.end;
            sum.malformed = step.malformed;
            if sum.end || sum.malformed {
                break;
            }
        }
        assert_eq!(whole, sum, "{bytes:?}");
        whole
    }

    #[test]
    fn bodies() {
        let cases: &[(&[u8], u64, usize)] = &[
            (b"0\r\n\r\n", 0, 0),
            (b"5\r\nhello\r\n0\r\n\r\n", 5, 0),
            (b"5\r\nhello\r\n0\r\n\r\nGET / ", 5, 6),
            (b"A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n", 11, 0),
            (b"5;a=b;c=\"d\"\r\nhello\r\n0;last\r\n\r\n", 5, 0),
            (b"5 \r\nhello\r\n0\t\r\n\r\n", 5, 0),
            (b"5\nhello\n0\n\n", 5, 0),
            (b"0\r\nDigest: x\r\nA: b\r\n\r\nnext", 0, 4),
        ];
        for &(bytes, content, after) in cases {
            let used = bytes.len() - after;
            let wanted = Progress {
                used,
                content,
                end: true,
                malformed: false,
            };
            assert_eq!(decoded(bytes), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn malformed() {
        let cases: &[&[u8]] = &[
            b"\r\n",
            b"x\r\n",
            b"-1\r\n",
            b"5\rhello",
            b"5\r\nhelloo\r\n",
            b"5\r\nhello\rx",
            b"0\r\n\rx",
            b"10000000000000000\r\n",
        ];
        for bytes in cases {
            assert!(decoded(bytes).malformed, "{bytes:?}");
        }
    }

    #[test]
    fn skips_content_but_goes_blind_over_framing() {
        let mut decoder = Chunked::new();
        assert!(!decoder.decode(b"5\r\nhe").malformed);
        decoder.skip(3, 3);
        assert!(decoder.decode(b"\r\n0\r\n\r\n").end);

        let mut decoder = Chunked::new();
        assert!(!decoder.decode(b"5\r\nhe").malformed);
        decoder.skip(5, 3);
        assert!(decoder.decode(b"0\r\n\r\n").malformed);
    }
}
