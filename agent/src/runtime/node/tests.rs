use std::path::PathBuf;

use sonde_common::event_loop::probe as turn;

use super::{EVENT_LOOP, HTTP2, inspect};

/// The Node.js that is installed, if any.
fn node() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join("node"));
    files.find(|file| file.is_file())
}

#[test]
fn a_released_node_has_all_functions() {
    let Some(facts) = node().and_then(|node| inspect(&node)) else {
        return;
    };
    if facts.http2.is_empty() {
        // Built on shared libraries, or stripped.
        return;
    }
    assert_eq!(facts.event_loop.len(), EVENT_LOOP.len());
    assert!(facts.tells_turns());
    let immediates = facts.event_loop.iter().map(|(_, cookie)| *cookie);
    let mut ids = immediates.filter(|cookie| cookie & 0xff == turn::IMMEDIATES);
    assert!(
        ids.any(|cookie| cookie >> turn::BITS != 0),
        "the async ids are found"
    );
    let cookies: Vec<u64> = facts.http2.iter().map(|(_, cookie)| *cookie).collect();
    let wanted: Vec<u64> = HTTP2.iter().map(|(_, cookie)| *cookie).collect();
    assert_eq!(cookies, wanted);
    let mut offsets: Vec<u64> = facts.http2.iter().map(|(offset, _)| *offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    assert_eq!(offsets.len(), HTTP2.len(), "a function of its own for each");
}

#[test]
fn another_program_has_none() {
    let facts = std::env::current_exe().ok().and_then(|own| inspect(&own));
    let facts = facts.expect("an ELF file");
    assert!(facts.event_loop.is_empty() && !facts.tells_turns());
    assert!(facts.http2.is_empty());
}

#[test]
fn no_elf_file() {
    assert_eq!(inspect(std::path::Path::new("/proc/self/status")), None);
    assert_eq!(inspect(std::path::Path::new("/nonexistent")), None);
}
