//! Environment variables as a second source of flags.
//!
//! A variable is turned into the flag it stands for and parsed by the same clap definition, so that a value is
//! valid in one place exactly when it is in the other. `SONDE_*` belongs to the agent: a wrong value there is an
//! error. `OTEL_*` is shared with other programs, and the OpenTelemetry specification asks to warn about a value
//! that is not understood and to go on as if it were unset.
//!
//! An unknown `SONDE_*` variable is a warning, not an error: Kubernetes puts `SONDE_PORT`, `SONDE_SERVICE_HOST`
//! and the like into every container of a namespace that has a service called `sonde`, and a misspelt
//! variable in a base image should not keep an agent from starting on a whole cluster.

use crate::cli::{Failure, nearest};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;
use std::ffi::OsString;

const PREFIX: &str = "SONDE_";

/// `OTEL_*` variables that stand for a flag of the agent; those of the OTLP exporter are read by [`crate::export`].
const STANDARD: [(&str, &str, Translation); 7] = [
    ("export", "OTEL_TRACES_EXPORTER", exporter),
    ("batch_spans", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Some),
    ("batch_interval", "OTEL_BSP_SCHEDULE_DELAY", milliseconds),
    ("log_level", "OTEL_LOG_LEVEL", Some),
    ("propagators", "OTEL_PROPAGATORS", Some),
    ("sampler", "OTEL_TRACES_SAMPLER", Some),
    ("sampler_arg", "OTEL_TRACES_SAMPLER_ARG", Some),
];

type Translation = fn(String) -> Option<String>;

fn milliseconds(value: String) -> Option<String> {
    Some(format!("{value}ms"))
}

fn exporter(value: String) -> Option<String> {
    Some(if value == "console" {
        "stdout".to_owned()
    } else {
        value
    })
}

/// The variables of a process, taken once; an empty one counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of this process. Those that are not UTF-8 are read with replacement characters.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect()
    }

    /// The value of a variable that is set and not blank.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

impl<Name: Into<String>, Value: Into<String>> FromIterator<(Name, Value)> for Environment {
    fn from_iter<Pairs: IntoIterator<Item = (Name, Value)>>(pairs: Pairs) -> Self {
        let variables = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self { variables }
    }
}

/// The variable of a flag: `--batch-spans` is `SONDE_BATCH_SPANS`.
pub fn variable_name(long: &str) -> String {
    format!("{PREFIX}{}", long.replace('-', "_").to_ascii_uppercase())
}

/// The standard variable that stands for the flag with this clap id, if there is one.
pub fn standard_name(id: &str) -> Option<&'static str> {
    STANDARD
        .iter()
        .find(|(flag, ..)| *flag == id)
        .map(|(_, name, _)| *name)
}

/// The flags that the environment adds to a command line, and what is to be logged about it.
#[derive(Debug, Default)]
pub(super) struct Additions {
    pub(super) arguments: Vec<OsString>,
    pub(super) warnings: Vec<String>,
}

/// Reads the variables of all flags of `command` that `matches` does not have from the command line.
pub(super) fn additions(
    command: &Command,
    matches: &ArgMatches,
    environment: &Environment,
) -> Result<Additions, Failure> {
    let mut additions = Additions::default();
    for argument in flags(command) {
        let id = argument.get_id().as_str();
        if matches.value_source(id) == Some(ValueSource::CommandLine) {
            continue;
        }
        let Some(long) = argument.get_long() else {
            continue;
        };
        let name = variable_name(long);
        if let Some(value) = environment.get(&name) {
            let arguments = as_flags(argument, long, &value);
            check(argument, &arguments, &name, &value).map_err(Failure::configuration)?;
            additions.arguments.extend(arguments);
            continue;
        }
        let standard = STANDARD.iter().find(|(flag, ..)| *flag == id);
        let Some((_, name, translate)) = standard else {
            continue;
        };
        let Some(value) = environment.get(name) else {
            continue;
        };
        let Some(translated) = translate(value.clone()) else {
            continue;
        };
        let arguments = as_flags(argument, long, &translated);
        match check(argument, &arguments, name, &value) {
            Ok(()) => additions.arguments.extend(arguments),
            Err(message) => additions.warnings.push(format!("{message}; ignored")),
        }
    }
    Ok(additions)
}

/// One warning for each `SONDE_*` variable that no flag of any subcommand has.
pub(super) fn unknown_variables(command: &Command, environment: &Environment) -> Vec<String> {
    let known: Vec<String> = std::iter::once(command)
        .chain(command.get_subcommands())
        .flat_map(flags)
        .filter_map(Arg::get_long)
        .map(variable_name)
        .collect();
    environment
        .variables
        .keys()
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .filter(|name| !is_for_others(name))
        .map(
            |name| match nearest(name, known.iter().map(String::as_str)) {
                Some(candidate) => {
                    format!("{name} is not a variable of sonde; the nearest is {candidate}")
                }
                None => format!("{name} is not a variable of sonde"),
            },
        )
        .collect()
}

/// Whether Kubernetes made the variable for a service called `sonde`, or it is for those who build and
/// test Sonde.
fn is_for_others(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    ["PORT", "BIN", "BPF_OBJECT", "CACHE"].contains(&rest)
        || ["PORT_", "SERVICE_HOST", "SERVICE_PORT", "TEST_", "BENCH_"]
            .iter()
            .any(|start| rest.starts_with(start))
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
}

fn as_flags(argument: &Arg, long: &str, value: &str) -> Vec<OsString> {
    let values = match argument.get_action() {
        ArgAction::Append => split_list(value),
        _ => vec![value],
    };
    values
        .into_iter()
        .map(|value| OsString::from(format!("--{long}={value}")))
        .collect()
}

/// Splits at commas outside of `{}`, which a glob may hold; items lose their blanks, and empty ones are left out.
fn split_list(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let items = text.split(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    items
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

/// Parses the flags that a variable became on their own, to say which variable is wrong and what would be right.
fn check(argument: &Arg, flags: &[OsString], name: &str, value: &str) -> Result<(), String> {
    let program = OsString::from("sonde");
    let alone = Command::new("sonde").arg(argument.clone());
    let Err(error) = alone.try_get_matches_from(std::iter::once(&program).chain(flags)) else {
        return Ok(());
    };
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|possible| possible.get_name().to_owned())
        .collect();
    if possible.is_empty() {
        let reason = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        return Err(format!("{name}: invalid value {value:?}: {reason}"));
    }
    let wrong = split_list(value)
        .into_iter()
        .find(|item| !possible.iter().any(|valid| valid == item))
        .unwrap_or(value);
    let hint = nearest(wrong, possible.iter().map(String::as_str))
        .map_or_else(String::new, |candidate| {
            format!("; the nearest is {candidate}")
        });
    Err(format!(
        "{name}: invalid value {wrong:?}{hint} (possible values: {})",
        possible.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::{split_list, variable_name};

    #[test]
    fn names() {
        assert_eq!(variable_name("otlp-client-key"), "SONDE_OTLP_CLIENT_KEY");
    }

    #[test]
    fn lists() {
        let cases: [(&str, &[&str]); 4] = [
            ("a,b", &["a", "b"]),
            (" a , ,b,", &["a", "b"]),
            (
                "/usr/bin/{node,python*},port:80",
                &["/usr/bin/{node,python*}", "port:80"],
            ),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(split_list(text), expected, "{text:?}");
        }
    }
}
