//! The rows of `sonde check` that need the BPF programs: each is really loaded, attached and detached.

use super::alone::{Alone, Refused};
use crate::capture::{Capture, Fionread, Options, PROGRAMS, Uprobes};
use crate::cli::check::{Row, Status};
use crate::config::{Check, cgroup};
use std::path::Path;

/// Small: the check reads no records.
const RING_BYTES: u32 = 64 * 1024;

/// Loads and attaches every program, one row each; all are detached on return.
pub fn check(config: &Check) -> Vec<Row> {
    let cgroup = match cgroup::resolve(config.cgroup.as_deref()) {
        Ok(cgroup) => cgroup,
        Err(failure) => return vec![Row::new("BPF programs", Status::Skipped, failure.report())],
    };
    let options = Options {
        cgroup,
        ring_bytes: RING_BYTES,
        max_head_bytes: 16 * 1024,
        watch_all: true,
        service_samplers: false,
        context: crate::context::Options::default(),
    };
    let mut capture = match Capture::load(&options) {
        Ok(capture) => capture,
        Err(error) => {
            return vec![
                Row::new("BPF maps", Status::Failed, error.to_string())
                    .advise("run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"),
            ];
        }
    };
    let mut rows = vec![other_agents(&options.cgroup)];
    let alone = rows.iter().all(|row| row.status == Status::Ok);
    rows.push(Row::new("BPF maps", Status::Ok, "created"));
    for program in PROGRAMS {
        if !alone {
            rows.push(beside(program));
            continue;
        }
        let name = format!("hook {program}");
        rows.push(match capture.attach_one(program, &options.cgroup) {
            Ok(()) => Row::new(name, Status::Ok, "loaded, attached, detached"),
            Err(error) => Row::new(name, Status::Failed, first_line(&error.to_string()))
                .advise("needs Linux 5.17 or later with BTF, cgroup2 mounted, and a lockdown mode below \"confidentiality\""),
        });
    }
    rows.push(runtimes(&mut capture));
    rows.push(fionread(&mut capture));
    rows
}

/// Whether an agent may start here. One at work is what the operator wants, as a rule.
fn other_agents(cgroup: &Path) -> Row {
    const NAME: &str = "other agents";
    match Alone::on(cgroup) {
        Ok(_) => Row::new(NAME, Status::Ok, format!("none on {}", cgroup.display())),
        Err(Refused::Other(other)) => Row::new(NAME, Status::Warning, other.who())
            .advise(format!("a second one is refused there: {}", other.advice())),
        Err(Refused::Failed(error)) => Row::new(NAME, Status::Failed, error.to_string()),
    }
}

/// A second set of programs would disturb the agent at work.
fn beside(program: &str) -> Row {
    let detail = "not tried: another agent is at work";
    Row::new(format!("hook {program}"), Status::Skipped, detail)
}

/// What is loaded for the runtimes that hide who causes what; the agent goes on without.
fn runtimes(capture: &mut Capture) -> Row {
    const NAME: &str = "programs for runtimes";
    let uprobes = Uprobes::new(capture);
    match uprobes.refused() {
        [] if uprobes.sees_other_reads() => Row::new(NAME, Status::Ok, "loaded"),
        [] => Row::new(NAME, Status::Warning, "no tracepoint sock_recv_length").advise(
            "calls of Node.js behind a read from a Unix socket may be linked wrong; Linux 6.3 and later have it",
        ),
        refused => {
            let reasons = refused.iter().map(|error| first_line(&error.to_string()));
            let reasons: Vec<String> = reasons.collect();
            Row::new(NAME, Status::Warning, reasons.join("; "))
                .advise("some requests that processes of these runtimes send will have no parent")
        }
    }
}

/// Decides whose requests get the trace context written into them.
fn fionread(capture: &mut Capture) -> Row {
    const NAME: &str = "FIONREAD in a sockhash";
    match capture.try_fionread() {
        Ok(Fionread::Right) => Row::new(
            NAME,
            Status::Ok,
            "answers right: traceparent is written for every runtime",
        ),
        Ok(Fionread::Wrong(answer)) => {
            let detail = format!("answers {answer} where 100 bytes wait: a fault of this kernel");
            Row::new(NAME, Status::Warning, detail).advise(
                "traceparent is written only for Node.js, Python, Ruby, PHP, Rust and Go, which do not ask; requests of others carry the TCP option. A kernel of July 2026 or later has it mended",
            )
        }
        Err(error) => Row::new(NAME, Status::Skipped, first_line(&error.to_string())),
    }
}

/// Without the verifier's log, which fills pages.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
