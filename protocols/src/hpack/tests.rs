mod properties;

use super::*;

/// Name and value as text, `?` for what is not known.
pub(super) fn shown(line: Line<'_>) -> String {
    let text = |part: Option<&[u8]>| {
        part.map_or_else(
            || "?".to_owned(),
            |part| String::from_utf8_lossy(part).into_owned(),
        )
    };
    format!("{}: {}", text(line.name), text(line.value))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

fn decoded(decoder: &mut Decoder, hex: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let result = decoder.decode(&bytes(hex), |line| lines.push(shown(line)));
    assert_eq!(result, Ok(()), "{hex}");
    lines
}

const MEMORY: usize = 65_536;

const REQUESTS: [(&str, &str, &[&str]); 3] = [
    (
        "828684410f7777772e6578616d706c652e636f6d",
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        &[
            ":method: GET",
            ":scheme: http",
            ":path: /",
            ":authority: www.example.com",
        ],
    ),
    (
        "828684be58086e6f2d6361636865",
        "828684be5886a8eb10649cbf",
        &[
            ":method: GET",
            ":scheme: http",
            ":path: /",
            ":authority: www.example.com",
            "cache-control: no-cache",
        ],
    ),
    (
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        &[
            ":method: GET",
            ":scheme: https",
            ":path: /index.html",
            ":authority: www.example.com",
            "custom-key: custom-value",
        ],
    ),
];

const RESPONSES: [(&str, &str, &[&str]); 3] = [
    (
        "3fe10148033330325807707269766174\
         65611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17\
         68747470733a2f2f7777772e6578616d706c652e636f6d",
        "3fe101488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        &[
            ":status: 302",
            "cache-control: private",
            "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ],
    ),
    (
        "4803333037c1c0bf",
        "4883640effc1c0bf",
        &[
            ":status: 307",
            "cache-control: private",
            "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ],
    ),
    (
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738\
         666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1\
         ab270fb5291f9587316065c003ed4ee5b1063d5007",
        &[
            ":status: 200",
            "cache-control: private",
            "date: Mon, 21 Oct 2013 20:13:22 GMT",
            "location: https://www.example.com",
            "content-encoding: gzip",
            "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ],
    ),
];

/// RFC 7541 appendix C.3 to C.6; the size of 256 in the last two is told by an update.
#[test]
fn standard_examples() {
    for sequence in [REQUESTS, RESPONSES] {
        let mut plain = Decoder::new(MEMORY);
        let mut coded = Decoder::new(MEMORY);
        for (without, with, wanted) in sequence {
            assert_eq!(decoded(&mut plain, without), wanted);
            assert_eq!(decoded(&mut coded, with), wanted);
        }
    }
}

#[test]
fn a_late_observer_marks_what_it_cannot_know() {
    let mut decoder = Decoder::new(MEMORY);
    decoder.forget();
    assert_eq!(
        decoded(&mut decoder, REQUESTS[1].0)[3..],
        ["?: ?", "cache-control: no-cache"]
    );
    // The entry just added is the newest now, what lies behind it is still unknown.
    assert_eq!(
        decoded(&mut decoder, "bebf"),
        ["cache-control: no-cache", "?: ?"]
    );
    // A literal whose name is in the unknown part becomes an entry of which the value is known.
    assert_eq!(decoded(&mut decoder, "7f000161"), ["?: a"]);
    assert_eq!(
        decoded(&mut decoder, "bebf"),
        ["?: a", "cache-control: no-cache"]
    );
    // An emptied table has no unknown part.
    assert_eq!(decoded(&mut decoder, "203fe11f"), [""; 0]);
    assert_eq!(decoder.decode(&bytes("be"), |_| ()), Err(Malformed::Index));
}

#[test]
fn malformed() {
    let cases = [
        ("80", Malformed::Index),
        ("be", Malformed::Index),
        ("7f00 0161", Malformed::Index),
        ("ff80808080 10", Malformed::Integer),
        ("ff8080808080 00", Malformed::Integer),
        ("ff", Malformed::Truncated),
        ("3f", Malformed::Truncated),
        ("40", Malformed::Truncated),
        ("4003 6162", Malformed::Truncated),
        // Padding of zeros, of eight bits, and EOS.
        ("0081 18 00", Malformed::Huffman),
        ("0082 1fff 00", Malformed::Huffman),
        ("0084 ffffffff 00", Malformed::Huffman),
        ("3fe21f", Malformed::SizeUpdate),
        ("82 20", Malformed::SizeUpdate),
    ];
    for (hex, error) in cases {
        let mut decoder = Decoder::new(MEMORY);
        assert_eq!(decoder.decode(&bytes(hex), |_| ()), Err(error), "{hex}");
        // What is known of the table afterwards is nothing.
        assert_eq!(decoded(&mut decoder, "be"), ["?: ?"], "{hex}");
    }
}

#[test]
fn memory_is_bounded() {
    let mut decoder = Decoder::new(1024);
    decoder.set_limit(u32::MAX);
    let resize = "3fe1ffffff07";
    assert_eq!(decoded(&mut decoder, resize), [""; 0]);
    for _ in 0..1000 {
        decoded(&mut decoder, "40016103616263");
    }
    assert!(decoder.footprint() < 1024 * 3, "{}", decoder.footprint());
    // One that is too large for the observer, not for its encoder, has an index as well.
    let mut large = bytes("4001617f8110");
    large.resize(large.len() + 2176, b'x');
    assert_eq!(decoder.decode(&large, |_| ()), Ok(()));
    assert_eq!(decoded(&mut decoder, "4001620163"), ["b: c"]);
    assert_eq!(decoded(&mut decoder, "bebf"), ["b: c", "?: ?"]);
}
