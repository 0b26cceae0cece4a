//! Numbers and texts as people read them.

use std::time::{Duration, UNIX_EPOCH};

/// What stands where nothing is known.
const NOTHING: &str = "-";

/// Three digits that count, with a unit; `None` is a dash.
pub(super) fn milliseconds(value: Option<f64>) -> String {
    let Some(value) = value else {
        return NOTHING.to_owned();
    };
    match value {
        value if value >= 60_000.0 => format!("{:.1}min", value / 60_000.0),
        value if value >= 1_000.0 => format!("{:.2}s", value / 1_000.0),
        value if value >= 100.0 => format!("{value:.0}ms"),
        value if value >= 1.0 => format!("{value:.1}ms"),
        value => format!("{:.0}us", value * 1_000.0),
    }
}

/// Requests a second.
pub(super) fn rate(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => format!("{:.1}k/s", value / 1_000.0),
        value if value >= 10.0 => format!("{value:.0}/s"),
        value => format!("{value:.2}/s"),
    }
}

/// A share in per cent; none is a dash, so that the others stand out.
pub(super) fn share(value: f64) -> String {
    if value <= 0.0 {
        return NOTHING.to_owned();
    }
    format!("{:.1}%", value * 100.0)
}

/// A time of day in UTC with milliseconds, given milliseconds since 1970.
pub(super) fn time(unix_ms: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(unix_ms);
    humantime::format_rfc3339_millis(at).to_string()
}

/// What a service sends must not steer the reader's terminal.
pub(super) fn escaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    crate::export::put_escaped(&mut text, raw);
    text
}

/// At most `width` characters; what is cut ends in an ellipsis.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::{cut, escaped, milliseconds, rate, share, time};

    #[test]
    fn numbers_have_units() {
        let cases = [
            (milliseconds(None), "-"),
            (milliseconds(Some(0.042)), "42us"),
            (milliseconds(Some(12.34)), "12.3ms"),
            (milliseconds(Some(123.4)), "123ms"),
            (milliseconds(Some(1_234.0)), "1.23s"),
            (milliseconds(Some(90_000.0)), "1.5min"),
            (rate(0.5), "0.50/s"),
            (rate(42.0), "42/s"),
            (rate(12_345.0), "12.3k/s"),
            (share(0.0), "-"),
            (share(0.0123), "1.2%"),
            (time(1_500), "1970-01-01T00:00:01.500Z"),
        ];
        for (shown, expected) in cases {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn texts_are_harmless_and_short() {
        assert_eq!(escaped("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
        assert_eq!(cut("service", 7), "service");
        assert_eq!(cut("service", 4), "ser…");
    }
}
