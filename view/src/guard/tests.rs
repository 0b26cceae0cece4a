use http::Request;

use super::*;

const TOKEN: &str = "a-token-of-some-length";

/// Names and values of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

fn parts(target: &str, fields: Fields<'_>) -> Parts {
    let mut request = Request::builder().uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn access(local: &str, token: Option<&str>) -> Access {
    Access::new(
        local.parse().unwrap(),
        vec!["traces.example".to_owned()],
        token,
    )
    .unwrap()
}

#[track_caller]
fn refusal(access: &Access, target: &str, fields: Fields<'_>) -> Option<Refusal> {
    match access.judge(&parts(target, fields)) {
        Verdict::Refuse(refusal) => Some(refusal),
        _ => None,
    }
}

#[test]
fn only_names_of_the_listener_are_hosts() {
    let loopback = access("127.0.0.1:7070", None);
    let all = access("0.0.0.0:7070", None);
    let one = access("192.0.2.7:7070", None);
    let cases = [
        ("127.0.0.1:7070", [true, true, true]),
        ("localhost:7070", [true, true, true]),
        ("LOCALHOST.", [true, true, true]),
        ("[::1]:7070", [true, true, true]),
        ("localhost:8080", [true, true, true]),
        ("traces.example", [true, true, true]),
        ("192.0.2.7:7070", [false, true, true]),
        ("[::ffff:192.0.2.7]", [false, true, true]),
        ("192.0.2.8:7070", [false, true, false]),
        ("attacker.example:7070", [false, false, false]),
        ("127.0.0.1.attacker.example", [false, false, false]),
        ("localhost.attacker.example", [false, false, false]),
        ("localhost:7070@attacker.example", [false, false, false]),
        ("2130706433", [false, false, false]),
        ("0x7f.1", [false, false, false]),
        ("", [false, false, false]),
        ("[::1", [false, false, false]),
        ("[::1]x", [false, false, false]),
    ];
    for (host, expected) in cases {
        for (access, expected) in [&loopback, &all, &one].into_iter().zip(expected) {
            let refused = refusal(access, "/api/services", &[("host", host)]);
            let expected = (!expected).then_some(Refusal::Host);
            assert_eq!(refused, expected, "{host:?} at {}", access.local);
        }
    }
    assert_eq!(refusal(&loopback, "/", &[]), Some(Refusal::NoHost));
    let twice = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(refusal(&loopback, "/", &twice), Some(Refusal::NoHost));
    let absolute = refusal(
        &loopback,
        "http://attacker.example/",
        &[("host", "localhost")],
    );
    assert_eq!(absolute, Some(Refusal::Host));
}

#[test]
fn other_sites_are_refused() {
    let access = access("127.0.0.1:7070", None);
    let cross = Some(Refusal::CrossSite);
    let cases: [(&str, Fields<'_>, Option<Refusal>); 11] = [
        ("/api/services", &[], None),
        ("/api/services", &[("sec-fetch-site", "same-origin")], None),
        ("/api/services", &[("sec-fetch-site", "none")], None),
        ("/api/services", &[("sec-fetch-site", "cross-site")], cross),
        ("/api/services", &[("sec-fetch-site", "same-site")], cross),
        (
            "/api/services",
            &[("origin", "http://localhost:7070")],
            None,
        ),
        (
            "/api/services",
            &[("origin", "http://localhost:8080")],
            cross,
        ),
        (
            "/api/services",
            &[("origin", "http://attacker.example")],
            cross,
        ),
        ("/api/services", &[("origin", "null")], cross),
        (
            "/trace/1",
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            None,
        ),
        (
            "/api/sonde/status",
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            cross,
        ),
    ];
    for (path, fields, expected) in cases {
        let fields: Vec<_> = [("host", "localhost:7070")]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        assert_eq!(
            refusal(&access, path, &fields),
            expected,
            "{path} {fields:?}"
        );
    }
}

#[test]
fn only_reading_methods() {
    let access = access("127.0.0.1:7070", None);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE"] {
        let mut parts = parts("/", &[("host", "localhost")]);
        parts.method = method.parse().unwrap();
        assert_eq!(access.judge(&parts), Verdict::Refuse(Refusal::Method));
    }
}

#[test]
fn a_token_opens_the_view() {
    let access = access("127.0.0.1:7070", Some(TOKEN));
    let host = ("host", "localhost");
    let bearer = format!("Bearer {TOKEN}");
    let wrong = format!("Bearer {TOKEN}x");
    let cases: [(&str, Fields<'_>, Option<Refusal>); 7] = [
        ("/", &[host], Some(Refusal::Token)),
        ("/api/services", &[host], Some(Refusal::Token)),
        ("/api/services", &[host, ("authorization", &bearer)], None),
        (
            "/api/services",
            &[host, ("authorization", &wrong)],
            Some(Refusal::Token),
        ),
        (
            "/api/services",
            &[host, ("cookie", "sonde-session-7070=0")],
            Some(Refusal::Token),
        ),
        (
            "/api/services?token=a-token-of-some-length",
            &[host],
            Some(Refusal::Token),
        ),
        ("/?token=wrong", &[host], Some(Refusal::Token)),
    ];
    for (target, fields, expected) in cases {
        assert_eq!(
            refusal(&access, target, fields),
            expected,
            "{target} {fields:?}"
        );
    }
}

#[test]
fn a_token_in_the_url_becomes_a_cookie_that_is_not_the_token() {
    let access = access("127.0.0.1:7070", Some(TOKEN));
    let target = format!("/trace/1?a=b&token={TOKEN}");
    let Verdict::SignIn { cookie, path } = access.judge(&parts(&target, &[("host", "localhost")]))
    else {
        panic!("not signed in");
    };
    assert_eq!(path, "/trace/1");
    let cookie = cookie.to_str().unwrap().to_owned();
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert!(!cookie.contains(TOKEN));
    let pair = cookie.split(';').next().unwrap();
    let fields = [("host", "localhost"), ("cookie", pair)];
    assert_eq!(
        access.judge(&parts("/api/services", &fields)),
        Verdict::Pass
    );
    assert!(!format!("{access:?}").contains(TOKEN));
}

#[test]
fn host_names_for_the_flag() {
    assert_eq!(
        parse_host("Traces.Example."),
        Ok("traces.example".to_owned())
    );
    for wrong in ["", "a..b", "a b", "http://a", "a:1", "*"] {
        assert!(parse_host(wrong).is_err(), "{wrong:?}");
    }
}
