use super::*;
use proptest::prelude::*;
use std::os::unix::fs::symlink;

/// A target's root with a few packages, and its `/proc/PID`.
fn target_tree(cwd: &str) -> (tempfile::TempDir, TargetFiles) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root-of-target");
    for (path, text) in [
        (
            "srv/web/package.json",
            r#"{"name":"@acme/web","version":"2.1.0"}"#,
        ),
        ("srv/broken/package.json", "{"),
        ("srv/nameless/package.json", "{}"),
        ("srv/shop/src/x", ""),
        ("app/x", ""),
    ] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let directory = folder.path().join("1");
    std::fs::create_dir(&directory).unwrap();
    symlink(&root, directory.join("root")).unwrap();
    symlink(
        root.join(cwd.trim_start_matches('/')),
        directory.join("cwd"),
    )
    .unwrap();
    let files = TargetFiles::of(&directory);
    (folder, files)
}

fn named(language: Language, cwd: &str, args: &[&str], environment: &str) -> Named {
    let exe = args.first().copied().unwrap_or_default();
    executed(Some(language), exe, cwd, args, environment)
}

fn executed(
    language: Option<Language>,
    exe: &str,
    cwd: &str,
    args: &[&str],
    environment: &str,
) -> Named {
    let (_folder, files) = target_tree(cwd);
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let environment = Environment::new(environment.as_bytes().to_vec());
    let target = Target {
        exe: Path::new(exe),
        args: &args,
        files: &files,
        environment: &environment,
    };
    service(
        &target,
        &Runtime {
            language,
            ..Runtime::default()
        },
    )
}

#[test]
fn names() {
    use Language::*;
    let cases: &[(Language, &str, &str, &str)] = &[
        (Python, "/srv/shop", "python3 -m cart", "cart"),
        (
            Python,
            "/srv/shop",
            "python3 -u -X dev -m shop.main --port 1",
            "shop",
        ),
        (
            Python,
            "/srv/shop",
            "python3 -m http.server 8000",
            "http.server",
        ),
        (Python, "/srv/shop", "python3 checkout.py", "checkout"),
        (Python, "/srv/shop", "python3 app.py", "shop"),
        (Python, "/srv/shop/src", "python3 main.py", "shop"),
        (Python, "/app", "python3 app.py", "app"),
        (
            Python,
            "/app",
            "python3 /srv/shop/manage.py runserver",
            "shop",
        ),
        (
            Python,
            "/srv/shop",
            "python3 -m flask --app hello run -p 1",
            "hello",
        ),
        (
            Python,
            "/srv/shop",
            "python3 /usr/bin/flask --app=app run",
            "shop",
        ),
        (Python, "/srv/shop", "python3 /usr/bin/flask run", "shop"),
        (
            Python,
            "/",
            "python3 /usr/bin/gunicorn -w 4 -b localhost:8000 shop.wsgi:application",
            "shop",
        ),
        (
            Python,
            "/srv/shop",
            "python3 /usr/bin/gunicorn app:app",
            "shop",
        ),
        (
            Python,
            "/app",
            "python3 /usr/bin/gunicorn app:create_app()",
            "app",
        ),
        (
            Python,
            "/",
            "python3 /usr/bin/uvicorn orders.main:app --host 0.0.0.0",
            "orders",
        ),
        (Python, "/", "python3 -m celery -A jobs worker", "jobs"),
        (Python, "/srv/shop", "python3 -c pass", "shop"),
        (Python, "/", "python3", "python3"),
        (Python, "/srv/shop", "python3 -", "shop"),
        (Python, "/", "python3 -", "python3"),
        (Python, "/srv/shop", "python3 /dev/stdin", "shop"),
        (
            Python,
            "/srv/shop",
            "uwsgi_python3 --http-socket 127.0.0.1:9000 --master",
            "shop",
        ),
        (
            Python,
            "/",
            "/usr/bin/uwsgi --http 127.0.0.1:80 --mount /pay=pay.py",
            "pay",
        ),
        (Python, "/", "uwsgi --ini /etc/uwsgi/cart.ini", "cart"),
        (
            Python,
            "/",
            "uwsgi-core -s 127.0.0.1:1 -w orders.wsgi",
            "orders",
        ),
        (Python, "/", "uwsgi --http 127.0.0.1:8000", "uwsgi"),
        (NodeJs, "/srv/web", "node index.js", "@acme/web"),
        (NodeJs, "/", "node -r x /srv/web/dist/index.js", "@acme/web"),
        (
            NodeJs,
            "/srv/web",
            "node node_modules/.bin/next start",
            "@acme/web",
        ),
        (NodeJs, "/srv/broken", "node pay.js", "pay"),
        (NodeJs, "/srv/shop", "node -e listen(1)", "shop"),
        (NodeJs, "/srv/shop", "node -", "shop"),
        (
            NodeJs,
            "/srv/broken",
            "node --inspect=0.0.0.0:1 --enable-source-maps pay.js",
            "pay",
        ),
        (NodeJs, "/srv/nameless", "node server.js", "nameless"),
        (Java, "/", "java -Xmx1g -jar /opt/shop-1.2.3.jar", "shop"),
        (Java, "/", "java -jar pet-clinic.jar", "pet-clinic"),
        (Java, "/", "java -cp a:b com.acme.Checkout x", "Checkout"),
        (Java, "/", "java -cp a:b com.acme.shop.Main", "shop"),
        (Java, "/", "java -m acme.pay/com.acme.Main", "acme.pay"),
        (Java, "/", "java /tmp/Server.java", "Server"),
        (
            Java,
            "/",
            "java -cp b.jar org.apache.catalina.startup.Bootstrap start",
            "tomcat",
        ),
        (
            Java,
            "/",
            "java -Dspring.application.name=cart -jar x.jar",
            "cart",
        ),
        (
            Java,
            "/",
            "java -jar x.jar --spring.application.name=cart",
            "cart",
        ),
        (Ruby, "/srv/shop", "ruby bin/rails server", "shop"),
        (Ruby, "/", "ruby pay.rb", "pay"),
        (Php, "/srv/shop", "php -S 0.0.0.0:80 -t public", "shop"),
        (Php, "/srv/shop", "php artisan serve", "shop"),
        (Php, "/", "php-fpm8.2", "php-fpm"),
        (DotNet, "/", "dotnet /app/Shop.Api.dll", "Shop.Api"),
        (DotNet, "/", "/app/Shop", "Shop"),
        (Go, "/", "/usr/local/bin/checkout --x", "checkout"),
        (Rust, "/", "/opt/pay (deleted)", "pay"),
    ];
    for (language, cwd, line, expected) in cases {
        let args: Vec<&str> = if line.contains(" (deleted)") {
            vec![line]
        } else {
            line.split(' ').collect()
        };
        let got = named(*language, cwd, &args, "");
        assert_eq!(got.name, *expected, "{line} in {cwd}");
    }
}

#[test]
fn names_of_runtimes_without_a_language() {
    for (exe, cwd, line, expected) in [
        (
            "beam.smp",
            "/",
            "beam.smp -- -root /usr/lib/erlang -bindir /b -progname erl -- -home /root -- -noshell -sname shop@host",
            "shop",
        ),
        (
            "beam.smp",
            "/",
            "beam.smp -- -root /r -- -name pay@10.0.0.1 -s elixir start_cli",
            "pay",
        ),
        (
            "beam.smp",
            "/",
            "beam.smp -- -root /r -- -noshell -pa ebin -s orders start",
            "orders",
        ),
        (
            "beam.smp",
            "/",
            "beam.smp -- -- -s elixir start_cli -extra /srv/web.exs",
            "web",
        ),
        (
            "beam.smp",
            "/srv/shop",
            "beam.smp -- -- -s elixir start_cli -extra /usr/bin/mix phx.server",
            "shop",
        ),
        (
            "beam.smp",
            "/",
            "beam.smp -- -root /usr/lib/erlang",
            "beam.smp",
        ),
        ("perl", "/", "/usr/bin/perl -w /srv/pay.pl daemon", "pay"),
        (
            "perl5.36",
            "/srv/shop",
            "perl app.pl daemon -l http://*:3000",
            "shop",
        ),
        (
            "perl",
            "/srv/shop",
            "perl -Ilib /usr/bin/plackup -p 5000 app.psgi",
            "shop",
        ),
        (
            "perl",
            "/",
            "perl /usr/bin/morbo -l http://*:3000 cart.pl",
            "cart",
        ),
        ("perl", "/srv/shop", "perl -MHTTP::Daemon -e code", "shop"),
        ("perl", "/srv/shop", "perl -", "shop"),
        (
            "bun.exe",
            "/srv/broken",
            "/usr/lib/node_modules/bun/bin/bun.exe pay.ts",
            "pay",
        ),
        ("bun", "/srv/web", "bun run dev", "@acme/web"),
        ("bun", "/srv/web", "bun --hot run index.ts", "@acme/web"),
        ("deno", "/srv/shop", "deno run --allow-net pay.ts", "pay"),
        ("mono", "/", "mono --debug /opt/Shop.exe --port 1", "Shop"),
        ("mono-sgen", "/", "/usr/bin/mono-sgen /opt/Pay.exe", "Pay"),
        ("nginx", "/", "nginx: worker process", "nginx"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let got = executed(None, exe, cwd, &args, "");
        assert_eq!(got.name, expected, "{line} in {cwd}");
    }
    let args = ["beam.smp", "--", "-root", "/app", "-sname", "x"];
    let released = executed(None, "beam.smp", "/", &args, "RELEASE_NAME=shop\0");
    assert_eq!(released.name, "shop");
}

/// The whole command line is one argument then.
#[test]
fn names_from_titles() {
    use Language::*;
    for (language, exe, cwd, title, expected) in [
        (
            Python,
            "python3.11",
            "/srv/shop",
            "gunicorn: master [app:app]",
            "shop",
        ),
        (
            Python,
            "python3.11",
            "/",
            "gunicorn: worker [pay.wsgi:application]",
            "pay",
        ),
        (
            Python,
            "python3.11",
            "/",
            "[celeryd: celery@host:MainProcess] -active- (-A jobs worker -l info)",
            "jobs",
        ),
        (
            Python,
            "python3.11",
            "/srv/shop",
            "idle since 12:00 [0 of 5]",
            "shop",
        ),
        (Python, "python3.11", "/", "idle since 12:00", "python3.11"),
        (Python, "uwsgi-core", "/srv/shop", "uWSGI worker 1", "shop"),
        (Python, "uwsgi", "/", "uWSGI master", "uwsgi"),
        (
            Ruby,
            "ruby3.1",
            "/",
            "puma 5.6.5 (tcp://0.0.0.0:3000) [store]",
            "store",
        ),
        (
            Ruby,
            "ruby3.1",
            "/",
            "puma: cluster worker 0: 17 [store]",
            "store",
        ),
        (
            Ruby,
            "ruby3.1",
            "/srv/shop",
            "puma 6.4.0 (tcp://0.0.0.0:3000)",
            "shop",
        ),
        (
            Ruby,
            "ruby3.1",
            "/",
            "puma 6.4.0 (tcp://0.0.0.0:3000)",
            "puma",
        ),
        (Ruby, "ruby3.1", "/srv/shop", "unicorn worker[0]", "shop"),
        (
            Ruby,
            "ruby3.1",
            "/",
            "sidekiq 7.1.0 jobs [0 of 5 busy]",
            "jobs",
        ),
        (
            Ruby,
            "ruby3.1",
            "/srv/shop",
            "sidekiq 7.1.0 [0 of 5 busy]",
            "shop",
        ),
        (
            Ruby,
            "ruby3.1",
            "/",
            "Passenger RubyApp: /srv/shop/current (production)",
            "shop",
        ),
        (Php, "php-fpm8.2", "/", "php-fpm: pool shop", "shop"),
        (Php, "php-fpm8.2", "/", "php-fpm: pool www", "php-fpm"),
        (
            Php,
            "php-fpm8.2",
            "/",
            "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)",
            "php-fpm",
        ),
        (NodeJs, "node", "/srv/web", "npm run start", "@acme/web"),
        (NodeJs, "node", "/srv/shop", "next-server (v14.1.0)", "shop"),
    ] {
        let got = executed(Some(language), exe, cwd, &[title], "");
        assert_eq!(got.name, expected, "{title} in {cwd}");
    }
}

#[test]
fn names_from_titles_and_environment() {
    let title = ["gunicorn: worker [shop.wsgi:application]"];
    assert_eq!(named(Language::Python, "/", &title, "").name, "shop");
    let title = ["puma 6.4.0 (tcp://0.0.0.0:3000) [store]"];
    assert_eq!(named(Language::Ruby, "/", &title, "").name, "store");
    let flask = ["python3", "/usr/bin/flask", "run"];
    assert_eq!(
        named(Language::Python, "/", &flask, "FLASK_APP=pay.py\0").name,
        "pay"
    );
}

#[test]
fn versions() {
    let version = |language, cwd, args: &[&str]| named(language, cwd, args, "").version;
    let jar = version(
        Language::Java,
        "/",
        &["java", "-jar", "shop-1.2.3-SNAPSHOT.jar"],
    );
    assert_eq!(jar.as_deref(), Some("1.2.3-SNAPSHOT"));
    let package = version(Language::NodeJs, "/srv/web", &["node", "."]);
    assert_eq!(package.as_deref(), Some("2.1.0"));
}

proptest! {
    #[test]
    fn any_command_line_has_a_name(args in prop::collection::vec("[-=:./ \\[\\]a-zé]{0,12}", 0..6)) {
        let environment = Environment::default();
        let files = TargetFiles::of(Path::new("/nonexistent"));
        let target = Target { exe: Path::new("/x"), args: &args, files: &files, environment: &environment };
        for language in [Language::Python, Language::NodeJs, Language::Java, Language::Ruby, Language::Php, Language::DotNet] {
            let named = service(&target, &Runtime { language: Some(language), ..Runtime::default() });
            prop_assert!(!named.name.is_empty());
        }
    }
}
