//! Where a message body ends (RFC 9112 section 6.3).

/// What delimits a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes; 0 where there is no body.
    Sized(u64),
    /// The chunked transfer coding.
    Chunked,
    /// The end of the connection (responses only).
    UntilClose,
}

/// The fields contradict each other or say nothing usable: the body's end cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MalformedFraming;

/// What of a request decides about its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// The response has no body, whatever its fields say.
    Head,
    /// A 2xx makes the connection a tunnel.
    Connect,
    /// Any other.
    Other,
}

impl Method {
    /// Methods are case-sensitive (RFC 9110 section 9.1).
    pub(super) fn of(token: &str) -> Self {
        match token {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ContentLength {
    #[default]
    Absent,
    Bytes(u64),
    Conflicting,
}

/// The fields of one head that frame its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FramingFields {
    length: ContentLength,
    /// Transfer-Encoding: whether its final coding is `chunked`.
    coding: Option<bool>,
}

impl FramingFields {
    /// Takes note of a field if it is one of the two.
    pub(super) fn note(&mut self, name: &str, value: &[u8]) {
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => self.note_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                let last = value
                    .rsplit(|&byte| byte == b',')
                    .next()
                    .unwrap_or_default();
                self.coding = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            }
            _ => {}
        }
    }

    /// The same length said again, in a list or another line, is one length (section 6.3 item 5).
    fn note_length(&mut self, value: &[u8]) {
        for item in value.split(|&byte| byte == b',') {
            self.length = match (self.length, decimal(item.trim_ascii())) {
                (ContentLength::Absent, Some(bytes)) => ContentLength::Bytes(bytes),
                (ContentLength::Bytes(before), Some(bytes)) if before == bytes => self.length,
                _ => ContentLength::Conflicting,
            };
        }
    }

    /// Of a request: items 3, 5, 6 and 7.
    pub(super) fn of_request(self) -> Result<Framing, MalformedFraming> {
        match (self.coding, self.length) {
            (Some(true), _) => Ok(Framing::Chunked),
            (Some(false), _) | (None, ContentLength::Conflicting) => Err(MalformedFraming),
            (None, ContentLength::Bytes(bytes)) => Ok(Framing::Sized(bytes)),
            (None, ContentLength::Absent) => Ok(Framing::Sized(0)),
        }
    }

    /// Of a final response to `method`: items 1 and 3 to 8. 101 and a 2xx to CONNECT have no body and
    /// are not asked about here.
    pub(super) fn of_response(
        self,
        status: u16,
        method: Method,
    ) -> Result<Framing, MalformedFraming> {
        if method == Method::Head || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Framing::Sized(0));
        }
        match (self.coding, self.length) {
            (Some(true), _) => Ok(Framing::Chunked),
            (Some(false), _) | (None, ContentLength::Absent) => Ok(Framing::UntilClose),
            (None, ContentLength::Bytes(bytes)) => Ok(Framing::Sized(bytes)),
            (None, ContentLength::Conflicting) => Err(MalformedFraming),
        }
    }
}

/// `1*DIGIT` (RFC 9110 section 8.6); no sign, no overflow.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        if !byte.is_ascii_digit() {
            return None;
        }
        let digit = byte.wrapping_sub(b'0');
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lines<'a> = &'a [(&'a str, &'a str)];

    fn fields(lines: Lines<'_>) -> FramingFields {
        let mut fields = FramingFields::default();
        for (name, value) in lines {
            fields.note(name, value.as_bytes());
        }
        fields
    }

    #[test]
    fn requests() {
        let cases: &[(Lines<'_>, _)] = &[
            (&[], Ok(Framing::Sized(0))),
            (&[("content-length", "0")], Ok(Framing::Sized(0))),
            (&[("Content-Length", "12")], Ok(Framing::Sized(12))),
            (&[("Content-Length", "12, 12")], Ok(Framing::Sized(12))),
            (
                &[("Content-Length", "7"), ("CONTENT-LENGTH", "7")],
                Ok(Framing::Sized(7)),
            ),
            (
                &[("Content-Length", "7"), ("Content-Length", "8")],
                Err(MalformedFraming),
            ),
            (&[("Content-Length", "+7")], Err(MalformedFraming)),
            (&[("Content-Length", "")], Err(MalformedFraming)),
            (&[("Content-Length", "0x10")], Err(MalformedFraming)),
            (
                &[("Content-Length", "18446744073709551616")],
                Err(MalformedFraming),
            ),
            (
                &[("Content-Length", "7"), ("Transfer-Encoding", "chunked")],
                Ok(Framing::Chunked),
            ),
            (
                &[("Transfer-Encoding", "gzip, Chunked")],
                Ok(Framing::Chunked),
            ),
            (
                &[
                    ("Transfer-Encoding", "gzip"),
                    ("Transfer-Encoding", "chunked"),
                ],
                Ok(Framing::Chunked),
            ),
            (&[("Transfer-Encoding", "gzip")], Err(MalformedFraming)),
            (
                &[("Transfer-Encoding", "chunked, gzip")],
                Err(MalformedFraming),
            ),
        ];
        for (lines, framing) in cases {
            assert_eq!(fields(lines).of_request(), *framing, "{lines:?}");
        }
    }

    #[test]
    fn responses() {
        let sized = &[("Content-Length", "9")][..];
        let chunked = &[("Transfer-Encoding", "chunked")][..];
        let cases: &[(u16, Method, Lines<'_>, _)] = &[
            (200, Method::Other, &[], Ok(Framing::UntilClose)),
            (200, Method::Other, sized, Ok(Framing::Sized(9))),
            (200, Method::Other, chunked, Ok(Framing::Chunked)),
            (200, Method::Head, sized, Ok(Framing::Sized(0))),
            (200, Method::Head, chunked, Ok(Framing::Sized(0))),
            (204, Method::Other, sized, Ok(Framing::Sized(0))),
            (304, Method::Other, sized, Ok(Framing::Sized(0))),
            (103, Method::Other, sized, Ok(Framing::Sized(0))),
            (407, Method::Connect, sized, Ok(Framing::Sized(9))),
            (
                200,
                Method::Other,
                &[("Transfer-Encoding", "gzip")],
                Ok(Framing::UntilClose),
            ),
            (
                200,
                Method::Other,
                &[("Content-Length", "1,2")],
                Err(MalformedFraming),
            ),
        ];
        for (status, method, lines, framing) in cases {
            let found = fields(lines).of_response(*status, *method);
            assert_eq!(found, *framing, "{status} {method:?} {lines:?}");
        }
    }
}
