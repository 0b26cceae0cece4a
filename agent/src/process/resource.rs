//! The OpenTelemetry resource of a process.
//!
//! The command line and its arguments are never exported: they carry secrets (tokens, passwords) too
//! often. `process.executable.name` and `.path` say what runs.

use std::borrow::Cow;
use std::path::Path;

use opentelemetry_semantic_conventions::attribute::{
    CONTAINER_ID, HOST_ARCH, HOST_ID, HOST_NAME, OS_TYPE, PROCESS_EXECUTABLE_NAME,
    PROCESS_EXECUTABLE_PATH, PROCESS_OWNER, PROCESS_PID, PROCESS_RUNTIME_NAME,
    PROCESS_RUNTIME_VERSION, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION,
    TELEMETRY_DISTRO_NAME, TELEMETRY_DISTRO_VERSION, TELEMETRY_SDK_LANGUAGE, TELEMETRY_SDK_NAME,
    TELEMETRY_SDK_VERSION,
};

use super::environment::{Environment, intern};
use super::files::{self, TargetFiles};
use super::name::Named;
use super::runtime::Runtime;
use crate::spans::{Resource, Value};

/// `opentelemetry` is reserved for the SDKs of the project, so both names are ours.
const NAME: &str = "sonde";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const PASSWD_BYTES: u64 = 256 * 1024;

/// What is the same for all processes of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// `host.name`; empty is left out.
    pub name: String,
    /// `host.id`, `/etc/machine-id` of the machine; empty is left out.
    pub id: String,
    /// Boot id: process ids and start times are unique only within one.
    pub boot_id: String,
}

impl HostFacts {
    /// Of this machine, read from `root`'s `/etc` (`/` unless the host's files are mounted elsewhere)
    /// and the kernel. What cannot be read is empty.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let line = |path: &Path| files::text(path, 256).trim().to_owned();
        let id = ["etc/machine-id", "var/lib/dbus/machine-id"]
            .iter()
            .map(|path| line(&root.join(path)))
            .find(|id| !id.is_empty());
        Self {
            name: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            id: id.unwrap_or_default(),
            boot_id: line(Path::new("/proc/sys/kernel/random/boot_id")),
        }
    }
}

/// What a resource is made from.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) host: &'a HostFacts,
    pub(super) pid: u32,
    pub(super) start_ticks: u64,
    pub(super) exe: &'a Path,
    pub(super) runtime: &'a Runtime,
    pub(super) container_id: Option<&'a str>,
    pub(super) owner: Option<String>,
    pub(super) environment: &'a Environment,
    /// From the command line and files.
    pub(super) found: &'a Named,
    /// From a `--service-name` rule.
    pub(super) rule_name: Option<&'a str>,
}

/// Later `set`s of one key replace earlier ones.
struct Builder(Resource);

impl Builder {
    fn set(&mut self, key: &'static str, value: Value) {
        let attributes = &mut self.0.attributes;
        match attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => attributes.push((key, value)),
        }
    }

    fn text(&mut self, key: &'static str, text: impl Into<Cow<'static, str>>) {
        let text = text.into();
        if !text.is_empty() {
            self.set(key, Value::Str(text));
        }
    }
}

/// Precedence for one key: `--service-name` rule, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, what
/// was found; only `telemetry.*` is always the agent's own.
pub(super) fn build(parts: &Parts<'_>) -> Resource {
    let mut builder = Builder(Resource::default());
    // First of all, so that it is the first attribute.
    builder.text(SERVICE_NAME, parts.found.name.clone());
    builder.text(
        SERVICE_VERSION,
        parts.found.version.clone().unwrap_or_default(),
    );
    builder.text(SERVICE_INSTANCE_ID, instance_id(parts));
    process(&mut builder, parts);
    builder.text(
        CONTAINER_ID,
        parts.container_id.unwrap_or_default().to_owned(),
    );
    builder.text(HOST_NAME, parts.host.name.clone());
    builder.text(HOST_ID, parts.host.id.clone());
    builder.text(HOST_ARCH, host_arch());
    builder.text(OS_TYPE, "linux");
    for (key, value) in parts.environment.resource_attributes() {
        if let Some(key) = intern(&key) {
            builder.text(key, value);
        }
    }
    telemetry(&mut builder, parts.runtime);
    let wanted = parts.rule_name.map(str::to_owned);
    let wanted = wanted.or_else(|| parts.environment.get("OTEL_SERVICE_NAME"));
    builder.text(SERVICE_NAME, wanted.unwrap_or_default());
    let mut resource = builder.0;
    if let Some((_, Value::Str(name))) = resource.attributes.first() {
        resource.service_name = name.clone().into_owned();
    }
    resource
}

fn process(builder: &mut Builder, parts: &Parts<'_>) {
    builder.set(PROCESS_PID, Value::Int(i64::from(parts.pid)));
    let name = parts.exe.file_name().unwrap_or_default();
    builder.text(PROCESS_EXECUTABLE_NAME, name.to_string_lossy().into_owned());
    builder.text(
        PROCESS_EXECUTABLE_PATH,
        parts.exe.to_string_lossy().into_owned(),
    );
    builder.text(PROCESS_OWNER, parts.owner.clone().unwrap_or_default());
    let Some(name) = parts
        .runtime
        .language
        .and_then(|language| language.runtime_name())
    else {
        return;
    };
    builder.text(PROCESS_RUNTIME_NAME, name);
    builder.text(
        PROCESS_RUNTIME_VERSION,
        parts.runtime.version.clone().unwrap_or_default(),
    );
}

fn telemetry(builder: &mut Builder, runtime: &Runtime) {
    builder.text(TELEMETRY_SDK_NAME, NAME);
    builder.text(TELEMETRY_SDK_VERSION, VERSION);
    let language = runtime.language.and_then(|language| language.convention());
    builder.text(TELEMETRY_SDK_LANGUAGE, language.unwrap_or_default());
    builder.text(TELEMETRY_DISTRO_NAME, NAME);
    builder.text(TELEMETRY_DISTRO_VERSION, VERSION);
}

/// Value of `host.arch` by the convention.
fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// The same for one process as long as it lives, whatever the agent does: a UUID of version 8 (RFC 9562
/// section 5.8) over host, boot, process id and start time.
fn instance_id(parts: &Parts<'_>) -> String {
    let host = parts.host;
    let text = format!(
        "{}\0{}\0{}\0{}",
        host.id, host.boot_id, parts.pid, parts.start_ticks
    );
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    // FNV-1a of 128 bits (draft-eastlake-fnv section 5): distinct, not secret.
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    let version_and_variant = (0xf_u128 << 76) | (0x3_u128 << 62);
    let hash = (hash & !version_and_variant) | (0x8_u128 << 76) | (0x2_u128 << 62);
    let hex = format!("{hash:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// Name of the effective user from the target's own `/etc/passwd`, else the number.
pub(super) fn owner(status: &str, files: &TargetFiles) -> Option<String> {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let uid = ids.split_ascii_whitespace().nth(1)?;
    if uid == "0" {
        return Some("root".to_owned());
    }
    let passwd = files
        .text(Path::new("/etc/passwd"), PASSWD_BYTES)
        .unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| uid.to_owned()))
}
