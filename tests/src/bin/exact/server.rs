//! The server's end: it looks up what the plan of a connection is, compares what comes, and replies as planned.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Results, Sender as Reporter};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::plan::{End, Message, Plan};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::receiver::{Receiver, Trouble};
use crate::rng::Rng;
use crate::sender::Sender;
use crate::socket::{self, patience};
use crate::tally::Tally;

/// What the client tells of a connection, and the server gives back.
#[derive(Debug)]
struct Ticket {
    seed: u64,
    plan: Plan,
    strict: bool,
    arrived: Arc<Progress>,
    report: Reporter<Result<Served, Trouble>>,
}

/// What the server's end of a connection leaves.
#[derive(Debug)]
pub(crate) struct Served {
    /// What it saw.
    pub(crate) tally: Tally,
    /// To be dropped when the client has received all.
    _kept: Vec<Message>,
}

/// Tickets by the client's port.
#[derive(Debug, Default)]
struct Tickets {
    waiting: Mutex<HashMap<u16, Ticket>>,
    added: Condvar,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where.
    pub(crate) address: SocketAddr,
    tickets: Arc<Tickets>,
}

/// The client's view of one connection's other end.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Message bytes that have arrived there.
    pub(crate) arrived: Arc<Progress>,
    /// What it says in the end.
    pub(crate) result: Results<Result<Served, Trouble>>,
}

impl Server {
    /// Starts to accept on a port of its own.
    pub(crate) fn start(address: &str, pool: &'static Pool) -> io::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let tickets = Arc::<Tickets>::default();
        let shared = Arc::clone(&tickets);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let tickets = Arc::clone(&shared);
                std::thread::spawn(move || answer(&socket, &tickets, pool));
            }
        });
        Ok(Self { address, tickets })
    }

    /// Says what is planned on the connection from the client's `port`, and whether FIONREAD must be right there.
    pub(crate) fn announce(&self, port: u16, seed: u64, plan: Plan, strict: bool) -> Remote {
        let (report, result) = mpsc::channel();
        let arrived = Arc::<Progress>::default();
        let ticket = Ticket {
            seed,
            plan,
            strict,
            arrived: Arc::clone(&arrived),
            report,
        };
        let waiting = self.tickets.waiting.lock();
        waiting
            .unwrap_or_else(PoisonError::into_inner)
            .insert(port, ticket);
        self.tickets.added.notify_all();
        Remote { arrived, result }
    }
}

impl Tickets {
    fn take(&self, port: u16) -> Option<Ticket> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |waiting: &mut HashMap<u16, Ticket>| !waiting.contains_key(&port);
        let waited = self.added.wait_timeout_while(waiting, patience(), missing);
        waited
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .remove(&port)
    }
}

fn answer(socket: &TcpStream, tickets: &Tickets, pool: &Pool) {
    let port = socket.peer_addr().map_or(0, |address| address.port());
    let Some(ticket) = tickets.take(port) else {
        return;
    };
    let result = serve(socket, &ticket, pool);
    ticket.arrived.close();
    // A client that has given up does not ask any more.
    drop(ticket.report.send(result));
}

fn serve(socket: &TcpStream, ticket: &Ticket, pool: &Pool) -> Result<Served, Trouble> {
    let mut plan = ticket.plan.clone();
    let mut sender = Sender::new(socket, pool, Rng::fork(ticket.seed, 1), None)?;
    let mut receiver = Receiver::new(socket, pool, Rng::fork(ticket.seed, 2), ticket.strict)?;
    let arrived = |count| ticket.arrived.advance(count);
    let (end, tail) = (plan.end, std::mem::take(&mut plan.tail));
    sender.send(vec![std::mem::take(&mut plan.banner)])?;
    for exchange in &mut plan {
        receiver.expect(exchange.out, false, arrived)?;
        sender.send(vec![exchange.reply])?;
    }
    match end {
        End::ServerReset => socket::reset_on_close(socket)?,
        End::ServerClose => {}
        _ => {
            let cut = end == End::ClientReset;
            receiver.expect(tail, cut, arrived)?;
            receiver.expect_end(cut)?;
        }
    }
    Ok(Served {
        tally: receiver.tally,
        _kept: sender.into_kept(),
    })
}
