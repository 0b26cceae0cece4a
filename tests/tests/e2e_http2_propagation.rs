//! What the peer of a watched HTTP/2 client sees: in each request one `traceparent` more, decoded by a library that knows nothing of
//! Sonde, and no other byte changed, however the client cuts its messages.

use std::io::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sonde_tests::agent::Builder;
use sonde_tests::process::Process;
use sonde_tests::propagation::Traceparent;
use sonde_tests::service::Service;
use sonde_tests::{environment, net, propagation, run, wait};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// GET http://a/ (RFC 7541 appendix A), the authority without indexing.
const BLOCK: &[u8] = &[0x82, 0x86, 0x84, 0x01, 0x01, b'a'];
/// Bytes of the field.
const FIELD: usize = 66;
const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default();
    let stream = stream.to_be_bytes();
    let header = [&length.to_be_bytes()[1..], &[kind, flags], &stream].concat();
    [&header, payload].concat()
}

fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, BLOCK)
}

/// A literal with incremental indexing, or one that names the newest entry.
fn own(indexed: bool) -> Vec<u8> {
    match indexed {
        true => [BLOCK, &[0xbe]].concat(),
        false => [BLOCK, b"\x40\x0btraceparent\x37", OWN.as_bytes()].concat(),
    }
}

/// Messages of one connection, and the streams that get a field.
struct Case {
    name: String,
    messages: Vec<Vec<u8>>,
    wanted: Vec<u32>,
}

fn case(name: impl Into<String>, messages: &[Vec<u8>], wanted: &[u32]) -> Case {
    let mut all = vec![PREFACE.to_vec()];
    all.extend_from_slice(messages);
    Case {
        name: name.into(),
        messages: all,
        wanted: wanted.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let open = |stream| frame(HEADERS, END_HEADERS, stream, BLOCK);
    let data = |stream, length, flags| frame(DATA, flags, stream, &vec![b'x'; length]);
    let padded = [&[3, 0, 0, 0, 0, 16], BLOCK, &[0; 3]].concat();
    let flags = END_HEADERS | END_STREAM | PADDED | PRIORITY;
    let parts = [
        frame(HEADERS, END_STREAM, 1, &BLOCK[..2]),
        frame(CONTINUATION, 0, 1, &BLOCK[2..5]),
        frame(CONTINUATION, END_HEADERS, 1, &BLOCK[5..]),
    ];
    let many: Vec<u32> = (0..11).map(|index| 1 + 2 * index).collect();
    let burst: Vec<u8> = many.iter().flat_map(|stream| request(*stream)).collect();
    let mixed = [
        open(1),
        data(1, 9_000, 0),
        open(3),
        data(1, 16_384, END_STREAM),
    ]
    .concat();
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01x\x01y");
    let traced = |stream, indexed| frame(HEADERS, END_HEADERS | END_STREAM, stream, &own(indexed));
    let mut cases = vec![
        case("one", &[request(1), request(3)], &[1, 3]),
        case(
            "padding and priority",
            &[frame(HEADERS, flags, 1, &padded)],
            &[1],
        ),
        case("continuation", &[parts.concat(), request(3)], &[1, 3]),
        case(
            "continuation, cut",
            &[parts.to_vec(), vec![request(3)]].concat(),
            &[1, 3],
        ),
        case(
            "many at once",
            &[burst.clone(), request(23)],
            &[&many[..], &[23]].concat(),
        ),
        case(
            "between content",
            &[mixed, data(3, 100, END_STREAM), request(5)],
            &[1, 3, 5],
        ),
        case(
            "trailers",
            &[open(1), data(1, 5, 0), trailers, request(3)],
            &[1, 3],
        ),
        case(
            "traced",
            &[traced(1, false), traced(3, true), request(5)],
            &[5],
        ),
    ];
    let whole = request(1);
    for cut in 1..whole.len() {
        let messages = [whole[..cut].to_vec(), whole[cut..].to_vec(), request(3)];
        cases.push(case(format!("cut at {cut}"), &messages, &[3]));
    }
    cases
}

/// Frames as (header without length, payload).
fn frames(mut bytes: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    bytes = bytes.strip_prefix(&PREFACE[..24]).context("no preface")?;
    let mut all = Vec::new();
    while let [a, b, c, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let (header, rest) = rest.split_at_checked(6).context("a header cut short")?;
        let (payload, rest) = rest
            .split_at_checked(length)
            .context("a payload cut short")?;
        all.push((header, payload));
        bytes = rest;
    }
    Ok(all)
}

/// Takes the fields out again where there are any, and compares all bytes.
fn compare(sent: &[u8], came: &[u8]) -> Result<()> {
    let (sent, came) = (frames(sent)?, frames(came)?);
    ensure!(
        sent.len() == came.len(),
        "{} frames became {}",
        sent.len(),
        came.len()
    );
    for ((header, payload), (header_came, payload_came)) in sent.into_iter().zip(came) {
        ensure!(header == header_came, "{header:?} became {header_came:?}");
        let padding = match header {
            [HEADERS, flags, ..] if flags & PADDED != 0 => usize::from(payload[0]),
            _ => 0,
        };
        let end = payload.len() - padding;
        let rest = match payload_came.len() - payload.len() {
            0 => payload_came.to_vec(),
            FIELD => [&payload_came[..end], &payload_came[end + FIELD..]].concat(),
            other => anyhow::bail!("{other} bytes more"),
        };
        ensure!(rest == payload, "{payload:?} became {payload_came:?}");
    }
    Ok(())
}

fn check(case: &Case, seen: &Value) -> Result<()> {
    ensure!(seen["error"].is_null(), "refused: {}", seen["error"]);
    let hex = seen["raw"].as_str().context("no bytes")?;
    let bytes: Result<Vec<u8>, _> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16))
        .collect();
    compare(&case.messages.concat(), &bytes?)?;
    let mut got = Vec::new();
    for request in seen["requests"].as_array().context("no requests")? {
        let parents = request["traceparents"].as_array().context("no list")?;
        match &parents[..] {
            [] => {}
            [one] if one == OWN => {}
            [one] => {
                let value = one.as_str().unwrap_or_default();
                Traceparent::parse(value).with_context(|| format!("{value:?}"))?;
                got.push(request["stream"].as_u64().unwrap_or_default());
            }
            _ => anyhow::bail!("several: {request}"),
        }
    }
    let wanted: Vec<u64> = case.wanted.iter().copied().map(u64::from).collect();
    ensure!(got == wanted, "fields on {got:?}");
    Ok(())
}

#[test]
fn http2_requests_get_the_field_once_and_nothing_else_changes() {
    run("http2 propagation", || {
        propagation::need()?;
        let python = environment::virtual_environment("h2", &["h2==4.4.1"])?;
        let port = net::free_port()?;
        let script = environment::sources("peer").join("h2_server.py");
        let server = Service::start(
            "h2 server",
            port,
            Command::new(python).arg(script).arg(port.to_string()),
        )?;
        let script = environment::sources("clients").join("frames_client.py");
        let mut client = Process::start(
            "frames client",
            Command::new(environment::python()?).arg(script),
        )?;
        let mut agent = Builder::jsonl().pids(client.group()).start()?;
        for (index, case) in cases().iter().enumerate() {
            let hex = |message: &Vec<u8>| -> String {
                message.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let messages: Vec<String> = case.messages.iter().map(hex).collect();
            writeln!(client.stdin()?, "{port} {}", messages.join(" "))?;
            let line = wait::until(&format!("case {}", case.name), || {
                let output = server.process.stdout();
                let complete = output.matches('\n').count() > index;
                complete.then(|| output.lines().nth(index).unwrap_or_default().to_owned())
            })?;
            check(case, &serde_json::from_str(&line)?).context(case.name.clone())?;
        }
        agent.stop()
    });
}
