//! `cargo xtask run --demo`: three small unmodified services that call each other, a little traffic, and
//! their traces as trees in the terminal.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::command::{as_root, is_root, is_there, must, root, target};
use crate::{build, packages, stop};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(10);
/// Between two requests: slow enough to read along.
const PAUSE: Duration = Duration::from_millis(700);

/// A started program; stopped by its pid when dropped.
struct Running {
    child: Child,
    port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("TERM");
        let end = Instant::now() + STOP;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                self.signal("KILL");
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ended = self.child.wait();
    }
}

impl Running {
    /// To the whole process group; as root, since the agent runs as root.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let _sent = as_root("kill")
            .args(["-s", name, "--", &group])
            .stderr(Stdio::null())
            .status();
    }
}

/// Runs the demo until Ctrl-C, or for `seconds`.
pub(crate) fn run(seconds: Option<u64>, flags: &[String]) -> Result<ExitCode> {
    let begun = Instant::now();
    let agent = build::agent(false)?;
    let folder = target().join("demo");
    fs::create_dir_all(&folder)?;
    let (python, node, stock) = (python(&folder)?, node(&folder)?, stock(&folder)?);
    println!(
        "ready after {:.0} s; starting edge (Flask), orders (Express) and stock (Go)",
        begun.elapsed().as_secs_f64()
    );
    if !is_root() {
        // Asks for the password now: later the terminal belongs to the services' output.
        must(Command::new("sudo").arg("-v"))?;
    }
    stop::note_signals();

    let stock = start(Command::new(stock), &[])?;
    let orders = start(node, &[("STOCK", stock.port)])?;
    let edge = start(python, &[("ORDERS", orders.port)])?;
    let mut tracer = as_root(agent);
    tracer.args(["run", "--export", "stdout", "--log-level", "warn"]);
    for service in [&edge, &orders, &stock] {
        tracer.arg("--pid").arg(service.child.id().to_string());
    }
    if !build::names_ui(flags) {
        tracer.arg(build::UI);
        println!("the trace view is at http://127.0.0.1:7070");
    }
    let tracer = Running {
        child: spawn(tracer.args(flags))?,
        port: 0,
    };
    println!("tracing; Ctrl-C ends\n");
    let code = drive(&edge, tracer, seconds);
    drop((edge, orders, stock));
    code
}

/// Asks the edge again and again; each request begins a trace of its own.
fn drive(edge: &Running, mut tracer: Running, seconds: Option<u64>) -> Result<ExitCode> {
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut number = 0_u64;
    while !stop::is_stopped() && end.is_none_or(|end| Instant::now() < end) {
        if let Some(status) = tracer.child.try_wait()? {
            bail!("the agent has ended: {status}");
        }
        number += 1;
        // A request that fails now and then is part of any traffic.
        let _answer = request(edge.port, number);
        thread::sleep(PAUSE);
    }
    Ok(ExitCode::SUCCESS)
}

fn request(port: u16, number: u64) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET /orders/{number} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\
         User-Agent: demo\r\ntraceparent: 00-{:032x}-{:016x}-01\r\n\r\n",
        u128::from(number) | 0xdeed_0000_0000_0000_0000_0000_0000_0000,
        number,
    )?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn start(mut command: Command, environment: &[(&str, u16)]) -> Result<Running> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    command.env("PORT", port.to_string());
    for (name, upstream) in environment {
        command.env(name, format!("http://127.0.0.1:{upstream}"));
    }
    let child = spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let running = Running { child, port };
    let end = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > end {
            bail!(
                "{} does not listen",
                command.get_program().to_string_lossy()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(running)
}

/// In a process group of its own: Ctrl-C reaches this program only, which then stops the others in order.
fn spawn(command: &mut Command) -> Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {name}"))
}

fn sources(name: &str) -> PathBuf {
    root().join("tests/services/demo").join(name)
}

/// Flask in a virtual environment of the build folder.
fn python(folder: &Path) -> Result<Command> {
    let environment = folder.join("python");
    let python = environment.join("bin/python");
    once(&environment, || {
        packages::need(&["python3", "python3-venv"], "the demo's Flask service")?;
        println!(
            "installing flask and requests into {}",
            environment.display()
        );
        must(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        )?;
        must(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "-q",
            "flask==3.1.0",
            "requests==2.32.3",
        ]))
    })?;
    let mut command = Command::new(python);
    command.arg("edge.py").current_dir(sources("edge"));
    Ok(command)
}

/// Express and axios beside a copy of the script, below the build folder.
fn node(folder: &Path) -> Result<Command> {
    let packages_folder = folder.join("orders");
    once(&packages_folder, || {
        packages::node("the demo's Express service")?;
        println!(
            "installing express and axios into {}",
            packages_folder.display()
        );
        fs::create_dir_all(&packages_folder)?;
        fs::copy(
            sources("orders").join("package.json"),
            packages_folder.join("package.json"),
        )?;
        must(
            Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund"])
                .current_dir(&packages_folder),
        )
    })?;
    fs::copy(
        sources("orders").join("server.js"),
        packages_folder.join("server.js"),
    )?;
    let mut command = Command::new("node");
    command.arg("server.js").current_dir(packages_folder);
    Ok(command)
}

fn stock(folder: &Path) -> Result<PathBuf> {
    if !is_there("go") {
        packages::need(&["golang-go"], "the demo's Go service")?;
    }
    let program = folder.join("stock");
    must(
        Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(sources("stock")),
    )?;
    Ok(program)
}

/// Does `make` unless it was done before; a mark tells, so that a broken installation is made again.
fn once(folder: &Path, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let mark = folder.join(".complete");
    if mark.exists() {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    make()?;
    fs::write(&mark, b"").with_context(|| format!("{}", mark.display()))
}
