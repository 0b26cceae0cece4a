//! A section's bytes in order, inflated on the way.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

use flate2::read::ZlibDecoder;

use super::image::{Image, Section};

const BUFFER: usize = 64 * 1024;
/// Inflated bytes of a section that are looked at.
const MOST: u64 = 1 << 30;
const COMPRESSION_HEADER: u64 = 24;
const ZLIB: u32 = 1;
/// Names that are longer are cut: none that is looked for is.
const LONGEST_NAME: usize = 64;

/// Reads a section from its beginning.
pub(super) struct Stream<'image> {
    input: Box<dyn BufRead + 'image>,
    position: u64,
}

struct Raw<'image> {
    image: &'image Image,
    left: Range<u64>,
}

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.left.end - self.left.start;
        let size = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.image.read(self.left.start, &mut buffer[..size]);
        self.left.start += count as u64;
        Ok(count)
    }
}

impl<'image> Stream<'image> {
    pub(super) fn new(image: &'image Image, section: &Section) -> Option<Self> {
        let mut left = section.file.clone();
        if section.compressed {
            let mut window = image.window();
            if window.u32(left.start)? != ZLIB {
                return None;
            }
            left.start = left.start.checked_add(COMPRESSION_HEADER)?;
        }
        if left.start > left.end {
            return None;
        }
        let raw = Raw { image, left };
        let input: Box<dyn BufRead + 'image> = if section.compressed {
            let inflated = ZlibDecoder::new(BufReader::with_capacity(BUFFER, raw)).take(MOST);
            Box::new(BufReader::with_capacity(BUFFER, inflated))
        } else {
            Box::new(BufReader::with_capacity(BUFFER, raw.take(MOST)))
        };
        Some(Self { input, position: 0 })
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What is left, up to `limit` bytes.
    pub(super) fn rest(mut self, limit: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input
            .by_ref()
            .take(limit)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.input.fill_buf().ok()?.first()?;
        self.input.consume(1);
        self.position += 1;
        Some(byte)
    }

    /// A little-endian number of up to 8 bytes.
    pub(super) fn number(&mut self, size: u8) -> Option<u64> {
        let bytes = (0..size.min(8)).map(|index| Some(u64::from(self.byte()?) << (8 * index)));
        bytes.into_iter().try_fold(0, |sum, byte| Some(sum | byte?))
    }

    pub(super) fn leb128(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn skip(&mut self, mut count: u64) -> Option<()> {
        while count > 0 {
            let available = self.input.fill_buf().ok()?.len();
            if available == 0 {
                return None;
            }
            let step = available.min(usize::try_from(count).unwrap_or(available));
            self.input.consume(step);
            self.position += step as u64;
            count -= step as u64;
        }
        Some(())
    }

    /// Passes over a string and its NUL; its beginning goes to `name`.
    pub(super) fn string(&mut self, name: &mut Vec<u8>) -> Option<()> {
        name.clear();
        loop {
            let available = self.input.fill_buf().ok()?;
            if available.is_empty() {
                return None;
            }
            let end = memchr::memchr(0, available);
            let text = &available[..end.unwrap_or(available.len())];
            let room = LONGEST_NAME.saturating_sub(name.len());
            name.extend_from_slice(&text[..text.len().min(room)]);
            let step = text.len() + usize::from(end.is_some());
            self.input.consume(step);
            self.position += step as u64;
            if end.is_some() {
                return Some(());
            }
        }
    }
}
