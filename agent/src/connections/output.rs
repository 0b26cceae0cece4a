//! What a record led to.

use sonde_protocols::Anomaly;
use sonde_protocols::exchange::{Exchange, Sink};

use super::Connection;
use crate::capture::Protocol;

/// A finished exchange and where it took place.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The connection.
    pub connection: &'a mut Connection,
    /// What happened on it.
    pub exchange: Exchange,
}

/// Exchanges and odd things, in order; reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) exchanges: Vec<Exchange>,
    anomalies: Vec<Anomaly>,
}

impl Sink for Output {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }
    fn anomaly(&mut self, anomaly: Anomaly) {
        self.anomalies.push(anomaly);
    }
}

impl Output {
    /// Hands everything over. What happened on a connection that is not certain to exist is dropped.
    pub(super) fn settle(
        &mut self,
        connection: &mut Connection,
        take: &mut impl FnMut(Finished<'_>),
        mut odd: impl FnMut(Protocol, Anomaly),
    ) {
        let protocol = connection.protocol();
        for anomaly in self.anomalies.drain(..) {
            odd(protocol, anomaly);
        }
        if connection.tentative {
            self.exchanges.clear();
        }
        for exchange in self.exchanges.drain(..) {
            take(Finished {
                connection: &mut *connection,
                exchange,
            });
        }
    }
}
