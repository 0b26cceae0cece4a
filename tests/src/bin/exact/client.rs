//! The client's end: it sends what is planned, in batches, while another thread compares what comes back.

use std::net::TcpStream;

use crate::fault::{self, Fault};
use crate::plan::{End, Exchange, Message, Mode, Part, Plan};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::receiver::{Receiver, Trouble};
use crate::rng::Rng;
use crate::sender::Sender;
use crate::server::Server;
use crate::socket::{self, patience};
use crate::tally::Tally;

/// What all connections of a run have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Kinds of connections.
    pub(crate) mode: Mode,
    /// Done to messages on the way out.
    pub(crate) fault: Option<Fault>,
    /// A wrong FIONREAD is an error and not only counted: at the client, at the server.
    pub(crate) strict: (bool, bool),
}

/// One connection from its beginning to its end; what went wrong, as text for people.
pub(crate) fn converse(
    server: &Server,
    seed: u64,
    settings: &Settings,
    pool: &Pool,
) -> Result<Tally, String> {
    let mut plan = Plan::new(seed, settings.mode);
    if settings.fault.is_some() && plan.end == End::ClientReset {
        // Which bytes a reset discards is known only while all is right.
        plan.end = End::HalfClose;
    }
    let about = format!("connection {seed:#018x} ({:?}, {:?})", plan.kind, plan.end);
    let socket = TcpStream::connect(server.address)
        .map_err(|error| format!("{about}: cannot connect: {error}"))?;
    let port = socket.local_addr().map_or(0, |address| address.port());
    let remote = server.announce(port, seed, plan.clone(), settings.strict.1);
    let replied = Progress::default();
    let (sent, read) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let result = read(&socket, seed, plan.clone(), settings, pool, &replied);
            replied.close();
            result
        });
        let arrived = settings.fault.is_none().then_some(&*remote.arrived);
        let mut sent = write(
            &socket,
            seed,
            plan.clone(),
            settings,
            pool,
            (&replied, arrived),
        );
        if sent.is_err() {
            // Nobody is to wait for what will not come.
            drop(socket.shutdown(std::net::Shutdown::Write));
        }
        let read = reader.join();
        if plan.end == End::ClientReset {
            sent = sent.and_then(|kept| Ok(socket::reset_on_close(&socket).map(|()| kept)?));
        }
        (sent, read)
    });
    drop(socket);
    let served = remote.result.recv_timeout(patience() * 2);
    let mut wrong = String::new();
    let mut tally = Tally::default();
    match served {
        Ok(Ok(served)) => tally += served.tally,
        Ok(Err(trouble)) => note(&mut wrong, "the server", &trouble),
        Err(error) => wrong = format!("\n  the server: no end: {error}"),
    }
    match read {
        Ok(Ok(seen)) => tally += seen,
        Ok(Err(trouble)) => note(&mut wrong, "the client, reading", &trouble),
        Err(_) => wrong.push_str("\n  the client's reader panicked"),
    }
    if let Err(trouble) = sent {
        note(&mut wrong, "the client, writing", &trouble);
    }
    tally.connections = 1;
    if wrong.is_empty() {
        Ok(tally)
    } else {
        Err(about + &wrong)
    }
}

fn note(wrong: &mut String, who: &str, trouble: &Trouble) {
    let text = match trouble {
        Trouble::Difference(difference) => difference.to_string(),
        Trouble::Socket(error) => error.to_string(),
    };
    wrong.push_str(&format!("\n  {who}: {text}"));
}

fn read(
    socket: &TcpStream,
    seed: u64,
    mut plan: Plan,
    settings: &Settings,
    pool: &Pool,
    replied: &Progress,
) -> Result<Tally, Trouble> {
    let mut receiver = Receiver::new(socket, pool, Rng::fork(seed, 3), settings.strict.0)?;
    let reset = plan.end == End::ServerReset;
    receiver.expect(std::mem::take(&mut plan.banner), reset, |_| {})?;
    for (index, exchange) in (1..).zip(&mut plan) {
        receiver.expect(exchange.reply, reset, |_| {})?;
        replied.advance(index);
    }
    if plan.end != End::Close && plan.end != End::ClientReset {
        receiver.expect_end(reset)?;
    }
    Ok(receiver.tally)
}

fn write(
    socket: &TcpStream,
    seed: u64,
    mut plan: Plan,
    settings: &Settings,
    pool: &Pool,
    (replied, arrived): (&Progress, Option<&Progress>),
) -> Result<Vec<Message>, Trouble> {
    let mut sender = Sender::new(socket, pool, Rng::fork(seed, 4), arrived)?;
    let mut faults = Rng::fork(seed, 5);
    let mut asked = 0;
    loop {
        let batch = next_batch(&mut plan);
        let Some(last) = batch.last() else { break };
        asked += batch.len() as u64;
        let wait = last.wait;
        let messages = batch.into_iter().map(|exchange| exchange.out);
        let messages: Vec<Message> = match settings.fault {
            Some(fault) => messages
                .map(|message| spoiled(fault, message, pool, &mut faults))
                .collect(),
            None => messages.collect(),
        };
        sender.send(messages)?;
        if wait {
            wait_for_reply(replied, asked, sender.sent())?;
        }
    }
    if plan.end == End::ClientReset {
        // A reset discards what is still on its way.
        sender.see_all_arrive()?;
    }
    sender.send(vec![std::mem::take(&mut plan.tail)])?;
    match plan.end {
        End::HalfClose => socket.shutdown(std::net::Shutdown::Write)?,
        End::Close => wait_for_reply(replied, asked, sender.sent())?,
        _ => {}
    }
    Ok(sender.into_kept())
}

/// Requests that go out together: up to and with the first whose reply is waited for.
fn next_batch(plan: &mut Plan) -> Vec<Exchange> {
    let mut batch = Vec::new();
    for exchange in plan {
        let wait = exchange.wait;
        batch.push(exchange);
        if wait || batch.len() == 8 {
            break;
        }
    }
    batch
}

fn wait_for_reply(replied: &Progress, asked: u64, sent: u64) -> Result<(), Trouble> {
    if replied.reach(asked) {
        return Ok(());
    }
    let replies = replied.value();
    let text = format!("{replies} replies to {asked} requests of {sent} bytes");
    Err(Trouble::Socket(std::io::Error::other(text)))
}

fn spoiled(fault: Fault, message: Message, pool: &Pool, rng: &mut Rng) -> Message {
    let bytes: Vec<u8> = message
        .parts
        .iter()
        .flat_map(|part| part.bytes(pool))
        .copied()
        .collect();
    if bytes.len() < 4 || (fault != Fault::Insert && !rng.once_in(5)) {
        return message;
    }
    let bytes = fault::apply(fault, &message, bytes, rng);
    Message::fixed(vec![Part::Text(bytes)])
}
