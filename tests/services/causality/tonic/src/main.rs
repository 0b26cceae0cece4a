//! Four gRPC calls a request on one channel, with tonic on tokio's multi-threaded runtime. Messages are bytes that
//! nobody decodes.

mod raw;

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::{BoxFuture, Service as Tower};
use tonic::server::{Grpc as ServerGrpc, NamedService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use raw::Raw;

#[derive(Clone)]
struct Calls(Channel);

impl Calls {
    async fn call(&self, id: &str, number: u32) -> Result<(), Status> {
        let mut grpc = Grpc::new(self.0.clone());
        let unavailable = |error: tonic::transport::Error| Status::unavailable(error.to_string());
        grpc.ready().await.map_err(unavailable)?;
        let path = PathAndQuery::try_from(format!("/down/{id}-{number}"));
        let path = path.map_err(|error| Status::internal(error.to_string()))?;
        grpc.unary(Request::new(Bytes::new()), path, Raw).await?;
        Ok(())
    }

    async fn work(&self, id: &str) -> Result<(), Status> {
        self.call(id, 1).await?;
        self.call(id, 2).await?;
        let (third, fourth) = tokio::join!(self.call(id, 3), self.call(id, 4));
        third.and(fourth)
    }
}

impl UnaryService<Bytes> for Calls {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            let id = String::from_utf8_lossy(request.get_ref()).into_owned();
            calls.work(&id).await?;
            Ok(Response::new(Bytes::from_static(b"ok")))
        })
    }
}

/// The service as generated code would have it.
#[derive(Clone)]
struct Service(Calls);

impl NamedService for Service {
    const NAME: &'static str = "causality.Service";
}

impl Tower<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let calls = self.0.clone();
        Box::pin(async move { Ok(ServerGrpc::new(Raw).unary(calls, request).await) })
    }
}

#[tokio::main(worker_threads = 4)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{}", arguments[2]))?;
    let service = Service(Calls(channel.connect_lazy()));
    let address = format!("127.0.0.1:{}", arguments[1]).parse()?;
    Server::builder().add_service(service).serve(address).await?;
    Ok(())
}
