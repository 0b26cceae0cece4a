//! nginx, with each of its ways to wait before it passes a request on.

use std::path::Path;

use anyhow::Result;
use sonde_tests::environment::{folder, need};
use sonde_tests::process::Process;
use sonde_tests::{net, skip};

use super::others::{configured, nginx_with};
use super::{Service, asks_fionread, calls, proxy, service};

const MODULES: &str = "/usr/lib/nginx/modules";

const fn nginx(
    name: &'static str,
    about: &'static str,
    floor: f64,
    start: fn(u16, u16, u16) -> Result<Vec<Process>>,
) -> Service {
    proxy(asks_fionread(service(name, about, floor, start)))
}

/// The rows.
pub(super) const ROWS: &[Service] = &[
    nginx("nginx", "nginx as proxy", 99.9, |port, http, _| {
        start("plain", &[], port, http)
    }),
    nginx(
        "nginx-new-connections",
        "nginx: a connection to a name for each call, listening with `deferred`",
        99.0,
        |port, http, _| start("deferred", &[], port, http),
    ),
    nginx(
        "nginx-limit",
        "nginx: requests delayed by `limit_req`",
        99.9,
        |port, http, _| start("limit", &[], port, http),
    ),
    nginx(
        "nginx-lock",
        "nginx: requests that wait by `proxy_cache_lock`",
        99.9,
        |port, http, _| start("lock", &[], port, http),
    ),
    calls(
        2,
        nginx(
            "nginx-auth",
            "nginx: `auth_request` before each request",
            99.9,
            |port, http, _| start("auth", &[], port, http),
        ),
    ),
    calls(
        2,
        nginx(
            "nginx-mirror",
            "nginx: `mirror` beside each request",
            99.9,
            |port, http, _| start("mirror", &[], port, http),
        ),
    ),
    Service {
        retries: true,
        ..nginx(
            "nginx-retry",
            "nginx: a second upstream where the first is unavailable",
            99.9,
            |port, http, _| start("retry", &[], port, http),
        )
    },
    nginx(
        "nginx-update",
        "nginx: a stale answer, and the cache updated in the background",
        0.0,
        |port, http, _| start("update", &[], port, http),
    ),
    nginx(
        "nginx-lua",
        "nginx: Lua sleeps before each request",
        99.9,
        |port, http, _| {
            start(
                "lua",
                &["ndk_http_module", "ngx_http_lua_module"],
                port,
                http,
            )
        },
    ),
    calls(
        2,
        nginx(
            "nginx-njs",
            "nginx: njs with a timer between two subrequests",
            99.9,
            |port, http, _| start("njs", &["ngx_http_js_module"], port, http),
        ),
    ),
];

/// nginx with services/causality/nginx/`way`.conf in it.
fn start(way: &str, modules: &[&str], port: u16, http: u16) -> Result<Vec<Process>> {
    need("nginx")?;
    let home = folder(&format!("causality-nginx-{way}"));
    let values = [
        ("@PORT@", port.to_string()),
        ("@CALLEE@", http.to_string()),
        ("@OTHER@", net::free_port()?.to_string()),
        ("@MODULES@", load_modules(modules)?),
    ];
    std::fs::create_dir_all(&home)?;
    std::fs::copy(
        sonde_tests::environment::sources("causality/nginx").join("serve.js"),
        home.join("serve.js"),
    )?;
    let server = configured(&home, &format!("nginx/{way}.conf"), &values)?;
    let values = [&values[..], &[("@SERVER@", server.display().to_string())]].concat();
    nginx_with(&home, "nginx/nginx.conf", &values, port)
}

/// Directives that load them.
fn load_modules(names: &[&str]) -> Result<String> {
    let mut text = String::new();
    for name in names {
        let file = Path::new(MODULES).join(name).with_extension("so");
        if !file.is_file() {
            return Err(skip(format!("nginx has no {name}")));
        }
        text += &format!("load_module {};\n", file.display());
    }
    Ok(text)
}
