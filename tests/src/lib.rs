//! Black-box harness: starts unmodified services, real backends and the built agent.
//!
//! It knows the agent only as a program: its flags, its standard output, its metrics page. Nothing here links agent code, so a
//! test passes only if what a user would run does what a user would see. The agent's path is `SONDE_BIN`, else
//! `target/release/sonde`.
//!
//! One test: `cargo xtask build && cargo test -p sonde-tests --test faults ring_full -- --nocapture`. `SONDE_CACHE` names the
//! folder that keeps built backends, `SONDE_TEST_OUTAGE_SECONDS` how long the collector stays away in `faults`.
//!
//! Every test body runs inside [`run`], which serialises tests, turns a missing tool into a printed skip and everything else
//! that goes wrong into a failure. Whatever a test starts is killed when its handle drops, also when the test panics.

pub mod agent;
pub mod backends;
pub mod cgroup;
pub mod chain;
pub mod client;
pub mod environment;
pub mod expect;
pub mod http2;
pub mod kernel;
pub mod load;
pub mod net;
pub mod netns;
pub mod pair;
pub mod peer;
pub mod plan;
pub mod process;
pub mod propagation;
pub mod proxy_protocol;
pub mod rpc;
pub mod service;
pub mod span;
pub mod wait;

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Why a test cannot run on this machine; carried as an error up to [`run`].
#[derive(Debug)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

/// An error that makes [`run`] skip the test with this reason.
pub fn skip(reason: impl Into<String>) -> anyhow::Error {
    Skip(reason.into()).into()
}

/// Only one test at a time may own the machine's root cgroup and its two cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs one test body. A [`Skip`] is printed as `SKIP name: reason` on a line of its own.
///
/// # Panics
/// When the body returns any other error, with its whole chain of causes.
pub fn run(name: &str, body: impl FnOnce() -> anyhow::Result<()>) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Err(error) = body() else { return };
    match error.downcast_ref::<Skip>() {
        Some(reason) => println!("\nSKIP {name}: {reason}"),
        None => panic!("{name}: {error:#}"),
    }
}
