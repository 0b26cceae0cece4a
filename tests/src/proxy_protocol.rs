//! Proxies with the PROXY protocol between them: an HAProxy that writes its header, and an nginx that wants it.

use std::process::Command;

use anyhow::Result;

use crate::environment;
use crate::service::{Nginx, in_a_folder};

/// HAProxy, passing everything on to 127.0.0.1:`upstream`, with these parameters of its `server` line.
pub fn haproxy(upstream: u16, parameters: &str) -> Result<Nginx> {
    environment::need("haproxy")?;
    let template = environment::sources("proxy_protocol").join("haproxy.cfg.template");
    in_a_folder("haproxy", &[], &template, upstream, |_, file| {
        let mut command = Command::new("haproxy");
        command.arg("-f").arg(file).env("PARAMETERS", parameters);
        Ok(command)
    })
}

/// nginx, passing everything on to 127.0.0.1:`upstream`; it takes HTTP/1, or HTTP/2 without TLS.
pub fn nginx(upstream: u16, http2: bool) -> Result<Nginx> {
    environment::need("nginx")?;
    let name = if http2 {
        "nginx-http2.conf.template"
    } else {
        "nginx.conf.template"
    };
    let template = environment::sources("proxy_protocol").join(name);
    let nginx = in_a_folder("nginx", &[], &template, upstream, |folder, file| {
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        command.arg("-e").arg(folder.join("error.log"));
        Ok(command)
    })?;
    nginx.service.process.wait_group(2)?;
    Ok(nginx)
}
