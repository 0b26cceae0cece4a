//! Ports of one's own and small HTTP requests from the test itself.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A port that was free on loopback a moment ago. The kernel gives out others first, so nobody else takes it soon.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}

/// Status and body of a GET, whatever the status.
pub fn get(url: &str) -> Result<(u16, String)> {
    let agent = http_agent();
    let mut response = agent
        .get(url)
        .call()
        .with_context(|| format!("GET {url}"))?;
    let body = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), body))
}

/// Status and body of a POST of JSON.
pub fn post_json(url: &str, body: &serde_json::Value) -> Result<(u16, String)> {
    let agent = http_agent();
    let mut response = agent
        .post(url)
        .send_json(body)
        .with_context(|| format!("POST {url}"))?;
    let text = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), text))
}

fn http_agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}
