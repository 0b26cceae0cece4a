//! The requests of one connection that wait for their response, in order.

use std::collections::VecDeque;

use super::framing::Method;
use crate::Timestamp;
use crate::exchange::{Exchange, Outcome, ResponseHead, Sink};

/// A request whose response has not ended.
#[derive(Debug)]
struct Waiting {
    method: Method,
    /// Gone once it was handed over early (expired): the entry keeps the order.
    exchange: Option<Exchange>,
}

/// First in, first out (RFC 9112 section 9.3.2). Holds no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    queue: VecDeque<Waiting>,
    /// The body of the last request is still coming.
    receiving: bool,
    /// The front's response is being received.
    responding: bool,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Appends a request whose body follows.
    pub(super) fn push(&mut self, method: Method, exchange: Exchange) {
        if self.queue.is_empty() {
            // One is the rule, and an idle connection gives it back.
            self.queue = VecDeque::with_capacity(1);
        }
        self.queue.push_back(Waiting {
            method,
            exchange: Some(exchange),
        });
        self.receiving = true;
    }

    /// What decides about the next response, if a request waits for one.
    pub(super) fn method(&self) -> Option<Method> {
        self.queue.front().map(|front| front.method)
    }

    /// The front's final response begins.
    pub(super) fn respond(&mut self, response: ResponseHead, started: Timestamp) {
        self.responding = true;
        if let Some(exchange) = self.front() {
            exchange.response = Some(response);
            exchange.response_started = Some(started);
        }
    }

    /// Content of the request being received.
    pub(super) fn request_content(&mut self, bytes: u64) {
        if let Some(exchange) = self.receiving() {
            let size = &mut exchange.request_body.size;
            *size = size.saturating_add(bytes);
        }
    }

    /// The request being received is in.
    pub(super) fn request_end(&mut self, at: Timestamp) {
        if let Some(exchange) = self.receiving() {
            exchange.request_ended = Some(at);
            exchange.request_body.complete = true;
        }
        self.receiving = false;
    }

    /// The rest of the request being received will not be seen.
    pub(super) fn request_lost(&mut self) {
        self.receiving = false;
    }

    /// Content of the front's response.
    pub(super) fn response_content(&mut self, bytes: u64) {
        if !self.responding {
            return;
        }
        if let Some(exchange) = self.front() {
            let size = &mut exchange.response_body.size;
            *size = size.saturating_add(bytes);
        }
    }

    /// The front's response has ended as its framing said.
    pub(super) fn response_end(&mut self, outcome: Outcome, at: Timestamp, sink: &mut dyn Sink) {
        if !self.responding {
            return;
        }
        if let Some(exchange) = self.front() {
            exchange.response_body.complete = true;
        }
        self.hand_over_front(outcome, at, sink);
    }

    /// The front leaves as it is.
    pub(super) fn hand_over_front(&mut self, outcome: Outcome, at: Timestamp, sink: &mut dyn Sink) {
        self.responding = false;
        let front = self.queue.pop_front();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
            self.receiving = false;
        }
        if let Some(exchange) = front.and_then(|front| front.exchange) {
            hand_over(exchange, outcome, at, sink);
        }
    }

    /// All leave as they are.
    pub(super) fn hand_over_all(&mut self, outcome: Outcome, at: Timestamp, sink: &mut dyn Sink) {
        while !self.queue.is_empty() {
            self.hand_over_front(outcome, at, sink);
        }
    }

    /// Hands over what began at or before `limit`; the places in the queue stay.
    pub(super) fn expire(&mut self, limit: Timestamp, now: Timestamp, sink: &mut dyn Sink) {
        for waiting in &mut self.queue {
            let expired = waiting
                .exchange
                .take_if(|exchange| exchange.request_started <= limit);
            if let Some(exchange) = expired {
                hand_over(exchange, Outcome::InFlight, now, sink);
            }
        }
    }

    pub(super) fn read(&mut self, at: Timestamp) {
        let exchanges = self.queue.iter_mut().rev();
        for exchange in exchanges.filter_map(|waiting| waiting.exchange.as_mut()) {
            exchange.request_read.get_or_insert(at);
        }
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let exchanges = self.queue.iter();
        exchanges
            .filter_map(|waiting| waiting.exchange.as_ref())
            .map(|exchange| exchange.request_started)
            .min()
    }

    pub(super) fn footprint(&self) -> usize {
        let heads = self.queue.iter().filter_map(|waiting| {
            let exchange = waiting.exchange.as_ref()?;
            Some(exchange.footprint())
        });
        let entries = self.queue.capacity().saturating_mul(size_of::<Waiting>());
        heads.fold(entries, usize::saturating_add)
    }

    fn front(&mut self) -> Option<&mut Exchange> {
        self.queue.front_mut()?.exchange.as_mut()
    }

    fn receiving(&mut self) -> Option<&mut Exchange> {
        if !self.receiving {
            return None;
        }
        self.queue.back_mut()?.exchange.as_mut()
    }
}

fn hand_over(mut exchange: Exchange, outcome: Outcome, at: Timestamp, sink: &mut dyn Sink) {
    exchange.outcome = outcome;
    exchange.ended = at;
    sink.exchange(exchange);
}
