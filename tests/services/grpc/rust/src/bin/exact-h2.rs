//! A client on the h2 crate that sends random requests to an echo and compares what comes back:
//! exact-h2 PORT CONNECTIONS SECONDS SEED [flip]
//!
//! It says `ready`, waits for a line, runs so long or until its standard input ends, and ends with `requests=N inserted=N bytes=N`,
//! or at the first difference with status 1.
//! Header blocks reach beyond one frame (CONTINUATION), many streams go into one send, send buffers are small on some connections;
//! `inserted` are the requests that came with one `traceparent` more than was sent. `flip` spoils a byte, to see that it is found.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// xorshift64*
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> usize {
        ((self.next() >> 33) % bound.max(1)) as usize
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn text(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~!*'();:@&=+$,/?#[]<>{}";
        (0..length)
            .map(|_| LETTERS[self.below(LETTERS.len() as u64)] as char)
            .collect()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

#[derive(Default)]
struct Totals {
    requests: AtomicU64,
    inserted: AtomicU64,
    bytes: AtomicU64,
}

/// When no more requests are begun.
struct End {
    at: Instant,
    told: AtomicBool,
}

impl End {
    fn has_come(&self) -> bool {
        self.told.load(Ordering::Relaxed) || Instant::now() >= self.at
    }
}

/// Sizes of all orders of magnitude, the blocks of some beyond a frame of 16 KiB.
fn fields(chance: &mut Chance) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for number in 0..chance.below(12) {
        let longest = [4, 40, 300, 4000][chance.below(4)];
        let length = chance.below(longest);
        let value = HeaderValue::from_str(chance.text(length).trim()).expect("a field value");
        let name = format!("x-{}-{number}", chance.below(20));
        fields.append(HeaderName::try_from(name).expect("a field name"), value);
    }
    if chance.one_in(12) {
        for number in 0..6 {
            let value = chance.text(4000);
            let name = HeaderName::try_from(format!("x-large-{number}")).expect("a field name");
            fields.append(name, HeaderValue::from_str(&value).expect("a field value"));
        }
    }
    fields
}

async fn exchange(
    mut sender: SendRequest<Bytes>,
    mut chance: Chance,
    flip: bool,
    totals: Arc<Totals>,
) -> Result<(), Failure> {
    let mut sent = fields(&mut chance);
    let mut content = match chance.below(4) {
        0 => Vec::new(),
        1 => {
            let length = chance.below(100_000);
            chance.bytes(length)
        }
        _ => {
            let length = chance.below(2000);
            chance.bytes(length)
        }
    };
    let own = chance.one_in(10);
    let mut request = Request::post(format!(
        "http://echo/{}",
        chance
            .text(12)
            .replace(|letter: char| !letter.is_ascii_alphanumeric(), "")
    ))
    .body(())?;
    *request.headers_mut() = sent.clone();
    if own {
        let value = format!(
            "00-{:032x}-{:016x}-01",
            chance.next() | 1,
            chance.next() | 1
        );
        request.headers_mut().insert("traceparent", value.parse()?);
    }
    let (response, mut stream) = sender.send_request(request, content.is_empty())?;
    if !content.is_empty() {
        send(&mut stream, &content, &mut chance).await?;
    }
    if flip && !content.is_empty() {
        content[0] ^= 1;
    }
    let (head, mut body) = response.await?.into_parts();
    let mut received = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        received.extend_from_slice(&part);
    }
    let mut echoed = head.headers;
    let count = echoed.remove("x-traceparents").ok_or("no count")?;
    let count: u64 = count.to_str()?.parse()?;
    if count > 1 || (own && count != 1) {
        return Err(format!("{count} traceparent fields, own: {own}").into());
    }
    if received != content {
        return Err(format!("content of {} came as {}", content.len(), received.len()).into());
    }
    let equal = echoed.len() == sent.len()
        && sent
            .drain()
            .zip(echoed.drain())
            .all(|(one, other)| one == other);
    if !equal {
        return Err("the fields differ".into());
    }
    totals.requests.fetch_add(1, Ordering::Relaxed);
    totals
        .bytes
        .fetch_add(content.len() as u64, Ordering::Relaxed);
    totals
        .inserted
        .fetch_add(count - u64::from(own), Ordering::Relaxed);
    Ok(())
}

async fn send(
    stream: &mut h2::SendStream<Bytes>,
    content: &[u8],
    chance: &mut Chance,
) -> Result<(), Failure> {
    let mut rest = Bytes::copy_from_slice(content);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        if stream.capacity() == 0 {
            let more = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            more.ok_or("the stream has ended")??;
        }
        let granted = stream.capacity();
        let part = rest.split_to(granted.min(1 + chance.below(20_000)).min(rest.len()));
        stream.send_data(part, rest.is_empty())?;
    }
    Ok(())
}

async fn connection(
    port: u16,
    seed: u64,
    end: Arc<End>,
    flip: bool,
    totals: Arc<Totals>,
) -> Result<(), Failure> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let socket = TcpSocket::new_v4()?;
    if chance.one_in(3) {
        socket.set_send_buffer_size(4096)?;
    }
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::Builder::new()
        .max_header_list_size(1 << 20)
        .handshake::<_, Bytes>(stream)
        .await?;
    let driver = tokio::spawn(connection);
    // A while, then a new connection takes its place.
    let until = Instant::now() + Duration::from_millis(300 + chance.next() % 3000);
    let many = 1 + chance.below(64);
    let mut streams = JoinSet::new();
    while Instant::now() < until && !end.has_come() {
        while streams.len() < many {
            let sender = sender.clone().ready().await?;
            let own = Chance(chance.next() | 1);
            streams.spawn(exchange(sender, own, flip, Arc::clone(&totals)));
        }
        if let Some(ended) = streams.join_next().await {
            ended??;
        }
    }
    while let Some(ended) = streams.join_next().await {
        ended??;
    }
    drop(sender);
    driver.await??;
    Ok(())
}

async fn worker(
    port: u16,
    mut seed: u64,
    end: Arc<End>,
    flip: bool,
    totals: Arc<Totals>,
) -> Result<(), Failure> {
    while !end.has_come() {
        connection(port, seed, Arc::clone(&end), flip, Arc::clone(&totals)).await?;
        seed = seed.wrapping_add(1000);
    }
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments[at].parse::<u64>();
    let (port, connections, seconds, seed) =
        (arguments[1].parse()?, number(2)?, number(3)?, number(4)?);
    let flip = arguments.get(5).is_some_and(|word| word == "flip");
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let end = Arc::new(End {
        at: Instant::now() + Duration::from_secs(seconds),
        told: AtomicBool::new(false),
    });
    let told = Arc::clone(&end);
    // Blocks until the input ends; a thread of its own is not waited for where that is never.
    std::thread::spawn(move || {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        told.told.store(ended.is_ok(), Ordering::Relaxed);
    });
    let totals = Arc::new(Totals::default());
    let mut workers = JoinSet::new();
    for index in 0..connections {
        let (end, totals) = (Arc::clone(&end), Arc::clone(&totals));
        workers.spawn(worker(port, seed + index, end, flip, totals));
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    let get = |total: &AtomicU64| total.load(Ordering::Relaxed);
    let Totals {
        requests,
        inserted,
        bytes,
    } = &*totals;
    println!(
        "requests={} inserted={} bytes={}",
        get(requests),
        get(inserted),
        get(bytes)
    );
    Ok(())
}
