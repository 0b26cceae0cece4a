//! Perl: the script, or the application that a server of its kind was told.

use super::{Target, after_options, cwd_folder, file_name, script};

/// Servers of PSGI and Mojolicious applications.
const SERVERS: [&str; 6] = [
    "plackup",
    "starman",
    "starlet",
    "twiggy",
    "morbo",
    "hypnotoad",
];

pub(super) fn name(target: &Target<'_>) -> Option<String> {
    let title = target.args.first()?;
    // A title of its own: `starman master --listen :5000 app.psgi`.
    if title.contains(' ') {
        let words: Vec<String> = title.split(' ').map(str::to_owned).collect();
        return served(target, &words);
    }
    let args = after_options(target.args.get(1..)?, &["-I", "-M", "-m"]);
    let code = target
        .args
        .get(1..)?
        .iter()
        .take_while(|arg| arg.starts_with('-'));
    if code.into_iter().any(|arg| is_code(arg)) {
        return cwd_folder(target);
    }
    let first = args.first()?;
    if SERVERS.contains(&file_name(first)) {
        return served(target, args);
    }
    script(target, first)
}

/// `-e`, `-ne`, `-E`: what follows is no file.
fn is_code(option: &str) -> bool {
    !option.starts_with("--")
        && !option.starts_with("-I")
        && !option.starts_with("-M")
        && (option.ends_with('e') || option.ends_with('E'))
}

/// The application among the arguments of a server; the folder it is run in where there is none.
fn served(target: &Target<'_>, args: &[String]) -> Option<String> {
    let mut files = args.iter().skip(1).rev();
    let application = files.find(|arg| {
        let file = file_name(arg);
        file.ends_with(".psgi") || file.ends_with(".pl")
    });
    application
        .and_then(|path| script(target, path))
        .or_else(|| cwd_folder(target))
        .or_else(|| args.first().map(|program| file_name(program).to_owned()))
}
