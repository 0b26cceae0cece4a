//! One boot of an emulated machine, from power-on until it powers itself off.

use super::exchange::Exchange;
use super::host::command;
use super::initramfs;
use super::kernel::Kernel;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A boot with all tests takes half a minute; a busy host makes it several.
const TIMEOUT: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(100);

/// A running emulator; killed when dropped.
pub(super) struct Machine(Child);

impl Machine {
    /// Boots `kernel` with `parameters` added to its command line, lets it run the scenario of
    /// `exchange`, and waits for the end. The console goes to its `console.log`.
    ///
    /// # Errors
    /// QEMU cannot be started, the machine does not end in time, or the scenario did not come to its end: then with the
    /// console's last lines.
    pub(super) fn boot(kernel: &Kernel, parameters: &str, exchange: &Exchange) -> Result<()> {
        let initramfs = exchange.path("initramfs");
        fs::write(&initramfs, initramfs::build(kernel)?)?;
        let console = exchange.path("console.log");
        let mut qemu = command("qemu-system-x86_64");
        // One thread for all processors: with one for each, guests die now and then while the kernel patches its
        // own code, as attaching programs makes it do. Four page table levels, which is what most hosts have.
        qemu.args([
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=single",
            "-cpu",
            "max,-la57",
            "-smp",
            "2",
            "-m",
            "1536M",
        ])
        .args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
            "-nic",
            "none",
        ])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(&initramfs)
        .args(["-append", &command_line(parameters)])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(shared("host", Path::new("/"), ",readonly=on"))
        .args(shared("exchange", exchange.directory(), ""))
        .stdout(Stdio::null())
        .stderr(fs::File::create(exchange.path("qemu.log"))?);
        let mut machine = Self(qemu.spawn().context("cannot start qemu-system-x86_64")?);
        let ended = machine.wait()?;
        if exchange.path("scenario.status").exists() {
            return Ok(());
        }
        let why = match ended {
            Some(status) if status.success() => "the machine stopped early".to_owned(),
            Some(status) => format!(
                "QEMU failed with {status}: {}",
                exchange.last_lines("qemu.log")
            ),
            None => format!("the machine did not end in {} s", TIMEOUT.as_secs()),
        };
        bail!(
            "{why}; its console's last lines:\n{}",
            exchange.last_lines("console.log")
        );
    }

    /// The emulator's status, or none if it had to be left running.
    fn wait(&mut self) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            std::thread::sleep(POLL);
        }
        Ok(None)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Arguments that give the machine a directory of the host under the mount tag `name`.
fn shared(name: &str, directory: &Path, options: &str) -> [String; 4] {
    // A comma would end the path.
    let directory = directory.display().to_string().replace(',', ",,");
    [
        "-fsdev".to_owned(),
        format!("local,id={name},path={directory},security_model=none,multidevs=remap{options}"),
        "-device".to_owned(),
        format!("virtio-9p-pci,fsdev={name},mount_tag={name}"),
    ]
}

/// A panic ends the machine; no time is spent on what emulation makes slow or pointless.
fn command_line(parameters: &str) -> String {
    format!(
        "console=ttyS0 loglevel=5 panic=-1 nokaslr nowatchdog mitigations=off random.trust_cpu=on \
         no_timer_check tsc=reliable tsc_early_khz={} {parameters}",
        tsc_khz()
    )
}

/// The rate of the time stamp counter, which the emulator passes through. A guest that measures it itself gets it wrong
/// when the host is busy, and its clock then runs several times too fast.
#[cfg(target_arch = "x86_64")]
fn tsc_khz() -> u64 {
    const PERIOD: Duration = Duration::from_millis(100);
    let read = || {
        // SAFETY: reads a counter that every x86_64 processor has.
        unsafe { std::arch::x86_64::_rdtsc() }
    };
    let (start, first) = (Instant::now(), read());
    std::thread::sleep(PERIOD);
    let (last, elapsed) = (read(), start.elapsed());
    let khz = u128::from(last - first) * 1_000_000 / elapsed.as_nanos();
    u64::try_from(khz).unwrap_or_default()
}

/// Never asked for: machines of other kinds are not tested.
#[cfg(not(target_arch = "x86_64"))]
fn tsc_khz() -> u64 {
    0
}
