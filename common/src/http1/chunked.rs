//! The chunked transfer coding (RFC 9112 section 7.1), one framing byte at a time; chunk data is
//! skipped by count.

const SIZE: u8 = 0;
const EXTENSION: u8 = 1;
const DATA: u8 = 2;
const DATA_END: u8 = 3;
const TRAILER_START: u8 = 4;
const TRAILER: u8 = 5;
const TRAILER_END: u8 = 6;
const END: u8 = 7;
const FAILED: u8 = 8;

/// Most hexadecimal digits of a chunk size: 60 bits, so that no sum of sizes overflows.
const MAX_DIGITS: u8 = 15;

/// Where a reader is within a chunked body. Sixteen bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkScan {
    /// While a size is read: its value so far. In chunk data: bytes still to come.
    pub remaining: u64,
    state: u8,
    digits: u8,
    reserved: [u8; 6],
}

impl ChunkScan {
    /// At the first byte of a chunked body.
    pub const START: Self = Self {
        remaining: 0,
        state: SIZE,
        digits: 0,
        reserved: [0; 6],
    };

    /// The last chunk and the trailer section are through.
    #[inline(always)]
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.state == END
    }

    /// Not the chunked coding.
    #[inline(always)]
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        self.state == FAILED
    }

    /// Chunk data comes next: `remaining` bytes of it, to be passed over with [`Self::skip`].
    #[inline(always)]
    #[must_use]
    pub const fn in_data(&self) -> bool {
        self.state == DATA
    }

    /// Passes over `bytes` of chunk data; never more than `remaining`.
    #[inline(always)]
    pub fn skip(&mut self, bytes: u64) {
        self.remaining = self.remaining.saturating_sub(bytes);
        if self.remaining == 0 {
            self.state = DATA_END;
        }
    }

    /// Takes one byte of framing.
    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        self.state = match self.state {
            SIZE => self.size(byte),
            EXTENSION if byte == b'\n' => self.size_line_end(),
            EXTENSION => EXTENSION,
            DATA_END if byte == b'\r' => DATA_END,
            DATA_END if byte == b'\n' => {
                *self = Self::START;
                SIZE
            }
            TRAILER_START if byte == b'\r' => TRAILER_END,
            TRAILER_START if byte == b'\n' => END,
            TRAILER_START => TRAILER,
            TRAILER if byte == b'\n' => TRAILER_START,
            TRAILER => TRAILER,
            TRAILER_END if byte == b'\n' => END,
            _ => FAILED,
        };
    }

    #[inline(always)]
    fn size(&mut self, byte: u8) -> u8 {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if self.digits == 0 => return FAILED,
            b'\n' => return self.size_line_end(),
            b'\r' | b';' | b' ' | b'\t' => return EXTENSION,
            _ => return FAILED,
        };
        if self.digits >= MAX_DIGITS {
            return FAILED;
        }
        self.digits += 1;
        self.remaining = (self.remaining << 4) | digit as u64;
        SIZE
    }

    #[inline(always)]
    const fn size_line_end(&self) -> u8 {
        if self.remaining == 0 {
            TRAILER_START
        } else {
            DATA
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::ChunkScan;

    type End = Option<(usize, u64)>;

    /// Bytes up to and with the end of the body, and the content bytes among them.
    fn run(bytes: &[u8]) -> End {
        let (mut scan, mut at, mut content) = (ChunkScan::START, 0, 0);
        while at < bytes.len() && !scan.is_end() && !scan.is_failed() {
            if scan.in_data() {
                let step = scan.remaining.min((bytes.len() - at) as u64);
                scan.skip(step);
                content += step;
                at += step as usize;
            } else {
                scan.push(bytes[at]);
                at += 1;
            }
        }
        scan.is_end().then_some((at, content))
    }

    #[test]
    fn finds_the_end_of_chunked_bodies() {
        let table: [(&[u8], End); 9] = [
            (b"0\r\n\r\n", Some((5, 0))),
            (b"5\r\nhello\r\n0\r\n\r\nGET", Some((15, 5))),
            (b"5;a=b\r\nhello\r\n0\r\n\r\n", Some((19, 5))),
            (b"a\r\n0123456789\r\n000\r\nX-T: 1\r\n\r\n", Some((30, 10))),
            (b"5\nhello\n0\n\n", Some((11, 5))),
            (b"5\r\nhello\r\n0\r\n", None),
            (b"\r\n", None),
            (b"5\r\nhelloX\r\n", None),
            (b"ffffffffffffffff\r\n", None),
        ];
        for (bytes, expected) in table {
            assert_eq!(
                run(bytes),
                expected,
                "{}",
                std::string::String::from_utf8_lossy(bytes)
            );
        }
    }
}
