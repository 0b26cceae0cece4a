//! The public HPACK vectors (http2jp/hpack-test-case), each story also from blocks in its middle.
//!
//! They are looked for in `SONDE_HPACK_VECTORS`, else in `shared/data/hpack` beside the repository. Without them nothing
//! is tested, and the test says so.
#![expect(
    clippy::unwrap_used,
    reason = "vectors that cannot be read fail the test"
)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use sonde_protocols::hpack::Decoder;

const MEMORY: usize = 65_536;

struct Case {
    block: Vec<u8>,
    table_size: Option<u32>,
    fields: Vec<(String, String)>,
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn story(path: &Path) -> Vec<Case> {
    let story: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = story["cases"].as_array().unwrap();
    let case = |case: &Value| Case {
        block: hex(case["wire"].as_str().unwrap()),
        table_size: case["header_table_size"]
            .as_u64()
            .map(|size| size.try_into().unwrap()),
        fields: case["headers"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|line| line.as_object().unwrap())
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
    };
    cases.iter().map(case).collect()
}

/// Decodes from block `from` on; fields that were known only in part.
fn tell(cases: &[Case], from: usize) -> usize {
    let mut decoder = Decoder::new(MEMORY);
    if from > 0 {
        decoder.forget();
    }
    let mut unknown = 0;
    for case in &cases[from..] {
        if let Some(size) = case.table_size {
            decoder.set_limit(size);
        } else if from > 0 {
            decoder.set_limit(u32::MAX);
        }
        let mut wanted = case.fields.iter();
        let decoded = decoder.decode(&case.block, |line| {
            let (name, value) = wanted.next().unwrap();
            assert!(line.name.is_none_or(|found| found == name.as_bytes()));
            assert!(line.value.is_none_or(|found| found == value.as_bytes()));
            unknown += usize::from(line.name.is_none() || line.value.is_none());
        });
        assert_eq!(decoded, Ok(()));
        assert_eq!(wanted.next(), None);
    }
    unknown
}

#[test]
fn vectors() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/hpack");
    let root = std::env::var_os("SONDE_HPACK_VECTORS").map_or(beside, PathBuf::from);
    let Ok(encoders) = std::fs::read_dir(&root) else {
        eprintln!(
            "SKIPPED: no HPACK vectors in {} (SONDE_HPACK_VECTORS names another directory)",
            root.display()
        );
        return;
    };
    let (mut stories, mut unknown) = (0, 0);
    for encoder in encoders.map(|entry| entry.unwrap().path()) {
        let Ok(files) = std::fs::read_dir(&encoder) else {
            continue;
        };
        for file in files.map(|entry| entry.unwrap().path()) {
            let cases = story(&file);
            assert_eq!(tell(&cases, 0), 0, "{}", file.display());
            unknown += (1..cases.len())
                .step_by(11)
                .map(|from| tell(&cases, from))
                .sum::<usize>();
            stories += 1;
        }
    }
    assert!(stories > 0 && unknown > 0);
    println!("{stories} stories; {unknown} fields marked as unknown by late observers");
}
