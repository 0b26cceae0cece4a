//! The state as text, for pipes and for `--once`.

use super::super::table::{numbers, render, words};
use super::state::State;
use super::widgets::{cells_of_edge, cells_of_service, cells_of_trace, summary};

/// Four tables below a line of sums.
pub(super) fn text(state: &State) -> String {
    let services: Vec<_> = state
        .overview
        .services
        .iter()
        .map(cells_of_service)
        .collect();
    let edges: Vec<_> = state.overview.edges.iter().map(cells_of_edge).collect();
    let rates = [
        numbers("RATE"),
        numbers("ERRORS"),
        numbers("P50"),
        numbers("P95"),
    ];
    let [rate, errors, p50, p95] = rates;
    let mut text = format!("{}\n\n", summary(state));
    text += &render([words("SERVICE"), rate, errors, p50, p95], &services);
    text.push('\n');
    text += &render(
        [words("CLIENT"), words("SERVER"), rate, errors, p50, p95],
        &edges,
    );
    for (title, traces) in [("slowest", &state.slowest), ("failing", &state.failing)] {
        let rows: Vec<_> = traces.iter().take(10).map(cells_of_trace).collect();
        text += &format!("\n{title}\n");
        let columns = [
            words("TRACE"),
            numbers("DURATION"),
            numbers("ERRORS"),
            words("SERVICE"),
            words("OPERATION"),
        ];
        text += &render(columns, &rows);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::model::{Edge, Overview, Rates, Service, Summary};
    use super::{State, text};

    #[test]
    fn hostile_names_are_escaped_and_all_tables_are_there() {
        let rates = Rates {
            requests_per_second: 12.0,
            error_ratio: 0.5,
            p50_ms: Some(1.0),
            p95_ms: None,
        };
        let hostile = "web\u{1b}]0;x\u{7}".to_owned();
        let state = State {
            overview: Overview {
                window: 60,
                services: vec![Service {
                    name: hostile.clone(),
                    rates: rates.clone(),
                    series: Vec::new(),
                }],
                edges: vec![Edge {
                    client: hostile,
                    server: "db".to_owned(),
                    rates,
                }],
            },
            failing: vec![Summary {
                trace_id: "ab".to_owned(),
                operation: "GET /x\n".to_owned(),
                errors: 1,
                ..Summary::default()
            }],
            ..State::default()
        };
        let text = text(&state);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text}"
        );
        for part in [
            "web\\u{1b}",
            "50.0%",
            "db",
            "slowest",
            "failing",
            "GET /x\\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
