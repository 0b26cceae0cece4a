//! What is shown, asked for at once.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::client::Client;
use super::super::model::{Found, Overview, Status, Summary};
use crate::cli::Failure;

/// Traces looked at for the slowest.
const LOOKED_AT: usize = 500;
/// Traces kept of each kind.
const KEPT: usize = 50;

/// One look at the agent.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) overview: Overview,
    pub(super) status: Status,
    /// The slowest of the newest, first.
    pub(super) slowest: Vec<Summary>,
    /// With errors, the newest first.
    pub(super) failing: Vec<Summary>,
}

/// Asks for everything.
pub(super) fn ask(client: &Client, window: u64) -> Result<State, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_millis();
    let start = now.saturating_sub(u128::from(window) * 1_000);
    let mut overview: Overview = client.get(&format!("/api/sonde/overview?window={window}"))?;
    let newest = format!("/api/sonde/search?start_ms={start}&limit={LOOKED_AT}");
    let slowest: Found = client.get(&newest)?;
    let failing = format!("/api/sonde/search?start_ms={start}&errors=true&limit={KEPT}");
    let failing: Found = client.get(&failing)?;
    let status = client.get("/api/sonde/status")?;
    let busiest = |left: f64, right: f64| right.total_cmp(&left);
    overview.services.sort_by(|left, right| {
        busiest(
            left.rates.requests_per_second,
            right.rates.requests_per_second,
        )
    });
    overview.edges.sort_by(|left, right| {
        busiest(
            left.rates.requests_per_second,
            right.rates.requests_per_second,
        )
    });
    let mut slowest = slowest.traces;
    slowest.sort_by(|left, right| right.duration_ms.total_cmp(&left.duration_ms));
    slowest.truncate(KEPT);
    Ok(State {
        overview,
        status,
        slowest,
        failing: failing.traces,
    })
}
