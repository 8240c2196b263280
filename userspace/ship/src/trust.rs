//! TLS towards receivers: their certificates verified by given authorities or the system's roots.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// What a receiver is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// Why no TLS can be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file can't be read.
    #[error("can't read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{}: {reason}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system has no roots.
    #[error("the system has no trusted roots; name an authority with `ca`")]
    NoRoots,
    /// Rustls can't take it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// How to speak TLS; read anew each time, so that renewed files are taken.
pub(crate) fn client(
    ca: Option<&Path>,
    shown: Option<&ClientCertificate>,
) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TrustError::NoRoots);
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    Ok(match shown {
        None => config.with_no_client_auth(),
        Some(ClientCertificate { certificate, key }) => {
            let key_der = PrivateKeyDer::from_pem_slice(&read(key)?);
            let key_der = key_der.map_err(|error| broken(key, &error))?;
            config.with_client_auth_cert(certificates(certificate)?, key_der)?
        }
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let pem = read(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let read = read.map_err(|error| broken(path, &error))?;
    if read.is_empty() {
        return Err(broken(path, &"it holds no CERTIFICATE block"));
    }
    Ok(read)
}

fn read(path: &Path) -> Result<Vec<u8>, TrustError> {
    fs::read(path).map_err(|source| TrustError::File {
        path: path.to_owned(),
        source,
    })
}

fn broken(path: &Path, reason: &dyn std::fmt::Display) -> TrustError {
    TrustError::Pem {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
