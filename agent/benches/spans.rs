//! Nanoseconds to build one span and to template one path: the least mean of many rounds.
//!
//! `cargo bench -p sonde --bench spans`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use sonde::spans::{Clock, ConnectionFacts, Options, build};
use sonde::spans::{Memory, Resource, Role, Routes, route};
use sonde_protocols::Timestamp;
use sonde_protocols::exchange::{Body, Exchange, Outcome, RequestHead, ResponseHead, Version};
use sonde_protocols::http1::HeadError;

const ROUNDS: usize = 200;
const PER_ROUND: u32 = 2_000;
const HEAD: &[u8] = b"GET /api/v1/users/42?page=2 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: curl/8.5.0\r\n\r\n";

fn least(name: &str, mut work: impl FnMut()) {
    let round = || {
        let start = Instant::now();
        (0..PER_ROUND).for_each(|_| work());
        start.elapsed() / PER_ROUND
    };
    let best = std::iter::repeat_with(round)
        .take(ROUNDS)
        .min()
        .unwrap_or_default();
    println!("{name}: {} ns", best.as_nanos());
}

fn main() -> Result<(), HeadError> {
    let exchange = Exchange {
        request_read: Some(Timestamp(2_000)),
        request_ended: Some(Timestamp(1_000)),
        request_body: Body {
            complete: true,
            ..Body::default()
        },
        response: Some(ResponseHead::new(200, Version::Http11)),
        response_started: Some(Timestamp(3_000)),
        response_body: Body {
            size: 512,
            complete: true,
            messages: None,
        },
        ended: Timestamp(4_000),
        outcome: Outcome::Complete,
        ..Exchange::begin(RequestHead::parse(HEAD)?, Timestamp(1_000))
    };
    let resource = Arc::new(Resource::default());
    let clock = Clock {
        unix_minus_monotonic_nanos: 1_700_000_000_000_000_000,
    };
    let options = Options::default();
    let mut memory = Memory::default();
    for role in [Role::Server, Role::Client] {
        let connection = ConnectionFacts {
            role,
            local: ([10, 0, 0, 1], 8080).into(),
            remote: ([10, 0, 0, 2], 40_000).into(),
            ended_by: None,
            proxied: None,
        };
        least(&format!("build {role:?}"), || {
            black_box(build(
                black_box(&exchange),
                None,
                &connection,
                &resource,
                clock,
                &options,
                &mut memory,
            ));
        });
    }
    least("route::template", || {
        black_box(route::template(black_box("/api/v1/users/42")));
    });
    let mut routes = Routes::default();
    least("Routes::route", || {
        let path = black_box("/api/v1/users/42");
        black_box(routes.route("shop", Role::Server, path));
    });
    Ok(())
}
