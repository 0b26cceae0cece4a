//! The token bucket.

extern crate std;

use crate::sampler::{Sampler, kind};

const SECOND: u64 = 1_000_000_000;

fn rate(limit: u64, now: u64) -> Sampler {
    let burst = limit.max(SECOND);
    Sampler {
        kind: kind::RATE,
        limit,
        burst,
        spent: now.wrapping_sub(burst),
        ..Sampler::default()
    }
}

/// Asks `times` at `now`; gives how many are sampled.
fn ask(sampler: &mut Sampler, now: u64, times: u64) -> u64 {
    let mut taken = 0;
    for _ in 0..times {
        if let Some(spent) = sampler.take(sampler.spent, now) {
            sampler.spent = spent;
            taken += 1;
        }
    }
    taken
}

#[test]
fn a_second_may_come_at_once() {
    // The machine was started a moment ago: the bucket is full all the same.
    for now in [5, 5 * SECOND, 1_000_000 * SECOND] {
        let mut sampler = rate(SECOND / 100, now);
        assert_eq!(ask(&mut sampler, now, 1000), 100, "{now}");
        assert_eq!(ask(&mut sampler, now + SECOND / 100, 1000), 1);
        assert_eq!(ask(&mut sampler, now + SECOND / 10, 1000), 9);
        assert_eq!(ask(&mut sampler, now + 60 * SECOND, 1000), 100);
    }
}

#[test]
fn less_than_one_a_second() {
    let mut sampler = rate(4 * SECOND, 10);
    assert_eq!(ask(&mut sampler, 10, 9), 1);
    assert_eq!(ask(&mut sampler, 10 + 4 * SECOND - 1, 9), 0);
    assert_eq!(ask(&mut sampler, 10 + 4 * SECOND, 9), 1);
    assert_eq!(ask(&mut sampler, 10 + 400 * SECOND, 9), 1);
}

#[test]
fn a_clock_of_another_cpu_that_is_behind_gives_nothing() {
    let mut sampler = rate(SECOND / 10, 9 * SECOND);
    assert_eq!(ask(&mut sampler, 9 * SECOND, 99), 10);
    assert_eq!(ask(&mut sampler, 9 * SECOND - 1, 99), 0);
}
