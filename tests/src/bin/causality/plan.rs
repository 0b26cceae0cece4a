//! Which loads a service is put under.

use super::load::{Load, Shape};
use super::services::Service;

/// With pauses between its requests a connection sends no more than these.
const UNHURRIED: usize = 4;

/// Which loads.
pub(crate) struct Plan {
    /// Connections, or streams of one, and requests in all.
    kept: &'static [(usize, usize)],
    /// With a connection for each request.
    closing: (usize, usize),
    /// Services that run at a time, put under load by turns.
    pub(crate) together: usize,
    /// Start the agent after the services: their processes and their connections to the callee are older than it.
    pub(crate) agent_last: bool,
}

impl Plan {
    /// The table of docs/causality.md.
    pub(crate) const FULL: Self = Self {
        kept: &[(1, 2_048), (8, 2_048), (64, 2_048)],
        closing: (64, 2_048),
        together: 2,
        agent_last: false,
    };
    /// What CI runs.
    pub(crate) const SHORT: Self = Self {
        kept: &[(8, 128), (64, 512)],
        closing: (64, 256),
        together: 8,
        agent_last: false,
    };

    /// The loads of a service, the first of which warms it up too. What comes at the edge comes first: an agent that has
    /// seen a service pass fields on may judge it by that.
    pub(crate) fn loads(&self, service: &Service) -> Vec<Load> {
        let plain = service.shape;
        let edge = Shape {
            bare: true,
            unchanged: true,
            ..plain
        };
        let kept = |shape| {
            let loads = self.kept.iter();
            loads.map(move |load| Self::load(*load, false, shape, service))
        };
        let mut loads = Vec::new();
        if service.at_edge {
            loads.extend(kept(edge));
            // The path that goes out is another then, unless the service cannot rewrite.
            loads.extend(kept(Shape {
                bare: true,
                ..plain
            }));
        }
        loads.extend(kept(plain));
        if plain.depth == 1 {
            loads.push(Self::load(self.closing, true, plain, service));
        }
        loads
    }

    fn load(
        (concurrency, requests): (usize, usize),
        close: bool,
        shape: Shape,
        service: &Service,
    ) -> Load {
        let most = if shape.idle.is_zero() {
            requests
        } else {
            concurrency * UNHURRIED
        };
        Load {
            concurrency,
            requests: requests.min(most),
            close,
            cancels: service.cancels,
            shape,
        }
    }
}
