//! The gRPC service on tonic: tonic-server HOST:PORT

use std::pin::Pin;
use std::time::Duration;

use grpc_tonic::echo::echo_server::{Echo, EchoServer};
use grpc_tonic::echo::{Reply, Request as Asked};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};

struct Service;

type Replies = Pin<Box<dyn Stream<Item = Result<Reply, Status>> + Send>>;

fn reply(request: &Asked, received: u32) -> Reply {
    Reply {
        text: request.text.clone(),
        payload: vec![0; request.size as usize],
        received,
        bytes: 0,
    }
}

fn end(request: &Asked) -> Result<(), Status> {
    match request.code {
        0 => Ok(()),
        code => Err(Status::new(Code::from(code as i32), "as asked")),
    }
}

async fn pause(request: &Asked) {
    if request.milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(request.milliseconds.into())).await;
    }
}

async fn unary(request: Request<Asked>) -> Result<Response<Reply>, Status> {
    let request = request.into_inner();
    pause(&request).await;
    end(&request)?;
    Ok(Response::new(reply(&request, 1)))
}

#[tonic::async_trait]
impl Echo for Service {
    type SpreadStream = Replies;
    type ChatStream = Replies;

    async fn say(&self, request: Request<Asked>) -> Result<Response<Reply>, Status> {
        unary(request).await
    }

    async fn wait(&self, request: Request<Asked>) -> Result<Response<Reply>, Status> {
        unary(request).await
    }

    async fn fail(&self, request: Request<Asked>) -> Result<Response<Reply>, Status> {
        unary(request).await
    }

    async fn collect(&self, request: Request<Streaming<Asked>>) -> Result<Response<Reply>, Status> {
        let mut requests = request.into_inner();
        let (mut last, mut received) = (Asked::default(), 0);
        while let Some(request) = requests.next().await {
            last = request?;
            received += 1;
        }
        pause(&last).await;
        end(&last)?;
        Ok(Response::new(reply(&last, received)))
    }

    async fn spread(&self, request: Request<Asked>) -> Result<Response<Replies>, Status> {
        let request = request.into_inner();
        let (replies, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            for _ in 0..request.count {
                pause(&request).await;
                if replies.send(Ok(reply(&request, 1))).await.is_err() {
                    return;
                }
            }
            if let Err(status) = end(&request) {
                // A caller that is gone needs no status.
                drop(replies.send(Err(status)).await);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn chat(&self, request: Request<Streaming<Asked>>) -> Result<Response<Replies>, Status> {
        let mut requests = request.into_inner();
        let (replies, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut received = 0;
            while let Some(Ok(request)) = requests.next().await {
                received += 1;
                for _ in 0..request.count.max(1) {
                    pause(&request).await;
                    if replies.send(Ok(reply(&request, received))).await.is_err() {
                        return;
                    }
                }
                if let Err(status) = end(&request) {
                    drop(replies.send(Err(status)).await);
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let address = arguments[1].parse().expect("an address");
    let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
    tonic::transport::Server::builder()
        .add_service(EchoServer::new(Service))
        .serve_with_shutdown(address, async move {
            terminate.recv().await;
        })
        .await
        .expect("serving");
}
