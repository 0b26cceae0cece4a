//! What the services call: servers of HTTP/1.1 and HTTP/2 that note the trace of each call, and a line protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use super::http2;

/// An address of loopback beside 127.0.0.1.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// One call: which request it belongs to, and the trace it came with.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `ID/NUMBER`.
    pub(crate) name: String,
    /// trace-id of its one `traceparent`; `None` without.
    pub(crate) trace: Option<String>,
}

/// A running callee.
pub(crate) struct Callee {
    /// Port of the HTTP/1.1 server.
    pub(crate) http: u16,
    /// Port of the HTTP/2 server.
    pub(crate) http2: u16,
    /// Port of the line protocol.
    pub(crate) database: u16,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Callee {
    /// Listens on free ports of loopback, until the program ends.
    pub(crate) fn start() -> io::Result<Self> {
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let noted = Arc::clone(&calls);
        let http = serve(move |socket| answer_http(socket, &noted))?;
        let http2 = http2::callee::serve(Arc::clone(&calls))?;
        let database = serve(answer_lines)?;
        Ok(Self {
            http,
            http2,
            database,
            calls,
        })
    }

    /// The calls since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(answer: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    // The same port at another address: a client may have connections to both from one port of its own.
    let other = TcpListener::bind((OTHER, port))?;
    for listener in [listener, other] {
        let answer = answer.clone();
        thread::spawn(move || accept(&listener, answer));
    }
    Ok(port)
}

fn accept(
    listener: &TcpListener,
    answer: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) {
    for socket in listener.incoming().flatten() {
        let answer = answer.clone();
        // A connection that ends in an error is the service's business; its calls are missing then.
        thread::spawn(move || drop(answer(socket)));
    }
}

fn answer_http(socket: TcpStream, calls: &Mutex<Vec<Call>>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut out = socket.try_clone()?;
    let mut reader = BufReader::new(socket);
    let mut random = u64::from(out.peer_addr()?.port());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default();
        let name = path.trim_start_matches("/down/").to_owned();
        let mut traces = Vec::new();
        let mut close = false;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            let (key, value) = line.split_once(':').unwrap_or_default();
            let value = value.trim();
            close |= key.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close");
            if key.eq_ignore_ascii_case("traceparent") {
                traces.push(value.split('-').nth(1).unwrap_or_default().to_owned());
            }
        }
        // Several fields are as good as a wrong one.
        let trace = match traces.len() {
            0 => None,
            1 => traces.pop(),
            _ => Some("several".to_owned()),
        };
        calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Call { name, trace });
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        thread::sleep(Duration::from_micros((random >> 33) % 2_000));
        let connection = if close { "close" } else { "keep-alive" };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: {connection}\r\n\r\nok");
        out.write_all(head.as_bytes())?;
        if close {
            return Ok(());
        }
    }
}

fn answer_lines(socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut out = socket.try_clone()?;
    for line in BufReader::new(socket).lines() {
        let line = line?;
        thread::sleep(Duration::from_micros(500));
        out.write_all(format!("PONG {line}\n").as_bytes())?;
    }
    Ok(())
}
