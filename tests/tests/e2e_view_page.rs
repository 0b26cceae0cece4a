//! The page of the trace view in headless Chromium, against the built agent fed with fixed spans over OTLP. What is checked is
//! in `view/page/e2e/checks`; pictures are left in `target/view-screenshots`.
//!
//! One check: `SONDE_PAGE_CHECK=waterfall cargo test -p sonde-tests --test e2e_view_page -- --nocapture`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sonde_tests::agent::{Agent, Builder};
use sonde_tests::process::output_of;
use sonde_tests::{environment, net, run};
use tempfile::TempDir;

const TOKEN: &str = "a-token-for-the-page-of-the-tests";

/// An agent that traces nothing but shows what it is sent.
struct View {
    agent: Agent,
    page: String,
    otlp: String,
    _folder: TempDir,
}

impl View {
    fn start(token: Option<&str>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (page, otlp) = (net::free_port()?, net::free_port()?);
        let mut builder = Builder::exporting()
            .flag("--ui", format!("127.0.0.1:{page}"))
            .flag("--otlp-listen", format!("127.0.0.1:{otlp}"))
            .flag("--socket", folder.path().join("socket").display())
            .pids([std::process::id()]);
        if let Some(token) = token {
            builder = builder.env("SONDE_UI_TOKEN", token);
        }
        Ok(Self {
            agent: builder.start()?,
            page: format!("http://127.0.0.1:{page}"),
            otlp: format!("http://127.0.0.1:{otlp}"),
            _folder: folder,
        })
    }

    /// Runs the checks against it; what they say goes to the output.
    fn check(mut self, token: Option<&str>) -> Result<()> {
        let screenshots = environment::repository().join("target/view-screenshots");
        let mut checks = Command::new("node");
        checks
            .arg("run.mjs")
            .arg(std::env::var("SONDE_PAGE_CHECK").unwrap_or_default())
            .current_dir(runner()?)
            .env("SONDE_VIEW", &self.page)
            .env("SONDE_OTLP", &self.otlp)
            .env("SCREENSHOTS", screenshots)
            .envs(token.map(|token| ("SONDE_TOKEN", token)));
        println!("{}", output_of(&mut checks)?);
        self.agent.stop()
    }
}

/// A folder with the checks and their packages.
fn runner() -> Result<PathBuf> {
    let sources = environment::repository().join("view/page/e2e");
    let lock = fs::read_to_string(sources.join("package-lock.json"))?;
    let folder = environment::folder("page-e2e");
    environment::once("page-e2e", &lock, || {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(name), folder.join(name))?;
        }
        environment::retry(|| {
            let install = ["ci", "--no-fund", "--no-audit", "--loglevel=error"];
            output_of(Command::new("npm").args(install).current_dir(&folder))
        })
    })?;
    copy_scripts(&sources, &folder)?;
    copy_scripts(&sources.join("checks"), &folder.join("checks"))?;
    Ok(folder)
}

fn copy_scripts(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let path = entry?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|end| end == "mjs"))
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn needs() -> Result<()> {
    ["node", "npm", "chromium"]
        .into_iter()
        .try_for_each(environment::need)
}

#[test]
fn page_in_chromium() {
    run("page_in_chromium", || {
        needs()?;
        View::start(None)?.check(None)
    });
}

#[test]
fn page_asks_for_the_token() {
    run("page_asks_for_the_token", || {
        needs()?;
        View::start(Some(TOKEN))?.check(Some(TOKEN))
    });
}
