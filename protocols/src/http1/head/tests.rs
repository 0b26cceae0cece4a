use super::*;

fn head(text: &str) -> RequestHead {
    RequestHead::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

#[test]
fn start_lines() {
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "GET", "/", 1),
        ("GET /a?b=c HTTP/1.0\r\n\r\n", "GET", "/a?b=c", 0),
        ("OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", 1),
        ("CONNECT a.b:443 HTTP/1.1\r\n\r\n", "CONNECT", "a.b:443", 1),
        ("GET http://a/b HTTP/1.1\r\n\r\n", "GET", "http://a/b", 1),
        ("M-SEARCH * HTTP/1.1\r\n\r\n", "M-SEARCH", "*", 1),
        ("brew /pot HTTP/1.1\n\n", "brew", "/pot", 1),
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\nmore", "GET", "/", 1),
    ];
    for (text, method, target, minor) in cases {
        let head = head(text);
        assert_eq!(head.method(), Some(method), "{text:?}");
        assert_eq!(head.target(), Some(target.as_bytes()), "{text:?}");
        assert_eq!(head.version(), version(minor), "{text:?}");
    }
}

#[test]
fn refused() {
    let cases = [
        ("", HeadError::Incomplete),
        ("GET / HTTP/1.1\r\nHost: a\r\n", HeadError::Incomplete),
        ("GET / HTTP/2.0\r\n\r\n", HeadError::Malformed),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HeadError::Malformed),
        ("GET /\r\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", HeadError::Malformed),
        ("HTTP/1.1 200 OK\r\n\r\n", HeadError::Malformed),
    ];
    for (text, error) in cases {
        assert_eq!(RequestHead::parse(text.as_bytes()), Err(error), "{text:?}");
    }
}

#[test]
fn fields_in_order_and_in_any_case() {
    let head = head(
        "GET / HTTP/1.1\r\nHOST:  a \r\nForwarded: for=1\r\nAccept: x\r\nuser-agent: u\r\nTraceParent: p\r\n\
         forwarded: for=2\r\ntracestate: s\r\nX-Forwarded-For: f\r\nX-Forwarded-Proto: https\r\n\r\n",
    );
    let cases: &[(Field, &[&str])] = &[
        (Field::Host, &["a"]),
        (Field::UserAgent, &["u"]),
        (Field::Forwarded, &["for=1", "for=2"]),
        (Field::XForwardedFor, &["f"]),
        (Field::XForwardedProto, &["https"]),
        (Field::Traceparent, &["p"]),
        (Field::Tracestate, &["s"]),
    ];
    for (field, values) in cases {
        let found: Vec<_> = head.fields(*field).map(String::from_utf8_lossy).collect();
        assert_eq!(found, *values, "{field:?}");
    }
    assert_eq!(head.field(Field::Forwarded), Some(&b"for=1"[..]));
}

#[test]
fn more_fields_than_usual() {
    let mut text = "GET / HTTP/1.1\r\n".to_owned();
    for number in 0..3000 {
        text.push_str(&format!("x{number}: y\r\n"));
    }
    text.push_str("Host: last\r\n\r\n");
    assert_eq!(head(&text).field(Field::Host), Some(&b"last"[..]));
}

#[test]
fn responses() {
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\n", Some((200, 1))),
        ("HTTP/1.0 404\r\n\r\n", Some((404, 0))),
        (
            "HTTP/1.1 999 \r\nA : b\r\nC: d\r\n e\r\n\r\n",
            Some((999, 1)),
        ),
        ("HTTP/1.1 099 x\r\n\r\n", None),
        ("HTTP/2.0 200 OK\r\n\r\n", None),
        ("ICY 200 OK\r\n\r\n", None),
    ];
    for (text, wanted) in cases {
        let found = parse_response(text.as_bytes()).ok();
        let found = found.map(|parsed| (parsed.head.status, parsed.head.version));
        assert_eq!(
            found,
            wanted.map(|(status, minor)| (Some(status), version(minor))),
            "{text:?}"
        );
    }
}
