//! The embedded view and a real Jaeger, fed with the same spans over OTLP, give the same answers field by field.

#[path = "e2e_view_jaeger/spans.rs"]
mod spans;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::backends::jaeger::Jaeger;
use sonde_tests::{net, run, wait};

/// The two that are compared.
struct Pair {
    jaeger: Jaeger,
    view: String,
    _agent: Agent,
}

impl Pair {
    /// Both have taken in all spans of [`spans::requests`].
    fn start() -> Result<Self> {
        agent::binary()?;
        let jaeger = Jaeger::start()?;
        let (ui, otlp) = (net::free_port()?, net::free_port()?);
        let folder = tempfile::tempdir()?;
        // A kernel thread speaks to nobody, so that there are only the spans sent here.
        let agent = Builder::jsonl()
            .pids([2])
            .flag("--ui", format!("127.0.0.1:{ui}"))
            .flag("--otlp-listen", format!("127.0.0.1:{otlp}"))
            .flag("--socket", folder.path().join("socket").display())
            .start()?;
        let pair = Self {
            view: format!("http://127.0.0.1:{ui}"),
            jaeger,
            _agent: agent,
        };
        for request in spans::requests() {
            for port in [pair.jaeger.http, otlp] {
                let url = format!("http://127.0.0.1:{port}/v1/traces");
                let (status, body) = net::post_json(&url, &request)?;
                ensure!(status == 200, "{url}: {status} {body}");
            }
        }
        let count = spans::ids().len();
        for url in [pair.jaeger.url(), pair.view.clone()] {
            wait::until(&format!("{count} traces at {url}"), || {
                let there = spans::ids()
                    .iter()
                    .all(|id| matches!(net::get(&format!("{url}/api/traces/{id}")), Ok((200, _))));
                there.then_some(())
            })?;
        }
        Ok(pair)
    }

    /// Status and answer of Jaeger and of the view.
    fn ask(&self, path: &str) -> Result<[(u16, Value); 2]> {
        let one = |base: &str| {
            let (status, body) = net::get(&format!("{base}{path}"))?;
            let answer = serde_json::from_str(&body).with_context(|| format!("{path}: {body}"))?;
            Ok::<_, anyhow::Error>((status, answer))
        };
        Ok([one(&self.jaeger.url())?, one(&self.view)?])
    }

    /// Where the two answers differ.
    fn compare(&self, path: &str) -> Result<Vec<String>> {
        let [(jaeger_status, jaeger), (view_status, view)] = self.ask(path)?;
        let mut differences = Vec::new();
        if view_status != jaeger_status {
            differences.push(format!(
                "{path}: Jaeger {jaeger_status}, view {view_status}"
            ));
        }
        differ(&normal(jaeger), &normal(view), path, &mut differences);
        Ok(differences)
    }
}

/// The answer without what Jaeger leaves to chance: the order of lists, and the names of processes.
fn normal(mut answer: Value) -> Value {
    for trace in answer["data"].as_array_mut().into_iter().flatten() {
        if trace["spans"].is_array() {
            name_processes(trace);
        }
    }
    if let Some(data) = answer["data"].as_array_mut() {
        data.sort_by_key(|item| {
            item["traceID"]
                .as_str()
                .map_or_else(|| item.to_string(), str::to_owned)
        });
    }
    answer
}

/// Puts each span's process in the place of its name.
fn name_processes(trace: &mut Value) {
    let processes = trace["processes"].take();
    let Some(spans) = trace["spans"].as_array_mut() else {
        return;
    };
    for span in spans.iter_mut() {
        let name = span["processID"].as_str().unwrap_or_default().to_owned();
        span["processID"] = processes[&name].clone();
        if let Some(warnings) = span["warnings"].as_array_mut() {
            warnings.sort_by_key(ToString::to_string);
        }
    }
    spans.sort_by_key(|span| format!("{}{}", span["spanID"], span["operationName"]));
}

/// Every place where the two differ, as a path.
fn differ(left: &Value, right: &Value, path: &str, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => differ_objects(left, right, path, found),
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (place, (left, right)) in left.iter().zip(right).enumerate() {
                differ(left, right, &format!("{path}/{place}"), found);
            }
        }
        // Go writes 2.0 as 2.
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {}
        _ if left == right => {}
        _ => found.push(format!("{path}: Jaeger {left}, view {right}")),
    }
}

fn differ_objects(
    left: &Map<String, Value>,
    right: &Map<String, Value>,
    path: &str,
    found: &mut Vec<String>,
) {
    for key in left
        .keys()
        .chain(right.keys().filter(|key| !left.contains_key(*key)))
    {
        let none = json!("(no such field)");
        let (left, right) = (
            left.get(key).unwrap_or(&none),
            right.get(key).unwrap_or(&none),
        );
        differ(left, right, &format!("{path}/{key}"), found);
    }
}

/// What is asked.
fn paths() -> Vec<String> {
    let window = spans::window();
    let mut paths = vec![
        "/api/services".to_owned(),
        format!(
            "/api/dependencies?endTs={}&lookback=3600000",
            spans::end_ms()
        ),
    ];
    for id in spans::ids() {
        paths.push(format!("/api/traces/{id}"));
        paths.push(format!("/api/traces/{id}?raw=true"));
        paths.push(format!("/api/traces?traceID={id}"));
    }
    for service in spans::SERVICES {
        paths.push(format!("/api/services/{service}/operations"));
        paths.push(format!("/api/operations?service={service}"));
        paths.push(format!("/api/operations?service={service}&spanKind=server"));
        paths.push(format!("/api/traces?service={service}&limit=20&{window}"));
    }
    let queries = spans::QUERIES.iter();
    paths.extend(queries.map(|query| format!("/api/traces?{query}&{window}")));
    paths
}

#[test]
fn the_same_spans_give_the_same_answers() {
    run("the_same_spans_give_the_same_answers", || {
        let pair = Pair::start()?;
        let mut differences = Vec::new();
        for path in paths() {
            differences.extend(pair.compare(&path)?);
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        for path in [
            "/api/traces/7",
            "/api/traces/nothing",
            "/api/traces",
            "/api/operations",
        ] {
            let [(jaeger_status, jaeger), (view_status, view)] = pair.ask(path)?;
            assert_eq!(view_status, jaeger_status, "{path}");
            assert_eq!(
                view["errors"][0]["code"], jaeger["errors"][0]["code"],
                "{path}"
            );
            assert_eq!(view["data"], jaeger["data"], "{path}");
        }
        Ok(())
    });
}
