//! Section numbers are those of W3C Trace Context Level 2, test names those of its test suite.

extern crate std;

use super::*;
use proptest::prelude::*;
use std::{format, string::String, vec, vec::Vec};

/// The value that is written for these lines.
fn carried(lines: &[&str]) -> Option<String> {
    let mut list = List {
        at: 1,
        solid: 2,
        before: 3,
        part: 4,
        place: 4,
        members: 6,
        pass: 3,
        reserved: [0; 5],
        line: [b'?'; LINE],
    };
    list.start();
    read(&mut list, lines);
    if list.is_too_long() {
        list.shorten();
        read(&mut list, lines);
    }
    let length = list.finish() as usize;
    let line = std::str::from_utf8(&list.line[..length]).unwrap();
    if length == 0 {
        return None;
    }
    let value = line.strip_prefix("tracestate: ").unwrap();
    Some(String::from(value.strip_suffix("\r\n").unwrap()))
}

fn read(list: &mut List, lines: &[&str]) {
    for line in lines {
        line.bytes().for_each(|byte| list.byte(byte));
        list.byte(b'\r');
        list.end_line();
    }
}

fn check(cases: &[(&[&str], Option<&str>)]) {
    for (lines, expected) in cases {
        assert_eq!(carried(lines).as_deref(), *expected, "{lines:?}");
    }
}

fn members(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|i| format!("bar{i:02}={i:02}")).collect();
    all.join(",")
}

#[test]
fn section_3_3_1_1_tracestate_empty_header() {
    check(&[
        (&[""], None),
        (&[" \t"], None),
        (&[",", ""], None),
        (&["foo=1", ""], Some("foo=1")),
        (&["", "foo=1"], Some("foo=1")),
        (&[",foo=1,,bar=2, ,"], Some("foo=1,bar=2")),
    ]);
}

#[test]
fn section_3_3_1_tracestate_multiple_headers_different_keys() {
    check(&[(
        &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
        Some("foo=1,bar=2,rojo=1,congo=2,baz=3"),
    )]);
}

#[test]
fn section_3_5_tracestate_duplicated_keys() {
    check(&[
        (&["foo=1,foo=1"], Some("foo=1,foo=1")),
        (&["foo=1", "foo=2"], Some("foo=1,foo=2")),
    ]);
}

#[test]
fn section_3_3_1_3_2_tracestate_all_allowed_characters() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    for key in [String::from(key), format!("{key}@a-z0-9_-*/")] {
        let line = format!("{key}={value}");
        assert_eq!(carried(&[&line]).as_deref(), Some(&*line));
    }
}

#[test]
fn section_3_3_1_tracestate_ows_handling() {
    let all = Some("foo=1,bar=2,baz=3");
    check(&[
        (&["foo=1 \t , \t bar=2, \t baz=3"], all),
        (&["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], all),
        (&[" foo=1"], Some("foo=1")),
        (&["\tfoo=1"], Some("foo=1")),
        (&["foo=1 "], Some("foo=1")),
        (&["foo=1\t"], Some("foo=1")),
        (&["\t foo=1 \t"], Some("foo=1")),
        // Blanks before a value belong to it.
        (&["foo= 1  2 "], Some("foo= 1  2")),
        (&["foo=1\t2"], None),
        (&["foo=1\r2"], None),
    ]);
}

#[test]
fn section_3_3_1_3_1_tracestate_key_illegal_characters() {
    for line in [
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo",
        "=1",
        "_foo=1",
        "bar=2,Foo=1",
    ] {
        assert_eq!(carried(&[line]), None, "{line}");
    }
}

/// As Level 2 has it, which does not tell tenants from systems any more.
#[test]
fn section_3_3_1_3_1_tracestate_key_illegal_vendor_format() {
    for line in [
        "foo@=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "0t@s=v",
        "9=v",
    ] {
        assert_eq!(carried(&[line]).as_deref(), Some(line));
    }
    check(&[(&["@foo=1,bar=2"], None)]);
}

#[test]
fn section_3_3_1_tracestate_member_count_limit() {
    let all = members(32);
    assert_eq!(carried(&[&all]).as_deref(), Some(&*all));
    assert_eq!(carried(&[&all, "", " ,"]).as_deref(), Some(&*all));
    assert_eq!(carried(&[&members(33)]), None);
    assert_eq!(carried(&[&all, "foo=1"]), None);
}

#[test]
fn section_3_3_1_3_1_tracestate_key_length_limit() {
    for key in [
        "z".repeat(256),
        format!("{}@{}", "t".repeat(241), "v".repeat(14)),
        format!("{}@v", "t".repeat(242)),
        format!("t@{}", "v".repeat(15)),
    ] {
        let line = format!("{key}=1");
        let expected = format!("foo=1,{line}");
        assert_eq!(carried(&["foo=1", &line]).as_deref(), Some(&*expected));
    }
    assert_eq!(carried(&["foo=1", &format!("{}=1", "z".repeat(257))]), None);
}

#[test]
fn section_3_3_1_3_2_tracestate_value_illegal_characters() {
    for line in [
        "foo=bar=baz",
        "foo=,bar=3",
        "foo= ",
        "foo=\t",
        "foo=\u{7f}",
        "foo=\u{e4}",
        "foo=a\0b",
    ] {
        assert_eq!(carried(&[line]), None, "{line}");
    }
    assert!(carried(&[&format!("k={}", "v".repeat(256))]).is_some());
    assert_eq!(carried(&[&format!("k={}", "v".repeat(257))]), None);
}

#[test]
fn section_3_3_1_5_long_members_go_first_then_the_last() {
    let sized = |bytes: usize| format!("a={},b={}", "v".repeat(253), "w".repeat(bytes - 258));
    let (full, over) = (sized(512), sized(513));
    assert_eq!(carried(&[&full]).as_deref(), Some(&*full));
    assert_eq!(carried(&[&over]), None);
    assert_eq!(carried(&["c=1", &over, "d=2"]).as_deref(), Some("c=1,d=2"));
    let member = |key: char| format!("{key}={}", "v".repeat(126));
    let five: Vec<String> = ('a'..='e').map(member).collect();
    let lines = five.join(",");
    assert_eq!(carried(&[&lines]).as_deref(), Some(&*five[..3].join(",")));
    // Nothing behind the first that does not fit.
    let lines = vec![&*lines, "f=1"];
    assert_eq!(carried(&lines).as_deref(), Some(&*five[..3].join(",")));
    // Blanks that are left out do not count.
    let blanks = format!("{full}{}", " ".repeat(20));
    assert_eq!(carried(&[&blanks]).as_deref(), Some(&*full));
    // What is invalid is so beyond the end, too.
    assert_eq!(carried(&[&over, "F=1"]), None);
}

proptest! {
    #[test]
    fn whatever_comes_is_bounded(lines in proptest::collection::vec("[a-c=, \t@Z\u{e4}1]{0,400}", 0..6)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        if let Some(value) = carried(&lines) {
            prop_assert!(value.len() <= MAX);
            // What is carried is carried again as it is.
            prop_assert_eq!(carried(&[&value]), Some(value.clone()));
        }
    }

    #[test]
    fn valid_lists_of_any_length_keep_what_fits(sizes in proptest::collection::vec(1_usize..200, 1..33), cut in 0_usize..33) {
        let members: Vec<String> = sizes.iter().enumerate().map(|(i, n)| format!("k{i}={}", "v".repeat(*n))).collect();
        let cut = cut.min(members.len());
        let lines = [members[..cut].join(","), members[cut..].join(" , ")];
        let value = carried(&[&lines[0], &lines[1]]);
        let whole = members.join(",");
        if whole.len() <= MAX {
            prop_assert_eq!(value, Some(whole));
        } else {
            let mut kept: Vec<&str> = members.iter().map(String::as_str).filter(|m| m.len() <= 128).collect();
            while kept.join(",").len() > MAX {
                kept.pop();
            }
            prop_assert_eq!(value.unwrap_or_default(), kept.join(","));
        }
    }
}
