use aya::{maps::*, programs::uprobe::*, programs::*, *};
use std::io::BufRead;
#[derive(Clone, Copy)]
#[repr(C)]
struct C([u32; 8]);
unsafe impl Pod for C {}
#[derive(Clone, Copy)]
#[repr(transparent)]
struct P(sonde_common::python::Python);
unsafe impl Pod for P {}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let o: Vec<u32> = a[2].split(',').map(|x| x.parse().unwrap()).collect();
    let c = C([o[0], o[1], o[2], o[3], 0, 0, 0, 0]);
    let btf = Btf::from_sys_fs().unwrap();
    let mut e = match EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("CONFIG", &c, true)
        .load_file("/tmp/asy/pe/target/bpfel-unknown-none/release/pe")
    {
        Ok(e) => e,
        Err(x) => panic!("{x:?}"),
    };
    let cg = || std::fs::File::open(&a[1]).unwrap();
    let _st = aya::sys::enable_stats(aya::sys::Stats::RunTime).unwrap();
    macro_rules! ld {
        ($t:ty,$n:expr) => {{
            let p: &mut $t = e.program_mut($n).unwrap().try_into().unwrap();
            if let Err(x) = p.load() {
                println!("{} {x}", $n);
                let mut s: Option<&dyn std::error::Error> = std::error::Error::source(&x);
                while let Some(y) = s {
                    println!("{y}");
                    s = y.source();
                }
                std::process::exit(1)
            };
            p
        }};
    }
    ld!(SockOps, "sock_ops")
        .attach(cg(), CgroupAttachMode::Single)
        .unwrap();
    ld!(CgroupSkb, "ing")
        .attach(cg(), CgroupSkbAttachType::Ingress, CgroupAttachMode::Single)
        .unwrap();
    ld!(CgroupSkb, "egr")
        .attach(cg(), CgroupSkbAttachType::Egress, CgroupAttachMode::Single)
        .unwrap();
    ld!(UProbe, "task_init");
    ld!(UProbe, "uvloop_connection_made");
    ld!(UProbe, "future_set_result");
    {
        let p: &mut BtfTracePoint = e
            .program_mut("tcp_rcv_space_adjust")
            .unwrap()
            .try_into()
            .unwrap();
        if let Err(x) = p.load("tcp_rcv_space_adjust", &btf) {
            println!("{x}");
            std::process::exit(1)
        };
        p.attach().unwrap();
    }
    println!("ready");
    let mut last = (0u64, 0u64, 0u64, 0u64);
    for l in std::io::stdin().lock().lines() {
        let l = l.unwrap();
        if let Some(p) = l.strip_prefix("pid ") {
            let pid: u32 = p.parse().unwrap();
            let f = sonde::runtime::python::inspect(pid);
            let Some(f) = f else {
                println!("none");
                continue;
            };
            println!("3.{} uvloop={} {:?}", f.minor, f.python.uvloop, f.module);
            let mut m: maps::HashMap<_, u32, P> =
                maps::HashMap::try_from(e.map_mut("PROCESSES").unwrap()).unwrap();
            m.insert(pid, P(f.python), 0).unwrap();
            if let Some(u) = f.uvloop {
                let p: &mut UProbe = e
                    .program_mut("uvloop_connection_made")
                    .unwrap()
                    .try_into()
                    .unwrap();
                p.attach(
                    u.connection_made,
                    &u.target.path,
                    UProbeScope::OneProcess(std::num::NonZeroU32::new(pid).unwrap()),
                )
                .unwrap();
            }
            if let Some(m) = f.module {
                let p: &mut UProbe = e.program_mut("task_init").unwrap().try_into().unwrap();
                p.attach(
                    m.task_init,
                    &m.target.path,
                    UProbeScope::OneProcess(std::num::NonZeroU32::new(pid).unwrap()),
                )
                .unwrap();
                let p: &mut UProbe = e
                    .program_mut("future_set_result")
                    .unwrap()
                    .try_into()
                    .unwrap();
                p.attach(
                    m.set_result,
                    &m.target.path,
                    UProbeScope::OneProcess(std::num::NonZeroU32::new(pid).unwrap()),
                )
                .unwrap();
            }
        } else {
            let mut s: PerCpuArray<_, u64> =
                PerCpuArray::try_from(e.map_mut("STATS").unwrap()).unwrap();
            let v: Vec<u64> = (0..64)
                .map(|i| s.get(&i, 0).unwrap().iter().sum())
                .collect();
            let n = s.get(&0, 0).unwrap().len();
            for i in 0..64 {
                s.set(i, PerCpuValues::try_from(vec![0u64; n]).unwrap(), 0)
                    .unwrap();
            }
            let rc = |n: &str| {
                let p = match e.program(n).unwrap() {
                    Program::UProbe(p) => p,
                    _ => unreachable!(),
                };
                let i = p.info().unwrap();
                (i.run_count(), i.run_time().as_nanos() as u64)
            };
            let (a1, a2) = (rc("task_init"), rc("future_set_result"));
            println!(
                "RES {l}: kept right {} missing {} wrong {} | first right {} missing {} wrong {} | thread-keyed {} reads {} | init {} ({} ns) set_result {} ({} ns)",
                v[0],
                v[1],
                v[2],
                v[8],
                v[9],
                v[10],
                v[4],
                v[3],
                a1.0 - last.0,
                (a1.1 - last.1) / (a1.0 - last.0).max(1),
                a2.0 - last.2,
                (a2.1 - last.3) / (a2.0 - last.2).max(1)
            );
            println!(
                "RESX none {} conn {} dead {} ok {} made-outside {} sr-not-reading {} sr-in-server {} sr-serve {} ",
                v[30], v[31], v[32], v[33], v[34], v[35], v[36], v[37]
            );
            println!(
                "RESX same-conn {} other {} server reads {} no stream {} client no stream {}",
                v[20], v[21], v[22], v[23], v[24]
            );
            last = (a1.0, a1.1, a2.0, a2.1);
        }
    }
}
