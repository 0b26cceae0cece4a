//! HTTP/2 frames as no library sends them: cut anywhere, padded, in many parts; and bytes that are no HTTP/2 at all.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::client::Request;
use sonde_tests::http2::{self, Kind};
use sonde_tests::process::Process;
use sonde_tests::service::Service;
use sonde_tests::span::{CLIENT, SERVER};
use sonde_tests::{expect, rpc, run, wait};

/// An agent that takes large heads.
fn watching<'a>(processes: impl IntoIterator<Item = &'a Process>) -> Result<Agent> {
    Builder::watching(processes)
        .flag("--max-head-bytes", "64KiB")
        .start()
}

/// A client that frames as nobody else does.
fn raw(name: &str, manner: &str, seed: u64) {
    run(name, || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let lines: Vec<(String, usize)> = (0..24)
            .map(|i| match i % 3 {
                0 => (format!("/echo/{i}"), 1 + i * 311),
                _ => (format!("/sized/{}?n={i}", i * 97), 0),
            })
            .collect();
        let arguments = [&service.port.to_string(), manner, &seed.to_string()];
        let mut command = rpc::python("../../http2/raw.py", &arguments)?;
        let mut client = Process::start("raw", &mut command)?;
        wait::until("the raw client", || {
            client.stdout().contains("ready").then_some(())
        })?;
        let agent = watching([&service.process, &client])?;
        for (path, size) in &lines {
            let method = if *size > 0 { "POST" } else { "GET" };
            let line = format!("{method} {path} {size}\n");
            client.stdin()?.write_all(line.as_bytes())?;
        }
        client.close_stdin();
        let status = client.wait(wait::DEADLINE)?;
        ensure!(status.success(), "{}", client.stderr());
        let output = client.stdout();
        let answers: Vec<&str> = output.lines().skip(1).collect();
        let spans = agent.finish(2 * lines.len(), |_| true)?;
        assert_eq!(spans.len(), 2 * lines.len(), "{:#?}", agent::brief(&spans));
        for ((path, size), answer) in lines.iter().zip(answers) {
            let answer = answer.split_once(' ').context("an answer")?;
            for kind in [CLIENT, SERVER] {
                let span = expect::only(&spans, kind, path);
                let about = format!("{manner} {answer:?} {span:#?}");
                assert_eq!(span.get("http.response.status_code"), answer.0, "{about}");
                if answer.1 != "0" {
                    assert_eq!(span.get("http.response.body.size"), answer.1, "{about}");
                }
                if *size > 0 {
                    let sent = size.to_string();
                    assert_eq!(span.get("http.request.body.size"), sent, "{about}");
                }
            }
        }
        Ok(())
    });
}

#[test]
fn every_byte_a_segment() {
    raw("every_byte_a_segment", "bytes+padded", 1);
}

#[test]
fn cut_anywhere() {
    raw("cut_anywhere", "cuts+priority+parts+shuffled", 2);
}

#[test]
fn padded_and_prioritised() {
    raw("padded_and_prioritised", "padded+priority+shuffled", 3);
}

#[test]
fn many_continuations() {
    raw("many_continuations", "parts+padded+unindexed", 4);
}

#[test]
fn large_header_blocks() {
    raw("large_header_blocks", "large+cuts+shuffled", 5);
}

/// A frame: type, flags, stream, payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or_default()
        .to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What a connection may begin with, or go on with, that no client should send.
fn oddities() -> Vec<Vec<u8>> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let begun = |more: &[Vec<u8>]| {
        let settings = frame(4, 0, 0, &[]);
        [PREFACE, &settings, &more.concat()].concat()
    };
    let head = [0x82, 0x86, 0x84, 0x41, 1, b'h'];
    let mut all = vec![
        PREFACE[..20].to_vec(),
        [PREFACE, b"GET / HTTP/1.1\r\n\r\n"].concat(),
        begun(&[frame(0, 1, 1, b"data before headers")]),
        begun(&[frame(1, 5, 2, &head)]),
        begun(&[frame(1, 5, 0, &head)]),
        begun(&[frame(1, 0, 1, &head), frame(1, 5, 3, &head)]),
        begun(&[frame(9, 4, 1, &head)]),
        begun(&[frame(1, 0x0d, 1, &[200, 0x82])]),
        begun(&[frame(1, 0x25, 1, &[0, 0])]),
        begun(&[frame(1, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]),
        begun(&[frame(1, 5, 1, &[0xbe, 0xbf, 0x80])]),
        begun(&[frame(3, 0, 0, &[0; 4]), frame(3, 0, 1, &[0; 3])]),
        begun(&[frame(4, 0, 0, &[0; 5]), frame(4, 1, 0, &[0; 6])]),
        begun(&[frame(7, 0, 0, &[0; 3]), frame(8, 0, 0, &[0; 4])]),
        begun(&[frame(5, 4, 1, &[0, 0, 0, 2, 0x82])]),
        begun(&[frame(200, 255, u32::MAX, b"unknown")]),
        begun(&[vec![0xff; 9], vec![0; 70_000]]),
        begun(&[
            frame(1, 4, 1, &head),
            frame(1, 5, 1, &head),
            frame(1, 5, 1, &head),
        ]),
        begun(&[frame(1, 5, 1, &head), frame(1, 5, 1, &head)]),
        frame(4, 0, 0, &[]),
        frame(1, 5, 1, &head),
        vec![0; 5000],
    ];
    // Bytes of a generator, alone and behind a good beginning.
    let mut state = 1_u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    };
    for length in [1, 10, 100, 1000, 20_000] {
        all.push(noise(length));
        all.push(begun(&[noise(length)]));
        all.push(begun(&[frame(1, 5, 1, &noise(length.min(16_000)))]));
    }
    all
}

/// Sends the bytes, and takes what comes until the server is done with it, or has nothing to say.
fn throw(port: u16, bytes: &[u8]) -> Result<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_millis(100)))?;
    // The server may be gone before all is written.
    if connection.write_all(bytes).is_ok() {
        drop(connection.shutdown(Shutdown::Write));
        drop(connection.read_to_end(&mut Vec::new()));
    }
    Ok(())
}

fn request_and_check(service: &Service, agent: &Agent) -> Result<()> {
    let mut client = http2::go_client(4)?;
    let requests: Vec<Request> = (0..20)
        .map(|i| {
            Request::new(
                "GET",
                format!("{}/sized/{i}?of={}", service.url, service.port),
            )
        })
        .collect();
    let outcomes = client.make(&requests)?;
    let mark = format!("?of={}", service.port);
    agent.wait_count(20, |span| span.target().ends_with(&mark))?;
    let spans = agent.spans()?;
    for (request, outcome) in requests.iter().zip(outcomes) {
        let span = expect::only(&spans, SERVER, request.target());
        expect::check_version(span, request, outcome, service.port, "2");
    }
    Ok(())
}

/// Whatever a port is sent, the agent lives, and later connections are seen as they are.
#[test]
fn odd_input() {
    run("odd_input", || {
        agent::binary()?;
        let services = [Kind::Go.start()?, Kind::Node.start()?];
        let mut agent = watching(services.iter().map(|service| &service.process))?;
        for service in &services {
            for bytes in oddities() {
                throw(service.port, &bytes)?;
            }
            request_and_check(service, &agent)?;
        }
        println!(
            "odd_input: {} anomalies",
            agent.metric("sonde_anomalies_total", "")?
        );
        agent.stop()
    });
}
