//! The bytes of a message where a program may read them: in one piece, and no more of them than it wants.

use super::Sending;
use crate::maps::lose;
use aya_ebpf::{bindings::sk_msg_md, helpers::generated::bpf_msg_pull_data};
use sonde_common::loss::{Hook, Reason};

/// Makes the first bytes of the message readable.
#[inline(always)]
pub unsafe fn reach(msg: *mut sk_msg_md, sending: *mut Sending, most: u32) -> Option<()> {
    // SAFETY: the caller passes the program's context and a checked map value.
    unsafe {
        let wanted = (*msg).size.min(most);
        let linear = linear(msg);
        if linear < wanted && bpf_msg_pull_data(msg, 0, wanted, 0) != 0 {
            (*sending).inside = 0;
            lose(Hook::Message, Reason::Unreadable);
            return None;
        }
        (*sending).data = (*msg).__bindgen_anon_1.data as u64;
        (*sending).readable = if linear < wanted {
            wanted
        } else {
            linear.min(most)
        };
        Some(())
    }
}

/// Bytes of the message that lie in one piece.
#[inline(always)]
pub unsafe fn linear(msg: *mut sk_msg_md) -> u32 {
    // SAFETY: the caller passes the program's context and a checked map value.
    unsafe {
        let (data, end) = (
            (*msg).__bindgen_anon_1.data as u64,
            (*msg).__bindgen_anon_2.data_end as u64,
        );
        end.wrapping_sub(data) as u32
    }
}
