//! `grpc-timeout`: how long a client waits, as it told its server.

use sonde_protocols::Exchange;
use sonde_protocols::exchange::Field;

/// Nanoseconds of a value: at most eight digits and a unit.
fn nanoseconds(value: &[u8]) -> Option<u64> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let unit = match unit {
        b'H' => 3_600_000_000_000,
        b'M' => 60_000_000_000,
        b'S' => 1_000_000_000,
        b'm' => 1_000_000,
        b'u' => 1_000,
        b'n' => 1,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Whether an exchange ended when, or after, its client's time was up.
///
/// What is told is rounded up, by gRPC's C core to three digits, and the client's clock ran before the request left, by some
/// milliseconds where a runtime is cold or busy: it is up a little before what is told has passed.
pub(super) fn has_passed(exchange: &Exchange) -> bool {
    let Some(timeout) = told(exchange) else {
        return false;
    };
    let before_it_left = (timeout / 8).clamp(1_000_000, 10_000_000);
    let slack = (timeout / 64).max(before_it_left);
    taken(exchange).saturating_add(slack) >= timeout
}

/// Whether an exchange took longer than what was told.
pub(super) fn is_exceeded(exchange: &Exchange) -> bool {
    told(exchange).is_some_and(|timeout| taken(exchange) > timeout)
}

fn told(exchange: &Exchange) -> Option<u64> {
    let value = exchange.request.field(Field::GrpcTimeout)?;
    nanoseconds(value)
}

fn taken(exchange: &Exchange) -> u64 {
    exchange.ended.0.saturating_sub(exchange.request_started.0)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn values() {
        for (value, expected) in [
            ("1H", Some(3_600_000_000_000)),
            ("2M", Some(120_000_000_000)),
            ("3S", Some(3_000_000_000)),
            ("100m", Some(100_000_000)),
            ("99999999u", Some(99_999_999_000)),
            ("7n", Some(7)),
            ("99999999H", Some(359_999_996_400_000_000_000_u128)),
            ("100000000n", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("1s", None),
            ("", None),
        ] {
            let expected = expected.and_then(|nanos: u128| u64::try_from(nanos).ok());
            assert_eq!(nanoseconds(value.as_bytes()), expected, "{value}");
        }
    }
}
