//! `grpc-message`: UTF-8, percent-encoded.

/// Bytes that are kept of it.
const MAX_BYTES: usize = 256;

/// The text of a value, cut to a bound. What is no escape stays as it is, as the protocol asks; control characters, which a
/// terminal would act on, become spaces.
pub(super) fn decode(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len().min(MAX_BYTES));
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        if bytes.len() == MAX_BYTES {
            break;
        }
        let escaped = (byte == b'%').then(|| escape(after)).flatten();
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    let whole = match std::str::from_utf8(&bytes) {
        // A character that the bound has cut.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    bytes.truncate(whole);
    String::from_utf8_lossy(&bytes).replace(char::is_control, " ")
}

/// The byte that two hexadecimal digits stand for.
fn escape(digits: &[u8]) -> Option<u8> {
    let digits = digits.first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, decode};
    use proptest::prelude::*;

    #[test]
    fn values() {
        for (value, expected) in [
            ("not found", "not found"),
            ("100%25 sure", "100% sure"),
            ("caf%C3%A9 %e2%82%ac", "café €"),
            ("%zz %2 %", "%zz %2 %"),
            ("%1b[31mred%0A", " [31mred "),
            ("%ff%41", "\u{fffd}A"),
            ("", ""),
        ] {
            assert_eq!(decode(value.as_bytes()), expected, "{value}");
        }
        let long = decode("%E2%82%AC".repeat(200).as_bytes());
        assert_eq!(long, "€".repeat(MAX_BYTES / 3));
    }

    proptest! {
        #[test]
        fn any_value_gives_bounded_text(value in proptest::collection::vec(any::<u8>(), 0..900)) {
            let text = decode(&value);
            prop_assert!(text.len() <= 3 * MAX_BYTES);
            prop_assert!(!text.contains(char::is_control));
        }
    }
}
