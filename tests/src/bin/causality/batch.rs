//! Several services beside one agent, put under load by turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sonde_tests::agent::{Agent, Builder};
use sonde_tests::span::Span;
use sonde_tests::wait;

use super::callee::Callee;
use super::identity;
use super::load::Load;
use super::plan::Plan;
use super::row::{Cell, Row, Sent, is_background};
use super::services::Service;

/// Without a new span for so long, all have come.
const QUIET: Duration = Duration::from_millis(1_300);

/// What became of the services.
pub(crate) struct Outcome {
    /// In the order they were given.
    pub(crate) rows: Vec<(&'static Service, Result<Vec<Cell>>)>,
    /// Span ids that occur more than once.
    pub(crate) repeated: Vec<String>,
}

/// Starts agent and services, and puts each service under each load of the plan.
pub(crate) fn measure(services: &[&'static Service], plan: &Plan) -> Result<Outcome> {
    let callee = Callee::start()?;
    let loads: Vec<Vec<Load>> = services.iter().map(|service| plan.loads(service)).collect();
    let (agent, mut rows) = begin(services, plan, &loads, &callee)?;
    settled(&agent)?;
    // Goroutines are believed once some that began alike have ended with their requests.
    warm(&mut rows, &loads);
    let mut judged = settled(&agent)?.len();
    callee.take();
    let most = loads.iter().map(Vec::len).max().unwrap_or_default();
    for index in 0..most {
        let sent: Vec<Option<Sent>> = rows
            .iter_mut()
            .zip(&loads)
            .map(|(row, loads)| {
                let load = *loads.get(index)?;
                advance(row, |row| row.send(load, &agent))
            })
            .collect();
        let spans = settled(&agent)?;
        let calls = callee.take();
        for (row, sent) in rows.iter_mut().zip(sent) {
            if let (Ok(row), Some(sent)) = (row, sent) {
                row.judge(sent, &calls, &spans[judged..]);
            }
        }
        judged = spans.len();
    }
    let rows = rows.into_iter().map(|row| row.map(Row::finish));
    Ok(Outcome {
        rows: services.iter().copied().zip(rows).collect(),
        repeated: identity::repeated(&agent.spans()?),
    })
}

/// Starts the agent, and the services before or after it; all have answered once it looks at them.
fn begin(
    services: &[&'static Service],
    plan: &Plan,
    loads: &[Vec<Load>],
    callee: &Callee,
) -> Result<(Agent, Vec<Result<Row>>)> {
    let start = || -> Vec<Result<Row>> {
        let rows = services.iter();
        rows.map(|service| Row::start(service, callee)).collect()
    };
    if !plan.agent_last {
        let agent = start_agent()?;
        let mut rows = start();
        warm(&mut rows, loads);
        return Ok((agent, rows));
    }
    let mut rows = start();
    warm(&mut rows, loads);
    let agent = start_agent()?;
    warm(&mut rows, loads);
    Ok((agent, rows))
}

/// It looks at all but this program.
fn start_agent() -> Result<Agent> {
    let own = std::env::current_exe()?;
    let excluded = format!("exe={}", own.display());
    Builder::jsonl().flag("--exclude", excluded).start()
}

/// Has each service answer some requests of its first load.
fn warm(rows: &mut [Result<Row>], loads: &[Vec<Load>]) {
    for (row, loads) in rows.iter_mut().zip(loads) {
        advance(row, |row| row.warm(*loads.first().context("no load")?));
    }
}

/// Takes a row one step on; it stays at the first error.
fn advance<T>(row: &mut Result<Row>, step: impl FnOnce(&mut Row) -> Result<T>) -> Option<T> {
    let stepped = step(row.as_mut().ok()?);
    stepped.map_err(|error| *row = Err(error)).ok()
}

/// All spans so far, once no more come.
fn settled(agent: &Agent) -> Result<Vec<Span>> {
    let mut last = usize::MAX;
    let mut since = Instant::now();
    wait::until("the spans to settle", || {
        let count = agent.count(|span| !is_background(span)).ok()?;
        if count != last {
            last = count;
            since = Instant::now();
        }
        (since.elapsed() > QUIET).then_some(())
    })?;
    agent.spans()
}
