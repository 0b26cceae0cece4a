use super::*;

#[test]
fn versions() {
    let cases = [
        ("go1.22.1", Some((1, 22))),
        ("go1.26", Some((1, 26))),
        ("go1.25rc1", Some((1, 25))),
        ("go1.21.5 X:boringcrypto", Some((1, 21))),
        ("devel go1.27-a1b2c3d Mon Mar 2", Some((1, 27))),
        ("go2.x", None),
        ("gccgo", None),
        ("", None),
    ];
    for (toolchain, expected) in cases {
        assert_eq!(parse_version(toolchain), expected, "{toolchain}");
    }
}
#[test]
fn dump() {
    for p in std::env::var("SONDE_GO").unwrap().split(' ') {
        let s = std::time::Instant::now();
        let f = inspect(Path::new(p));
        let t = s.elapsed();
        let s = std::time::Instant::now();
        let d = Offsets::of_dwarf(&Image::open(Path::new(p)).unwrap());
        println!("{p} {t:?} {f:?}\n     {:?} {d:?}", s.elapsed());
    }
}
