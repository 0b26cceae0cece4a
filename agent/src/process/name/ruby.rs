//! Ruby: what a server calls the application in its title, else the script.

use std::path::Path;

use super::{Target, after_options, cwd_folder, file_name, folder, in_brackets, script};

pub(super) fn name(target: &Target<'_>) -> Option<String> {
    let title = target.args.first()?;
    if title.contains(' ') {
        return titled(target, title);
    }
    let args = after_options(target.args.get(1..)?, &["-I", "-r", "-C", "-e"]);
    let first = args.first()?;
    match file_name(first) {
        "puma" | "rails" | "unicorn" | "rackup" | "bundle" | "sidekiq" | "passenger" | "thin"
        | "falcon" => cwd_folder(target).or_else(|| Some(file_name(first).to_owned())),
        _ => script(target, first),
    }
}

/// `puma 6.4 (tcp://..) [shop]`, `sidekiq 7.1.0 shop [0 of 5 busy]`, `Passenger RubyApp: /srv/shop (production)`, and servers that do not
/// say whose they are.
fn titled(target: &Target<'_>, title: &str) -> Option<String> {
    let mut words = title.split_ascii_whitespace();
    let program = words.next()?.trim_end_matches(':');
    let told = match program {
        "puma" | "thin" => in_brackets(title).map(str::to_owned),
        "sidekiq" => {
            let application = words.nth(1).filter(|word| !word.starts_with('['));
            application.map(str::to_owned)
        }
        "Passenger" => words
            .find(|word| word.starts_with('/'))
            .and_then(|path| folder(Path::new(path))),
        _ => None,
    };
    told.or_else(|| cwd_folder(target))
        .or_else(|| Some(file_name(program).to_owned()))
}
