//! Which path is answered by what.

mod live;

use std::io::{self, Write};
use std::sync::Arc;

use axum::extract::{OriginalUri, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::assets;
use crate::api::{self, Parameters, Problem, parse_id};
use crate::jaeger::{self, Answer};
use crate::search;
use crate::view::{Shared, View, now_ms};

/// Queries that work at once; others wait for them.
const MAX_QUERIES: usize = 4;
/// Live tails at once.
const MAX_TAILS: usize = 32;
/// Bytes of one answer.
const MAX_ANSWER: usize = 64 << 20;
/// Spans in one answer with many traces: the store is locked while they are read.
const MAX_SPANS: usize = 20_000;

const OPENAPI: &str = include_str!("../../openapi.json");

/// What the routes share.
#[derive(Clone, Debug)]
struct App {
    shared: Arc<Shared>,
    queries: Arc<Semaphore>,
    tails: Arc<Semaphore>,
}

/// The routes over a view.
pub(super) fn router(view: &View) -> Router {
    let app = App {
        shared: Arc::clone(view.shared()),
        queries: Arc::new(Semaphore::new(MAX_QUERIES)),
        tails: Arc::new(Semaphore::new(MAX_TAILS)),
    };
    Router::new()
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operation_names))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(traces))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(dependencies))
        .route("/api/sonde/overview", get(overview))
        .route("/api/sonde/operations", get(own_operations))
        .route("/api/sonde/search", get(find))
        .route("/api/sonde/traces/{id}", get(export))
        .route("/api/sonde/status", get(status))
        .route("/api/sonde/live", get(live::live))
        .route("/api/openapi.json", get(openapi))
        .route("/api", get(unknown))
        .route("/api/{*rest}", get(unknown))
        .fallback(page)
        .with_state(app)
}

/// Why there is no answer.
enum Failure {
    Parameter(Problem),
    NotFound(&'static str),
    TooLarge,
    Internal,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Parameter(problem)
    }
}

impl Failure {
    /// In Jaeger's form, which the view's own API uses as well.
    fn response(self) -> Response {
        let (status, message) = match self {
            Self::Parameter(problem) => (StatusCode::BAD_REQUEST, problem.message),
            Self::NotFound(what) => (StatusCode::NOT_FOUND, what.to_owned()),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the answer is too large: ask for less, such as by a lower limit".to_owned(),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the query failed".to_owned(),
            ),
        };
        let answer = Answer::fault(status.as_u16(), message);
        (status, Json(answer)).into_response()
    }
}

/// A buffer that refuses to grow beyond a limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_ANSWER {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl App {
    /// Runs a query on a thread where it may take its time, and makes JSON of what it gives.
    async fn query<T: Serialize>(
        &self,
        query: impl FnOnce(&Shared) -> Result<T, Failure> + Send + 'static,
    ) -> Response {
        let shared = Arc::clone(&self.shared);
        let Ok(_place) = self.queries.acquire().await else {
            return Failure::Internal.response();
        };
        let done = tokio::task::spawn_blocking(move || {
            let answer = query(&shared)?;
            let mut buffer = Bounded(Vec::new());
            serde_json::to_writer(&mut buffer, &answer).map_err(|_| Failure::TooLarge)?;
            Ok(buffer.0)
        });
        match done.await.unwrap_or(Err(Failure::Internal)) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(failure) => failure.response(),
        }
    }
}

async fn services(State(app): State<App>) -> Response {
    app.query(|shared| {
        let core = shared.read();
        let names: Vec<String> = jaeger::services(&core.store)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut answer = Answer::counted(names);
        // An empty list of Go is null.
        answer.data = answer.data.filter(|names| !names.is_empty());
        Ok(answer)
    })
    .await
}

async fn operation_names(State(app): State<App>, Path(service): Path<String>) -> Response {
    app.query(move |shared| {
        let mut names: Vec<String> = jaeger::operations(&shared.read().store, &service, None)
            .into_iter()
            .map(|operation| operation.name)
            .collect();
        names.dedup();
        let mut answer = Answer::counted(names);
        answer.data = answer.data.filter(|names| !names.is_empty());
        Ok(answer)
    })
    .await
}

async fn operations(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    app.query(move |shared| {
        let service = parameters
            .text("service")
            .ok_or_else(|| Problem::new("service", "is required"))?;
        let kind = parameters.text("spanKind");
        let found = jaeger::operations(&shared.read().store, &service, kind.as_deref());
        Ok(Answer::counted(found.into_iter().collect()))
    })
    .await
}

async fn traces(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    app.query(move |shared| {
        let raw = parameters.boolean("raw")?.unwrap_or(false);
        let ids = jaeger::trace_ids(&parameters)?;
        if !ids.is_empty() {
            return Ok(jaeger_traces_by_id(shared, &ids, raw));
        }
        let query = jaeger::query(&parameters, now_ms())?;
        let core = shared.read();
        let mut spans = 0;
        let traces = search::find(&core.store, &query)
            .into_iter()
            .take_while(|trace| {
                spans += trace.spans.len();
                spans <= MAX_SPANS
            })
            .map(|trace| jaeger::ui_trace(trace, raw))
            .collect();
        Ok(Answer::of(traces))
    })
    .await
}

fn jaeger_traces_by_id(
    shared: &Shared,
    ids: &[crate::store::TraceId],
    raw: bool,
) -> Answer<Vec<jaeger::UiTrace>> {
    let core = shared.read();
    let mut answer = Answer::of(Vec::new());
    let mut faults = Vec::new();
    for id in ids.iter().take(api::MAX_LIMIT) {
        match core.store.trace(id) {
            Some(trace) => answer
                .data
                .get_or_insert_default()
                .push(jaeger::ui_trace(trace, raw)),
            None => faults.push(jaeger::not_found(id)),
        }
    }
    answer.errors = (!faults.is_empty()).then_some(faults);
    answer
}

async fn trace(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    app.query(move |shared| {
        let id = parse_id(&id).ok_or_else(|| Problem::new("traceID", "is not a trace-id"))?;
        let raw = parameters.boolean("raw")?.unwrap_or(false);
        let core = shared.read();
        let trace = core
            .store
            .trace(&id)
            .ok_or(Failure::NotFound("trace not found"))?;
        Ok(Answer::of(vec![jaeger::ui_trace(trace, raw)]))
    })
    .await
}

async fn dependencies(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    app.query(move |shared| {
        let (after, before) = jaeger::dependencies_window(&parameters, now_ms())?;
        let service = parameters.text("service");
        let mut links = jaeger::dependencies(&shared.read().store, after, before);
        if let Some(service) = service {
            links.retain(|link| link.parent == service || link.child == service);
        }
        Ok(Answer::of(links))
    })
    .await
}

async fn overview(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    app.query(move |shared| {
        let window = api::window(&parameters)?;
        Ok(api::overview(&shared.read(), now_ms(), window))
    })
    .await
}

async fn own_operations(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    app.query(move |shared| {
        let window = api::window(&parameters)?;
        let service = parameters.text("service");
        let core = shared.read();
        Ok(api::operations(&core, now_ms(), window, service.as_deref()))
    })
    .await
}

async fn find(State(app): State<App>, Query(parameters): Query<Parameters>) -> Response {
    app.query(move |shared| {
        let query = api::query(&parameters)?;
        Ok(api::find(&shared.read(), &query))
    })
    .await
}

async fn export(State(app): State<App>, Path(id): Path<String>) -> Response {
    app.query(move |shared| {
        let id = parse_id(&id).ok_or_else(|| Problem::new("id", "is not a trace-id"))?;
        let core = shared.read();
        let trace = core
            .store
            .trace(&id)
            .ok_or(Failure::NotFound("trace not found"))?;
        Ok(api::export(trace))
    })
    .await
}

async fn status(State(app): State<App>) -> Response {
    app.query(|shared| Ok(api::status(shared))).await
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn unknown() -> Response {
    Failure::NotFound("there is no such path; /api/openapi.json lists them").response()
}

async fn page(OriginalUri(uri): OriginalUri) -> Response {
    assets::asset(uri.path())
}
