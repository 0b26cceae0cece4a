//! Requests with traces of their own, from several connections at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, thread};

/// Longer than any answer should take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the span ids of all requests have in common.
const SPANS: u64 = 0x00f0_67aa_0000_0000;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What a request looks like, and what is between two of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of the body; with any it is a POST. HTTP/1.1 only, as are the others.
    pub(crate) body: usize,
    /// How long a connection is idle after an answer.
    pub(crate) idle: Duration,
    /// Without `traceparent`: the service is the first to be traced.
    pub(crate) bare: bool,
    /// The path is that of the call: a proxy passes it on as it is.
    pub(crate) unchanged: bool,
    /// Requests that a connection sends at once, before the first of them is answered; one where they have bodies.
    pub(crate) depth: usize,
}

impl Shape {
    /// A GET with a `traceparent`, and the next at once.
    pub(crate) const PLAIN: Self = Self {
        body: 0,
        idle: Duration::ZERO,
        bare: false,
        unchanged: false,
        depth: 1,
    };
}

/// How many requests, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections at a time, or streams of one.
    pub(crate) concurrency: usize,
    /// Requests in all.
    pub(crate) requests: usize,
    /// A connection for each request.
    pub(crate) close: bool,
    /// Every fifth request has a twin that is cancelled within 20 ms.
    pub(crate) cancels: bool,
    /// Each request.
    pub(crate) shape: Shape,
}

/// Sends all requests; gives the trace-ids of those that were answered with 200.
pub(crate) fn run(port: u16, load: Load) -> Vec<String> {
    let each = load.requests / load.concurrency;
    let workers: Vec<_> = (0..load.concurrency)
        .map(|_| thread::spawn(move || worker(port, each, load)))
        .collect();
    workers
        .into_iter()
        .flat_map(|worker| worker.join().unwrap_or_default())
        .collect()
}

/// Trace-id of a new request.
pub(crate) fn next_trace() -> String {
    trace_id(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Trace-id of a request by its number in this run.
pub(crate) fn trace_id(number: u64) -> String {
    format!("{:016x}{number:016x}", 0x00c0_ffee_u64 ^ (number << 20))
}

/// Was a request with this trace-id sent in this run, in whatever load?
pub(crate) fn is_sent(trace: &str) -> bool {
    number(trace).is_some_and(|number| trace_id(number) == trace)
}

/// The field that goes with a trace-id: each request has a span id of its own.
pub(crate) fn traceparent(trace: &str) -> String {
    let span = SPANS | number(trace).unwrap_or_default();
    format!("00-{trace}-{span:016x}-01")
}

/// Is this the span id of a request, as its `traceparent` had it?
pub(crate) fn is_sent_span(span: &str) -> bool {
    let id = u64::from_str_radix(span, 16);
    id.is_ok_and(|id| id & SPANS == SPANS && id ^ SPANS < NEXT.load(Ordering::Relaxed))
}

fn number(trace: &str) -> Option<u64> {
    u64::from_str_radix(trace.get(16..)?, 16).ok()
}

fn worker(port: u16, requests: usize, load: Load) -> Vec<String> {
    let mut answered = Vec::new();
    let mut connection = None;
    let mut left = requests;
    while left > 0 {
        let depth = load.shape.depth.min(left);
        let traces: Vec<String> = (0..depth).map(|_| next_trace()).collect();
        left -= depth;
        if send(port, &mut connection, &traces, load, &mut answered).is_err() {
            connection = None;
        }
        thread::sleep(load.shape.idle);
    }
    answered
}

/// Sends a request for each trace at once, and adds those that are answered with 200.
fn send(
    port: u16,
    connection: &mut Option<BufReader<TcpStream>>,
    traces: &[String],
    load: Load,
    answered: &mut Vec<String>,
) -> io::Result<()> {
    let reader = match connection {
        Some(reader) => reader,
        None => {
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            connection.insert(BufReader::new(socket))
        }
    };
    let heads: String = traces.iter().map(|trace| head(trace, load)).collect();
    reader.get_mut().write_all(heads.as_bytes())?;
    send_body(reader.get_mut(), load.shape.body)?;
    let mut goes_on = !load.close;
    for trace in traces {
        let (status, again) = answer(reader)?;
        goes_on &= again;
        if status == 200 {
            answered.push(trace.clone());
        }
    }
    if !goes_on {
        *connection = None;
    }
    Ok(())
}

fn head(trace: &str, load: Load) -> String {
    let Shape {
        body,
        bare,
        unchanged,
        ..
    } = load.shape;
    let path = if unchanged {
        format!("/down/{trace}/1")
    } else {
        format!("/serve/{trace}")
    };
    let method = if body > 0 { "POST" } else { "GET" };
    let way = if load.close { "close" } else { "keep-alive" };
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: service\r\nConnection: {way}\r\n");
    if body > 0 {
        head += &format!("Content-Length: {body}\r\nContent-Type: text/plain\r\n");
    }
    if !bare {
        head += &format!("traceparent: {}\r\n", traceparent(trace));
    }
    head + "\r\n"
}

/// The first half, and the second a little later: a server may have begun on something else by then.
fn send_body(socket: &mut TcpStream, length: usize) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    let body = vec![b'x'; length];
    let (first, second) = body.split_at(length / 2);
    socket.write_all(first)?;
    thread::sleep(Duration::from_millis(1));
    socket.write_all(second)
}

/// Status of an answer that is read to its end, and whether the connection goes on.
fn answer(reader: &mut BufReader<TcpStream>) -> io::Result<(u16, bool)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let (mut length, mut chunked, mut again) = (None, false, true);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let (key, value) = line.split_once(':').unwrap_or_default();
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok(),
            "transfer-encoding" => chunked = true,
            "connection" => again = !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    if chunked {
        skip_chunks(reader)?;
    } else if let Some(length) = length {
        io::copy(&mut reader.take(length), &mut io::sink())?;
    } else {
        io::copy(reader, &mut io::sink())?;
        again = false;
    }
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((status, again))
}

fn skip_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        io::copy(&mut reader.take(size + 2), &mut io::sink())?;
        if size == 0 {
            return Ok(());
        }
    }
}
