//! What tells which runtime an executable has in it, whatever its file is called.
//!
//! An interpreter offers functions to its extensions, which keeps their names in a stripped executable; compilers leave sections of
//! their own. Rust code alone is no Rust program: Envoy and Bun are C++ with libraries in Rust. Only a program whose `main` is Rust's has
//! the standard library's start (`std::rt`) in it.

use super::Language;
use super::elf::Facts;
use super::library::by_library;

/// Sections that tell a runtime.
pub(super) const SECTIONS: [&str; 3] = [".bun", ".bun_builtins", ".svm_heap"];

/// Functions and data that tell a runtime to those who may know it from elsewhere.
pub(super) const EXPORTS: [&str; 11] = [
    "_ZN4node5StartEiPPc",
    "node_module_register",
    "napi_create_function",
    "Py_BytesMain",
    "Py_Main",
    "ruby_init",
    "php_module_startup",
    "perl_parse",
    "enif_make_atom",
    "DotNetRuntimeInfo",
    "DotNetRuntimeDebugHeader",
];

const RUST_START: &str = "library/std/src/rt.rs";
const CPP_EXCEPTION: &str = "St9exception";
const DENO: &str = "Deno.customInspect";
const DOTNET_HOST: &str = "hostfxr_main";
const LUA: &str = "LUA_INIT";

/// Texts that are looked for where the rest leaves a doubt.
pub(super) const TEXTS: [&str; 5] = [RUST_START, CPP_EXCEPTION, DENO, DOTNET_HOST, LUA];

/// Is the read-only data to be searched? Rust may be a library, and a C++ program with nothing else to tell a small host.
pub(super) fn are_in_doubt(facts: &Facts) -> bool {
    facts.rust || (facts.exports.is_empty() && facts.sections.is_empty())
}

/// The language of the program; None if the executable is none.
pub(super) fn language(facts: &Facts) -> Option<Language> {
    if !facts.is_elf {
        return None;
    }
    let embedded = of_sections(facts).or_else(|| of_exports(facts));
    let embedded = embedded.or_else(|| {
        facts
            .needed
            .iter()
            .find_map(|name| by_library(name)?.language)
    });
    Some(embedded.unwrap_or_else(|| of_texts(facts)))
}

fn of_sections(facts: &Facts) -> Option<Language> {
    let has = |name| facts.sections.contains(&name);
    if has(".bun") || has(".bun_builtins") {
        return Some(Language::Bun);
    }
    has(".svm_heap").then_some(Language::Java)
}

fn of_exports(facts: &Facts) -> Option<Language> {
    let has = |names: &[&str]| names.iter().any(|name| facts.exports.contains(name));
    // Deno offers Node's functions for extensions too.
    if has(&["napi_create_function"]) && facts.texts.contains(&DENO) {
        return Some(Language::Deno);
    }
    let tables: [(&[&str], Language); 7] = [
        (
            &["_ZN4node5StartEiPPc", "node_module_register"],
            Language::NodeJs,
        ),
        (&["Py_BytesMain", "Py_Main"], Language::Python),
        (&["ruby_init"], Language::Ruby),
        (&["php_module_startup"], Language::Php),
        (&["perl_parse"], Language::Perl),
        (&["enif_make_atom"], Language::Erlang),
        (
            &["DotNetRuntimeInfo", "DotNetRuntimeDebugHeader"],
            Language::DotNet,
        ),
    ];
    let found = tables.iter().find(|(names, _)| has(names));
    found.map(|(_, language)| *language)
}

fn of_texts(facts: &Facts) -> Language {
    let has = |text| facts.texts.contains(&text);
    let needs_cpp = facts
        .needed
        .iter()
        .any(|name| name.starts_with("libstdc++") || name.starts_with("libc++."));
    let is_cpp = needs_cpp || has(CPP_EXCEPTION);
    if facts.rust && (has(RUST_START) || !is_cpp) {
        return Language::Rust;
    }
    if has(DOTNET_HOST) {
        return Language::DotNet;
    }
    if has(LUA) && !is_cpp {
        return Language::Lua;
    }
    if is_cpp { Language::Cpp } else { Language::C }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(
        sections: &[&'static str],
        exports: &[&'static str],
        texts: &[&'static str],
        needed: &[&str],
    ) -> Facts {
        Facts {
            is_elf: true,
            sections: sections.to_vec(),
            exports: exports.to_vec(),
            texts: texts.to_vec(),
            needed: needed.iter().map(|name| (*name).to_owned()).collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn marks() {
        let node = [
            "_ZN4node5StartEiPPc",
            "napi_create_function",
            "node_module_register",
        ];
        let cases = [
            (
                "node",
                facts(&[], &node, &[CPP_EXCEPTION], &["libstdc++.so.6"]),
                Language::NodeJs,
            ),
            (
                "bun",
                facts(
                    &[".bun"],
                    &["napi_create_function", "node_module_register"],
                    &[],
                    &[],
                ),
                Language::Bun,
            ),
            (
                "deno",
                facts(
                    &[],
                    &["napi_create_function"],
                    &[DENO, RUST_START, CPP_EXCEPTION],
                    &[],
                ),
                Language::Deno,
            ),
            (
                "python, static",
                facts(&[], &["Py_BytesMain"], &[], &["libc.so.6"]),
                Language::Python,
            ),
            (
                "python, shared",
                facts(&[], &[], &[], &["libpython3.11.so.1.0"]),
                Language::Python,
            ),
            (
                "ruby, static",
                facts(&[], &["ruby_init"], &[], &[]),
                Language::Ruby,
            ),
            (
                "ruby, shared",
                facts(&[], &[], &[], &["libruby-3.1.so.3.1"]),
                Language::Ruby,
            ),
            (
                "php-fpm",
                facts(&[], &["php_module_startup"], &[], &[]),
                Language::Php,
            ),
            (
                "perl, static",
                facts(&[], &["perl_parse"], &[], &[]),
                Language::Perl,
            ),
            (
                "perl, shared",
                facts(&[], &[], &[], &["libperl.so.5.36"]),
                Language::Perl,
            ),
            (
                "beam.smp",
                facts(&[], &["enif_make_atom"], &[], &["libstdc++.so.6"]),
                Language::Erlang,
            ),
            ("java", facts(&[], &[], &[], &["libjli.so"]), Language::Java),
            (
                "GraalVM native image",
                facts(&[".svm_heap"], &[], &[], &[]),
                Language::Java,
            ),
            (
                ".NET in one file",
                facts(&[], &["DotNetRuntimeInfo"], &[], &["libstdc++.so.6"]),
                Language::DotNet,
            ),
            (
                ".NET native",
                facts(&[], &["DotNetRuntimeDebugHeader"], &[], &[]),
                Language::DotNet,
            ),
            (
                ".NET host",
                facts(&[], &[], &[DOTNET_HOST], &["libstdc++.so.6"]),
                Language::DotNet,
            ),
            (
                "lua",
                facts(&[], &[], &[LUA], &["libc.so.6"]),
                Language::Lua,
            ),
            ("C", facts(&[], &[], &[], &["libc.so.6"]), Language::C),
            (
                "C++, shared",
                facts(&[], &[], &[], &["libstdc++.so.6"]),
                Language::Cpp,
            ),
            (
                "C++, static",
                facts(&[], &[], &[CPP_EXCEPTION], &[]),
                Language::Cpp,
            ),
        ];
        for (name, facts, expected) in cases {
            assert_eq!(language(&facts), Some(expected), "{name}");
        }
        assert_eq!(language(&Facts::default()), None);
    }

    #[test]
    fn rust_in_a_program_of_another_language() {
        let rust = |texts: &[&'static str], needed: &[&str]| Facts {
            rust: true,
            ..facts(&[], &[], texts, needed)
        };
        let cases = [
            ("Rust", rust(&[RUST_START], &["libc.so.6"]), Language::Rust),
            (
                "Rust of a version without the path",
                rust(&[], &[]),
                Language::Rust,
            ),
            (
                "Rust with C++ in it",
                rust(&[RUST_START, CPP_EXCEPTION], &[]),
                Language::Rust,
            ),
            (
                "Rust with C++ beside it",
                rust(&[RUST_START], &["libstdc++.so.6"]),
                Language::Rust,
            ),
            (
                "C++ with Rust in it, as Envoy",
                rust(&[CPP_EXCEPTION], &[]),
                Language::Cpp,
            ),
            (
                "the same, linked dynamically",
                rust(&[], &["libstdc++.so.6"]),
                Language::Cpp,
            ),
        ];
        for (name, facts, expected) in cases {
            assert_eq!(language(&facts), Some(expected), "{name}");
        }
    }
}
