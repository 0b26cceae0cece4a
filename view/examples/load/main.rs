//! The view under load: so many spans a second, and queries beside them.
//!
//! `cargo run --release -p sonde-view --example load -- --seconds 60` prints memory and the times of queries;
//! `-- --serve 127.0.0.1:7070` shows the view with this load until it is stopped.
#![allow(clippy::print_stdout, reason = "a command for people at a terminal")]

mod measure;
mod spans;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clap::Parser;
use sonde_view::{Access, Options, View, server};
use spans::{SPANS, Shop};
use tokio::net::TcpListener;

/// Batches a second.
const BATCHES: u64 = 10;

#[derive(Parser)]
struct Arguments {
    /// Spans a second.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// How long to measure.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Memory of the view in MiB.
    #[arg(long, default_value_t = 128)]
    memory: usize,
    /// Directory for `--ui-data`.
    #[arg(long)]
    data: Option<std::path::PathBuf>,
    /// Only serve here, with the load.
    #[arg(long)]
    serve: Option<SocketAddr>,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let view = View::start(&Options {
        memory: arguments.memory << 20,
        data: arguments.data.clone(),
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let address = arguments
        .serve
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let address = listener.local_addr()?;
    let access = Access::new(address, Vec::new(), None)?;
    runtime.spawn(server::serve(listener, view.clone(), access));
    let end = match arguments.serve {
        Some(_) => {
            println!("http://{address}");
            None
        }
        None => Some(Instant::now() + Duration::from_secs(arguments.seconds)),
    };
    let measuring =
        end.map(|end| std::thread::spawn(move || measure::queries(address, end, Instant::now())));
    load(&view, arguments.rate, end);
    if let Some(measuring) = measuring {
        let report = measuring.join().map_err(|_| "the measurement has failed")?;
        report.print(&view);
    }
    view.shutdown();
    Ok(())
}

/// Hands over batches at an even pace until the end.
fn load(view: &View, rate: u64, end: Option<Instant>) {
    let mut shop = Shop::new(1);
    let (begun, mut batch) = (Instant::now(), 0);
    while end.is_none_or(|end| Instant::now() < end) {
        let traces = usize::try_from(rate / BATCHES).unwrap_or(usize::MAX) / SPANS;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        view.ingest(Bytes::from(shop.request(traces, now)), traces * SPANS);
        batch += 1;
        let next = Duration::from_millis(batch * 1_000 / BATCHES);
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
}
