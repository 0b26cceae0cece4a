//! Runtimes of compiled languages with schedulers of their own. Most of their compilers are large: the rows are for the full
//! form, and for machines that have them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sonde_tests::environment::{folder, need, once, sources, virtual_environment};
use sonde_tests::process::{Process, output_of};
use sonde_tests::skip;

use super::{Service, calls, long, service, starting};

/// .NET's runtime, with which mcs compiles: what a program refers to.
const ASSEMBLIES: [&str; 11] = [
    "System.Private.CoreLib",
    "System.Runtime",
    "System.Runtime.Extensions",
    "System.Console",
    "System.Collections.Concurrent",
    "System.Net.Primitives",
    "System.Net.Sockets",
    "System.Text.Encoding.Extensions",
    "System.Threading",
    "System.Threading.Tasks",
    "System.Threading.Thread",
];

const fn row(
    name: &'static str,
    about: &'static str,
    start: fn(u16, u16, u16) -> Result<Vec<Process>>,
) -> Service {
    long(calls(2, service(name, about, 0.0, start)))
}

/// The rows.
pub(super) const ROWS: &[Service] = &[
    row(
        "asio",
        "Boost.Asio: coroutines on two threads, a timer between the calls",
        |port, http, _| asio("async", port, http),
    ),
    row(
        "asio-sync",
        "Boost.Asio: a thread a connection, blocking calls",
        |port, http, _| asio("sync", port, http),
    ),
    row(
        "crystal",
        "Crystal: fibers, a sleep between the calls, a poller beside them",
        |port, http, _| crystal(port, http),
    ),
    row(
        "ocaml",
        "OCaml: Lwt and cohttp, a sleep between the calls, a poller beside them",
        |port, http, _| ocaml(port, http),
    ),
    row(
        "ghc",
        "GHC: Warp and http-client, a delay between the calls, a poller beside them",
        |port, http, _| ghc(port, http),
    ),
    calls(
        4,
        row(
            "dotnet",
            ".NET: tasks on the thread pool, a delay between the calls",
            |port, http, _| dotnet(&[], port, http),
        ),
    ),
    calls(
        4,
        row(
            "dotnet-sync",
            ".NET: a thread a connection, blocking calls",
            |port, http, _| dotnet(&["sync"], port, http),
        ),
    ),
];

fn asio(way: &str, port: u16, http: u16) -> Result<Vec<Process>> {
    need("g++")?;
    if !Path::new("/usr/include/boost/asio.hpp").is_file() {
        return Err(skip("Boost is not installed"));
    }
    let program = built("asio.cpp", |source, program| {
        let mut compile = Command::new("g++");
        compile.args(["-std=c++20", "-fcoroutines", "-O1", "-pthread", "-o"]);
        output_of(compile.arg(program).arg(source))
    })?;
    let mut command = Command::new(program);
    command.args([port, http].map(|port| port.to_string()));
    starting("asio", command.arg(way))
}

fn crystal(port: u16, http: u16) -> Result<Vec<Process>> {
    need("crystal")?;
    let program = built("service.cr", |source, program| {
        let mut compile = Command::new("crystal");
        compile.arg("build").arg(source).arg("-o").arg(program);
        output_of(&mut compile)
    })?;
    with_poller("crystal", program, port, http)
}

fn ocaml(port: u16, http: u16) -> Result<Vec<Process>> {
    need("ocamlfind")?;
    output_of(Command::new("ocamlfind").args(["query", "cohttp-lwt-unix"]))
        .map_err(|_| skip("OCaml has no cohttp"))?;
    let program = built("service.ml", |source, program| {
        // The compiler writes beside the source.
        let copy = program.with_extension("ml");
        std::fs::copy(source, &copy)?;
        let mut compile = Command::new("ocamlfind");
        compile.args(["ocamlopt", "-thread", "-package", "cohttp-lwt-unix"]);
        compile.args(["-linkpkg", "-o"]).arg(program).arg(copy);
        output_of(&mut compile)
    })?;
    with_poller("ocaml", program, port, http)
}

fn ghc(port: u16, http: u16) -> Result<Vec<Process>> {
    need("ghc")?;
    output_of(Command::new("ghc-pkg").args(["describe", "warp"]))
        .map_err(|_| skip("GHC has no warp"))?;
    let program = built("service.hs", |source, program| {
        let copy = program.with_extension("hs");
        std::fs::copy(source, &copy)?;
        let mut compile = Command::new("ghc");
        compile.args(["-threaded", "-rtsopts", "-with-rtsopts=-N2", "-o"]);
        output_of(compile.arg(program).arg(copy))
    })?;
    with_poller("ghc", program, port, http)
}

fn with_poller(name: &str, program: PathBuf, port: u16, http: u16) -> Result<Vec<Process>> {
    let mut command = Command::new(program);
    starting(
        name,
        command.args([port, http, port].map(|port| port.to_string())),
    )
}

/// The runtime comes as a Python package; the compiler, without an SDK, is Mono's.
fn dotnet(arguments: &[&str], port: u16, http: u16) -> Result<Vec<Process>> {
    need("mcs")?;
    let python = virtual_environment("causality-dotnet", &["dotnetcore2==3.1.23"])?;
    let find = "import dotnetcore2, os; print(os.path.dirname(dotnetcore2.__file__))";
    let package = output_of(Command::new(python).args(["-c", find]))?;
    let home = Path::new(package.trim()).join("bin");
    let framework = home.join("shared/Microsoft.NETCore.App/3.1.23");
    let program = built("Service.cs", |source, program| {
        let settings = r#"{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.23"},
            "configProperties":{"System.Globalization.Invariant":true}}}"#;
        std::fs::write(program.with_extension("runtimeconfig.json"), settings)?;
        let mut compile = Command::new("mcs");
        compile.args(["-nostdlib", "-noconfig"]).arg(source);
        compile.arg(format!("-out:{}", program.with_extension("dll").display()));
        for name in ASSEMBLIES {
            let assembly = framework.join(format!("{name}.dll"));
            compile.arg(format!("-r:{}", assembly.display()));
        }
        output_of(&mut compile)
    })?;
    let mut command = Command::new(home.join("dotnet"));
    command.arg(program.with_extension("dll"));
    command.args([port, http].map(|port| port.to_string()));
    starting("dotnet", command.args(arguments))
}

/// What `compile` makes of a file of services/causality/compiled, given that and the path to write.
fn built(file: &str, compile: impl FnOnce(&Path, &Path) -> Result<String>) -> Result<PathBuf> {
    let source = sources("causality/compiled").join(file);
    let (_, kind) = file.split_once('.').context("no extension")?;
    let name = format!("causality-compiled-{kind}");
    let program = folder(&name).join("service");
    let recipe = std::fs::read_to_string(&source)?;
    once(&name, &recipe, || compile(&source, &program))?;
    Ok(program)
}
