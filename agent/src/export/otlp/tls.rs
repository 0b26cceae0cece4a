//! Certificates and keys from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{Error, Otlp};

/// TLS as the settings want it: their authorities or the system's, and the client's certificate if there is one.
pub(super) fn config(settings: &Otlp) -> Result<ClientConfig, Error> {
    let tls_error = |error: rustls::Error| Error::Tls {
        endpoint: settings.endpoint.clone(),
        problem: error.to_string(),
    };
    let roots = match &settings.ca_certificate {
        Some(path) => roots_of(path)?,
        // Without TLS none are needed, and a small container may have none.
        None if !settings.endpoint.starts_with("https:") => RootCertStore::empty(),
        None => system_roots(settings)?,
    };
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(tls_error)?
            .with_root_certificates(roots);
    match (&settings.client_certificate, &settings.client_key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(tls_error),
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// The same for tonic, which makes its own configuration of the same files.
pub(super) fn for_tonic(settings: &Otlp) -> Result<ClientTlsConfig, Error> {
    // tonic finds out about an unusable file as late as this does early, but does not say which.
    config(settings)?;
    let tls = match &settings.ca_certificate {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match (&settings.client_certificate, &settings.client_key) {
        (Some(certificate), Some(key)) => {
            Ok(tls.identity(Identity::from_pem(read(certificate)?, read(key)?)))
        }
        _ => Ok(tls),
    }
}

fn roots_of(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|_| unusable(path, "certificate"))?;
    }
    Ok(roots)
}

fn system_roots(settings: &Otlp) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::NoRoots {
            endpoint: settings.endpoint.clone(),
        });
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unusable(path, "certificate")),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| unusable(path, "private key"))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn unusable(path: &Path, what: &'static str) -> Error {
    Error::Pem {
        path: path.to_owned(),
        what,
    }
}
