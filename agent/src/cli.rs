//! The command line: `sonde [run]`, `check`, `list`, `completions`.
