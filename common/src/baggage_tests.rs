extern crate std;

use super::*;
use std::{format, string::String};

fn carried(lines: &[&str]) -> (List, Option<String>) {
    let mut list = List {
        at: 1,
        solid: 2,
        begun: 1,
        failed: 1,
        reserved: [0; 6],
        line: [b'?'; LINE],
    };
    list.start();
    for line in lines {
        line.bytes().for_each(|byte| list.byte(byte));
        list.byte(b'\r');
        list.end_line();
    }
    let length = list.finish() as usize;
    let line = std::str::from_utf8(&list.line[..length]).unwrap();
    let value = line
        .strip_prefix("baggage: ")
        .and_then(|line| line.strip_suffix("\r\n"));
    (list, value.map(String::from))
}

#[test]
fn printable_lists_are_carried_as_one_line() {
    for (lines, expected) in [
        (&["a=1"][..], Some("a=1")),
        (&[" a=1;p=2 , b=%20\t"], Some("a=1;p=2 , b=%20")),
        (&["a=1", "", "b=2"], Some("a=1,b=2")),
        (&["", " "], None),
        (&["a=\u{e4}"], None),
        (&["a=1\x01"], None),
        (&["a=1", "b=\x7f"], None),
    ] {
        assert_eq!(carried(lines).1.as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn long_lists_are_not() {
    let sized = |bytes: usize| format!("a={}", "v".repeat(bytes - 2));
    assert_eq!(carried(&[&sized(MAX)]).1, Some(sized(MAX)));
    let (list, value) = carried(&[&sized(MAX), "b=1"]);
    assert!(value.is_none() && list.is_too_long() && !list.is_failed());
    assert!(carried(&[&format!("{}  ", sized(MAX))]).1.is_some());
}
