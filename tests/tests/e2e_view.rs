//! The embedded view of a running agent: what it shows of a real service, over TCP and over the unix socket, and what is left
//! after the agent was killed.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sonde_tests::agent::{self, Builder};
use sonde_tests::client::{self, Request};
use sonde_tests::service::Kind;
use sonde_tests::{net, run, wait};

/// The body of a 200 answer over the unix socket.
fn ask_socket(socket: &Path, path: &str) -> Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: sonde\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
    Ok(serde_json::from_str(body)?)
}

fn ask(url: &str) -> Result<Value> {
    let (status, body) = net::get(url)?;
    ensure!(status == 200, "{url}: {status} {body}");
    Ok(serde_json::from_str(&body)?)
}

fn traces(answer: &Value) -> usize {
    answer["traces"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_service_is_shown_and_survives_a_kill() {
    run("a_service_is_shown_and_survives_a_kill", || {
        agent::binary()?;
        let flask = Kind::Flask.start()?;
        let folder = tempfile::tempdir()?;
        let (data, socket) = (folder.path().join("data"), folder.path().join("sonde.sock"));
        let ui = net::free_port()?;
        let search = format!("http://127.0.0.1:{ui}/api/sonde/search");
        let start = || {
            Builder::jsonl()
                .pids(flask.process.group())
                .flag("--ui", format!("127.0.0.1:{ui}"))
                .flag("--ui-data", data.display())
                .flag("--socket", socket.display())
                .start()
        };
        let mut agent = start()?;
        for size in 50..53 {
            client::curl(&Request::new("GET", format!("{}/sized/{size}", flask.url)))?;
        }
        wait::until("three traces in the view", || {
            ask(&search)
                .is_ok_and(|found| traces(&found) == 3)
                .then_some(())
        })?;
        let wanted = "url.path=/sized/51";
        let found = ask(&format!("{search}?attribute={wanted}&status=200"))?;
        assert_eq!(traces(&found), 1, "{found}");
        assert_eq!(found["traces"][0]["operation"], "GET /sized/{id}");

        let mode = std::fs::metadata(&socket)?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let overview = ask_socket(&socket, "/api/sonde/overview")?;
        assert_eq!(
            overview["services"].as_array().map(Vec::len),
            Some(1),
            "{overview}"
        );
        wait::until("all spans counted", || {
            (agent.metric("sonde_view_traces", "").ok()? == 3.0).then_some(())
        })?;

        // Commits come about once a second; three of them are enough for all that was shown.
        let file = data.join("traces.redb");
        let written = || {
            std::fs::metadata(&file)
                .and_then(|file| file.modified())
                .ok()
        };
        wait::until_stable(
            std::time::Duration::from_secs(3),
            "the disk to be quiet",
            written,
        )?;
        agent.kill()?;
        assert!(socket.exists(), "a killed agent leaves its socket behind");
        let mut agent = start()?;
        assert_eq!(traces(&ask(&search)?), 3);
        agent.stop()?;
        assert!(!socket.exists(), "an agent that ends takes its socket away");
        Ok(())
    });
}

#[test]
fn an_address_that_others_can_reach_needs_the_token() {
    run("an_address_that_others_can_reach_needs_the_token", || {
        agent::binary()?;
        let folder = tempfile::tempdir()?;
        let ui = net::free_port()?;
        let mut agent = Builder::jsonl()
            .pids([2])
            .flag("--ui", format!("0.0.0.0:{ui}"))
            .flag("--socket", folder.path().join("sonde.sock").display())
            .env("SONDE_UI_TOKEN", "a-token-of-some-length")
            .start()?;
        let (status, _) = net::get(&format!("http://127.0.0.1:{ui}/api/services"))?;
        assert_eq!(status, 401);
        let (status, _) = net::get(&format!("http://127.0.0.1:{ui}/"))?;
        assert_eq!(status, 401);
        agent.stop()
    });
}
