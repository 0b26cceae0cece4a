//! W3C Trace Context (Level 2, which allows all that Level 1 does): `traceparent` and `tracestate` of a request.
//!
//! Read only; injection is not its business. An invalid `tracestate` leaves the `traceparent` valid, not the reverse.

use super::{SpanId, TraceId};

/// Bits of trace-flags that have a meaning: sampled, and random (Level 2).
const KNOWN_FLAGS: u8 = 0x03;
/// Most list-members of a tracestate (section 3.3.1.1).
const MAX_MEMBERS: usize = 32;
/// Bytes of tracestate that are kept (section 3.3.1.5).
const MAX_STATE_BYTES: usize = 512;
/// Entries longer than this go first when a tracestate is too long (section 3.3.1.5).
const LONG_MEMBER_BYTES: usize = 128;

/// What the caller said about its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// trace-id.
    pub trace_id: TraceId,
    /// parent-id: the caller's span.
    pub parent: SpanId,
    /// Known bits of trace-flags.
    pub flags: u8,
    /// Valid list-members joined by `,`, at most 512 bytes.
    pub state: String,
}

/// Context from the lines of both fields; None without exactly one valid `traceparent`.
pub fn parse<'a>(
    mut parents: impl Iterator<Item = &'a [u8]>,
    states: impl Iterator<Item = &'a [u8]>,
) -> Option<TraceContext> {
    let parent = parents.next()?;
    if parents.next().is_some() {
        return None;
    }
    let (trace_id, parent, flags) = traceparent(parent)?;
    Some(TraceContext {
        trace_id,
        parent,
        flags,
        state: tracestate(states).unwrap_or_default(),
    })
}

/// Section 3.2: version 00 exactly; later versions by their first four parts.
fn traceparent(line: &[u8]) -> Option<(TraceId, SpanId, u8)> {
    let [version] = hex::<1>(line.get(..2)?)?;
    let fits = match version {
        0xff => false,
        0 => line.len() == 55,
        _ => line.len() == 55 || line.get(55) == Some(&b'-'),
    };
    if !fits
        || line.get(2) != Some(&b'-')
        || line.get(35) != Some(&b'-')
        || line.get(52) != Some(&b'-')
    {
        return None;
    }
    let trace_id = hex::<16>(line.get(3..35)?)?;
    let parent = hex::<8>(line.get(36..52)?)?;
    let [flags] = hex::<1>(line.get(53..55)?)?;
    if trace_id == [0; 16] || parent == [0; 8] {
        return None;
    }
    Some((TraceId(trace_id), SpanId(parent), flags & KNOWN_FLAGS))
}

/// Lower-case hex digits to bytes.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(out)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Section 3.3: one list over all lines; any bad or 33rd member discards the whole. A key that repeats stays, as whoever did not
/// write it may leave it (section 3.5).
fn tracestate<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut members: Vec<&str> = Vec::new();
    for line in lines {
        for member in std::str::from_utf8(line).ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            if members.len() == MAX_MEMBERS
                || !is_key(key.as_bytes())
                || !is_value(value.as_bytes())
            {
                return None;
            }
            members.push(member);
        }
    }
    Some(shorten(members).join(","))
}

/// Whole members only: the long ones go first, then the last ones; as the kernel side does it.
fn shorten(mut members: Vec<&str>) -> Vec<&str> {
    let size = |list: &[&str]| list.iter().map(|member| member.len() + 1).sum::<usize>();
    if size(&members) > MAX_STATE_BYTES + 1 {
        members.retain(|member| member.len() <= LONG_MEMBER_BYTES);
    }
    while size(&members) > MAX_STATE_BYTES + 1 {
        members.pop();
    }
    members
}

/// Section 3.3.1.3.1.
fn is_key(key: &[u8]) -> bool {
    let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    key.len() <= 256
        && key.first().is_some_and(first)
        && key
            .iter()
            .all(|b| first(b) || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@'))
}

/// Section 3.3.1.3.2; surrounding white space is gone already.
fn is_value(value: &[u8]) -> bool {
    (1..=256).contains(&value.len())
        && value
            .iter()
            .all(|b| matches!(b, 0x20..=0x2b | 0x2d..=0x3c | 0x3e..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn with(parents: &[&str], states: &[&str]) -> Option<TraceContext> {
        parse(
            parents.iter().map(|p| p.as_bytes()),
            states.iter().map(|s| s.as_bytes()),
        )
    }

    #[test]
    fn traceparent_cases() {
        let after = |version: &str, rest: &str| format!("{version}{}{rest}", &GOOD[2..]);
        for (line, valid) in [
            (GOOD.to_owned(), true),
            (after("00", "-x"), false),
            (after("cc", ""), true),
            (after("cc", "-x"), true),
            (after("cc", ".x"), false),
            (after("ff", ""), false),
            (GOOD.to_uppercase(), false),
            (
                GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
                false,
            ),
            (GOOD.replace("b7ad6b7169203331", &"0".repeat(16)), false),
            (GOOD.replace('-', "_"), false),
            (GOOD[..54].to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(with(&[&line], &[]).is_some(), valid, "{line}");
        }
        assert_eq!(with(&[GOOD, GOOD], &[]), None);
        let context = with(&[&GOOD.replace("-01", "-ff")], &[]).unwrap();
        assert_eq!(
            (context.flags, context.parent.0[0], context.trace_id.0[15]),
            (3, 0xb7, 0x9c)
        );
    }

    #[test]
    fn tracestate_cases() {
        let many = |n: usize| {
            (0..n)
                .map(|i| format!("k{i}=1"))
                .collect::<Vec<_>>()
                .join(",")
        };
        let long = format!("a=1,b={},c={}", "x".repeat(250), "y".repeat(256));
        for (lines, expected) in [
            (vec!["a=1", "b=2 , ,c@d=3"], "a=1,b=2,c@d=3"),
            (vec!["a=1,a=2"], "a=1,a=2"),
            (vec!["A=1"], ""),
            (vec!["a@@b=1,9=2"], "a@@b=1,9=2"),
            (vec!["@a=1"], ""),
            (vec!["a="], ""),
            (vec!["a=1=2"], ""),
            (vec!["a"], ""),
            (vec![many(32).as_str()], many(32).as_str()),
            (vec![many(33).as_str()], ""),
            (vec![long.as_str()], "a=1"),
        ] {
            assert_eq!(with(&[GOOD], &lines).unwrap().state, expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_state_is_bounded(state in proptest::collection::vec(any::<u8>(), 0..900), tail in "[a-c]=[x]{0,300},[d-f]=[y]{0,300}") {
            for line in [state.as_slice(), tail.as_bytes()] {
                let context = parse([GOOD.as_bytes()].into_iter(), [line].into_iter()).unwrap();
                prop_assert!(context.state.len() <= 512);
                let _ = parse([line].into_iter(), [line].into_iter());
            }
        }
    }
}
