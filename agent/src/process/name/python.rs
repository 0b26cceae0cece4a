//! Python: modules, scripts, and the servers that are told an application.

use super::{Target, after_options, cwd_folder, file_name, in_brackets, is_generic, script};

/// Servers and runners whose application is an argument `package.module:object`.
const SERVERS: [&str; 7] = [
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "daphne",
    "granian",
    "waitress-serve",
    "uwsgi",
];

pub(super) fn name(target: &Target<'_>) -> Option<String> {
    let title = target.args.first()?;
    // A process that wrote its own title: `gunicorn: worker [shop.wsgi:application]`.
    if title.contains(": ")
        && let Some(application) = in_brackets(title)
    {
        return application_name(target, application);
    }
    // An embedding server (uwsgi) is itself the program.
    if let Some(words) = in_parentheses(title) {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        return tool(target, "celery", &words);
    }
    let own = file_name(title);
    if is_uwsgi(target, own) {
        return tool(target, "uwsgi", target.args.get(1..)?);
    }
    if SERVERS.contains(&own) {
        return tool(target, own, target.args.get(1..)?);
    }
    // Another title of its own.
    if title.contains(' ') {
        return cwd_folder(target);
    }
    program(target, target.args.get(1..)?)
}

/// The arguments in the title of a worker of Celery: `[celeryd: celery@host:MainProcess] -active- (-A jobs worker)`.
fn in_parentheses(title: &str) -> Option<&str> {
    let (_, arguments) = title.strip_prefix("[celeryd:")?.split_once('(')?;
    arguments.trim_end().strip_suffix(')')
}

/// `uwsgi`, `uwsgi-core`, `uwsgi_python3`, and the titles that it gives its processes: `uWSGI worker 1`.
fn is_uwsgi(target: &Target<'_>, own: &str) -> bool {
    let program = target.exe.file_name().unwrap_or_default();
    own.starts_with("uwsgi") || program.to_string_lossy().starts_with("uwsgi")
}

fn program(target: &Target<'_>, args: &[String]) -> Option<String> {
    let mut rest = args;
    loop {
        rest = match rest.first()?.as_str() {
            "-m" => return module(target, rest.get(1)?, rest.get(2..)?),
            "-c" => return cwd_folder(target),
            "-W" | "-X" | "--check-hash-based-pycs" => rest.get(2..)?,
            option if option.starts_with("-m") => {
                return module(target, &option[2..], rest.get(1..)?);
            }
            option if option.len() > 1 && option.starts_with('-') => rest.get(1..)?,
            path => {
                let stem = file_name(path);
                let found = tool(target, stem, rest.get(1..)?);
                return if is_tool(stem) {
                    found
                } else {
                    script(target, path)
                };
            }
        };
    }
}

fn is_tool(name: &str) -> bool {
    SERVERS.contains(&name) || matches!(name, "flask" | "celery" | "fastapi")
}

fn module(target: &Target<'_>, module: &str, args: &[String]) -> Option<String> {
    if is_tool(module) {
        return tool(target, module, args);
    }
    let stripped = module
        .rsplit_once('.')
        .filter(|(_, last)| matches!(*last, "__main__" | "main" | "app" | "wsgi" | "asgi"));
    match stripped {
        Some((package, _)) => Some(package.to_owned()),
        None if is_generic(module) => cwd_folder(target).or_else(|| Some(module.to_owned())),
        None => Some(module.to_owned()),
    }
}

fn tool(target: &Target<'_>, tool: &str, args: &[String]) -> Option<String> {
    let application = match tool {
        "flask" => option(args, &["--app", "-A"]).or_else(|| target.environment.get("FLASK_APP")),
        "celery" => option(args, &["--app", "-A"]),
        "uwsgi" => uwsgi(args),
        "fastapi" => after_options(args.get(1..)?, &["--host", "--port", "--app"])
            .first()
            .cloned(),
        _ => positional_application(args),
    };
    match application {
        Some(application) => application_name(target, &application),
        None => cwd_folder(target).or_else(|| Some(tool.to_owned())),
    }
}

/// The application, else the file with the configuration, which is called after it.
fn uwsgi(args: &[String]) -> Option<String> {
    let application = [
        "--module",
        "-w",
        "--wsgi-file",
        "--wsgi",
        "--file",
        "--mount",
        "--ini",
        "--yaml",
    ];
    let told = option(args, &application).or_else(|| {
        let mut files = args.iter().filter(|arg| arg.ends_with(".ini"));
        files.next().cloned()
    })?;
    // `--mount /shop=shop.py`.
    Some(told.rsplit('=').next().unwrap_or(&told).to_owned())
}

/// Value of `--app X`, `--app=X` or `-AX`.
fn option(args: &[String], names: &[&str]) -> Option<String> {
    args.iter().enumerate().find_map(|(index, arg)| {
        let name = names.iter().find(|name| arg.starts_with(**name))?;
        let rest = &arg[name.len()..];
        match rest.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if rest.is_empty() => args.get(index + 1).cloned(),
            None => (!name.starts_with("--")).then(|| rest.to_owned()),
        }
    })
}

/// The last `module:object`; else the last module that is not the value of an option.
fn positional_application(args: &[String]) -> Option<String> {
    let with_object = args
        .iter()
        .rev()
        .find(|arg| arg.contains(':') && is_application(arg));
    let plain = || {
        (0..args.len()).rev().find_map(|index| {
            let after_option = index > 0 && args[index - 1].starts_with('-');
            (!after_option && is_application(&args[index])).then(|| &args[index])
        })
    };
    with_object.or_else(plain).cloned()
}

fn is_application(text: &str) -> bool {
    let (module, object) = text.split_once(':').unwrap_or((text, "app"));
    let dotted = |text: &str| text.split('.').all(is_identifier);
    // `app()` and `create_app('x')` are objects too.
    let object = object.split('(').next().unwrap_or_default();
    dotted(module) && dotted(object)
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// `shop.wsgi:application` is `shop`; `app:app` is the folder it is run in.
fn application_name(target: &Target<'_>, application: &str) -> Option<String> {
    let module = application.split(':').next()?;
    if module.contains('/')
        || [".py", ".ini", ".yml", ".yaml"]
            .iter()
            .any(|end| module.ends_with(end))
    {
        return script(target, module);
    }
    match module.split('.').rev().find(|part| !is_generic(part)) {
        Some(part) => Some(part.to_owned()),
        None => cwd_folder(target).or_else(|| Some(module.to_owned())),
    }
}
