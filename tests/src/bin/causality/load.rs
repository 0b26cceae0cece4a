//! Requests with traces of their own, from several connections at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, thread};

/// Longer than any answer should take.
const PATIENCE: Duration = Duration::from_secs(30);

static NEXT: AtomicU64 = AtomicU64::new(1);

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
    /// Requests that a connection sends at once, before the first of them is answered.
    pub(crate) depth: usize,
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
    let number = trace
        .get(16..)
        .and_then(|half| u64::from_str_radix(half, 16).ok());
    number.is_some_and(|number| trace_id(number) == trace)
}

fn worker(port: u16, requests: usize, load: Load) -> Vec<String> {
    let mut answered = Vec::new();
    let mut connection = None;
    let mut left = requests;
    while left > 0 {
        let traces: Vec<String> = (0..load.depth.min(left)).map(|_| next_trace()).collect();
        left -= traces.len();
        if send(port, &mut connection, &traces, load.close, &mut answered).is_err() {
            connection = None;
        }
    }
    answered
}

/// Sends a request for each trace at once, and adds those that are answered with 200.
fn send(
    port: u16,
    connection: &mut Option<BufReader<TcpStream>>,
    traces: &[String],
    close: bool,
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
    let heads: String = traces.iter().map(|trace| head(trace, close)).collect();
    reader.get_mut().write_all(heads.as_bytes())?;
    let mut goes_on = !close;
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

fn head(trace: &str, close: bool) -> String {
    let way = if close { "close" } else { "keep-alive" };
    format!(
        "GET /serve/{trace} HTTP/1.1\r\nHost: service\r\nConnection: {way}\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n"
    )
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
