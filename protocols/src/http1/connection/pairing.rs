//! Which response belongs to which request, and when that cannot be said.

use super::Connection;
use super::heads::Piece;
use crate::exchange::{Exchange, Outcome, Sink};
use crate::http1::framing::{Framing, Method};
use crate::http1::half::Phase;
use crate::http1::{ParsedRequest, ParsedResponse};
use crate::{Anomaly, Direction, Timestamp};

impl Connection {
    pub(super) fn request_head(
        &mut self,
        request: ParsedRequest,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) {
        let at = piece.at;
        let (method, framing) = (request.method, request.framing);
        let mut exchange = Exchange::begin(request.head, self.request.started);
        exchange.label = piece.label;
        if self.admit(piece.inner, at, sink) {
            self.in_flight.push(method, exchange);
        } else {
            self.in_flight.request_lost();
            exchange.outcome = Outcome::Lost;
            if framing == Ok(Framing::Sized(0)) {
                exchange.request_ended = Some(at);
                exchange.request_body.complete = true;
            }
            exchange.ended = at;
            sink.exchange(exchange);
        }
        let Ok(framing) = framing else {
            sink.anomaly(Anomaly::MalformedFraming);
            self.lose(Direction::Request, at, sink);
            return;
        };
        self.request.phase = Phase::after_head(framing);
        if self.request.phase == Phase::Head {
            self.in_flight.request_end(at);
        }
        if method == Method::Connect {
            self.request.phase = Phase::Lost;
        }
    }

    /// Whether the response to a request that begins now will be known for its own.
    pub(super) fn admit(&mut self, inner: bool, at: Timestamp, sink: &mut dyn Sink) -> bool {
        let alone = self.in_flight.is_empty();
        // Behind another request in one piece: the client did not wait.
        self.pipelined |= inner && !alone;
        if !alone && self.tentative {
            // The client does pipeline: the quiet before the one in flight meant nothing.
            self.adrift = true;
            self.in_flight.hand_over_all(Outcome::Lost, at, sink);
            return false;
        }
        if self.adrift {
            if !alone || self.pipelined || self.response.is_inside_message() {
                return false;
            }
            self.adrift = false;
            self.tentative = true;
        }
        if self.in_flight.len() >= self.limits.in_flight.max(1) {
            sink.anomaly(Anomaly::TooManyInFlight);
            self.adrift = true;
            return false;
        }
        true
    }

    pub(super) fn response_head(
        &mut self,
        response: ParsedResponse,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        let status = response.status;
        self.response.phase = Phase::Head;
        if matches!(status, 100..=199) && status != 101 {
            return;
        }
        let method = self.in_flight.method();
        let tunnel = method == Some(Method::Connect) && matches!(status, 200..=299);
        let framing = response
            .framing
            .of_response(status, method.unwrap_or(Method::Other));
        if method.is_some() {
            self.pipelined |= self.in_flight.len() > 1;
            self.tentative = false;
            self.in_flight.respond(response.head, self.response.started);
        }
        if status == 101 || tunnel {
            self.in_flight.response_end(Outcome::Upgraded, at, sink);
            self.leave(at, sink);
            return;
        }
        if method.is_none() {
            self.response_unpaired(framing.ok(), sink);
            return;
        }
        let Ok(framing) = framing else {
            sink.anomaly(Anomaly::MalformedFraming);
            self.lose(Direction::Response, at, sink);
            return;
        };
        self.response.phase = Phase::after_head(framing);
        if self.response.phase == Phase::Head {
            self.in_flight.response_end(Outcome::Complete, at, sink);
        }
    }

    /// A response whose request was not seen. It could be one to HEAD, so what its fields say about a
    /// body cannot be trusted.
    pub(super) fn response_unpaired(&mut self, framing: Option<Framing>, sink: &mut dyn Sink) {
        if !self.adrift {
            sink.anomaly(Anomaly::ResponseWithoutRequest);
        }
        self.adrift = true;
        if framing != Some(Framing::Sized(0)) {
            self.response.lose();
        }
    }

    /// The place in one direction's stream is not known any more.
    pub(super) fn lose(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        if direction == Direction::Request {
            self.request.lose();
            self.in_flight.request_lost();
            self.drift(at, sink);
            return;
        }
        // Which of the requests in flight had their response in the hole cannot be told, not even of a
        // single one: a later request may be missing as well and not missed yet.
        self.response.lose();
        self.drift(at, sink);
    }

    /// There may be responses to come for requests that are not in flight here.
    pub(super) fn drift(&mut self, at: Timestamp, sink: &mut dyn Sink) {
        self.adrift = true;
        if self.response.phase == Phase::Lost {
            self.in_flight.hand_over_all(Outcome::Lost, at, sink);
        }
    }

    /// This is not HTTP/1, or not any more.
    pub(super) fn leave(&mut self, at: Timestamp, sink: &mut dyn Sink) {
        self.opaque = true;
        self.request.lose();
        self.response.lose();
        self.in_flight.hand_over_all(Outcome::Lost, at, sink);
    }
}
