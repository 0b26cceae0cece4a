//! A path without its identifiers: `/users/42` becomes `/users/{id}`.
//!
//! A guess from one path alone, made to be safe: what may be data becomes `{id}`. It knows no router; what the traffic of a
//! service tells of its words is left to [`super::routes`]. Output is bounded by [`MAX_SEGMENTS`] and [`MAX_SEGMENT_BYTES`].

/// Segments kept; what follows becomes `*`.
pub const MAX_SEGMENTS: usize = 12;
/// Longest segment that is kept as a word.
pub const MAX_SEGMENT_BYTES: usize = 40;
/// What stands for an identifier.
pub(super) const ID: &str = "{id}";
/// What stands for the segments that are not kept.
pub(super) const REST: &str = "*";

/// The template of an absolute path (`/...`); query, fragment and path parameters (`;...`) are dropped.
/// None for what is not a path (`*`, an authority, nothing).
#[must_use]
pub fn template(path: &str) -> Option<String> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let rest = path[..end].strip_prefix('/')?;
    let mut out = String::with_capacity(rest.len().min(256) + 8);
    for (index, segment) in rest.split('/').enumerate() {
        out.push('/');
        if index == MAX_SEGMENTS {
            out.push_str(REST);
            break;
        }
        push_segment(&mut out, segment);
    }
    Some(out)
}

fn push_segment(out: &mut String, segment: &str) {
    let name = segment.find(';').map_or(segment, |at| &segment[..at]);
    if !name.contains('%') {
        out.push_str(if is_word(name) { name } else { ID });
        return;
    }
    match decode(name) {
        Some(text) if is_word(&text) => out.push_str(&text),
        _ => out.push_str(ID),
    }
}

/// Percent-decoding of a segment that may be a word; None when it is too long, broken or not ASCII.
fn decode(segment: &str) -> Option<String> {
    if segment.len() > MAX_SEGMENT_BYTES * 3 {
        return None;
    }
    let mut out = String::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        };
        if !decoded.is_ascii() {
            return None;
        }
        out.push(char::from(decoded));
    }
    Some(out)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// True for what a programmer would have written into a route.
fn is_word(segment: &str) -> bool {
    if segment.len() > MAX_SEGMENT_BYTES {
        return false;
    }
    let shape = Shape::of(segment.as_bytes());
    if shape.foreign {
        return false;
    }
    if shape.digits == 0 {
        return shape.longest_run <= 24;
    }
    if is_version(segment.as_bytes()) {
        return true;
    }
    !(shape.letters == 0
        || shape.longest_digits >= 4
        || shape.digits >= 5
        || (shape.only_hex && segment.len() >= 6)
        || (shape.upper && shape.lower && shape.digits >= 2 && segment.len() >= 8)
        || (shape.switches >= 4 && segment.len() >= 8)
        || (segment.as_bytes()[0].is_ascii_digit() && segment.len() > 3)
        || has_numeric_part(segment))
}

/// `v1`, `V2`, `v1.2`, `v1beta1` aside, which is an ordinary word.
fn is_version(segment: &[u8]) -> bool {
    matches!(segment, [b'v' | b'V', rest @ ..]
        if rest.len() <= 6 && rest.first().is_some_and(u8::is_ascii_digit)
            && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'))
}

/// `order-123`, `app.3f2a9c1b.js`: one part between separators is a number or a hash.
fn has_numeric_part(segment: &str) -> bool {
    segment.split(['-', '_', '.', '~']).any(|part| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        (digits == part.len() && digits >= 2)
            || (digits > 0 && part.len() >= 6 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

/// Counts over the bytes of a segment, taken in one pass.
#[derive(Default)]
struct Shape {
    digits: usize,
    letters: usize,
    longest_digits: usize,
    longest_run: usize,
    switches: usize,
    upper: bool,
    lower: bool,
    only_hex: bool,
    foreign: bool,
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        let mut shape = Self {
            only_hex: true,
            ..Self::default()
        };
        let (mut digit_run, mut run, mut last_digit) = (0, 0, false);
        for &byte in bytes {
            let digit = byte.is_ascii_digit();
            let letter = byte.is_ascii_alphabetic();
            shape.digits += usize::from(digit);
            shape.letters += usize::from(letter);
            shape.upper |= byte.is_ascii_uppercase();
            shape.lower |= byte.is_ascii_lowercase();
            shape.only_hex &= byte.is_ascii_hexdigit() || byte == b'-';
            shape.foreign |=
                !(digit || letter || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'$'));
            digit_run = if digit { digit_run + 1 } else { 0 };
            run = if digit || letter { run + 1 } else { 0 };
            shape.longest_digits = shape.longest_digits.max(digit_run);
            shape.longest_run = shape.longest_run.max(run);
            shape.switches += usize::from(digit != last_digit);
            last_digit = digit;
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers_become_id_and_words_stay() {
        for (path, expected) in [
            ("/", "/"),
            ("/users/42?x=1", "/users/{id}"),
            ("/api/v1/users/", "/api/v1/users/"),
            ("/V2.1/x#f", "/V2.1/x"),
            (
                "/o/550e8400-e29b-41d4-a716-446655440000/items",
                "/o/{id}/items",
            ),
            ("/c/d41d8cd98f00b204e9800998ecf8427e", "/c/{id}"),
            ("/u/a@b.example", "/u/{id}"),
            ("/u/a%40b.example", "/u/{id}"),
            ("/%61pi/caf%C3%A9/%zz", "/api/{id}/{id}"),
            ("/d/2024-05-01/2024-05-01T10:00:00Z", "/d/{id}/{id}"),
            ("/static/app.js", "/static/app.js"),
            ("/static/app.3f2a9c1b.js", "/static/{id}"),
            ("/index.html", "/index.html"),
            ("/f/font.woff2", "/f/font.woff2"),
            ("/watch/dQw4w9WgXcQ", "/watch/{id}"),
            ("/oauth2/s3/sha256/2fa", "/oauth2/s3/sha256/2fa"),
            ("/orders/order-123", "/orders/{id}"),
            ("/a;jsessionid=1F/b", "/a/b"),
            ("/x/abcdefghijklmnopqrstuvwxyzabcdef", "/x/{id}"),
            ("/t/YWxhZGRpbjpvcGVu==", "/t/{id}"),
            (
                "/1/2/3/4/5/6/7/8/9/10/11/12/13/14",
                "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/*",
            ),
            ("/v", "/v"),
        ] {
            assert_eq!(template(path).as_deref(), Some(expected), "{path}");
        }
        for target in ["*", "", "host:443"] {
            assert_eq!(template(target), None, "{target}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_bounded_template(text in "/?\\PC{0,300}") {
            if let Some(route) = template(&text) {
                prop_assert!(route.len() <= MAX_SEGMENTS * (MAX_SEGMENT_BYTES + 1) + 2);
                prop_assert!(!route.contains('?'));
            }
        }
    }
}
