//! Version 2: a signature of twelve bytes, then version and command, family and transport, the length of what follows, the
//! addresses, and TLVs.

use super::{BINARY, END, FAILED, HeaderScan, IPV4, IPV6, MAX_BINARY, OTHER, REST, byte_of};

/// The signature, in two words.
const SIGNATURE_START: u64 = u64::from_le_bytes(*b"\r\n\r\n\0\r\nQ");
const SIGNATURE_END: u64 = u64::from_le_bytes(*b"UIT\n\0\0\0\0");
const SIGNATURE_LENGTH: u16 = 12;
/// Bytes before the addresses.
const FIXED: u16 = 16;

const VERSION_AND_LOCAL: u8 = 0x20;
const VERSION_AND_PROXY: u8 = 0x21;
const TCP_IPV4: u8 = 0x11;
const TCP_IPV6: u8 = 0x21;
/// Two addresses and two ports.
const IPV4_LENGTH: u16 = 12;
const IPV6_LENGTH: u16 = 36;

impl HeaderScan {
    #[inline(always)]
    pub(super) const fn signature(&mut self, byte: u8) {
        let word = if self.bytes < 8 {
            SIGNATURE_START
        } else {
            SIGNATURE_END
        };
        if byte != byte_of(word, self.bytes) {
            self.state = if self.is_ambiguous() { OTHER } else { FAILED };
        } else if self.bytes + 1 == SIGNATURE_LENGTH {
            self.state = BINARY;
        }
    }

    /// What follows the signature, up to the source port.
    #[inline(always)]
    pub(super) const fn binary(&mut self, byte: u8) {
        match self.bytes {
            12 => self.command(byte),
            13 => self.addresses(byte),
            14 => self.length = (byte as u16) << 8,
            15 => self.complete_length(byte),
            _ => self.address_byte(byte),
        }
    }

    #[inline(always)]
    const fn command(&mut self, byte: u8) {
        if byte != VERSION_AND_LOCAL && byte != VERSION_AND_PROXY {
            self.state = FAILED;
        }
        // Of a connection of the proxy's own the addresses do not count.
        self.marks = byte;
    }

    #[inline(always)]
    const fn addresses(&mut self, byte: u8) {
        let proxied = self.marks == VERSION_AND_PROXY;
        match byte {
            TCP_IPV4 if proxied => self.begin_source(IPV4),
            TCP_IPV6 if proxied => self.begin_source(IPV6),
            // UDP, Unix sockets, unspecified ones.
            _ if byte >> 4 <= 3 && byte & 15 <= 2 => {}
            _ => self.state = FAILED,
        }
    }

    #[inline(always)]
    const fn complete_length(&mut self, byte: u8) {
        let length = self.length | byte as u16;
        let least = match self.family {
            IPV4 => IPV4_LENGTH,
            IPV6 => IPV6_LENGTH,
            _ => 0,
        };
        if length < least || length > MAX_BINARY - FIXED {
            self.state = FAILED;
            return;
        }
        self.length = length + FIXED;
        if least == 0 {
            self.state = REST;
        }
    }

    /// The source's address, the destination's, the source's port.
    #[inline(always)]
    const fn address_byte(&mut self, byte: u8) {
        let at = self.bytes - FIXED;
        let port_at = if self.family == IPV4 { 8 } else { 32 };
        if self.filled < 16 {
            self.put(byte);
        } else if at == port_at {
            self.port = (byte as u16) << 8;
        } else if at == port_at + 1 {
            self.port |= byte as u16;
            self.state = REST;
        }
    }

    /// Ends the header where its length says so.
    #[inline(always)]
    pub(super) const fn conclude(&mut self) {
        if self.bytes >= FIXED && self.bytes >= self.length {
            self.state = END;
        }
    }
}
