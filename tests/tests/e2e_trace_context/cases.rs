//! The cases: what a request brings, and what is to become of it.

pub(crate) const TRACE: &str = "12345678901234567890123456789012";
pub(crate) const PARENT: &str = "1234567890123456";

/// A request, and what is to become of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Lines beside those of every request.
    pub(crate) lines: String,
    /// Trace and parent that go on; none: a trace begins.
    pub(crate) parent: Option<(String, String)>,
    pub(crate) sampled: bool,
    /// The trace-id is said to be random (Level 2).
    pub(crate) random: bool,
    pub(crate) tracestate: Option<String>,
    pub(crate) baggage: Option<String>,
}

impl Case {
    fn new(name: &'static str, lines: &[(&str, &str)]) -> Self {
        let line = |(name, value): &(&str, &str)| format!("{name}: {value}\r\n");
        Self {
            name,
            lines: lines.iter().map(line).collect(),
            parent: None,
            sampled: true,
            random: false,
            tracestate: None,
            baggage: None,
        }
    }

    fn child_of(mut self, trace: &str, parent: &str) -> Self {
        self.parent = Some((trace.to_owned(), parent.to_owned()));
        self
    }

    fn random(mut self) -> Self {
        self.random = true;
        self
    }

    fn unsampled(mut self) -> Self {
        self.sampled = false;
        self
    }

    fn with_state(mut self, state: &str) -> Self {
        self.tracestate = Some(state.to_owned());
        self
    }

    fn with_baggage(mut self, baggage: &str) -> Self {
        self.baggage = Some(baggage.to_owned());
        self
    }
}

/// Section 3.2: `traceparent`.
pub(crate) fn parents() -> Vec<Case> {
    let value = format!("00-{TRACE}-{PARENT}-01");
    let begins =
        |name, value: &str| Case::new(name, &[("traceparent", value), ("tracestate", "foo=1")]);
    let goes_on =
        |name, field: &str, value: &str| Case::new(name, &[(field, value)]).child_of(TRACE, PARENT);
    let changed = |from: &str, to: &str| value.replacen(from, to, 1);
    let mut cases = vec![
        Case::new("both_traceparent_and_tracestate_missing", &[]),
        goes_on(
            "traceparent_included_tracestate_missing",
            "traceparent",
            &value,
        ),
        Case::new(
            "traceparent_duplicated",
            &[
                ("traceparent", &changed("012-", "011-")),
                ("traceparent", &value),
                ("tracestate", "foo=1"),
            ],
        ),
        Case::new(
            "traceparent_header_name",
            &[("trace-parent", &value), ("trace.parent", &value)],
        ),
        goes_on(
            "propagates_random_flag",
            "traceparent",
            &changed("-01", "-03"),
        )
        .random(),
        Case::new(
            "tracestate_included_traceparent_missing",
            &[("tracestate", "foo=1")],
        ),
    ];
    for field in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        cases.push(goes_on(
            "traceparent_header_name_valid_casing",
            field,
            &value,
        ));
    }
    for end in ["", "-what-the-future-will-be-like"] {
        let later = changed("00-", "cc-") + end;
        cases.push(goes_on("traceparent_version_0xcc", "traceparent", &later));
    }
    for value in [
        format!(" {value}"),
        format!("\t{value}"),
        format!("{value} "),
        format!("{value}\t"),
        format!("\t {value} \t"),
    ] {
        cases.push(goes_on("traceparent_ows_handling", "traceparent", &value));
    }
    let short = |count: usize, digit: &str| digit.repeat(count);
    cases.extend([
        begins("traceparent_version_0x00", &format!("{value}.")),
        begins(
            "traceparent_version_0x00",
            &format!("{value}-what-the-future-will-be-like"),
        ),
        begins(
            "traceparent_version_0xcc",
            &(changed("00-", "cc-") + ".what"),
        ),
        begins("traceparent_version_0xff", &changed("00-", "ff-")),
        begins(
            "traceparent_version_illegal_characters",
            &changed("00-", ".0-"),
        ),
        begins(
            "traceparent_version_illegal_characters",
            &changed("00-", "0.-"),
        ),
        begins("traceparent_version_too_long", &changed("00-", "000-")),
        begins("traceparent_version_too_long", &changed("00-", "0000-")),
        begins("traceparent_version_too_short", &changed("00-", "0-")),
        begins(
            "traceparent_trace_id_all_zero",
            &changed(TRACE, &short(32, "0")),
        ),
        begins(
            "traceparent_trace_id_illegal_characters",
            &changed("-1", "-."),
        ),
        begins(
            "traceparent_trace_id_illegal_characters",
            &changed("2-", ".-"),
        ),
        begins(
            "traceparent_trace_id_illegal_characters",
            &changed(TRACE, &short(32, "A")),
        ),
        begins("traceparent_trace_id_too_long", &changed("012-", "0123-")),
        begins("traceparent_trace_id_too_short", &changed("012-", "01-")),
        begins(
            "traceparent_parent_id_all_zero",
            &changed(&format!("-{PARENT}-"), &format!("-{}-", short(16, "0"))),
        ),
        begins(
            "traceparent_parent_id_illegal_characters",
            &changed("-1234567890123456-", "-.234567890123456-"),
        ),
        begins("traceparent_parent_id_too_long", &changed("456-", "4567-")),
        begins("traceparent_parent_id_too_short", &changed("456-", "45-")),
        begins(
            "traceparent_trace_flags_illegal_characters",
            &changed("-01", "-.0"),
        ),
        begins(
            "traceparent_trace_flags_illegal_characters",
            &changed("-01", "-0."),
        ),
        begins("traceparent_trace_flags_too_long", &changed("-01", "-001")),
        begins("traceparent_trace_flags_too_short", &changed("-01", "-1")),
    ]);
    cases
}

/// Section 3.3: `tracestate`.
pub(crate) fn states() -> Vec<Case> {
    let value = format!("00-{TRACE}-{PARENT}-01");
    let case = |name, field: &str, lines: &[&str]| {
        let mut all = vec![("traceparent", &*value)];
        all.extend(lines.iter().map(|line| (field, *line)));
        Case::new(name, &all).child_of(TRACE, PARENT)
    };
    let kept =
        |name, lines: &[&str], state: &str| case(name, "tracestate", lines).with_state(state);
    let dropped = |name, lines: &[&str]| case(name, "tracestate", lines);
    let members = |range: std::ops::RangeInclusive<usize>| {
        let all: Vec<String> = range.map(|i| format!("bar{i:02}={i:02}")).collect();
        all.join(",")
    };
    let (first, rest) = (members(1..=20), members(21..=32));
    let long = |key: &str| format!("{key}=1");
    let legal: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    let legal = format!("abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/={legal}");
    let sized = |key: char, bytes: usize| format!("{key}={}", "v".repeat(bytes - 2));
    let mut cases = vec![
        kept(
            "tracestate_included_traceparent_included",
            &["foo=1,bar=2"],
            "foo=1,bar=2",
        ),
        case("tracestate_header_name", "trace-state", &["foo=1"]),
        case("tracestate_header_name", "trace.state", &["foo=1"]),
        dropped("tracestate_empty_header", &[""]),
        kept("tracestate_empty_header", &["foo=1", ""], "foo=1"),
        kept("tracestate_empty_header", &["", "foo=1"], "foo=1"),
        kept(
            "tracestate_multiple_headers_different_keys",
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
        ),
        kept(
            "tracestate_duplicated_keys",
            &["foo=1,foo=1"],
            "foo=1,foo=1",
        ),
        kept(
            "tracestate_duplicated_keys",
            &["foo=1,foo=2"],
            "foo=1,foo=2",
        ),
        kept(
            "tracestate_duplicated_keys",
            &["foo=1", "foo=2"],
            "foo=1,foo=2",
        ),
        kept("tracestate_all_allowed_characters", &[&legal], &legal),
        dropped("tracestate_key_illegal_characters", &["foo =1"]),
        dropped("tracestate_key_illegal_characters", &["FOO=1"]),
        dropped("tracestate_key_illegal_characters", &["foo.bar=1"]),
        kept(
            "tracestate_key_illegal_vendor_format",
            &["foo@=1,bar=2"],
            "foo@=1,bar=2",
        ),
        kept(
            "tracestate_key_illegal_vendor_format",
            &["foo@@bar=1,bar=2"],
            "foo@@bar=1,bar=2",
        ),
        kept(
            "tracestate_key_illegal_vendor_format",
            &["foo@bar@baz=1,bar=2"],
            "foo@bar@baz=1,bar=2",
        ),
        dropped("tracestate_key_illegal_vendor_format", &["@foo=1,bar=2"]),
        kept(
            "tracestate_member_count_limit",
            &[&first, &rest],
            &format!("{first},{rest}"),
        ),
        dropped(
            "tracestate_member_count_limit",
            &[&first, &rest, "bar33=33"],
        ),
        dropped(
            "tracestate_key_length_limit",
            &["foo=1", &long(&"z".repeat(257))],
        ),
        dropped("tracestate_value_illegal_characters", &["foo=bar=baz"]),
        dropped("tracestate_value_illegal_characters", &["foo=,bar=3"]),
        // Section 3.3.1.5: of more than 512 bytes, whole members go, the long ones first.
        kept(
            "tracestate_limits",
            &[&sized('a', 256), &sized('b', 255)],
            &format!("{},{}", sized('a', 256), sized('b', 255)),
        ),
        kept(
            "tracestate_limits",
            &["k=1", &sized('a', 256), &sized('b', 255), "l=2"],
            "k=1,l=2",
        ),
    ];
    for field in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        let case = case("tracestate_header_name_valid_casing", field, &["foo=1"]);
        cases.push(case.with_state("foo=1"));
    }
    for line in [
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
    ] {
        cases.push(kept(
            "tracestate_ows_handling",
            &[line],
            "foo=1,bar=2,baz=3",
        ));
    }
    for line in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        cases.push(kept("tracestate_ows_handling", &[line], "foo=1"));
    }
    for key in [
        "z".repeat(256),
        "t".repeat(241) + "@" + &"v".repeat(14),
        "t".repeat(242) + "@v",
        "t@".to_owned() + &"v".repeat(15),
    ] {
        let line = long(&key);
        cases.push(kept(
            "tracestate_key_length_limit",
            &["foo=1", &line],
            &format!("foo=1,{line}"),
        ));
    }
    cases
}

/// What other propagators say where there is no valid `traceparent`, and `baggage`.
pub(crate) fn others() -> Vec<Case> {
    let value = format!("00-{TRACE}-{PARENT}-01");
    let (long, span) = ("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1");
    let short = "000000000000000064fe8b2a57d3eff7";
    let b3 = &*format!("{long}-{span}-1-05e3ac9a4f6e3b90");
    let jaeger = &*format!("{}%3A{span}%3a0%3A1", &long[16..]);
    let ids = [("X-B3-TraceId", long), ("X-B3-SpanId", span)];
    let multi = |more: (&'static str, &'static str)| [ids[0], ids[1], more];
    let datadog = [
        ("x-datadog-trace-id", "7277407061855694839"),
        ("x-datadog-parent-id", "16453819474850114513"),
        ("x-datadog-sampling-priority", "2"),
    ];
    let tagged = [
        datadog[0],
        datadog[1],
        ("x-datadog-tags", "_dd.p.dm=-1,_dd.p.tid=80f198ee56343ba8"),
    ];
    let sized = |bytes: usize| format!("k={}", "v".repeat(bytes - 2));
    vec![
        Case::new("b3", &[("b3", b3)]).child_of(long, span),
        Case::new("b3_upper_case_name", &[("B3", b3)]).child_of(long, span),
        Case::new("b3_of_64_bits", &[("b3", &b3[16..])]).child_of(short, span),
        Case::new("b3_not_sampled", &[("b3", &format!("{long}-{span}-0"))])
            .child_of(long, span)
            .unsampled(),
        Case::new("b3_only_a_decision", &[("b3", "0")]).unsampled(),
        Case::new("b3_invalid", &[("b3", &b3[1..])]),
        Case::new(
            "b3_with_a_tracestate_of_nobody",
            &[("b3", b3), ("tracestate", "foo=1")],
        )
        .child_of(long, span),
        Case::new(
            "b3_beside_traceparent",
            &[("b3", b3), ("traceparent", &value)],
        )
        .child_of(TRACE, PARENT),
        Case::new(
            "b3_beside_invalid_traceparent",
            &[("b3", b3), ("traceparent", "00-0-0-0")],
        )
        .child_of(long, span),
        Case::new("b3_multi", &multi(("X-B3-Sampled", "1"))).child_of(long, span),
        Case::new("b3_multi_debug", &multi(("x-b3-flags", "1"))).child_of(long, span),
        Case::new("b3_multi_not_sampled", &multi(("x-b3-sampled", "0")))
            .child_of(long, span)
            .unsampled(),
        Case::new("b3_multi_without_span", &ids[..1]),
        Case::new("jaeger", &[("uber-trace-id", jaeger)]).child_of(short, span),
        Case::new(
            "jaeger_without_leading_zeros",
            &[("Uber-Trace-Id", "1:2:0:1")],
        )
        .child_of(&format!("{:032x}", 1), &format!("{:016x}", 2)),
        Case::new("jaeger_invalid", &[("uber-trace-id", "1:0:0:1")]),
        Case::new("datadog", &datadog).child_of(short, span),
        Case::new("datadog_of_128_bits", &tagged).child_of(long, span),
        Case::new(
            "datadog_after_jaeger",
            &[datadog[0], datadog[1], ("uber-trace-id", "1:2:0:1")],
        )
        .child_of(&format!("{:032x}", 1), &format!("{:016x}", 2)),
        Case::new(
            "baggage",
            &[("baggage", "a=1;p , b=%20"), ("Baggage", "c=3")],
        )
        .with_baggage("a=1;p , b=%20,c=3"),
        Case::new(
            "baggage_of_1_kib",
            &[
                ("baggage", &sized(1024)),
                ("traceparent", &value),
                ("tracestate", &sized(250)),
            ],
        )
        .child_of(TRACE, PARENT)
        .with_state(&sized(250))
        .with_baggage(&sized(1024)),
        Case::new("baggage_too_long", &[("baggage", &sized(1025))]),
        Case::new("baggage_invalid", &[("baggage", "a=\u{e4}")]),
    ]
}
