//! Four calls a request with axum and reqwest on tokio's multi-threaded runtime.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
struct Calls {
    pooled: reqwest::Client,
    fresh: reqwest::Client,
    callee: String,
    database: String,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Calls {
    async fn get(&self, client: &reqwest::Client, id: &str, number: u32) -> Result<(), Error> {
        let url = format!("http://127.0.0.1:{}/down/{id}/{number}", self.callee);
        client.get(url).send().await?.bytes().await?;
        Ok(())
    }

    async fn ping(&self, id: &str) -> Result<(), Error> {
        let mut socket = TcpStream::connect(format!("127.0.0.1:{}", self.database)).await?;
        socket.write_all(format!("PING {id}\n").as_bytes()).await?;
        let mut answer = [0; 64];
        while !answer.contains(&b'\n') {
            if socket.read(&mut answer).await? == 0 {
                return Err("closed".into());
            }
        }
        Ok(())
    }

    async fn work(&self, id: &str) -> Result<(), Error> {
        self.get(&self.pooled, id, 1).await?;
        self.ping(id).await?;
        self.get(&self.pooled, id, 2).await?;
        let (third, fourth) = tokio::join!(
            self.get(&self.pooled, id, 3),
            self.get(&self.fresh, id, 4)
        );
        third.and(fourth)
    }
}

async fn handle(State(calls): State<Calls>, Path(id): Path<String>) -> Result<&'static str, StatusCode> {
    match calls.work(&id).await {
        Ok(()) => Ok("ok"),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[tokio::main(worker_threads = 4)]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let calls = Calls {
        pooled: reqwest::Client::builder().no_proxy().build()?,
        fresh: reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build()?,
        callee: arguments[2].clone(),
        database: arguments[3].clone(),
    };
    let router = Router::new().route("/serve/{id}", get(handle)).with_state(calls);
    let listener = TcpListener::bind(format!("127.0.0.1:{}", arguments[1])).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
