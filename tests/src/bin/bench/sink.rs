//! A receiver that takes OTLP/HTTP requests and forgets them: nginx, so that it costs little.

use std::process::Command;

use anyhow::Result;
use sonde_tests::{environment, net, service::Service};

/// The running receiver.
pub(crate) struct Sink {
    service: Service,
    _folder: tempfile::TempDir,
}

impl Sink {
    /// Starts it on a free port of loopback.
    pub(crate) fn start() -> Result<Self> {
        environment::need("nginx")?;
        let folder = tempfile::Builder::new().prefix("sonde-sink-").tempdir()?;
        let port = net::free_port()?;
        let configuration = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_max_body_size 0; client_body_buffer_size 8m;\n\
             client_body_temp_path {folder}/body; keepalive_requests 1000000000;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }} }}\n",
            folder = folder.path().display(),
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let mut command = Command::new("nginx");
        command
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(folder.path().join("error.log"));
        let service = Service::start("sink", port, &mut command)?;
        Ok(Self {
            service,
            _folder: folder,
        })
    }

    /// Flags that make an agent export here and leave the receiver itself alone.
    pub(crate) fn flags(&self) -> Vec<String> {
        let url = &self.service.url;
        let flags = [
            "--export",
            "otlp",
            "--otlp-protocol",
            "http/protobuf",
            "--otlp-endpoint",
            url,
        ];
        flags.map(str::to_owned).into()
    }
}
