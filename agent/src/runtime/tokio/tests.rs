//! The code is what rustc made of tokio's.

use super::code::{TaskId, task_id};
use super::streams::{Functions, encoded, probes, taken};
use super::{Symbols, ends, inspect};

/// tokio 1.54.1, rustc 1.95
const PLAIN: &str = "41 56 53 50 48 89 fb 64 48 8b 04 25 00 00 00 00 48 8d 80 b8 fe ff ff 0f b6 48 48 83 f9 01 74 24
    83 f9 02 75 04 31 c9 eb 23 48 8d 35 20 54 00 00 48 89 c7 49 89 c6 ff 15 5c 31 06 00 4c 89 f0 41 c6 46 48 01 48 8b
    48 30 48 89 58 30 48 89 c8 48 83 c4 08 5b 41 5e c3";
/// tokio 1.28.2, rustc 1.95
const TAGGED: &str = "41 56 53 50 48 89 f3 49 89 fe 64 48 8b 04 25 00 00 00 00 48 8d 80 20 ff ff ff 80 78 60 01 75 22
    48 8b 48 20 48 8b 50 28 4c 89 70 20 48 89 58 28 31 c0 48 83 f9 02 48 0f 45 c1 48 83 c4 08 5b 41 5e c3 48 89 c7 31
    f6 e8 24 df 01 00 48 85 c0 75 cf b9 02 00 00 00 eb d8";
/// tokio 1.36.0, rustc 1.75
const BESIDE_ITS_STATE: &str = "41 56 53 50 48 89 f3 49 89 fe 64 48 8b 04 25 00 00 00 00 48 8d 80 88 ff ff ff 0f b6 00
    83 f8 01 74 37 85 c0 75 5e 64 48 8b 04 25 00 00 00 00 48 8d 80 28 ff ff ff 48 8d 35 63 ff ff ff 48 89 c7 ff 15 12
    d7 06 00 64 48 8b 04 25 00 00 00 00 48 8d 80 88 ff ff ff c6 00 01 64 48 8b 04 25 00 00 00 00 48 8d 80 28 ff ff ff
    48 89 c1 48 8b 40 20 48 8b 51 28 4c 89 71 20 48 89 59 28 48 83 c4 08 5b 41 5e c3 31 c0 48 83 c4 08 5b 41 5e c3";
/// tokio 1.54.1, rustc 1.95, `lto = "fat"`: the end of a task's guard
const DIRECT: &str = "64 0f b6 04 25 58 ff ff ff 83 f8 01 74 36 83 f8 02 75 01 c3 53 64 48 8b 04 25 00 00 00 00 48 8d
    80 10 ff ff ff 48 8d 35 14 3d fe ff 48 89 fb 48 89 c7 e8 79 8d fd ff 48 89 df 64 c6 04 25 58 ff ff ff 01 5b 64 48
    89 3c 25 40 ff ff ff c3";

/// tokio 1.54.1, rustc 1.95, `lto = "thin"`
const BY_NUMBER: &str = "41 56 53 50 48 c7 c3 a8 fe ff ff 64 0f b6 43 48 83 f8 01 74 36 83 f8 02 75 0a 31 c0 48 83 c4 08 5b 41 5e c3 64
    48 8b 04 25 00 00 00 00 48 01 d8 48 8d 35 99 52 00 00 49 89 fe 48 89 c7 ff 15 9d 5d 02 00 4c 89 f7 64 c6 43 48
    01 64 48 8b 43 30 64 48 89 7b 30 48 83 c4 08 5b 41 5e c3";

/// h2 0.4.20, rustc 1.95: the beginning of `Recv::take_request`
const TAKES: &str = "41 56 53 48 81 ec f8 00 00 00 48 89 f0 48 89 fb 48 8b 32 8b 7a 08 8b 4a 0c 89 7c 24 08 89 4c 24 0c 48
    39 7e 10 76 7a 48 8b 76 08 48 69 d7 48 01 00 00 83 3c 16 02 74 69 48 01 d6 39 8e 2c 01 00 00 75 5e 48
    83 c6 18 48 8d 7c 24 10 48 89 c2 e8 4c 93 01 00";
/// The same: that of `Headers::encode`
const ENCODES: &str = "55 41 57 41 56 41 55 41 54 53 48 81 ec 78 01 00 00 49 89 ce 48 89 d5 48 89 7c 24 68 0f b6 86 1c 01 00
    00 8b 8e 18 01 00 00 c6 44 24 0d 01 88 44 24 0c 89 0c 24 89 4c 24 08 48 8b 5e 18 4c 8b 66 20 4c 6b 7e 28 68
    48 8b 46 40 48 89 44 24 60 0f 10 46 30 0f 11 44 24 50 48 8b 7e 48 48 8b 46 50 0f 10 42 70 0f 10 8a 80
    00 00 00 0f 29 8c 24 80 00 00 00 0f 29 44 24 70 48 c7 42 70 01 00 00 00 0f 57 c0 0f 11 42 78 48 c7 82
    88 00 00 00 01 00 00 00 48 c7 44 24 78 00 00 00 00 4d 01 e7 48 85 c0 74 18 48 c1 e0 02 ba 02 00 00 00
    49 89";

fn code(text: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16);
    text.split_whitespace().flat_map(byte).collect()
}

#[test]
fn where_the_id_is_set() {
    let id = |offset, tagged| Some(TaskId { offset, tagged });
    let cases = [
        (code(PLAIN), -0x148, id(-0x118, false)),
        (code(TAGGED), -0xe0, id(-0xb8, true)),
        (code(BESIDE_ITS_STATE), -0xd8, id(-0xb0, true)),
        (code(DIRECT), -0xf0, id(-0xc0, false)),
        (code(BY_NUMBER), -0x158, id(-0x128, false)),
        // Another variable.
        (code(PLAIN), -0x150, None),
        (code(DIRECT), -0x200, None),
        // No exchange.
        (code(&PLAIN.replace("89 58 30", "89 58 40")), -0x148, None),
        // Two places that are no pair.
        (
            [code(PLAIN), code("48 8b 48 18 48 89 58 18")].concat(),
            -0x148,
            None,
        ),
        // The register goes on to another place of the variable.
        ([code("48 83 c0 08"), code(PLAIN)].concat(), -0x148, None),
        ([code("48 8d 40 08"), code(PLAIN)].concat(), -0x148, None),
        (Vec::new(), -0x148, None),
    ];
    for (code, start, expected) in cases {
        let variable = start..start + 0x50;
        assert_eq!(task_id(&code, &variable), expected, "{code:x?}");
    }
}

#[test]
fn every_beginning_of_the_code_is_safe() {
    for text in [PLAIN, TAGGED, BESIDE_ITS_STATE, DIRECT] {
        let code = code(text);
        for end in 0..code.len() {
            let _ = task_id(&code[..end], &(-0x148..-0xf8));
        }
    }
    for text in [TAKES, ENCODES] {
        let code = code(text);
        for end in 0..code.len() {
            let _ = (taken(&code[..end]), encoded(&code[..end]));
        }
    }
}

#[test]
fn where_the_number_of_a_taken_stream_is() {
    let index = "8b 7a 08";
    let number = "8b 4a 0c";
    let cases = [
        (TAKES.to_owned(), Some(12)),
        // The other way round.
        (
            TAKES.replace(index, "8b 7a 0c").replace(number, "8b 4a 08"),
            Some(8),
        ),
        // A number in another register.
        (TAKES.replace(number, "44 8b 42 0c"), Some(12)),
        // Not beside each other.
        (TAKES.replace(number, "8b 4a 10"), None),
        // One number, or three.
        (TAKES.replace(number, "90 90 90"), None),
        (TAKES.replace(number, "8b 4a 0c 8b 42 10"), None),
        // Words.
        (TAKES.replace(number, "48 8b 4a 0c"), None),
        // None of them is an index, or both are.
        (TAKES.replace("48 69 d7", "48 69 d6"), None),
        (format!("{TAKES} 48 69 c9"), None),
        (String::new(), None),
    ];
    for (text, expected) in cases {
        assert_eq!(taken(&code(&text)), expected, "{text}");
    }
}

#[test]
fn where_the_number_of_an_encoded_stream_is() {
    let cases = [
        (ENCODES.to_owned(), Some(0x118)),
        // Fields that are counted elsewhere, or have another size.
        (ENCODES.replace("4c 6b 7e 28 68", "4c 6b 7e 30 68"), None),
        (ENCODES.replace("4c 6b 7e 28 68", "4c 6b 7e 28 70"), None),
        // Two numbers.
        (
            ENCODES.replace("8b 8e 18 01 00 00", "8b 8e 18 01 00 00 8b 86 20 01 00 00"),
            None,
        ),
        // Words.
        (
            ENCODES.replace("8b 8e 18 01 00 00", "48 8b 8e 18 01 00 00"),
            None,
        ),
        (String::new(), None),
    ];
    for (text, expected) in cases {
        assert_eq!(encoded(&code(&text)), expected, "{text}");
    }
}

#[test]
fn a_side_is_followed_only_with_both_of_its_functions() {
    let (takes, encodes) = (code(TAKES), code(ENCODES));
    let whole = Functions {
        take_request: Some((1, &takes)),
        spawn: Some((2, &[])),
        call: Some((3, &[])),
        encode: Some((4, &encodes)),
    };
    let cases = [
        (whole, vec![1, 2, 3, 4]),
        (
            Functions {
                spawn: None,
                ..whole
            },
            vec![3, 4],
        ),
        (
            Functions {
                take_request: Some((1, &[])),
                ..whole
            },
            vec![3, 4],
        ),
        (
            Functions {
                call: None,
                ..whole
            },
            vec![1, 2],
        ),
        (
            Functions {
                encode: Some((4, &takes)),
                ..whole
            },
            vec![1, 2],
        ),
        (Functions::default(), vec![]),
    ];
    for (functions, expected) in cases {
        let offsets: Vec<u64> = probes(&functions)
            .iter()
            .map(|(offset, _)| *offset)
            .collect();
        assert_eq!(offsets, expected, "{functions:?}");
    }
}

#[test]
fn names_in_both_manglings() {
    let wake = |name| ends(name, "11AtomicWaker4wake");
    assert!(wake(
        "_ZN5tokio4sync4task12atomic_waker11AtomicWaker4wake17h5f24a7bab146b798E"
    ));
    assert!(wake(
        "_ZN5tokio4sync4task12atomic_waker11AtomicWaker4wake17h5f24a7bab146b798E.llvm.1"
    ));
    assert!(wake(
        "_RNvMNtNtNtCs1_5tokio4sync4task12atomic_wakerNtB2_11AtomicWaker4wake"
    ));
    assert!(!wake(
        "_ZN5tokio4sync4task12atomic_waker11AtomicWaker4wake28_$u7b$$u7b$closure$u7d$$u7d$17h0E"
    ));
}

#[test]
fn names_of_http2_in_both_manglings() {
    let names = [
        "_ZN2h25proto7streams4recv4Recv12take_request17hdc49cef0a2480b88E",
        "_RNvMNtNtNtCs5KEDiEpU2ke_2h25proto7streams4recvNtB2_4Recv12take_request",
        "_ZN5tokio7runtime10task_hooks9TaskHooks5spawn17h53492dc8b2ffe50dE",
        "_RNvMNtNtCsjX2S0wHhFhq_5tokio7runtime10task_hooksNtB2_9TaskHooks5spawn",
        "_ZN132_$LT$tonic..transport..channel..Channel$u20$as$u20$tower_service..Service$LT$http..request..Request\
         $LT$tonic..body..Body$GT$$GT$$GT$4call17h7d53a7e63ad83982E",
        "_RNvXs_NtNtNtCs2Xw6NCkzMAv_5tonic9transport7channelNtB4_7ChannelINtCs1rMiOuR2l9L_13tower_service7Service\
         INtNtCsdp8D6xN9afU_4http7request7RequestNtNtB8_4body4BodyEE4call",
        "_ZN2h25frame7headers7Headers6encode17h610317447a90d541E",
        "_RNvMNtNtCs5KEDiEpU2ke_2h25frame7headersNtB2_7Headers6encode",
    ];
    for name in names {
        assert!(Symbols::default().of_http2(name).is_some(), "{name}");
    }
    for name in [
        "_ZN2h25frame7headers11PushPromise6encode17h610317447a90d541E",
        "_ZN2h25proto7streams7streams18StreamRef$LT$B$GT$12take_request17h6469951338e68382E",
        "_ZN132_$LT$tonic..transport..channel..Channel$u20$as$u20$tower_service..Service$LT$http..request..Request\
         $LT$tonic..body..Body$GT$$GT$$GT$10poll_ready17hfbaef3d308e87a74E",
    ] {
        assert!(Symbols::default().of_http2(name).is_none(), "{name}");
    }
}

#[test]
fn what_is_no_tokio_executable() {
    for path in ["/proc/self/maps", "/bin/sh", "/nonexistent"] {
        assert_eq!(inspect(path.as_ref()), None, "{path}");
    }
}

/// The agent itself runs on tokio; its tests are an executable with symbols, but not optimised.
#[test]
#[ignore = "looks at the executables that SONDE_TOKIO names"]
fn executables() {
    let paths = std::env::var("SONDE_TOKIO").unwrap_or_default();
    for path in paths.split_whitespace() {
        let facts = inspect(path.as_ref());
        println!("{path}: {facts:?}");
        assert!(facts.is_some(), "{path}");
    }
}
