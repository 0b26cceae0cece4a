//! The agent at work: puts the parts together, runs them, and takes them apart again.

mod alone;
mod check;
mod settings;
mod view;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sonde_common::process::propagate;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::capture::{
    self, Capture, CaptureError, Enroller, Fionread, Records, Statistics, Uprobes,
};
use crate::cli::{Failure, privilege};
use crate::config::{Config, List};
use crate::connections::Connections;
use crate::context;
use crate::export::{Exporter, Exporters};
use crate::health::{Health, Readiness, serve};
use crate::pipeline::{Counters, OwnTraffic, Pipeline, Propagation, Sampling, Tracers, Watch};
use crate::process::{Processes, render};

pub use check::check;

use self::alone::{Alone, Refused};
use self::view::Viewing;

/// Traces until SIGINT or SIGTERM.
///
/// # Errors
/// A missing privilege or kernel feature, or a failure at run time.
pub fn run(config: Config) -> Result<(), Failure> {
    privilege::require()?;
    let begun = Instant::now();
    let options = settings::capture(&config)?;
    let _alone = alone(&options.cgroup)?;
    let mut export = settings::export(&config)?;
    let processes = Processes::new(settings::processes(&config.selection)?);
    let runtime = runtime()?;
    let viewing = config.view.as_ref().map(Viewing::start).transpose()?;
    let mut health = Health::new();
    if let Some(viewing) = &viewing {
        health.watch_view(viewing.view().counters());
        export
            .exporters
            .push(Exporter::View(viewing.view().clone()));
    }
    let health = Arc::new(health);
    let readiness = Arc::new(Readiness::default());
    let metrics = listen(&config, &runtime, &health, &readiness)?;
    let listeners = viewing.iter().flat_map(Viewing::listeners).chain(metrics);
    let own_traffic = OwnTraffic::new(listeners.collect());

    let mut capture = Capture::load(&options).map_err(refused)?;
    let verdicts = capture.take_verdicts().map_err(refused)?;
    let records = Records::new(capture.take_ring().map_err(refused)?);
    let statistics = Statistics::new(&mut capture).map_err(refused)?;
    let propagation = propagation(&mut capture, &config.context);
    let sampling = Sampling::new(&mut capture, config.context.sampler).map_err(refused)?;
    let uprobes = uprobes(&mut capture);
    capture.attach(&options.cgroup).map_err(refused)?;
    let enroller = Enroller::new(&mut capture).map_err(refused)?;
    let mut watch = Watch::new(
        processes,
        verdicts,
        propagation,
        sampling,
        uprobes,
        enroller,
    );
    let attached = begun.elapsed();
    watch.take_in();
    give_back_memory();

    let exporters = Exporters::start(&export, &health, runtime.handle())
        .map_err(|error| Failure::configuration("the exporter cannot start").because(error))?;
    let exporters = Arc::new(exporters);
    let pipeline = Pipeline {
        capture,
        records,
        statistics,
        connections: Connections::new(settings::limits(&config)),
        watch,
        exporters: Arc::clone(&exporters),
        spans: settings::spans(&config),
        own_traffic,
        tracers: Tracers::new(config.context.sdk, &health),
        max_exchange: config.capture.max_exchange,
        counters: Counters::new(&health),
        health,
        readiness: Arc::clone(&readiness),
    };
    tracing::info!(cgroup = %options.cgroup.display(), ?attached, ready = ?begun.elapsed(), "tracing");
    work(pipeline, &runtime, &readiness)?;
    flush(exporters, &runtime, config.batch.shutdown_timeout);
    if let Some(viewing) = viewing {
        viewing.stop();
    }
    Ok(())
}

/// The locks that keep a second agent from the cgroup.
fn alone(cgroup: &Path) -> Result<Alone, Failure> {
    Alone::on(cgroup).map_err(|refused| match refused {
        Refused::Other(other) => Failure::missing(format!("{}: {}", other.who(), other.advice())),
        Refused::Failed(error) => {
            let path = cgroup.display();
            Failure::missing(format!("cannot lock the cgroup {path}")).because(error)
        }
    })
}

/// A kernel that refuses those of a runtime leaves links of its processes unknown.
fn uprobes(capture: &mut Capture) -> Uprobes {
    let uprobes = Uprobes::new(capture);
    for error in uprobes.refused() {
        tracing::warn!(%error, "going on without uprobes for this runtime");
    }
    uprobes
}

/// What is possible on this kernel of what is wanted.
fn propagation(capture: &mut Capture, options: &context::Options) -> Propagation {
    let ways = options.propagate;
    let harmless = if ways & propagate::HEADER == 0 {
        Ok(Fionread::Right)
    } else {
        capture.try_fionread()
    };
    if !matches!(harmless, Ok(Fionread::Right)) {
        tracing::warn!(
            "this kernel answers FIONREAD wrong for sockets in a sockhash: traceparent is written only for \
             Node.js, Python, Ruby, PHP, Rust and Go, which do not ask; the others use the TCP option"
        );
    }
    Propagation {
        ways,
        sockhash_is_harmless: matches!(harmless, Ok(Fionread::Right)),
        go_uprobes: options.go_uprobes,
    }
}

/// Runs the pipeline in its own thread until a signal comes; returns when it has handed over all.
fn work(pipeline: Pipeline, runtime: &Runtime, readiness: &Readiness) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&stop);
    let (ended, end) = tokio::sync::oneshot::channel();
    let thread = thread::Builder::new()
        .name("pipeline".to_owned())
        .spawn(move || {
            pipeline.run(&until);
            // The receiver is gone when a signal came first.
            let _received = ended.send(());
        })
        .map_err(|error| Failure::run_time("cannot start the pipeline").because(error))?;
    readiness.set_ready(true);
    runtime.block_on(async {
        tokio::select! {
            outcome = stop_signal() => outcome,
            _ = end => Err(Failure::run_time("the pipeline has stopped")),
        }
    })?;
    readiness.set_ready(false);
    stop.store(true, Ordering::Relaxed);
    thread
        .join()
        .map_err(|_| Failure::run_time("the pipeline has stopped in disorder"))
}

/// Sends what waits, for as long as the operator allows; a second signal ends that too.
fn flush(exporters: Arc<Exporters>, runtime: &Runtime, timeout: Duration) {
    let Some(exporters) = Arc::into_inner(exporters) else {
        return;
    };
    let dropped = runtime.block_on(async {
        tokio::select! {
            dropped = exporters.shutdown(timeout) => dropped,
            _ = stop_signal() => 0,
        }
    });
    if dropped > 0 {
        tracing::warn!(
            spans = dropped,
            "dropped at shutdown: the backend did not take them in time"
        );
    }
}

/// The start parses megabytes of kernel types; what that left free goes back to the machine.
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

async fn stop_signal() -> Result<(), Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::run_time("cannot listen for signals").because(error))
    };
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("export")
        .enable_all()
        .build()
        .map_err(|error| Failure::run_time("cannot start the export runtime").because(error))
}

fn listen(
    config: &Config,
    runtime: &Runtime,
    health: &Arc<Health>,
    readiness: &Arc<Readiness>,
) -> Result<Option<SocketAddr>, Failure> {
    let Some(address) = config.metrics_listen else {
        return Ok(None);
    };
    let listener = runtime
        .block_on(TcpListener::bind(address))
        .map_err(|error| {
            Failure::configuration(format!("--metrics-listen: cannot listen on {address}"))
                .because(error)
        })?;
    let bound = listener.local_addr().unwrap_or(address);
    runtime.spawn(serve(listener, Arc::clone(health), Arc::clone(readiness)));
    Ok(Some(bound))
}

/// What the kernel refuses is a missing feature (exit code 3), with a hint where to look.
fn refused(error: CaptureError) -> Failure {
    Failure::missing(format!("{error}; `sonde check` says more"))
}

/// The text of `sonde list`.
///
/// # Errors
/// The selection is not valid.
pub fn list(config: &List) -> Result<String, Failure> {
    let mut processes = Processes::new(settings::processes(&config.selection)?);
    let rows = processes.rows(&config.context, &capture::told());
    if !config.json {
        return Ok(render(&rows));
    }
    let json = serde_json::to_string_pretty(&rows);
    json.map(|text| text + "\n")
        .map_err(|error| Failure::run_time("cannot write JSON").because(error))
}
