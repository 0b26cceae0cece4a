//! Kernel packages, from the Debian mirror that the host's own apt configuration names.
//!
//! apt itself does the work, with a state directory of its own: the host's configuration, package lists and installed
//! packages stay as they are.

use super::host::{command, output};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The suites that carry the kernels: 6.1, two times 6.12, and the newest.
const SUITES: [&str; 4] = ["bookworm", "bookworm-backports", "trixie", "sid"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Package lists older than this are fetched anew.
const MAX_AGE: Duration = Duration::from_hours(24);

/// A mirror with fetched package lists.
#[derive(Debug)]
pub(super) struct Mirror {
    /// Where kernels, package lists and downloads are kept.
    pub(super) cache: PathBuf,
}

impl Mirror {
    /// Fetches the package lists into `cache`, unless they are fresh.
    ///
    /// # Errors
    /// apt's configuration names no Debian mirror, or the mirror cannot be reached and never has been.
    pub(super) fn open(cache: &Path) -> Result<Self> {
        let mirror = Self {
            cache: cache.to_path_buf(),
        };
        let fetched = mirror.state().join("fetched");
        let age = fetched
            .metadata()
            .and_then(|data| data.modified())
            .map(|at| SystemTime::now().duration_since(at));
        if matches!(age, Ok(Ok(age)) if age < MAX_AGE) {
            return Ok(mirror);
        }
        let site = site()?;
        for directory in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(mirror.state().join(directory))?;
        }
        fs::write(mirror.state().join("sources.list"), sources(&site))?;
        println!(
            "test-kernels: fetching the package lists of {}",
            SUITES.join(", ")
        );
        let update = output(
            mirror
                .apt("apt-get")
                .args(["-q", "--error-on=any", "update"]),
        );
        match update {
            Ok(_) => fs::write(fetched, "")?,
            Err(error) if fetched.exists() => {
                println!("test-kernels: the package lists stay as they were: {error:#}");
            }
            Err(error) => return Err(error.context("cannot fetch the package lists")),
        }
        Ok(mirror)
    }

    /// The newest release of a kernel series ("6.1"), such as `6.1.0-50-amd64`.
    ///
    /// # Errors
    /// The mirror has no kernel of this series.
    pub(super) fn newest(&self, series: &str) -> Result<String> {
        let names = output(self.apt("apt-cache").args(["pkgnames", "linux-image-"]))?;
        let names = String::from_utf8_lossy(&names);
        newest(&names, series)
            .with_context(|| format!("no kernel {series} in {}", SUITES.join(", ")))
    }

    /// Downloads the packages of the kernel `release` and unpacks them into `directory`.
    ///
    /// # Errors
    /// A package cannot be fetched or unpacked.
    pub(super) fn unpack(&self, release: &str, directory: &Path) -> Result<()> {
        let downloads = directory.join("packages");
        fs::create_dir_all(&downloads)?;
        let mut get = self.apt("apt-get");
        get.current_dir(&downloads)
            .args(["-q", "download"])
            .args(self.packages(release)?);
        output(&mut get).with_context(|| format!("cannot download kernel {release}"))?;
        for package in fs::read_dir(&downloads)? {
            output(
                command("dpkg-deb")
                    .arg("--extract")
                    .arg(package?.path())
                    .arg(directory),
            )?;
        }
        Ok(())
    }

    /// One package up to 6.12; later its content is in several, on which `linux-image-*` only depends.
    fn packages(&self, release: &str) -> Result<Vec<String>> {
        let names = output(self.apt("apt-cache").args(["pkgnames", "linux-"]))?;
        let names = String::from_utf8_lossy(&names);
        let parts: Vec<String> = ["binary", "modules", "base"]
            .iter()
            .map(|part| format!("linux-{part}-{release}"))
            .filter(|package| names.lines().any(|name| name == package))
            .collect();
        if parts.is_empty() {
            return Ok(vec![format!("linux-image-{release}")]);
        }
        Ok(parts)
    }

    fn state(&self) -> PathBuf {
        self.cache.join("apt")
    }

    /// apt on the state of this mirror instead of the host's.
    fn apt(&self, program: &str) -> Command {
        let state = self.state();
        let mut command = command(program);
        for (option, path) in [
            ("Dir::Etc::sourcelist", state.join("sources.list")),
            ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
            ("Dir::Etc::preferencesparts", PathBuf::from("/dev/null")),
            ("Dir::State::lists", state.join("lists")),
            ("Dir::State::status", PathBuf::from("/dev/null")),
            ("Dir::Cache", state.join("cache")),
        ] {
            command
                .arg("-o")
                .arg(format!("{option}={}", path.display()));
        }
        // Only root can become apt's own user, which then may not write into a user's cache directory.
        command.args([
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            "Acquire::Languages=none",
        ]);
        command
    }
}

/// The Debian mirror of the host's apt configuration.
fn site() -> Result<String> {
    let targets = output(command("apt-get").args([
        "indextargets",
        "--format",
        "$(SITE)",
        "Created-By: Packages",
    ]))?;
    let targets = String::from_utf8_lossy(&targets);
    let site = targets
        .lines()
        .map(|site| site.trim_end_matches('/'))
        .find(|site| site.ends_with("/debian"));
    let Some(site) = site else {
        bail!("apt's configuration names no Debian mirror");
    };
    Ok(site.to_owned())
}

fn sources(site: &str) -> String {
    let options = if Path::new(KEYRING).exists() {
        format!("arch=amd64 signed-by={KEYRING}")
    } else {
        "arch=amd64".to_owned()
    };
    SUITES
        .iter()
        .map(|suite| format!("deb [{options}] {site} {suite} main\n"))
        .collect()
}

/// The newest release of `series` among package names, one a line. Flavours (cloud, rt) and unsigned kernels are passed
/// over: cloud kernels have no 9p, by which the machine reaches the host's files.
fn newest(names: &str, series: &str) -> Option<String> {
    let release = |name: &str| {
        let release = name.strip_prefix("linux-image-")?;
        let version = release.strip_suffix("-amd64")?;
        let rest = version.strip_prefix(series)?;
        let plain =
            rest.starts_with('.') && !version.ends_with("-cloud") && !version.ends_with("-rt");
        plain.then(|| release.to_owned())
    };
    names
        .lines()
        .filter_map(release)
        .max_by_key(|release| numbers(release))
}

/// The numbers in a release, which order releases of one series: `6.1.0-50` is newer than `6.1.0-9`.
fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::newest;

    const NAMES: &str = "linux-image-6.1.0-9-amd64\nlinux-image-6.1.0-50-amd64\nlinux-image-6.1.0-60-amd64-unsigned\n\
        linux-image-6.1.0-51-cloud-amd64\nlinux-image-6.1.0-51-rt-amd64\nlinux-image-6.12.9+deb13-amd64\n\
        linux-image-6.12.107+deb13-amd64\nlinux-image-6.12.107+deb13-amd64-dbg\nlinux-image-amd64\n";

    #[test]
    fn the_newest_of_a_series() {
        let cases = [
            ("6.1", Some("6.1.0-50-amd64")),
            ("6.12", Some("6.12.107+deb13-amd64")),
            ("6", Some("6.12.107+deb13-amd64")),
            ("7.2", None),
            ("", None),
        ];
        for (series, release) in cases {
            assert_eq!(
                newest(NAMES, series).as_deref(),
                release,
                "series {series:?}"
            );
        }
    }
}
