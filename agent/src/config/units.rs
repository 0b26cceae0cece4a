//! Numbers with units, as people write them: byte sizes (`64MiB`), durations (`5m`) and counts.
//!
//! Each parser returns its error as a sentence that states the valid form; the caller names the flag or variable.

use std::time::Duration;

const BINARY_SUFFIXES: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

/// A whole number of bytes with an optional suffix `B`, `KiB`, `MiB` or `GiB` (case does not matter).
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    const FORM: &str =
        "expected a whole number of bytes with an optional suffix KiB, MiB or GiB, such as 64MiB";
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let (digits, factor) = BINARY_SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| {
            let digits = lower.strip_suffix(&suffix.to_ascii_lowercase())?;
            Some((digits.trim_end(), *factor))
        })
        .unwrap_or((lower.as_str(), 1));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORM.to_owned());
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("too large; {FORM}"))
}

/// The shortest text that [`parse_bytes`] reads back as `bytes`.
pub fn format_bytes(bytes: u64) -> String {
    let unit = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    match unit {
        Some((suffix, factor)) => format!("{}{suffix}", bytes / factor),
        None => bytes.to_string(),
    }
}

/// A byte size from `least` to `most`, both included.
pub fn parse_bytes_within(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let bytes = parse_bytes(text)?;
    if (least..=most).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!(
        "must be between {} and {}",
        format_bytes(least),
        format_bytes(most)
    ))
}

/// A duration above zero with units, as humantime reads it: `500ms`, `5s`, `1m 30s`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "expected a duration above zero with its unit, such as 500ms, 5s or 1m";
    match humantime::parse_duration(text.trim()) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(FORM.to_owned()),
    }
}

/// A count from 1 to `most`.
pub fn parse_count(text: &str, most: u32) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(format!("expected a whole number between 1 and {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{format_bytes, parse_bytes, parse_bytes_within, parse_count, parse_duration};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn byte_sizes() {
        let cases = [
            ("0", Some(0)),
            ("1024", Some(1024)),
            ("16KiB", Some(16 << 10)),
            ("16kib", Some(16 << 10)),
            ("64 MiB", Some(64 << 20)),
            ("2GiB", Some(2 << 30)),
            ("12B", Some(12)),
            ("", None),
            ("KiB", None),
            ("16K", None),
            ("16MB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("+1", None),
            ("99999999999GiB", None),
            ("99999999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_bytes(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn byte_sizes_within_limits() {
        let message = parse_bytes_within("1MiB", 1 << 10, 64 << 10);
        assert_eq!(message, Err("must be between 1KiB and 64KiB".to_owned()));
        assert_eq!(parse_bytes_within("64KiB", 1 << 10, 64 << 10), Ok(64 << 10));
        assert_eq!(parse_bytes_within("1024", 1 << 10, 64 << 10), Ok(1 << 10));
    }

    #[test]
    fn durations() {
        let cases = [
            ("500ms", Some(Duration::from_millis(500))),
            ("1m 30s", Some(Duration::from_secs(90))),
            ("5", None),
            ("0s", None),
            ("-5s", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(parse_count("10", 10), Ok(10));
        for wrong in ["0", "11", "-1", "ten", "1.0", ""] {
            let message = "expected a whole number between 1 and 10".to_owned();
            assert_eq!(parse_count(wrong, 10), Err(message), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_sizes_read_back(bytes: u64) {
            prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }
    }
}
