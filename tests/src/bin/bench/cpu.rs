//! CPU time of processes, from `/proc/PID/stat`.

use std::time::Duration;

/// CPU time of these processes so far, user and system. One that is gone counts as nothing.
pub(crate) fn of(pids: &[u32]) -> Duration {
    pids.iter().filter_map(|pid| one(*pid)).sum()
}

fn one(pid: u32) -> Option<Duration> {
    // `sched` counts in nanoseconds, where the kernel has it; `stat` in ticks of 10 ms.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let run = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let nanoseconds: Option<u64> = tasks.flatten().map(|task| run(task.path())).sum();
    nanoseconds.map(Duration::from_nanos).or_else(|| ticks(pid))
}

/// CPU time of all children that have ended: of a load generator that only lives for a round.
pub(crate) fn of_ended() -> Duration {
    // SAFETY: all fields of the struct may be zero, and the call writes no other memory.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let times = [usage.ru_utime, usage.ru_stime];
    let microseconds = times.map(|time| time.tv_sec * 1_000_000 + time.tv_usec);
    Duration::from_micros(microseconds.iter().sum::<i64>().unsigned_abs())
}

fn ticks(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields
        .split_whitespace()
        .skip(11)
        .map(|field| field.parse::<u64>().unwrap_or(0));
    let ticks = fields.next()? + fields.next()?;
    Some(Duration::from_millis(ticks * 10))
}
