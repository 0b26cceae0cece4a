use super::*;

#[test]
fn names_where_the_file_is_gone() {
    let files = TargetFiles::of(Path::new("/nonexistent"));
    let cases = [
        ("/usr/bin/python3.11", Some(Language::Python), Some("3.11")),
        (
            "/usr/bin/python3 (deleted)",
            Some(Language::Python),
            Some("3"),
        ),
        ("/usr/bin/nodejs", Some(Language::NodeJs), None),
        ("/usr/sbin/php-fpm8.2", Some(Language::Php), Some("8.2")),
        ("/usr/share/dotnet/dotnet", Some(Language::DotNet), None),
        ("/usr/bin/node_exporter", None, None),
        ("/usr/bin/nginx", None, None),
    ];
    for (exe, language, version) in cases {
        let runtime = by_name(Path::new(exe), &files).unwrap_or_default();
        assert_eq!(
            (runtime.language, runtime.version.as_deref()),
            (language, version),
            "{exe}"
        );
    }
}

/// The interpreters of this machine under another name: what they are is in them.
#[test]
fn renamed_interpreters() {
    let folder = tempfile::tempdir().unwrap();
    let files = TargetFiles::of(folder.path());
    let cases = [
        ("/usr/bin/python3", Language::Python),
        ("/usr/bin/node", Language::NodeJs),
        ("/usr/bin/ruby", Language::Ruby),
        ("/usr/bin/perl", Language::Perl),
        ("/usr/bin/php", Language::Php),
        ("/usr/bin/java", Language::Java),
        ("/usr/bin/lua5.4", Language::Lua),
        ("/usr/sbin/nginx", Language::C),
        ("/usr/sbin/haproxy", Language::C),
    ];
    for (installed, expected) in cases {
        let Ok(real) = std::fs::canonicalize(installed) else {
            println!("SKIP renamed_interpreters: no {installed}");
            continue;
        };
        let renamed = folder.path().join("worker");
        let _none = std::fs::remove_file(&renamed);
        std::os::unix::fs::symlink(&real, &renamed).unwrap();
        let runtime = inspect(&renamed, Path::new("/srv/worker"), &files);
        assert_eq!(runtime.language, Some(expected), "{installed}");
    }
}
