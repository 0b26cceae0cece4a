//! What the peers of a watched client see: exactly one `traceparent`, that of the client's span, and otherwise the very request
//! that they see without an agent. None of the peers knows of Sonde.

use anyhow::{Context as _, Result, anyhow, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::client::{self, Request};
use sonde_tests::process::Process;
use sonde_tests::propagation::{self, Seen};
use sonde_tests::service::{self, Kind, Nginx, Service};
use sonde_tests::span::{self, CLIENT, SERVER, Span};
use sonde_tests::{chain, expect, kernel, net, run};

const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Requests that one client makes, over a connection that it keeps.
fn plan(url: &str) -> Vec<Request> {
    let mut requests: Vec<Request> = (0..6)
        .map(|i| {
            Request::new(
                "GET",
                format!("{url}/seen/{i}?a=b&c={}", "x".repeat(i * 90)),
            )
        })
        .collect();
    for (index, size) in [(6, 1), (7, 2_000), (8, 300_000)] {
        let mut post = Request::new("POST", format!("{url}/seen/{index}"));
        post.body = size;
        requests.push(post);
    }
    // A client that traces itself is left alone; the last, as a process may be taken for such a one from then on.
    let mut own = Request::new("GET", format!("{url}/seen/9"));
    own.traceparent = Some(OWN.to_owned());
    requests.push(own);
    requests
}

/// Who makes the requests.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// A program that makes all of them.
    Program(client::Kind),
    /// A curl for each.
    Curl,
}

impl Who {
    /// On kernels that miscount for sockets in a SOCKHASH, only those are put there that do not ask.
    fn must_be_told(self) -> Result<bool> {
        Ok(!matches!(self, Self::Curl) || kernel::counts_in_sockhash()?)
    }
}

const CLIENTS: [Who; 4] = [
    Who::Curl,
    Who::Program(client::Kind::Requests),
    Who::Program(client::Kind::Fetch),
    Who::Program(client::Kind::Go),
];

/// Makes the requests; with a cgroup, under an agent that watches the client only, which is given back.
fn make(who: Who, requests: &[Request], cgroup: Option<&Cgroup>) -> Result<Option<Agent>> {
    let watching = |builder: Builder| match cgroup {
        Some(cgroup) => {
            let builder = builder.flag("--cgroup", cgroup.path().display());
            builder.start().map(Some)
        }
        None => Ok(None),
    };
    let (outcomes, agent) = match who {
        Who::Program(kind) => {
            let mut client = kind.start_in(cgroup)?;
            let agent = watching(Builder::jsonl().pids(client.process.group()))?;
            (client.make(requests)?, agent)
        }
        Who::Curl => {
            let agent = watching(Builder::jsonl().flag("--include", "exe=*/curl"))?;
            let made = requests
                .iter()
                .map(|request| Ok(client::curl_in(request, cgroup)?.0))
                .collect::<Result<Vec<_>>>()?;
            (made, agent)
        }
    };
    let refused = outcomes.iter().find(|outcome| outcome.status != 200);
    ensure!(refused.is_none(), "{who:?}: {refused:?}");
    Ok(agent)
}

/// A server that is not watched.
#[derive(Debug)]
struct Target {
    /// Prints the requests.
    service: Service,
    /// Passes them on to it.
    front: Option<Nginx>,
}

impl From<Service> for Target {
    fn from(service: Service) -> Self {
        let front = None;
        Self { service, front }
    }
}

/// All clients against one server.
fn accepted_by(name: &str, start: impl FnOnce() -> Result<Target>) {
    run(name, || {
        propagation::need()?;
        let target = start()?;
        let entrance = target.front.as_ref().map(|nginx| &nginx.service);
        let requests = plan(&entrance.unwrap_or(&target.service).url);
        let mut printed = 0;
        for who in CLIENTS {
            let mut seen = || next_seen(&target.service.process, &mut printed, requests.len());
            make(who, &requests, None)?;
            let plain = seen()?;
            let cgroup = Cgroup::new()?;
            let agent = make(who, &requests, Some(&cgroup))?.context("no agent")?;
            let traced = seen()?;
            let strange = requests.iter().filter(|r| r.traceparent.is_none());
            let targets: Vec<&str> = strange.map(Request::target).collect();
            let wanted = |span: &Span| span.kind == CLIENT && targets.contains(&&*span.target());
            let spans = agent.finish(targets.len(), wanted)?;
            if adds_nothing(&requests, &traced) && !who.must_be_told()? {
                println!("{name}: {who:?} is left alone on this kernel");
                ensure!(traced.iter().zip(&plain).all(|(t, p)| t == p), "changed");
                continue;
            }
            compare(&requests, &plain, &traced, &spans)
                .with_context(|| format!("{who:?} to {name}"))?;
        }
        Ok(())
    });
}

/// The server saw just the fields that the requests had.
fn adds_nothing(requests: &[Request], seen: &[Seen]) -> bool {
    let own = requests.iter().map(|r| r.traceparent.as_slice());
    own.eq(seen.iter().map(|s| &*s.traceparents))
}

fn next_seen(printer: &Process, printed: &mut usize, count: usize) -> Result<Vec<Seen>> {
    let all = propagation::seen(printer, *printed + count)?;
    let new = all[*printed..].to_vec();
    *printed = all.len();
    Ok(new)
}

fn compare(requests: &[Request], plain: &[Seen], traced: &[Seen], spans: &[Span]) -> Result<()> {
    ensure!(traced.len() == requests.len(), "{} requests", traced.len());
    for ((request, plain), traced) in requests.iter().zip(plain).zip(traced) {
        ensure!(traced.is_like(plain), "changed:\n{plain:?}\n{traced:?}");
        if let Some(own) = &request.traceparent {
            ensure!(
                traced.traceparents == [own.clone()],
                "not left alone: {traced:?}"
            );
            continue;
        }
        ensure!(plain.traceparents.is_empty(), "without an agent: {plain:?}");
        let field = traced.traceparent()?;
        let span = expect::only(spans, CLIENT, request.target());
        let told = (&field.trace_id, &field.parent_id, u64::from(field.flags));
        let own = (&span.trace_id, &span.span_id, span.flags & 0xff);
        ensure!(told == own, "{field:?} is not of {span:#?}");
    }
    Ok(())
}

#[test]
fn flask_accepts() {
    accepted_by("flask_accepts", || Kind::Flask.start().map(Target::from));
}

#[test]
fn express_accepts() {
    accepted_by("express_accepts", || {
        Kind::Express.start().map(Target::from)
    });
}

#[test]
fn go_accepts() {
    accepted_by("go_accepts", || Kind::Go.start().map(Target::from));
}

#[test]
fn jdk_accepts() {
    accepted_by("jdk_accepts", || Kind::Jdk.start().map(Target::from));
}

#[test]
fn h11_accepts() {
    accepted_by("h11_accepts", || service::h11().map(Target::from));
}

#[test]
fn llhttp_accepts() {
    accepted_by("llhttp_accepts", || service::llhttp().map(Target::from));
}

/// nginx, which is not watched, passes the field on as any other.
#[test]
fn nginx_accepts() {
    accepted_by("nginx_accepts", || {
        let upstream = Kind::Go.start()?;
        let front = Some(service::nginx(upstream.port, &[])?);
        Ok(Target {
            service: upstream,
            front,
        })
    });
}

/// The comparison, without an agent: every client makes the same request twice, every server prints it, and what is not the
/// same or not of the span is found.
#[test]
fn peers_print_what_they_see() {
    run("peers_print_what_they_see", || {
        let servers = [
            Kind::Flask.start()?,
            Kind::Express.start()?,
            Kind::Go.start()?,
            Kind::Jdk.start()?,
            service::h11()?,
            service::llhttp()?,
        ];
        for server in &servers {
            let mut printed = 0;
            for who in CLIENTS {
                let requests = plan(&server.url);
                make(who, &requests, None)?;
                let first = next_seen(&server.process, &mut printed, requests.len())?;
                make(who, &requests, None)?;
                let second = next_seen(&server.process, &mut printed, requests.len())?;
                for ((request, first), second) in requests.iter().zip(&first).zip(&second) {
                    let about = || format!("{who:?}: {first:?}\n{second:?}");
                    assert!(first.is_like(second), "{}", about());
                    assert_eq!(first.body, request.body, "{}", about());
                    let start = format!("{} {}", request.method, request.target());
                    assert_eq!(first.start, start, "{}", about());
                    let own: Vec<String> = request.traceparent.iter().cloned().collect();
                    assert_eq!(first.traceparents, own, "{}", about());
                }
                let found = compare(&requests, &first, &second, &[]);
                assert!(found.is_err(), "no field was missed");
            }
        }
        Ok(())
    });
}

/// The comparison of one request: right once, and wrong in each way.
#[test]
fn the_comparison_compares() {
    let seen = |values: &[&str]| Seen {
        start: "GET /seen/1".to_owned(),
        body: 0,
        fields: Vec::new(),
        traceparents: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let line = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":3,"traceId":"0af7651916cd43dd8448eb211c80319c",
        "spanId":"b7ad6b7169203331","flags":257,"attributes":[
        {"key":"url.full","value":{"stringValue":"http://h/seen/1"}}]}]}]}]}"#;
    let spans = span::parse_lines(&(line.replace('\n', "") + "\n")).expect("a span");
    let requests = [Request::new("GET", "http://h/seen/1".to_owned())];
    let check = |traced| compare(&requests, &[seen(&[])], &[traced], &spans);
    assert!(check(seen(&[OWN])).is_ok());
    let other_parent = OWN.replace("b7ad", "b7ae");
    let other_trace = OWN.replace("0af7", "0af8");
    let other_flags = OWN.replace("-01", "-00");
    for wrong in [&*other_parent, &*other_trace, &*other_flags, "00-0-0-0"] {
        assert!(check(seen(&[wrong])).is_err(), "{wrong}");
    }
    assert!(check(seen(&[])).is_err());
    assert!(check(seen(&[OWN, OWN])).is_err());
    let mut changed = seen(&[OWN]);
    changed.body = 1;
    assert!(check(changed).is_err());
}

/// `--propagate off` and `tcp` add no field.
#[test]
fn no_header_when_told() {
    run("no_header_when_told", || {
        propagation::need()?;
        agent::binary()?;
        let server = Kind::Go.start()?;
        for (index, how) in propagation::known_ways(&["off", "tcp"])?
            .into_iter()
            .enumerate()
        {
            let cgroup = Cgroup::new()?;
            let mut client = client::Kind::Go.start_in(Some(&cgroup))?;
            let agent = Builder::jsonl()
                .flag("--cgroup", cgroup.path().display())
                .flag("--propagate", how)
                .pids(client.process.group())
                .start()?;
            client.make(&[Request::new("GET", format!("{}/seen/{index}", server.url))])?;
            agent.finish(1, |span| span.kind == CLIENT)?;
            let all = propagation::seen(&server.process, index + 1)?;
            assert!(all[index].traceparents.is_empty(), "{how}: {all:?}");
        }
        Ok(())
    });
}

/// Lines of a request beside those of every request, and the `tracestate` that it passes on.
fn states() -> Vec<(String, Option<String>)> {
    let own = format!("traceparent: {OWN}\r\n");
    let line = |value: &str| format!("{own}tracestate: {value}\r\n");
    let carried = |value: String| (line(&value), Some(value));
    let sized = |bytes: usize| format!("a={},b={}", "v".repeat(253), "w".repeat(bytes - 258));
    vec![
        carried("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7".to_owned()),
        carried("t=v".to_owned()),
        (line("a=1 , 0@b=2;3 4,"), Some("a=1,0@b=2;3 4".to_owned())),
        carried(sized(511)),
        carried(sized(512)),
        (
            format!("TraceState:last=1\r\n{own}"),
            Some("last=1".to_owned()),
        ),
        (line(&sized(513)), None),
        (line("a=1,=2"), None),
        (line("a=1\u{e4}"), None),
        (line(""), None),
        (own.clone(), None),
        (line("a=1").replace("-01\r", "-0x\r"), None),
    ]
}

/// What came in with `traceparent` goes out with it, or not at all.
#[test]
fn tracestate_is_carried() {
    run("tracestate_is_carried", || {
        propagation::need()?;
        let callee = Kind::Go.start()?;
        let cgroup = Cgroup::new()?;
        let port = net::free_port()?;
        let next = format!("{}/seen", callee.url);
        let command = chain::flask_command("127.0.0.1", port, Some(&next))?;
        let service = Service::start("chain flask", port, &mut cgroup.command(&command))?;
        let agent = Builder::jsonl()
            .flag("--cgroup", cgroup.path().display())
            .pids(service.process.group())
            .start()?;
        let states = states();
        for (number, (lines, _)) in states.iter().enumerate() {
            propagation::ask(port, &format!("/chain/{number}"), lines)?;
        }
        let seen = propagation::seen(&callee.process, states.len())?;
        let spans = agent.finish(2 * states.len(), |span| span.target().contains("/chain/"))?;
        for (number, (lines, state)) in states.iter().enumerate() {
            let found = passed_on(number, state.as_deref(), &seen, &spans);
            found.map_err(|error| anyhow!("{lines}: {error:#}"))?;
        }
        Ok(())
    });
}

fn passed_on(number: usize, state: Option<&str>, seen: &[Seen], spans: &[Span]) -> Result<()> {
    let target = format!("/chain/{number}");
    let server = expect::only(spans, SERVER, &target);
    let client = expect::only(spans, CLIENT, &format!("/seen{target}"));
    let field = seen[number].traceparent()?;
    let ids = (&field.trace_id, &field.parent_id);
    ensure!(ids == (&client.trace_id, &client.span_id), "{client:#?}");
    ensure!(server.trace_id == client.trace_id, "{server:#?}");
    let (found, rest): (Vec<_>, Vec<_>) = seen[number]
        .fields
        .iter()
        .partition(|(name, _)| name == "tracestate");
    let values: Vec<&str> = found.iter().map(|(_, value)| &**value).collect();
    ensure!(values == state.as_slice(), "{values:?}, {server:#?}");
    let first = seen[0]
        .fields
        .iter()
        .filter(|(name, _)| name != "tracestate");
    ensure!(rest.into_iter().eq(first), "changed: {:?}", seen[number]);
    if let Some(state) = state {
        let list: Vec<&str> = state.split(',').map(str::trim).collect();
        ensure!(server.trace_state == list.join(","), "{server:#?}");
    }
    let told = if state.is_some() {
        &*server.trace_state
    } else {
        ""
    };
    ensure!(client.trace_state == told, "{client:#?}");
    Ok(())
}
