//! Erlang and Elixir: the release, the node, else the module or script that is started.

use super::{Target, cwd_folder, script};

/// Modules that start something else.
const STARTERS: [&str; 5] = ["elixir", "init", "erlang", "inets", "application"];

pub(super) fn name(target: &Target<'_>) -> Option<String> {
    let release = target.environment.get("RELEASE_NAME");
    release
        .or_else(|| node(target))
        .or_else(|| extra(target))
        .or_else(|| module(target))
        .or_else(|| cwd_folder(target))
}

/// Values of an option, each time it is there.
fn values<'a>(target: &'a Target<'_>, option: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = target.args.windows(2);
    pairs.filter_map(move |pair| match pair {
        [name, value] if name == option && !value.starts_with('-') => Some(value.as_str()),
        _ => None,
    })
}

/// `-sname shop@host`, `-name`.
fn node(target: &Target<'_>) -> Option<String> {
    let mut nodes = values(target, "-sname").chain(values(target, "-name"));
    let name = nodes.next()?.split('@').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// What `elixir` and `mix` were told: `-extra web.exs`, `-extra /usr/bin/mix phx.server`.
fn extra(target: &Target<'_>) -> Option<String> {
    let mut programs = values(target, "-extra").filter(|path| {
        let file = super::file_name(path);
        !matches!(file, "mix" | "iex" | "elixir")
    });
    script(target, programs.next()?)
}

/// `-s web start`, `-run web`.
fn module(target: &Target<'_>) -> Option<String> {
    let mut modules = values(target, "-s").chain(values(target, "-run"));
    let module = modules.find(|module| !STARTERS.contains(module))?;
    Some(module.trim_start_matches("Elixir.").to_owned())
}
