//! The cells that both forms show.

use super::super::format;
use super::super::model::{Edge, Rates, Service, Summary};
use super::state::State;

/// Longest name, in characters.
const NAME: usize = 40;
/// Longest operation.
const OPERATION: usize = 80;
/// Heights of a sparkline.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the view holds, in a line.
pub(super) fn summary(state: &State) -> String {
    let (overview, status) = (&state.overview, &state.status);
    let lost: u64 = status.lost.values().sum();
    let mebibytes = |bytes: u64| bytes >> 20;
    format!(
        "last {} s: {} services, {} edges · held: {} traces, {} spans, {} of {} MiB · {lost} spans lost",
        overview.window,
        overview.services.len(),
        overview.edges.len(),
        status.traces,
        status.spans,
        mebibytes(status.memory.used),
        mebibytes(status.memory.limit),
    )
}

fn name(raw: &str) -> String {
    format::cut(&format::escaped(raw), NAME)
}

fn cells_of_rates(rates: &Rates) -> [String; 4] {
    [
        format::rate(rates.requests_per_second),
        format::share(rates.error_ratio),
        format::milliseconds(rates.p50_ms),
        format::milliseconds(rates.p95_ms),
    ]
}

/// Name, rate, errors, p50, p95.
pub(super) fn cells_of_service(service: &Service) -> [String; 5] {
    let [rate, errors, p50, p95] = cells_of_rates(&service.rates);
    [name(&service.name), rate, errors, p50, p95]
}

/// Client, server, rate, errors, p50, p95.
pub(super) fn cells_of_edge(edge: &Edge) -> [String; 6] {
    let [rate, errors, p50, p95] = cells_of_rates(&edge.rates);
    [
        name(&edge.client),
        name(&edge.server),
        rate,
        errors,
        p50,
        p95,
    ]
}

/// Trace, duration, errors, service, operation.
pub(super) fn cells_of_trace(trace: &Summary) -> [String; 5] {
    [
        format::escaped(&trace.trace_id),
        format::milliseconds(Some(trace.duration_ms)),
        trace.errors.to_string(),
        name(&trace.service),
        format::cut(&format::escaped(&trace.operation), OPERATION),
    ]
}

/// Requests of the last seconds as bars, at most `width` of them, the newest at the right.
pub(super) fn sparkline(service: &Service, width: usize) -> String {
    let from = service.series.len().saturating_sub(width);
    let points = service.series.get(from..).unwrap_or_default();
    let most = points.iter().map(|point| point.requests).max().unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    let top = BARS.len() as u64 - 1;
    points
        .iter()
        .map(|point| BARS[usize::try_from(point.requests * top / most).unwrap_or_default()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::model::{Point, Service};
    use super::sparkline;

    #[test]
    fn bars_are_relative_to_the_highest() {
        let series = [0, 7, 14].map(|requests| Point { requests });
        let service = Service {
            series: series.to_vec(),
            ..Service::default()
        };
        assert_eq!(sparkline(&service, 10), "▁▄█");
        assert_eq!(sparkline(&service, 1), "█");
        assert_eq!(sparkline(&Service::default(), 3), "");
    }
}
