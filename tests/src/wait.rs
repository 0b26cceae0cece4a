//! Waiting for conditions instead of sleeping.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Generous: reached only when something is broken, or the machine is very busy.
pub const DEADLINE: Duration = Duration::from_secs(30);

const STEP: Duration = Duration::from_millis(10);

/// Calls `condition` until it gives a value, and fails after [`DEADLINE`] saying what was waited for.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> Result<T> {
    until_within(DEADLINE, what, condition)
}

/// As [`until`] with a deadline of its own.
pub fn until_within<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if start.elapsed() > deadline {
            bail!("waited {deadline:?} for {what}");
        }
        std::thread::sleep(STEP);
    }
}

/// Waits until `measure` has given the same value for `quiet`; for counts that end, but whose end is not announced.
pub fn until_stable<T: PartialEq>(
    quiet: Duration,
    what: &str,
    mut measure: impl FnMut() -> T,
) -> Result<T> {
    let mut last = measure();
    let mut since = Instant::now();
    until(what, move || {
        let now = measure();
        if now != last {
            last = now;
            since = Instant::now();
            return None;
        }
        (since.elapsed() >= quiet).then(&mut measure)
    })
}
