//! The log: lines on stderr, human or JSON, and a brake for lines that could repeat.
//!
//! stdout stays free for data. What it does not do: files, rotation, syslog; the service manager has those.

use crate::cli::{Failure, LogFormat};
use crate::config;
use std::io::{self, IsTerminal as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts the log for the whole process.
///
/// # Errors
/// The directives are not valid, or the log was started before.
pub fn start(settings: &config::Log) -> Result<(), Failure> {
    let filter = filter(&settings.level)
        .map_err(|message| Failure::configuration(format!("--log-level: {message}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_timer(SystemTime);
    let started = match settings.format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|source| Failure::run_time("cannot start the log").because(source))
}

/// Checks a level or filter directives, and gives them back in lower case if a level.
///
/// # Errors
/// A sentence that names the nearest level, or what is wrong with the directives.
pub fn parse_level(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.contains(['=', ',']) {
        let lower = text.to_ascii_lowercase();
        if LEVELS.contains(&lower.as_str()) {
            return Ok(lower);
        }
        return Err(match crate::cli::nearest(&lower, LEVELS) {
            Some(level) => format!("unknown level; the nearest is {level}"),
            None => format!("unknown level; expected one of {}", LEVELS.join(", ")),
        });
    }
    filter(text).map(|_| text.to_owned())
}

fn filter(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .parse(directives)
        .map_err(|error| format!("{error}; expected directives such as info,sonde::export=debug"))
}

/// Lets one event of a call site through in ten seconds, and counts the others.
///
/// ```
/// use sonde::logging::RateLimited;
/// static LIMIT: RateLimited = RateLimited::new();
/// if let Some(suppressed) = LIMIT.permit() {
///     tracing::warn!(suppressed, "the queue is full");
/// }
/// ```
#[derive(Debug, Default)]
pub struct RateLimited {
    /// Milliseconds since [`START`] before which nothing passes.
    closed_until: AtomicU64,
    suppressed: AtomicU64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl RateLimited {
    /// The time between two lines.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// For a `static` at the call site.
    pub const fn new() -> Self {
        Self {
            closed_until: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// The number of events held back since the last one that passed, or nothing if this one is held back too.
    pub fn permit(&self) -> Option<u64> {
        self.permit_at(START.elapsed())
    }

    fn permit_at(&self, now: Duration) -> Option<u64> {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let interval = Self::INTERVAL.as_millis() as u64;
        let opens = |closed: u64| (now >= closed).then(|| now.saturating_add(interval));
        match self
            .closed_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, opens)
        {
            Ok(_) => Some(self.suppressed.swap(0, Ordering::Relaxed)),
            Err(_) => {
                self.suppressed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RateLimited, parse_level};
    use std::time::Duration;

    #[test]
    fn levels_and_directives() {
        let cases = [
            ("info", Ok("info")),
            ("WARN", Ok("warn")),
            ("info,sonde::export=debug", Ok("info,sonde::export=debug")),
            ("inof", Err("unknown level; the nearest is info")),
            (
                "loud",
                Err("unknown level; expected one of off, error, warn, info, debug, trace"),
            ),
        ];
        for (text, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(parse_level(text), expected, "{text:?}");
        }
        assert!(parse_level("sonde=loud").is_err());
    }

    #[test]
    fn one_event_in_ten_seconds_passes_with_the_count_of_the_others() {
        let limit = RateLimited::new();
        let permits: Vec<Option<u64>> = [0, 1, 9_999, 10_000, 25_000]
            .into_iter()
            .map(|milliseconds| limit.permit_at(Duration::from_millis(milliseconds)))
            .collect();
        assert_eq!(permits, [Some(0), None, None, Some(2), Some(0)]);
    }
}
