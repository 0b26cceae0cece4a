//! Requests with traces of their own, as concurrent streams of one connection.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use h2::client::{self, SendRequest};
use http::{Method, Request, Version, header};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::load::{Load, next_trace, traceparent};
use super::{GRPC, drain, message, runtime};

type Sender = SendRequest<bytes::Bytes>;

/// Sends all requests; gives the trace-ids of those that were answered well.
pub(crate) fn run(port: u16, load: Load, is_grpc: bool) -> Result<Vec<String>> {
    runtime()?.block_on(async {
        let each = load.requests / load.concurrency;
        let shared = connect(port).await?;
        let mut workers = JoinSet::new();
        for _ in 0..load.concurrency {
            let connection = (!load.close).then(|| shared.clone());
            workers.spawn(worker(port, each, connection, load.cancels, is_grpc));
        }
        Ok(workers.join_all().await.concat())
    })
}

async fn connect(port: u16) -> Result<Sender> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = client::handshake(socket).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Without a `connection` each request has its own.
async fn worker(
    port: u16,
    requests: usize,
    connection: Option<Sender>,
    cancels: bool,
    is_grpc: bool,
) -> Vec<String> {
    let mut answered = Vec::new();
    for index in 0..requests {
        if let Some(connection) = connection.as_ref().filter(|_| cancels && index % 5 == 0) {
            tokio::spawn(give_up(port, connection.clone(), index, is_grpc));
        }
        let trace = next_trace();
        let result = match &connection {
            Some(connection) => request(port, connection.clone(), &trace, is_grpc).await,
            None => match connect(port).await {
                Ok(connection) => request(port, connection, &trace, is_grpc).await,
                Err(error) => Err(error),
            },
        };
        if matches!(result, Ok(true)) {
            answered.push(trace);
        }
    }
    answered
}

/// A request that is cancelled after some milliseconds: dropped, it resets its stream.
async fn give_up(port: u16, connection: Sender, index: usize, is_grpc: bool) {
    let patience = Duration::from_millis(index as u64 * 7 % 20);
    let trace = next_trace();
    // Whichever way it ends, nobody counts it.
    drop(tokio::time::timeout(patience, request(port, connection, &trace, is_grpc)).await);
}

/// Was it answered, and well?
async fn request(port: u16, connection: Sender, trace: &str, is_grpc: bool) -> Result<bool> {
    let (method, path) = if is_grpc {
        (Method::POST, "/causality.Service/Serve".to_owned())
    } else {
        (Method::GET, format!("/serve/{trace}"))
    };
    let mut request = Request::builder()
        .method(method)
        .version(Version::HTTP_2)
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .header("traceparent", traceparent(trace));
    if is_grpc {
        request = request.header(header::CONTENT_TYPE, GRPC);
        request = request.header(header::TE, "trailers");
    }
    let mut connection = connection.ready().await?;
    let (response, mut body) = connection.send_request(request.body(())?, !is_grpc)?;
    if is_grpc {
        body.send_data(message(trace).into(), true)?;
    }
    let response = response.await?;
    let status = response.status();
    let mut trailers_only = response.headers().get("grpc-status").cloned();
    let mut body = response.into_body();
    drain(&mut body).await?;
    if !is_grpc {
        return Ok(status.is_success());
    }
    if let Some(trailers) = body.trailers().await? {
        trailers_only = trailers.get("grpc-status").cloned();
    }
    let code = trailers_only.context("no status of gRPC")?;
    Ok(status.is_success() && code == "0")
}
