//! What a request costs whose trace is not sampled, beside one whose trace is.

use anyhow::Result;

use super::case::{Case, Running};
use super::row::{Round, least, traced_round, with_statistics};
use super::sink::Sink;
use super::{Plan, load};

/// What the kernel's statistics themselves cost, in nanoseconds a run.
const STATISTICS: f64 = 90.0;
/// The services that are driven, by what their rows are called.
const SERVICES: [&str; 2] = ["nginx static, 8", "Go net/http, 8"];

/// Prints a table: rounds with and without sampling in turn, CPU the least of all.
pub(crate) fn report(plan: Plan, sink: &Sink) -> Result<()> {
    println!(
        "\n| row | agent CPU us sampled | unsampled | BPF us sampled | unsampled | both sampled | unsampled | share |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let all = Case::all(plan.soak);
    for case in all
        .iter()
        .filter(|case| SERVICES.iter().any(|name| case.name.starts_with(name)))
    {
        let running = Running::start(case)?;
        load::drive(
            &running.url(case),
            8,
            false,
            std::time::Duration::from_secs(1),
        )?;
        let round =
            |sampler| traced_round(case, &running, plan.time, sink, &["--sampler", sampler]);
        let measured = |sampler| with_statistics(|| round(sampler));
        let (mut on, mut off) = (Cost::default(), Cost::default());
        for _ in 0..plan.rounds {
            on.agent.push(round("always_on")?);
            off.agent.push(round("always_off")?);
            on.programs.push(measured("always_on")?);
            off.programs.push(measured("always_off")?);
        }
        let (agent_on, bpf_on) = on.least();
        let (agent_off, bpf_off) = off.least();
        println!(
            "| {} | {agent_on:.2} | {agent_off:.2} | {bpf_on:.2} | {bpf_off:.2} | {:.2} | {:.2} | {:.0} % |",
            case.name,
            agent_on + bpf_on,
            agent_off + bpf_off,
            (agent_off + bpf_off) / (agent_on + bpf_on) * 100.0,
        );
    }
    Ok(())
}

/// Rounds with one sampler: for the agent's CPU, and with the kernel's statistics for the programs'.
#[derive(Default)]
struct Cost {
    agent: Vec<Round>,
    programs: Vec<Round>,
}

impl Cost {
    /// Microseconds of the agent and of the programs in a request.
    fn least(&self) -> (f64, f64) {
        (
            least(&self.agent, |round| round.agent_a_request),
            least(&self.programs, own_bpf),
        )
    }
}

/// Microseconds of the programs in a request, without the statistics.
fn own_bpf(round: &Round) -> f64 {
    (round.bpf_nanoseconds - round.hooks * STATISTICS) / 1e3
}
