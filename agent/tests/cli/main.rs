//! The command line: precedence of flags and variables, messages, pages; in `process`, the built binary.

#![expect(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]

mod process;

use sonde::cli::{
    self, Arguments, Environment, Exporter, Interruption, OtlpCompression, OtlpProtocol,
};
use sonde::config::{Config, View};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn parse(flags: &[&str], variables: Variables<'_>) -> Result<(Config, Vec<String>), String> {
    let line = std::iter::once("sonde")
        .chain(flags.iter().copied())
        .map(OsString::from);
    let environment: Environment = variables.iter().copied().collect();
    match cli::parse(line, &environment) {
        Ok(invocation) => {
            let arguments = match invocation.arguments {
                Arguments {
                    command: Some(cli::Command::Run(arguments)),
                    ..
                } => *arguments,
                arguments => arguments.run,
            };
            let config = Config::resolve(arguments).map_err(|failure| failure.message)?;
            Ok((config, invocation.warnings))
        }
        Err(Interruption::Failure(failure)) => Err(failure.message),
        Err(Interruption::Text(text)) => Err(text),
    }
}

fn config(flags: &[&str], variables: Variables<'_>) -> Config {
    let (config, warnings) = parse(flags, variables).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

/// A flag wins over its variable, the variable over the default, an empty variable is none, and all three are seen by
/// `read`. The third value must differ from the default and from the others.
#[track_caller]
fn precedence<T: PartialEq + std::fmt::Debug>(
    flag: &str,
    (by_flag, by_variable): (&str, &str),
    read: fn(Config) -> T,
    (expected_flag, expected_variable, expected_default): (T, T, T),
) {
    let variable = cli::variable_name(flag.trim_start_matches('-'));
    let given = format!("{flag}={by_flag}");
    assert_eq!(
        read(config(&[&given], &[(&variable, by_variable)])),
        expected_flag,
        "{flag}"
    );
    assert_eq!(
        read(config(&["run", &given], &[(&variable, by_variable)])),
        expected_flag,
        "run {flag}"
    );
    assert_eq!(
        read(config(&[], &[(&variable, by_variable)])),
        expected_variable,
        "{variable}"
    );
    assert_eq!(
        read(config(&["run"], &[(&variable, by_variable)])),
        expected_variable,
        "run, {variable}"
    );
    assert_eq!(
        read(config(&[], &[(&variable, "  ")])),
        expected_default,
        "empty {variable}"
    );
    assert_eq!(
        read(config(&[], &[])),
        expected_default,
        "default of {flag}"
    );
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn precedence_of_selection_and_capture() {
    precedence(
        "--include",
        ("a", "b,{c,d}"),
        |c| c.selection.include,
        (texts(&["a"]), texts(&["b", "{c,d}"]), vec![]),
    );
    precedence(
        "--exclude",
        ("a", "b,c"),
        |c| c.selection.exclude,
        (texts(&["a"]), texts(&["b", "c"]), vec![]),
    );
    precedence(
        "--pid",
        ("1", "2,3"),
        |c| c.selection.pids,
        (vec![1], vec![2, 3], vec![]),
    );
    precedence(
        "--service-name",
        ("*/node=web", "port=80=a,b=c"),
        |c| c.selection.service_names,
        (
            vec!["*/node=web".to_owned()],
            vec!["port=80=a".to_owned(), "b=c".to_owned()],
            vec![],
        ),
    );
    precedence(
        "--max-head-bytes",
        ("1KiB", "64KiB"),
        |c| c.capture.max_head_bytes,
        (1024, 65_536, 16_384),
    );
    let seconds = Duration::from_secs;
    precedence(
        "--max-exchange",
        ("1s", "1h"),
        |c| c.capture.max_exchange,
        (seconds(1), seconds(3600), seconds(300)),
    );
    precedence(
        "--ring-bytes",
        ("64KiB", "1MiB"),
        |c| c.capture.ring_bytes,
        (65_536, 1 << 20, 8 << 20),
    );
    precedence(
        "--max-connections",
        ("1", "2"),
        |c| c.capture.max_connections,
        (1, 2, 65_536),
    );
    precedence(
        "--cgroup",
        ("/a", "/b"),
        |c| c.capture.cgroup,
        (Some("/a".into()), Some("/b".into()), None),
    );
    precedence(
        "--redact-query",
        ("a,b", "c"),
        |c| c.redact_query,
        (texts(&["a", "b"]), texts(&["c"]), vec![]),
    );
}

#[test]
fn precedence_of_export() {
    use Exporter::{Jsonl, Otlp, Stdout};
    precedence(
        "--export",
        ("stdout", "jsonl,otlp"),
        |c| c.exporters,
        (vec![Stdout], vec![Otlp, Jsonl], vec![Otlp]),
    );
    precedence(
        "--queue-bytes",
        ("1MiB", "2MiB"),
        |c| c.batch.queue_bytes,
        (1 << 20, 2 << 20, 64 << 20),
    );
    precedence("--batch-spans", ("1", "2"), |c| c.batch.spans, (1, 2, 2048));
    let milliseconds = Duration::from_millis;
    precedence(
        "--batch-interval",
        ("1ms", "2ms"),
        |c| c.batch.interval,
        (milliseconds(1), milliseconds(2), milliseconds(1000)),
    );
    precedence(
        "--shutdown-timeout",
        ("1ms", "2ms"),
        |c| c.batch.shutdown_timeout,
        (milliseconds(1), milliseconds(2), milliseconds(5000)),
    );
    let address = |text: &str| Some(text.parse().unwrap());
    precedence(
        "--metrics-listen",
        ("127.0.0.1:1", "[::1]:2"),
        |c| c.metrics_listen,
        (address("127.0.0.1:1"), address("[::1]:2"), None),
    );
    precedence(
        "--log-level",
        ("WARN", "sonde=trace"),
        |c| c.log.level,
        ("warn".into(), "sonde=trace".into(), "info".into()),
    );
    precedence(
        "--log-format",
        ("human", "json"),
        |c| format!("{:?}", c.log.format),
        ("Human".into(), "Json".into(), "Human".into()),
    );
}

#[test]
fn precedence_of_otlp() {
    let some = |text: &str| Some(text.to_owned());
    precedence(
        "--otlp-endpoint",
        ("http://a", "http://b"),
        |c| c.otlp.endpoint,
        (some("http://a"), some("http://b"), None),
    );
    precedence(
        "--otlp-protocol",
        ("grpc", "http/protobuf"),
        |c| c.otlp.protocol,
        (
            Some(OtlpProtocol::Grpc),
            Some(OtlpProtocol::HttpProtobuf),
            None,
        ),
    );
    precedence(
        "--otlp-compression",
        ("zstd", "gzip"),
        |c| c.otlp.compression,
        (
            Some(OtlpCompression::Zstd),
            Some(OtlpCompression::Gzip),
            None,
        ),
    );
    let path = |text: &str| Some(text.into());
    precedence(
        "--otlp-certificate",
        ("/a", "/b"),
        |c| c.otlp.certificate,
        (path("/a"), path("/b"), None),
    );
    precedence(
        "--otlp-client-certificate",
        ("/a", "/b"),
        |c| c.otlp.client_certificate,
        (path("/a"), path("/b"), None),
    );
    precedence(
        "--otlp-client-key",
        ("/a", "/b"),
        |c| c.otlp.client_key,
        (path("/a"), path("/b"), None),
    );
    precedence(
        "--otlp-header",
        ("a=b=c", "d=e,f=g"),
        |c| c.otlp.headers,
        (
            vec!["a=b=c".to_owned()],
            vec!["d=e".to_owned(), "f=g".to_owned()],
            vec![],
        ),
    );
    let seconds = Duration::from_secs;
    precedence(
        "--otlp-timeout",
        ("1s", "2s"),
        |c| c.otlp.timeout,
        (Some(seconds(1)), Some(seconds(2)), None),
    );
    precedence(
        "--otlp-insecure",
        ("false", "TRUE"),
        |c| c.otlp.insecure,
        (Some(false), Some(true), None),
    );
    assert_eq!(config(&["--otlp-insecure"], &[]).otlp.insecure, Some(true));
}

#[test]
fn precedence_of_the_view() {
    fn with(flags: &[&str], variables: Variables<'_>) -> View {
        config(flags, variables).view.unwrap()
    }
    assert_eq!(config(&[], &[]).view, None);
    let default = with(&["--ui", "127.0.0.1:7070"], &[]);
    assert_eq!(default.memory, 128 << 20);
    assert_eq!(default.socket, Path::new("/run/sonde/sonde.sock"));
    assert!(!default.socket_is_given && default.token.is_none() && default.data.is_none());
    let given = with(
        &[
            "--ui=[::1]:1",
            "--ui-memory=16MiB",
            "--socket=/tmp/s",
            "--ui-host=A.example,b.example",
        ],
        &[
            ("SONDE_UI", "127.0.0.1:2"),
            ("SONDE_UI_TOKEN", "a-token-of-some-length"),
            ("SONDE_UI_DATA", "/var/lib/sonde"),
            ("SONDE_OTLP_LISTEN", "127.0.0.1:4317,127.0.0.1:4318"),
        ],
    );
    assert_eq!(given.listen, Some("[::1]:1".parse().unwrap()));
    assert_eq!(given.memory, 16 << 20);
    assert_eq!(given.token.as_deref(), Some("a-token-of-some-length"));
    assert_eq!(given.data.as_deref(), Some(Path::new("/var/lib/sonde")));
    assert_eq!(given.hosts, ["a.example", "b.example"]);
    assert_eq!(given.otlp_listen.len(), 2);
    assert!(given.socket_is_given);
    assert!(!format!("{given:?}").contains("a-token"));
}

#[test]
fn a_view_that_others_can_reach_needs_a_token() {
    let refused: [(&[&str], &str); 6] = [
        (&["--ui=0.0.0.0:7070"], "--ui-token"),
        (&["--ui=192.0.2.1:7070"], "--ui-token"),
        (&["--ui=[::]:7070"], "--ui-token"),
        (&["--ui=[::ffff:192.0.2.1]:7070"], "--ui-token"),
        (&["--ui=127.0.0.1:7070", "--ui-token=short"], "16"),
        (&["--otlp-listen=127.0.0.1:4317"], "--ui or --socket"),
    ];
    for (flags, hint) in refused {
        let message = parse(flags, &[]).unwrap_err();
        assert!(message.contains(hint), "{flags:?}: {message}");
    }
    for flags in [
        &["--ui=127.0.0.2:7070"][..],
        &["--ui=0.0.0.0:7070", "--ui-token=a-token-of-some-length"],
        &["--socket=/tmp/s", "--otlp-listen=127.0.0.1:4317"],
    ] {
        assert!(parse(flags, &[]).is_ok(), "{flags:?}");
    }
}

#[test]
fn standard_variables_rank_below_those_of_the_agent() {
    let standard = [
        ("OTEL_LOG_LEVEL", "debug"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7"),
        ("OTEL_TRACES_EXPORTER", "console"),
    ];
    let below = config(&[], &standard);
    assert_eq!(below.log.level, "debug");
    assert_eq!(below.batch.interval, Duration::from_millis(250));
    assert_eq!(below.batch.spans, 7);
    assert_eq!(below.exporters, [Exporter::Stdout]);
    let mut both = standard.to_vec();
    both.extend([("SONDE_LOG_LEVEL", "warn"), ("SONDE_BATCH_SPANS", "8")]);
    let above = config(&["--export", "otlp"], &both);
    assert_eq!((above.log.level.as_str(), above.batch.spans), ("warn", 8));
    assert_eq!(above.exporters, [Exporter::Otlp]);
}

#[test]
fn errors_name_the_flag_or_variable_and_what_is_valid() {
    let cases: [(&[&str], Variables<'_>, &str); 9] = [
        (
            &["--export", "otpl"],
            &[],
            "invalid value 'otpl' for '--export <EXPORTER>'\n  [possible values: otlp, stdout, jsonl]\n\n  tip: a similar value exists: 'otlp'",
        ),
        (
            &["--exprot", "otlp"],
            &[],
            "unexpected argument '--exprot' found\n\n  tip: a similar argument exists: '--export'",
        ),
        (&["lst"], &[], "tip: a similar subcommand exists: 'list'"),
        (
            &["--queue-bytes", "64MB"],
            &[],
            "invalid value '64MB' for '--queue-bytes <BYTES>': expected a whole number of bytes with an optional suffix KiB, MiB or GiB, such as 64MiB",
        ),
        (
            &["--ring-bytes", "3MiB"],
            &[],
            "must be a power of two, such as 8MiB",
        ),
        (
            &["--export", "stdout,jsonl"],
            &[],
            "--export stdout and --export jsonl both write to stdout: choose one",
        ),
        (
            &[],
            &[("SONDE_EXPORT", "otlp,sdtout")],
            "SONDE_EXPORT: invalid value \"sdtout\"; the nearest is stdout (possible values: otlp, stdout, jsonl)",
        ),
        (
            &[],
            &[("SONDE_MAX_HEAD_BYTES", "1MiB")],
            "SONDE_MAX_HEAD_BYTES: invalid value \"1MiB\": must be between 1KiB and 64KiB",
        ),
        (
            &[],
            &[("SONDE_OTLP_INSECURE", "yes")],
            "SONDE_OTLP_INSECURE: invalid value \"yes\": expected true or false",
        ),
    ];
    for (flags, variables, expected) in cases {
        let message = parse(flags, variables).unwrap_err();
        assert!(
            message.contains(expected),
            "{flags:?} {variables:?}:\n{message}"
        );
    }
}

#[test]
fn warnings_do_not_stop_the_agent() {
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "SONDE_EXPROT",
            "otlp",
            &["SONDE_EXPROT is not a variable of sonde; the nearest is SONDE_EXPORT"],
        ),
        ("SONDE_SERVICE_HOST", "10.0.0.1", &[]),
        ("SONDE_PORT_4317_TCP", "tcp://10.0.0.1:4317", &[]),
        ("SONDE_JSON", "true", &[]),
        (
            "OTEL_BSP_SCHEDULE_DELAY",
            "soon",
            &[
                "OTEL_BSP_SCHEDULE_DELAY: invalid value \"soon\": expected a duration above zero with its unit, such as 500ms, 5s or 1m; ignored",
            ],
        ),
    ];
    for (name, value, expected) in cases {
        let (_, warnings) = parse(&[], &[(name, value)]).unwrap();
        assert_eq!(warnings, expected, "{name}");
    }
}

/// Compares a page with the checked-in one; `UPDATE_DOCS=1` writes it instead.
#[track_caller]
fn page(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{name} is out of date: UPDATE_DOCS=1 cargo test -p sonde --test cli"
    );
}

#[test]
fn pages_agree_with_the_flags() {
    page("cli.md", &cli::reference::cli_page());
    page("configuration.md", &cli::reference::configuration_page());
}
