//! A kernel ready to boot: its image, and the modules that the initramfs has to load.
//!
//! Of a package's hundreds of megabytes only these few are kept in the cache.

use super::host::{command, output};
use super::mirror::Mirror;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// What the machine needs to mount the host's directories; some kernels have part of it built in.
const MODULES: [&str; 3] = ["virtio_pci", "9pnet_virtio", "9p"];

/// A kernel in the cache.
#[derive(Debug)]
pub(super) struct Kernel {
    /// As `uname -r` prints it.
    pub(super) release: String,
    /// The compressed image that a boot loader takes.
    pub(super) image: PathBuf,
    /// Uncompressed modules, in the order of loading.
    pub(super) modules: Vec<PathBuf>,
}

impl Kernel {
    /// The newest kernel of `series` that the mirror has, from the cache or fetched.
    ///
    /// # Errors
    /// The mirror has none, it cannot be fetched, or its packages are not as expected.
    pub(super) fn prepare(series: &str, mirror: &Mirror) -> Result<Self> {
        let release = mirror.newest(series)?;
        let directory = mirror.cache.join(&release);
        if !directory.is_dir() {
            println!("test-kernels: fetching kernel {release}");
            let staging = mirror
                .cache
                .join(format!("{release}.{}", std::process::id()));
            let fetched = fetch(&release, &staging, mirror, &directory);
            let removed = fs::remove_dir_all(&staging);
            fetched?;
            removed.with_context(|| format!("cannot remove {}", staging.display()))?;
        }
        let mut modules = fs::read_dir(directory.join("modules"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        modules.sort();
        Ok(Self {
            release,
            image: directory.join("vmlinuz"),
            modules,
        })
    }
}

/// Unpacks the kernel's packages in `staging` and moves what is needed to `directory`, all or nothing.
fn fetch(release: &str, staging: &Path, mirror: &Mirror, directory: &Path) -> Result<()> {
    let (root, kept) = (staging.join("root"), staging.join("kept"));
    mirror.unpack(release, &root)?;
    // Packages for a merged /usr have no /lib.
    if !root.join("lib").exists() {
        fs::rename(root.join("usr/lib"), root.join("lib"))?;
    }
    let image = [
        root.join(format!("boot/vmlinuz-{release}")),
        root.join(format!("lib/modules/{release}/vmlinuz")),
    ]
    .into_iter()
    .find(|image| image.exists())
    .with_context(|| format!("no vmlinuz in the packages of {release}"))?;
    fs::create_dir_all(kept.join("modules"))?;
    fs::rename(image, kept.join("vmlinuz"))?;
    output(command("depmod").arg("-b").arg(&root).arg(release))?;
    for (index, module) in needed_modules(&root, release)?.iter().enumerate() {
        let (name, content) = uncompressed(module)?;
        // The number makes the order of names the order of loading.
        fs::write(kept.join(format!("modules/{index:02}-{name}")), content)?;
    }
    fs::rename(kept, directory).with_context(|| format!("cannot create {}", directory.display()))
}

/// The files of [`MODULES`] and of what they depend on, each before its users.
fn needed_modules(root: &Path, release: &str) -> Result<Vec<PathBuf>> {
    let mut modprobe = command("modprobe");
    modprobe
        .arg("-d")
        .arg(root)
        .args(["-S", release, "--show-depends", "-a", "--"])
        .args(MODULES);
    let lines = output(&mut modprobe)?;
    let mut modules = Vec::new();
    for line in String::from_utf8_lossy(&lines).lines() {
        // Built-in ones have lines `builtin NAME`.
        let Some(path) = line.strip_prefix("insmod ") else {
            continue;
        };
        let path = PathBuf::from(path.trim_end());
        if !modules.contains(&path) {
            modules.push(path);
        }
    }
    ensure!(!modules.is_empty(), "kernel {release} has no 9p modules");
    Ok(modules)
}

/// The file name and content of a module, without compression.
fn uncompressed(module: &Path) -> Result<(String, Vec<u8>)> {
    let name = module
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let tool = match module.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return Ok((name, fs::read(module)?)),
    };
    let content = output(command(tool).arg("-dc").arg(module))?;
    Ok((
        name.trim_end_matches(".xz")
            .trim_end_matches(".zst")
            .to_owned(),
        content,
    ))
}
