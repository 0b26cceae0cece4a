//! An HTTP/2 server that notes the trace of each call: `/down/ID/NUMBER`, or the gRPC method `/down/ID-NUMBER`.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use tokio::net::{TcpListener as Listener, TcpStream};

use super::super::callee::Call;
use super::{GRPC, drain, message, runtime};

type Calls = Arc<Mutex<Vec<Call>>>;

/// Listens on a free port of loopback, until the program ends.
pub(crate) fn serve(calls: Calls) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = runtime()?;
    thread::spawn(move || runtime.block_on(accept(listener, calls)));
    Ok(port)
}

async fn accept(listener: TcpListener, calls: Calls) -> io::Result<()> {
    let listener = Listener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(connection(socket, Arc::clone(&calls)));
    }
}

/// A connection or stream that ends in an error is the service's business; its calls are missing then.
async fn connection(socket: TcpStream, calls: Calls) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let mut connection = server::handshake(socket).await?;
    let mut random = 0_u64;
    while let Some(stream) = connection.accept().await {
        let (request, respond) = stream?;
        note(&request, &calls);
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let pause = Duration::from_micros((random >> 33) % 2_000);
        tokio::spawn(answer(request, respond, pause));
    }
    Ok(())
}

fn note(request: &Request<RecvStream>, calls: &Mutex<Vec<Call>>) {
    let name = request.uri().path().trim_start_matches("/down/");
    let mut traces = request.headers().get_all("traceparent").iter();
    // Several fields are as good as a wrong one.
    let trace = match (traces.next(), traces.next()) {
        (None, _) => None,
        (Some(field), None) => field.to_str().unwrap_or_default().split('-').nth(1),
        _ => Some("several"),
    };
    calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Call {
            name: name.replace('-', "/"),
            trace: trace.map(str::to_owned),
        });
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
    pause: Duration,
) -> Result<(), h2::Error> {
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes()));
    drain(&mut request.into_body()).await?;
    tokio::time::sleep(pause).await;
    if !is_grpc {
        let mut body = respond.send_response(Response::new(()), false)?;
        return body.send_data("ok".into(), true);
    }
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(GRPC));
    let mut body = respond.send_response(response, false)?;
    body.send_data(message("ok").into(), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    body.send_trailers(trailers)
}
