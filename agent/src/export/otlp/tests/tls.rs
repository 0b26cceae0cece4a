//! TLS with an authority of our own and a certificate of the client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use super::*;

struct Files {
    _folder: tempfile::TempDir,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// An authority, the server's acceptor, and the files of the client.
fn make() -> (TlsAcceptor, Files) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &ca)
            .unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (server_certificate, server_key) = issue("localhost");
    let (client_certificate, client_key) = issue("agent");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = Files {
        ca: write("ca.pem", &ca.pem()),
        certificate: write("client.pem", &client_certificate),
        key: write("client.key", &client_key),
        _folder: folder,
    };
    (acceptor(&files.ca, &server_certificate, &server_key), files)
}

fn acceptor(ca: &Path, certificate: &str, key: &str) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .unwrap();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

fn settings(protocol: Protocol, address: SocketAddr, files: &Files) -> Otlp {
    Otlp {
        endpoint: format!("https://localhost:{}/v1/traces", address.port()),
        ca_certificate: Some(files.ca.clone()),
        client_certificate: Some(files.certificate.clone()),
        client_key: Some(files.key.clone()),
        ..otlp(protocol, address)
    }
}

#[tokio::test]
async fn delivers_with_client_certificate_and_not_without() {
    for protocol in BOTH {
        let (acceptor, files) = make();
        let server = Server::on("127.0.0.1:0".parse().unwrap(), [], Some(acceptor), false).await;
        let with = settings(protocol, server.address, &files);
        let without = Otlp {
            client_certificate: None,
            client_key: None,
            ..with.clone()
        };
        let strangers = Otlp {
            ca_certificate: Some(files.certificate.clone()),
            ..with.clone()
        };
        for refused in [without, strangers] {
            let (exporters, health) = start(refused, Options::default());
            exporters.send(vec![span(1, &resource("a"))]);
            until("refused", || health.requests_total(Outcome::Retry) > 0).await;
            assert_eq!(exporters.shutdown(Duration::ZERO).await, 1);
            assert_eq!(health.exported_total(), 0);
        }
        let (exporters, health) = start(with, Options::default());
        exporters.send(vec![span(2, &resource("a"))]);
        assert_eq!(exporters.shutdown(Duration::from_secs(30)).await, 0);
        assert_eq!(
            (health.exported_total(), server.seen(<[_]>::len)),
            (1, 1),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn unusable_files_are_named() {
    let (_, files) = make();
    let address = "127.0.0.1:1".parse().unwrap();
    let missing = PathBuf::from("/nonexistent/ca.pem");
    for protocol in BOTH {
        let good = settings(protocol, address, &files);
        let cases = [
            (
                Otlp {
                    ca_certificate: Some(missing.clone()),
                    ..good.clone()
                },
                "cannot read /nonexistent/ca.pem",
            ),
            (
                Otlp {
                    ca_certificate: Some(files.key.clone()),
                    ..good.clone()
                },
                "client.key holds no usable certificate",
            ),
            (
                Otlp {
                    client_key: Some(files.ca.clone()),
                    ..good
                },
                "ca.pem holds no usable private key",
            ),
        ];
        for (settings, expected) in cases {
            let options = Options {
                exporters: vec![Exporter::Otlp(Box::new(settings))],
                ..Options::default()
            };
            let error =
                Exporters::start(&options, &Health::new(), &tokio::runtime::Handle::current())
                    .err()
                    .unwrap();
            assert!(
                error.to_string().contains(expected),
                "{protocol:?}: {error}"
            );
        }
    }
}
