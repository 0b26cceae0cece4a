//! IP and TCP headers of the packet at hand, read in place.

use aya_ebpf::bindings::__sk_buff;

const ETH_P_IP: u32 = (0x0800_u16).to_be() as u32;
const ETH_P_IPV6: u32 = (0x86dd_u16).to_be() as u32;
const IPPROTO_TCP: u8 = 6;
const TCP_FIN: u8 = 1;
const TCP_SYN: u8 = 2;
const TCP_RST: u8 = 4;
/// Shortest header of TCP, in bytes.
const TCP_HEADER: usize = 20;

/// What the hooks need of a TCP segment.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Segment {
    /// Offset of the payload in the packet.
    pub payload: u32,
    /// Bytes of payload.
    pub length: u32,
    /// Sequence number of the first payload byte.
    pub sequence: u32,
    /// Offset of the TCP header.
    pub transport: u32,
    /// FIN is set.
    pub fin: bool,
    /// RST is set.
    pub reset: bool,
    /// The kernel's protocol number.
    pub protocol: u32,
}

/// The segment, or `None` for anything that carries neither payload nor FIN nor RST.
#[inline(always)]
pub fn segment(skb: *mut __sk_buff) -> Option<Segment> {
    // SAFETY: `skb` is the program's context; each packet access is checked against `data_end`.
    unsafe {
        let (data, end) = ((*skb).data as usize, (*skb).data_end as usize);
        let total = (*skb).len;
        let transport = match (*skb).protocol {
            ETH_P_IP => ipv4(data, end)?,
            ETH_P_IPV6 => ipv6(data, end)?,
            _ => return None,
        };
        let tcp = data + transport as usize;
        if tcp + TCP_HEADER > end {
            return None;
        }
        let offset = (*((tcp + 12) as *const u8) >> 4) as u32 * 4;
        let flags = *((tcp + 13) as *const u8);
        let payload = transport + offset;
        let length = total.saturating_sub(payload);
        let (fin, reset) = (flags & TCP_FIN != 0, flags & TCP_RST != 0);
        if (length == 0 && !fin && !reset) || flags & TCP_SYN != 0 {
            return None;
        }
        let sequence = u32::from_be(*((tcp + 4) as *const u32));
        Some(Segment {
            payload,
            length,
            sequence,
            fin,
            reset,
            transport,
            protocol: (&raw const (*skb).protocol).read_volatile(),
        })
    }
}

/// Offset of the TCP header behind an IPv4 header.
#[inline(always)]
unsafe fn ipv4(data: usize, end: usize) -> Option<u32> {
    if data + 20 > end {
        return None;
    }
    // SAFETY: the first 20 bytes were checked.
    let (first, protocol) = unsafe { (*(data as *const u8), *((data + 9) as *const u8)) };
    let length = (first & 0x0f) as u32 * 4;
    (protocol == IPPROTO_TCP && length >= 20).then_some(length)
}

/// Offset of the TCP header behind an IPv6 header without extension headers.
#[inline(always)]
unsafe fn ipv6(data: usize, end: usize) -> Option<u32> {
    if data + 40 > end {
        return None;
    }
    // SAFETY: the first 40 bytes were checked.
    let next = unsafe { *((data + 6) as *const u8) };
    (next == IPPROTO_TCP).then_some(40)
}

impl Segment {
    /// IPv6 (else IPv4).
    #[inline(always)]
    pub const fn is_v6(&self) -> bool {
        self.protocol == ETH_P_IPV6
    }
}
