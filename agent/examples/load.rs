//! x
use sonde::capture::*;
fn main() {
    let options = Options {
        cgroup: std::env::args().nth(1).unwrap().into(),
        ring_bytes: 8 << 20,
        max_head_bytes: 16384,
        watch_all: true,
    };
    let mut c = match Capture::load(&options) {
        Ok(c) => c,
        Err(e) => {
            println!("{e:?}");
            return;
        }
    };
    for p in PROGRAMS {
        match c.attach_one(p, &options.cgroup) {
            Ok(()) => println!("ok {p}"),
            Err(e) => {
                let s = e.to_string();
                println!("FAIL {p} {}", &s[..s.len().min(300)]);
                if let CaptureError::Program {
                    source: aya::programs::ProgramError::LoadError { verifier_log, .. },
                    ..
                } = &e
                {
                    let l = verifier_log.to_string();
                    println!("{}", &l[..l.len().min(1500)]);
                    std::fs::write("/tmp/vlog.txt", &l).ok();
                }
            }
        }
    }
    let mut records = Records::new(c.take_ring().unwrap());
    let st = Statistics::new(&mut c).unwrap();
    let mut enroller = Enroller::new(&mut c).unwrap();
    println!("enrolled {:?}", enroller.enroll(std::process::id(), true));
    let mut n = 0u64;
    let v = std::env::var("V").is_ok();
    let end = std::time::Instant::now()
        + std::time::Duration::from_secs(std::env::args().nth(2).unwrap().parse().unwrap());
    while std::time::Instant::now() < end {
        records.drain(10000, |r| match r {
            Ok(Record::Data(d)) => {
                n += 1;
                if v {
                    println!("{:?} {:?}", d.header, String::from_utf8_lossy(d.bytes))
                }
            }
            other => {
                if v {
                    println!("{other:?}")
                }
            }
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    println!("data {n}");
    for l in st.losses().filter(|l| l.total > 0) {
        println!("{l:?}");
    }
    for r in c.runs() {
        println!("{r:?} {}", r.nanoseconds / r.count.max(1));
    }
}
