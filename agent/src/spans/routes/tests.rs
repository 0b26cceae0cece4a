use std::collections::BTreeSet;

use super::*;
use proptest::prelude::*;

/// The names of these paths, as a server of one service gives them one after the other.
fn names<'a>(routes: &mut Routes, paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let paths = paths.into_iter();
    paths
        .map(|path| routes.route("shop", Role::Server, path).unwrap())
        .collect()
}

/// A word of letters only that is another one for each number.
fn word(number: usize) -> String {
    let letter =
        |place: u32| char::from(b'a' + u8::try_from(number / 26_usize.pow(place) % 26).unwrap());
    (0..4).map(letter).collect()
}

fn distinct(names: &[String]) -> usize {
    names.iter().collect::<BTreeSet<_>>().len()
}

#[test]
fn words_that_are_data_become_parameters() {
    type Path = fn(usize) -> String;
    let cases: [(&str, Path, usize, &str); 5] = [
        (
            "repositories",
            |n| format!("/rt/{}-{}/{}/hooks", word(n), word(n + 7), word(n * 3)),
            FEW_WORDS + 1,
            "/rt/{id}/{id}/hooks",
        ),
        (
            "people",
            |n| format!("/people/{}", word(n)),
            FEW_WORDS + 1,
            "/people/{id}",
        ),
        (
            "at the root",
            |n| format!("/{}", word(n)),
            FEW_WORDS + 1,
            "/{id}",
        ),
        (
            "beside numbers",
            |n| {
                if n % 2 == 0 {
                    format!("/items/{n}")
                } else {
                    format!("/items/{}", word(n))
                }
            },
            FEW_WORDS + 1,
            "/items/{id}",
        ),
        (
            "few behind many",
            |n| format!("/u/{}/{}", word(n), ["posts", "likes"][n % 2]),
            FEW_WORDS + 2,
            "/u/{id}/posts",
        ),
    ];
    for (case, path, most, last) in cases {
        let mut routes = Routes::default();
        let paths: Vec<String> = (0..400).map(path).collect();
        let names = names(&mut routes, paths.iter().map(String::as_str));
        assert!(distinct(&names) <= most, "{case}: {}", distinct(&names));
        assert!(names.contains(&last.to_owned()), "{case}: {names:?}");
        let late: BTreeSet<_> = names[300..].iter().collect();
        assert!(late.len() <= 2, "{case}: {late:?}");
    }
}

#[test]
fn static_words_stay() {
    let resources: Vec<String> = (0..40).map(|n| format!("/api/{}/list", word(n))).collect();
    let rounds = || resources.iter().map(String::as_str);
    let expected: Vec<String> = resources.clone();
    // Few of them, whatever their order.
    let mut routes = Routes::default();
    let few = || rounds().take(FEW_WORDS);
    assert_eq!(
        names(&mut routes, few().chain(few())),
        [&expected[..FEW_WORDS]; 2].concat()
    );
    // More, as soon as they come again.
    let mut routes = Routes::default();
    let mut seen = Vec::new();
    for known in (8..=40).step_by(8) {
        for _ in 0..3 {
            seen.extend(names(&mut routes, rounds().take(known)));
        }
    }
    assert_eq!(names(&mut routes, rounds()), expected);
    assert!(seen.iter().all(|name| expected.contains(name)));
}

#[test]
fn frequent_words_stay_beside_data() {
    let mut routes = Routes::default();
    let often: Vec<&str> = vec!["/login"; 50];
    assert_eq!(distinct(&names(&mut routes, often)), 1);
    let scanned: Vec<String> = (0..500).map(|n| format!("/{}", word(n))).collect();
    names(&mut routes, scanned.iter().map(String::as_str));
    assert_eq!(
        names(&mut routes, ["/login", "/never", "/login/form"]),
        ["/login", "/{id}", "/login/form"]
    );
}

#[test]
fn services_and_their_ends_are_learned_apart() {
    let mut routes = Routes::default();
    for n in 0..100 {
        routes.route("a", Role::Server, &format!("/{}", word(n)));
    }
    for (service, role, name) in [
        ("a", Role::Server, "/{id}"),
        ("a", Role::Client, "/word"),
        ("b", Role::Server, "/word"),
    ] {
        assert_eq!(
            routes.route(service, role, "/word").as_deref(),
            Some(name),
            "{service} {role:?}"
        );
    }
    assert_eq!(routes.route("a", Role::Server, "*"), None);
}

#[test]
fn what_is_beyond_the_bounds_has_one_name() {
    let mut routes = Routes::default();
    // A tree of static words that is too large to be kept.
    let tree: Vec<String> = (0..14 * 14 * 14)
        .map(|n| format!("/{}/{}/{}", word(n / 196), word(n / 14 % 14), word(n % 14)))
        .collect();
    let names = names(&mut routes, tree.iter().map(String::as_str));
    assert!(distinct(&names) < 500, "{}", distinct(&names));
    assert!(names.last().unwrap().ends_with("/*"));
    let paths = &routes.services["shop"].served;
    assert!(paths.bytes <= SERVICE_BYTES && paths.bytes == paths.root.bytes());
    for n in 0..1000 {
        routes.route(&word(n), Role::Client, "/a");
    }
    assert_eq!(routes.services.len(), SERVICES);
    assert!(!routes.services.contains_key("shop"));
}

proptest! {
    #[test]
    fn bounded_and_the_same_each_time(paths in proptest::collection::vec("(/([a-e]{1,3}|[0-9]{2}|)){0,14}", 0..60)) {
        let paths: Vec<String> = paths.iter().map(|path| format!("/{path}")).collect();
        let learn = || {
            let mut routes = Routes::default();
            let names = names(&mut routes, paths.iter().map(String::as_str));
            (routes, names)
        };
        let (routes, names) = learn();
        prop_assert_eq!(&names, &learn().1);
        if let Some(service) = routes.services.get("shop") {
            prop_assert_eq!(service.served.bytes, service.served.root.bytes());
            prop_assert!(service.served.bytes <= SERVICE_BYTES);
        }
        for (path, name) in paths.iter().zip(&names) {
            let whole = route::template(path).unwrap();
            let segments = whole.split('/').zip(name.split('/'));
            for (template, learned) in segments {
                prop_assert!(template == learned || learned == route::ID || learned == route::REST);
            }
        }
    }
}
