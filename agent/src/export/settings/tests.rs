use super::*;

fn resolve(flags: &OtlpFlags, environment: &[(&str, &str)]) -> Result<Otlp, Error> {
    OtlpSettings::resolve(flags, |name| {
        environment
            .iter()
            .find(|(have, _)| *have == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[track_caller]
fn check(environment: &[(&str, &str)], expected: Otlp) {
    assert_eq!(
        resolve(&OtlpFlags::default(), environment),
        Ok(expected),
        "{environment:?}"
    );
}

fn endpoint(protocol: Protocol, endpoint: &str) -> Otlp {
    Otlp {
        protocol,
        endpoint: endpoint.to_owned(),
        ..Otlp::default()
    }
}

#[test]
fn endpoint_rules() {
    use Protocol::{Grpc, HttpProtobuf};
    const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    const GENERIC: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const INSECURE: &str = "OTEL_EXPORTER_OTLP_INSECURE";
    check(&[], endpoint(Grpc, "http://localhost:4317"));
    check(&[(GENERIC, "")], endpoint(Grpc, "http://localhost:4317"));
    check(
        &[(GENERIC, "https://c:4317")],
        endpoint(Grpc, "https://c:4317"),
    );
    check(
        &[(GENERIC, "https://c:4317"), (INSECURE, "true")],
        endpoint(Grpc, "https://c:4317"),
    );
    check(&[(GENERIC, "c:4317")], endpoint(Grpc, "https://c:4317"));
    check(
        &[(GENERIC, "c:4317"), (INSECURE, "yes")],
        endpoint(Grpc, "https://c:4317"),
    );
    check(
        &[(GENERIC, "c:4317"), (INSECURE, "TRUE")],
        endpoint(Grpc, "http://c:4317"),
    );
    check(
        &[(GENERIC, "http://a:1"), (TRACES, "http://b:2")],
        endpoint(Grpc, "http://b:2"),
    );
    check(
        &[HTTP],
        endpoint(HttpProtobuf, "http://localhost:4318/v1/traces"),
    );
    check(
        &[HTTP, (GENERIC, "http://c:4318")],
        endpoint(HttpProtobuf, "http://c:4318/v1/traces"),
    );
    check(
        &[HTTP, (GENERIC, "http://c/otlp/")],
        endpoint(HttpProtobuf, "http://c/otlp/v1/traces"),
    );
    check(
        &[HTTP, (GENERIC, "http://c/v1/traces")],
        endpoint(HttpProtobuf, "http://c/v1/traces/v1/traces"),
    );
    check(
        &[HTTP, (GENERIC, "http://c/x?k=1")],
        endpoint(HttpProtobuf, "http://c/x/v1/traces?k=1"),
    );
    check(
        &[HTTP, (TRACES, "http://c:1/any"), (GENERIC, "http://d")],
        endpoint(HttpProtobuf, "http://c:1/any"),
    );
    check(
        &[HTTP, (TRACES, "http://c:1")],
        endpoint(HttpProtobuf, "http://c:1"),
    );
    check(
        &[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"), HTTP],
        endpoint(Grpc, "http://localhost:4317"),
    );
}

#[test]
fn other_variables() {
    check(
        &[
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "ignored=1"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                " Api-Key = a%20b%3D%2C , x=y=z ,",
            ),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key"),
        ],
        Otlp {
            compression: Compression::Zstd,
            timeout: Duration::from_millis(2_500),
            headers: vec![
                (
                    HeaderName::from_static("api-key"),
                    HeaderValue::from_static("a b=,"),
                ),
                (
                    HeaderName::from_static("x"),
                    HeaderValue::from_static("y=z"),
                ),
            ],
            ca_certificate: Some("/ca".into()),
            client_certificate: Some("/cert".into()),
            client_key: Some("/key".into()),
            ..Otlp::default()
        },
    );
}

#[test]
fn flags_win_over_variables() {
    let flags = OtlpFlags {
        protocol: Some("http/protobuf".into()),
        endpoint: Some("http://flag:4318/v1/traces".into()),
        compression: Some("none".into()),
        headers: vec!["a=1".into(), "b=2".into()],
        timeout: Some(Duration::from_secs(3)),
        ..OtlpFlags::default()
    };
    let environment = [
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://env"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "c=3"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
    ];
    let resolved = resolve(&flags, &environment).unwrap();
    assert_eq!(resolved.endpoint, "http://flag:4318/v1/traces");
    assert_eq!(resolved.compression, Compression::None);
    assert_eq!(resolved.timeout, Duration::from_secs(3));
    let names: Vec<_> = resolved
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn unusable_values_are_named() {
    let cases: [(&[(&str, &str)], &str); 10] = [
        (
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
            "OTEL_EXPORTER_OTLP_PROTOCOL: unknown value \"http/json\", possible are http/protobuf, grpc",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzp")],
            "OTEL_EXPORTER_OTLP_COMPRESSION: unknown value \"gzp\", possible are gzip, ",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x")],
            "OTEL_EXPORTER_OTLP_ENDPOINT: \"ftp://x\" must start with http",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://")],
            "OTEL_EXPORTER_OTLP_ENDPOINT: \"http://\" ",
        ),
        (
            &[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1"),
            ],
            "OTEL_EXPORTER_OTLP_ENDPOINT: \"c:1\" must start",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s")],
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: \"10s\" is not",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TIMEOUT", "0")],
            "OTEL_EXPORTER_OTLP_TIMEOUT: \"0\" is not",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1,secret")],
            "OTEL_EXPORTER_OTLP_HEADERS: entry 2 has no '='",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_HEADERS", "a=%4")],
            "OTEL_EXPORTER_OTLP_HEADERS: entry 1 has an incomplete",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k")],
            "a client certificate and its key must be given together, the certificate is missing",
        ),
    ];
    for (environment, expected) in cases {
        let error = resolve(&OtlpFlags::default(), environment)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{environment:?}: {error}");
    }
}

#[test]
fn debug_output_hides_header_values() {
    let resolved = resolve(
        &OtlpFlags::default(),
        &[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush")],
    )
    .unwrap();
    let shown = format!("{resolved:?}");
    assert!(
        shown.contains("api-key") && !shown.contains("hush"),
        "{shown}"
    );
}
