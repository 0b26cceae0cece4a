//! The reference pages of the documentation, written from the definition of the flags so that they cannot differ.

use crate::cli::{Arguments, standard_name, variable_name};
use clap::{Arg, CommandFactory as _};
use std::fmt::Write as _;

/// `docs/cli.md`: the help of each subcommand.
pub fn cli_page() -> String {
    let mut command = Arguments::command().term_width(100);
    command.build();
    let mut page = "# Command line\n\nWritten from the definition of the flags: `UPDATE_DOCS=1 cargo test -p sonde --test cli`.\n".to_owned();
    let mut section = |title: &str, help: String| {
        let _ = write!(page, "\n## {title}\n\n```text\n{}\n```\n", help.trim_end());
    };
    section("sonde", trimmed(&command.render_long_help().to_string()));
    for subcommand in command
        .get_subcommands_mut()
        .filter(|subcommand| subcommand.get_name() != "run")
    {
        let title = format!("sonde {}", subcommand.get_name());
        section(&title, trimmed(&subcommand.render_long_help().to_string()));
    }
    page
}

/// `docs/configuration.md`: each flag of `sonde run` with its variables and default.
pub fn configuration_page() -> String {
    let command = Arguments::command();
    let mut page = PREFACE.to_owned();
    let mut heading = None;
    for argument in command
        .get_arguments()
        .filter(|argument| argument.get_help_heading().is_some())
    {
        if heading != argument.get_help_heading() {
            heading = argument.get_help_heading();
            let title = heading.unwrap_or_default();
            let _ = write!(
                page,
                "\n## {title}\n\n| flag | variables | default | meaning |\n|---|---|---|---|\n"
            );
        }
        let _ = writeln!(page, "{}", table_row(argument));
    }
    page
}

const PREFACE: &str = "\
# Configuration

Written from the definition of the flags: `UPDATE_DOCS=1 cargo test -p sonde --test cli`.

A flag wins over its `SONDE_*` variable, that over the standard `OTEL_*` variable, and that over the default.
An empty variable counts as unset. Flags that can be repeated take a comma-separated list from the environment.
A value that is not understood is an error in a flag or in `SONDE_*` (exit code 2). In the `OTEL_*` variables of
the tables it is a warning, as the OpenTelemetry specification asks. An unknown `SONDE_*` variable is a warning that
names the nearest known one: Kubernetes itself sets `SONDE_SERVICE_HOST` and the like next to a service called `sonde`.

Byte sizes are whole numbers with an optional suffix KiB, MiB or GiB; durations carry their unit (`500ms`, `5s`, `1m`),
in `OTEL_*` variables they are milliseconds. The agent's own `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and
`OTEL_SDK_DISABLED` are not read: spans are about the services that are traced, never about the agent.
";

fn table_row(argument: &Arg) -> String {
    let long = argument.get_long().unwrap_or_default();
    let value = argument
        .get_value_names()
        .and_then(<[_]>::first)
        .map_or("", |name| name.as_str());
    let mut variables = format!("`{}`", variable_name(long));
    if let Some(standard) = standard_name(argument.get_id().as_str()) {
        let _ = write!(variables, ", `{standard}`");
    }
    if argument.get_id().as_str().starts_with("otlp_") {
        let _ = write!(variables, ", `{}`", exporter_variable(long));
    }
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (meaning, written) = help
        .split_once(" [default: ")
        .map_or((help.as_str(), ""), |(meaning, rest)| {
            (meaning, rest.trim_end_matches(']'))
        });
    let default = argument.get_default_values().first().map_or_else(
        || written.to_owned(),
        |default| default.to_string_lossy().into_owned(),
    );
    let possible = possible_values(argument);
    let value = value.replace('|', "\\|");
    format!("| `--{long} {value}` | {variables} | {default} | {meaning}{possible} |")
}

/// The variable of the OTLP exporter specification for one of the `--otlp-*` flags.
fn exporter_variable(long: &str) -> String {
    let name = long.replace('-', "_").to_ascii_uppercase();
    let plural = if long == "otlp-header" { "S" } else { "" };
    format!("OTEL_EXPORTER_{name}{plural}")
}

fn possible_values(argument: &Arg) -> String {
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!(": {}", values.join(", "))
    }
}

/// Lines without blanks at their end, which editors would take out of the page.
fn trimmed(text: &str) -> String {
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}
