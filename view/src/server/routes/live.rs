//! `GET /api/sonde/live`: server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{BroadcastStream, IntervalStream};

use super::App;
use crate::api::{self, Parameters};
use crate::view::{Shared, now_ms};

/// An `overview` once a second, and a `trace` for each new trace at a bounded rate.
pub(super) async fn live(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    let window = match api::window(&parameters) {
        Ok(window) => window,
        Err(problem) => return super::Failure::Parameter(problem).response(),
    };
    let Ok(place) = Arc::clone(&app.tails).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many live tails\n").into_response();
    };
    let mut missed = 0;
    let traces = BroadcastStream::new(app.shared.live.subscribe()).filter_map(move |event| {
        let mut event = match event {
            Ok(event) => event,
            // This listener is behind.
            Err(BroadcastStreamRecvError::Lagged(count)) => {
                missed += count;
                return None;
            }
        };
        event.dropped += std::mem::take(&mut missed);
        Some(sent("trace", &event))
    });
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let shared = Arc::clone(&app.shared);
    let overviews =
        IntervalStream::new(seconds).map(move |_| sent("overview", &overview(&shared, window)));
    let events = Held {
        events: overviews.merge(traces),
        _place: place,
    };
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn overview(shared: &Shared, window: u32) -> impl serde::Serialize {
    api::overview(&shared.read(), now_ms(), window)
}

fn sent(name: &str, data: &impl serde::Serialize) -> Result<Event, Infallible> {
    let event = Event::default().event(name);
    // JSON of these shapes cannot fail.
    Ok(event
        .json_data(data)
        .unwrap_or_else(|_| Event::default().comment("not shown")))
}

/// Events that hold their place among the live tails.
struct Held<S> {
    events: S,
    _place: OwnedSemaphorePermit,
}

impl<S: Stream + Unpin> Stream for Held<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Pin::new(&mut self.events).poll_next(context)
    }
}
