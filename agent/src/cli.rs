//! The command line: `sonde [run]`, `check`, `list`, `completions`.
//!
//! stdout carries data, stderr diagnostics. Everything that can be said without privileges (help, completions,
//! errors in the configuration) is said before anything asks for one.

mod arguments;
pub mod check;
mod environment;
mod failure;
mod output;
pub mod privilege;
pub mod reference;
mod terminal;

pub use arguments::{
    Arguments, CaptureArguments, CheckArguments, Command, ContextArguments, DiagnosticsArguments,
    ExportArguments, Exporter, ListArguments, LogFormat, LoggingArguments, OtlpArguments,
    OtlpCompression, OtlpProtocol, RunArguments, SelectionArguments, ViewArguments,
};
pub use environment::{Environment, standard_name, variable_name};
pub use failure::{Failure, Kind};
pub use output::print;
pub use terminal::{SocketArguments, TopArguments, TraceArguments, TracesArguments};

use clap::{CommandFactory as _, FromArgMatches as _};
use std::ffi::OsString;

/// What the command line and the environment say together.
#[derive(Debug)]
pub struct Invocation {
    /// The arguments, with those of the environment where the command line is silent.
    pub arguments: Arguments,
    /// What is wrong in the environment but no reason to stop; to be logged once the log runs.
    pub warnings: Vec<String>,
}

/// Why there are no arguments.
#[derive(Debug)]
pub enum Interruption {
    /// `--help` or `--version`: this text, for stdout.
    Text(String),
    /// The arguments or the environment are wrong.
    Failure(Failure),
}

/// Reads the command line, then the environment for each flag that the command line does not give.
///
/// # Errors
/// [`Interruption::Text`] when only a text is asked for; else a failure that names the flag or the variable.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Invocation, Interruption> {
    let command = Arguments::command();
    let mut line: Vec<OsString> = arguments.into_iter().collect();
    let matches = command
        .clone()
        .try_get_matches_from(&line)
        .map_err(interruption)?;
    // Flattened arguments of subcommands are complete only after clap has built the command.
    let active = matches
        .subcommand()
        .and_then(|(name, matches)| Some((command.find_subcommand(name)?, matches)))
        .unwrap_or((&command, &matches));
    let additions =
        environment::additions(active.0, active.1, environment).map_err(Interruption::Failure)?;
    line.extend(additions.arguments);
    let matches = command
        .clone()
        .try_get_matches_from(&line)
        .map_err(interruption)?;
    let arguments = Arguments::from_arg_matches(&matches).map_err(interruption)?;
    let mut warnings = additions.warnings;
    warnings.extend(environment::unknown_variables(&command, environment));
    Ok(Invocation {
        arguments,
        warnings,
    })
}

fn interruption(error: clap::Error) -> Interruption {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return Interruption::Text(text);
    }
    let message = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    Interruption::Failure(Failure::configuration(message))
}

/// The candidate most like `word`, if one is so alike that a slip of the keyboard explains the difference.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// Prints the completion script of `shell` to stdout.
///
/// # Errors
/// stdout cannot be written.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "sonde", &mut script);
    print(&String::from_utf8_lossy(&script))
}
