//! A gRPC client on tonic, one connection: tonic-client HOST:PORT CONCURRENCY
//!
//! One call for each line of standard input (see tests/src/rpc.rs for the lines), so many at once.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grpc_tonic::echo::Request as Asked;
use grpc_tonic::echo::echo_client::EchoClient;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::Semaphore;
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

struct Call {
    fields: Vec<String>,
}

impl Call {
    fn number(&self, at: usize) -> u32 {
        self.fields[at].parse().unwrap_or(0)
    }

    fn asked(&self) -> Asked {
        Asked {
            text: self.fields[0].clone(),
            payload: vec![0; self.number(3) as usize],
            size: self.number(4),
            count: self.number(5),
            code: self.number(6),
            milliseconds: self.number(7),
            call: String::new(),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if self.fields[10] != "-" {
            let value = self.fields[10].parse().expect("a field value");
            request.metadata_mut().insert("traceparent", value);
        }
        if self.number(8) > 0 {
            request.set_timeout(Duration::from_millis(self.number(8).into()));
        }
        request
    }

    async fn make(&self, mut client: EchoClient<Channel>, replies: &mut u32) -> Result<(), Status> {
        let requests = tokio_stream::iter(vec![self.asked(); self.number(2) as usize]);
        match &*self.fields[1] {
            "Collect" => client.collect(self.request(requests)).await.map(drop)?,
            "Spread" => {
                let response = client.spread(self.request(self.asked())).await?;
                return count(response.into_inner(), replies).await;
            }
            "Chat" => {
                let response = client.chat(self.request(requests)).await?;
                return count(response.into_inner(), replies).await;
            }
            "Fail" => client.fail(self.request(self.asked())).await.map(drop)?,
            "Wait" => client.wait(self.request(self.asked())).await.map(drop)?,
            _ => client.say(self.request(self.asked())).await.map(drop)?,
        }
        *replies = 1;
        Ok(())
    }

    async fn run(self, client: EchoClient<Channel>) {
        let (start, mut replies) = (now(), 0);
        let made = self.make(client, &mut replies);
        let result = match self.number(9) {
            0 => made.await,
            cut => tokio::time::timeout(Duration::from_millis(cut.into()), made)
                .await
                .unwrap_or_else(|_| Err(Status::cancelled("as asked"))),
        };
        let mut code = result.map_or_else(|status| status.code() as i32, |()| 0);
        // tonic's own timer says so of a deadline.
        if self.number(8) > 0 && code == Code::Cancelled as i32 {
            code = Code::DeadlineExceeded as i32;
        }
        let line = format!("{} {code} {replies} {start} {}\n", self.fields[0], now());
        let mut output = std::io::stdout().lock();
        output.write_all(line.as_bytes()).expect("standard output");
        output.flush().expect("standard output");
    }
}

async fn count(
    mut stream: Streaming<grpc_tonic::echo::Reply>,
    replies: &mut u32,
) -> Result<(), Status> {
    while let Some(reply) = stream.next().await {
        reply?;
        *replies += 1;
    }
    Ok(())
}

fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_nanos()
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let endpoint = Endpoint::from_shared(format!("http://{}", arguments[1])).expect("an address");
    let client = EchoClient::new(endpoint.connect_lazy());
    let concurrency = arguments[2].parse().expect("a number");
    let turns = Arc::new(Semaphore::new(concurrency));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.expect("standard input") {
        let turn = turns.clone().acquire_owned().await.expect("a turn");
        let fields = line.split(' ').map(str::to_owned).collect();
        let client = client.clone();
        tokio::spawn(async move {
            Call { fields }.run(client).await;
            drop(turn);
        });
    }
    let all = u32::try_from(concurrency).expect("a small number");
    drop(turns.acquire_many(all).await);
}
