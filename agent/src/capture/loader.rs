//! Loads the BPF object with this kernel's facts and attaches every program.
//!
//! All attachments are BPF links held by file descriptors: when the agent ends, in whatever way, the
//! kernel detaches them. Nothing is pinned.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use aya::maps::{
    HashMap as BpfHashMap, MapData, PerCpuArray, ProgramArray, RingBuf, SkStorage, SockHash,
};
use aya::programs::{
    BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, Program, ProgramError, SkMsg,
    SockOps,
};
use aya::{Btf, Ebpf, EbpfLoader};
use sonde_common::config::Config;
use sonde_common::connection::Connection;
use sonde_common::process::Process;

use super::btf::VMLINUX;
use super::{CaptureError, Offsets};
use crate::context;

/// A BPF link on a cgroup always stands beside others and takes no flags (`BPF_LINK_CREATE`).
const LINK: CgroupAttachMode = CgroupAttachMode::Single;

/// What the agent knows of each process.
pub(super) const PROCESSES: &str = "PROCESSES";
/// Client sockets that fields are written for.
const SOCKETS: &str = "SOCKETS";

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sonde-ebpf.o"));

/// Every program of the object, in the order of attachment: what fills a socket's state first.
pub const PROGRAMS: [&str; 11] = [
    "sk_msg_http2",
    "sk_msg_verdict",
    "sched_process_exec",
    "sched_process_exit",
    "inet_sock_set_state",
    "sock_ops",
    "tcp_rcv_space_adjust",
    "cgroup_skb_ingress_http2",
    "cgroup_skb_egress_http2",
    "cgroup_skb_ingress",
    "cgroup_skb_egress",
];

/// Programs that others go on in, and the arrays they are found in.
const TAIL_CALLS: [(&str, &str); 3] = [
    ("sk_msg_http2", "MESSAGE_HTTP2"),
    ("cgroup_skb_ingress_http2", "INGRESS_HTTP2"),
    ("cgroup_skb_egress_http2", "EGRESS_HTTP2"),
];

/// The program that takes the verifier longest.
const LONGEST: &str = "cgroup_skb_ingress";

/// Programs that can be done without: a kernel in lockdown mode "confidentiality" refuses to let programs
/// read its memory, which the name of a new process is in.
const OPTIONAL: [&str; 1] = ["sched_process_exec"];

/// What capturing needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Root of a cgroup2 hierarchy, or a directory below it.
    pub cgroup: PathBuf,
    /// Bytes of the ring; a power of two, at least a page.
    pub ring_bytes: u32,
    /// Longest head that is captured.
    pub max_head_bytes: u32,
    /// Watch all processes without asking for a verdict on each.
    pub watch_all: bool,
    /// Services differ in their samplers.
    pub service_samplers: bool,
    /// How trace contexts are handled.
    pub context: context::Options,
}

/// The loaded and attached programs. Dropping it detaches them.
pub struct Capture {
    ebpf: Ebpf,
    /// The kernel's types; parsed once, dropped with the last attachment.
    btf: Option<Btf>,
}

/// The agent's word on each process, for the kernel side.
pub struct Verdicts(BpfHashMap<MapData, u32, StoredProcess>);

/// [`Process`] as a map value.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct StoredProcess(pub(super) Process);

// SAFETY: `Process` is `repr(C)` of integers, its padding spelled out.
unsafe impl aya::Pod for StoredProcess {}

impl Verdicts {
    /// What to do with a process. A full map leaves the question open, which means watch.
    pub fn decide(&mut self, tgid: u32, process: Process) {
        if let Err(error) = self.0.insert(tgid, StoredProcess(process), 0) {
            tracing::debug!(tgid, %error, "verdict not stored");
        }
    }

    /// Whether the process makes spans of its own: nothing to the kernel side, which keeps it for `sonde list`.
    pub fn set_traces_itself(&mut self, tgid: u32, traces_itself: bool) {
        // It may never have had an entry.
        if let Ok(StoredProcess(process)) = self.0.get(&tgid, 0) {
            let traces_itself = traces_itself.into();
            self.decide(
                tgid,
                Process {
                    traces_itself,
                    ..process
                },
            );
        }
    }

    /// The process has gone.
    pub fn forget(&mut self, tgid: u32) {
        // It may never have had an entry.
        drop(self.0.remove(&tgid));
    }
}

/// [`Config`] as a global of the object.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Settings(Config);

// SAFETY: `Config` is `repr(C)` of integers, its padding spelled out.
unsafe impl aya::Pod for Settings {}

/// [`Connection`] as a map value.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct StoredConnection(pub(super) Connection);

// SAFETY: `Connection` is `repr(C)` of integers, its padding spelled out.
unsafe impl aya::Pod for StoredConnection {}

impl Capture {
    /// Loads the object. Nothing is attached yet.
    pub fn load(options: &Options) -> Result<Self, CaptureError> {
        if OBJECT.is_empty() {
            return Err(CaptureError::NoObject);
        }
        let offsets = Offsets::read(Path::new(VMLINUX))?;
        let settings = Settings(Config {
            agent_tgid: std::process::id(),
            max_head_bytes: options.max_head_bytes,
            wake_bytes: options.ring_bytes / 4,
            watch_all: options.watch_all.into(),
            task_mm: offsets.task_mm,
            mm_arg_start: offsets.mm_arg_start,
            mm_arg_end: offsets.mm_arg_end,
            binprm_filename: offsets.binprm_filename,
            sock_ops_skb: offsets.sock_ops_skb,
            skb_sequence: offsets.skb_sequence,
            task_pid: offsets.task_pid,
            task_tgid: offsets.task_tgid,
            task_nvcsw: offsets.task_nvcsw,
            task_comm: offsets.task_comm,
            sock_protocol: offsets.sock_protocol,
            task_tls: offsets.task_tls,
            sock_owned: offsets.sock_owned,
            sock_wait_queue: offsets.sock_wait_queue,
            wait_queue_head: offsets.wait_queue_head,
            sock_socket: offsets.sock_socket,
            file_flags: offsets.file_flags,
            tcp_copied_seq: offsets.tcp_copied_seq,
            reserved: 0,
            sock_wmem_queued: offsets.sock_wmem_queued,
            sock_sndbuf: offsets.sock_sndbuf,
            tcp_write_seq: offsets.tcp_write_seq,
            tcp_rcv_nxt: offsets.tcp_rcv_nxt,
            service_samplers: options.service_samplers.into(),
            trust_incoming: options.context.trust_incoming.number(),
            traceparent: options.context.propagators.traceparent.into(),
            baggage: options.context.propagators.baggage.into(),
            propagators: options.context.propagators.others,
            task_real_parent: offsets.task_real_parent,
            task_files: offsets.task_files,
            files_fdt: offsets.files_fdt,
            fdtable_max_fds: offsets.fdtable_max_fds,
            fdtable_fd: offsets.fdtable_fd,
            file_private_data: offsets.file_private_data,
            socket_file: offsets.socket_file,
            socket_sk: offsets.socket_sk,
            sock_cookie: offsets.sock_cookie,
            linger: u64::try_from(options.context.linger.as_nanos()).unwrap_or(u64::MAX),
        });
        let btf = Btf::from_sys_fs().map_err(|error| CaptureError::Btf {
            path: VMLINUX.into(),
            why: error.to_string(),
        })?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global("CONFIG", &settings, true)
            .map_max_entries("RECORDS", options.ring_bytes)
            .load(OBJECT)?;
        verify_ahead(&mut ebpf);
        Ok(Self {
            ebpf,
            btf: Some(btf),
        })
    }

    /// Loads and attaches every program.
    pub fn attach(&mut self, cgroup: &Path) -> Result<(), CaptureError> {
        for program in PROGRAMS {
            match self.attach_one(program, cgroup) {
                Err(error) if OPTIONAL.contains(&program) => {
                    tracing::warn!(%error, "going on without: processes are found by their first connection");
                }
                result => result?,
            }
        }
        self.btf = None;
        Ok(())
    }

    /// Loads and attaches one program.
    pub fn attach_one(&mut self, name: &'static str, cgroup: &Path) -> Result<(), CaptureError> {
        let directory = || {
            File::open(cgroup).map_err(|source| CaptureError::Cgroup {
                path: cgroup.to_owned(),
                source,
            })
        };
        let step = |step| {
            move |source: ProgramError| CaptureError::Program {
                program: name,
                step,
                source,
            }
        };
        let program = self
            .ebpf
            .program_mut(name)
            .ok_or(CaptureError::Missing(name))?;
        match program {
            Program::BtfTracePoint(program) => {
                let btf = self
                    .btf
                    .as_ref()
                    .ok_or(CaptureError::Missing("kernel types"))?;
                program.load(name, btf).map_err(step("load"))?;
                program.attach().map_err(step("attach"))?;
            }
            Program::SockOps(program) => {
                program.load().map_err(step("load"))?;
                attach_sock_ops(program, directory()?).map_err(step("attach"))?;
            }
            Program::SkMsg(program) => {
                program.load().map_err(step("load"))?;
                match TAIL_CALLS.iter().find(|(tail, _)| *tail == name) {
                    Some((_, map)) => self.attach_tail(name, map)?,
                    None => self.attach_sk_msg(name)?,
                }
            }
            Program::CgroupSkb(program) => {
                if program.fd().is_err() {
                    program.load().map_err(step("load"))?;
                }
                match TAIL_CALLS.iter().find(|(tail, _)| *tail == name) {
                    Some((_, map)) => self.attach_tail(name, map)?,
                    None => attach_skb(program, name, directory()?).map_err(step("attach"))?,
                }
            }
            _ => return Err(CaptureError::Missing(name)),
        }
        self.log_size(name);
        Ok(())
    }

    /// What the verifier had to walk through, of the million instructions that it allows.
    fn log_size(&self, name: &'static str) {
        let info = self
            .ebpf
            .program(name)
            .and_then(|program| program.info().ok());
        if let Some(verified) = info.and_then(|info| info.verified_instruction_count()) {
            tracing::debug!(program = name, verified, "loaded");
        }
    }

    /// The program runs for the sockets that are put into this map.
    fn attach_sk_msg(&mut self, name: &'static str) -> Result<(), CaptureError> {
        let map = self
            .ebpf
            .map(SOCKETS)
            .ok_or(CaptureError::Missing(SOCKETS))?;
        let refused = |source| CaptureError::Map {
            map: SOCKETS,
            source,
        };
        let sockets = SockHash::<_, u64>::try_from(map).map_err(refused)?;
        let sockets = sockets.fd().try_clone().map_err(CaptureError::Probe)?;
        let program: &mut SkMsg = self
            .ebpf
            .program_mut(name)
            .and_then(|program| program.try_into().ok())
            .ok_or(CaptureError::Missing(name))?;
        let attached = program.attach(&sockets);
        attached.map(drop).map_err(|source| CaptureError::Program {
            program: name,
            step: "attach",
            source,
        })
    }

    /// Puts a program where others find it to go on in.
    fn attach_tail(&mut self, name: &'static str, map: &'static str) -> Result<(), CaptureError> {
        let refused = |source| CaptureError::Map { map, source };
        let program = self.ebpf.program(name);
        let program = program.ok_or(CaptureError::Missing(name))?;
        let fd = program.fd().map_err(|source| CaptureError::Program {
            program: name,
            step: "attach",
            source,
        })?;
        let fd = fd.try_clone().map_err(CaptureError::Probe)?;
        let array = self.ebpf.map_mut(map).ok_or(CaptureError::Missing(map))?;
        let mut array = ProgramArray::try_from(array).map_err(refused)?;
        array.set(0, &fd, 0).map_err(refused)
    }

    /// A program by its name.
    pub(super) fn program_mut(&mut self, name: &str) -> Option<&mut Program> {
        self.ebpf.program_mut(name)
    }

    /// A tracepoint's program, loaded and not attached; before `attach`.
    pub(super) fn tracepoint(&mut self, name: &'static str) -> Result<BtfTracePoint, CaptureError> {
        let failed = |source| CaptureError::Program {
            program: name,
            step: "load",
            source,
        };
        let btf = self.btf.as_ref();
        let btf = btf.ok_or(CaptureError::Missing("kernel types"))?;
        let program: &mut BtfTracePoint = self
            .ebpf
            .program_mut(name)
            .and_then(|program| program.try_into().ok())
            .ok_or(CaptureError::Missing(name))?;
        program.load(name, btf).map_err(failed)?;
        let info = program.info().map_err(failed)?;
        // SAFETY: it is the program that was loaded above, at a tracepoint.
        unsafe { BtfTracePoint::from_program_info(info, name.into()) }.map_err(failed)
    }

    /// The ring's reading end; once.
    pub fn take_ring(&mut self) -> Result<RingBuf<MapData>, CaptureError> {
        let map = self.take_map("RECORDS")?;
        RingBuf::try_from(map).map_err(|source| CaptureError::Map {
            map: "RECORDS",
            source,
        })
    }

    /// A map by its name; once.
    pub(super) fn take_map(&mut self, name: &'static str) -> Result<aya::maps::Map, CaptureError> {
        self.ebpf.take_map(name).ok_or(CaptureError::Missing(name))
    }

    /// The map of verdicts; once.
    pub fn take_verdicts(&mut self) -> Result<Verdicts, CaptureError> {
        let map = self.take_map(PROCESSES)?;
        let map = BpfHashMap::try_from(map).map_err(|source| CaptureError::Map {
            map: PROCESSES,
            source,
        })?;
        Ok(Verdicts(map))
    }

    /// The sockets' storage; once.
    pub(super) fn take_connections(
        &mut self,
    ) -> Result<SkStorage<MapData, StoredConnection>, CaptureError> {
        let map = self.take_map("CONNECTIONS")?;
        SkStorage::try_from(map).map_err(|source| CaptureError::Map {
            map: "CONNECTIONS",
            source,
        })
    }

    /// Client sockets that fields are written for; once.
    pub(super) fn take_sockets(&mut self) -> Result<SockHash<MapData, u64>, CaptureError> {
        let map = self.take_map(SOCKETS)?;
        SockHash::try_from(map).map_err(|source| CaptureError::Map {
            map: SOCKETS,
            source,
        })
    }

    /// The loss counters; once.
    pub(super) fn take_losses(&mut self) -> Result<PerCpuArray<MapData, u64>, CaptureError> {
        let map = self.take_map("LOST")?;
        PerCpuArray::try_from(map).map_err(|source| CaptureError::Map {
            map: "LOST",
            source,
        })
    }

    /// The counter of exchanges that were left out; once.
    pub(super) fn take_left_out(&mut self) -> Result<PerCpuArray<MapData, u64>, CaptureError> {
        let map = self.take_map("LEFT_OUT")?;
        PerCpuArray::try_from(map).map_err(|source| CaptureError::Map {
            map: "LEFT_OUT",
            source,
        })
    }

    /// Programs with their names, for statistics.
    pub(super) fn programs(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.ebpf.programs()
    }
}

/// Has the kernel verify what takes longest beside all else: most of the agent's start is that. Not all at a time: while the
/// kernel verifies, each of the large programs takes hundreds of megabytes of its memory. What fails is loaded again where it
/// is attached, and the error told there.
fn verify_ahead(ebpf: &mut Ebpf) {
    thread::scope(|scope| {
        let mut others = Vec::new();
        for (name, program) in ebpf.programs_mut() {
            if name == LONGEST {
                scope.spawn(|| verify(program));
            } else {
                others.push(program);
            }
        }
        others.into_iter().for_each(verify);
    });
}

fn verify(program: &mut Program) {
    let _ = match program {
        Program::CgroupSkb(program) => program.load(),
        Program::UProbe(program) => program.load(),
        _ => Ok(()),
    };
}

fn attach_sock_ops(program: &mut SockOps, cgroup: File) -> Result<(), ProgramError> {
    program.attach(cgroup, LINK).map(drop)
}

fn attach_skb(program: &mut CgroupSkb, name: &str, cgroup: File) -> Result<(), ProgramError> {
    let direction = match name {
        "cgroup_skb_ingress" => CgroupSkbAttachType::Ingress,
        _ => CgroupSkbAttachType::Egress,
    };
    program.attach(cgroup, direction, LINK).map(drop)
}
