extern crate std;

use super::*;
use std::{format, string::String, vec::Vec};

fn is_valid(value: &str) -> bool {
    let mut check = Check::START;
    value.bytes().all(|byte| check.step(byte)) && check.is_end()
}

fn members(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|i| format!("k{i}=v")).collect();
    all.join(",")
}

#[test]
fn lists_are_valid() {
    let long = [
        format!("{}=v", "k".repeat(256)),
        format!("{}@{}=v", "9".repeat(241), "k".repeat(14)),
        format!("k={}", "v".repeat(256)),
        members(32),
    ];
    let short = [
        "a=1",
        "a=1,b=2",
        "a=1 , \tb=2\t ",
        ",a=1,,b=2,",
        "0t@s=v",
        "a=b c",
        "a= !~",
        "a_-*/9=v",
    ];
    for value in long.iter().map(String::as_str).chain(short) {
        assert!(is_valid(value), "{value}");
    }
}

#[test]
fn what_is_no_list_is_not() {
    let long = [
        format!("{}=v", "k".repeat(257)),
        format!("{}@k=v", "9".repeat(242)),
        format!("k@{}=v", "k".repeat(15)),
        format!("k={}", "v".repeat(257)),
        members(33),
    ];
    let short = [
        "", " ", ",", "a", "a=", "a= ", "a=\t", "a=,b=1", "=v", "A=v", "9=v", "@a=v", "a@=v",
        "a@9=v", "a@b@c=v", "a=b=c", "a b=c", "a=b\tc", "a=\u{7f}", "a=\r", "a=\u{e4}",
    ];
    for value in long.iter().map(String::as_str).chain(short) {
        assert!(!is_valid(value), "{value}");
    }
}
