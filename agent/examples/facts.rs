fn main() {
    for p in std::env::args().skip(1) {
        println!("{:#?}", sonde::runtime::python::inspect(p.parse().unwrap()));
    }
}
