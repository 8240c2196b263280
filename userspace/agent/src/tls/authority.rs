//! Weir's own certificate authority: made once per state directory, it mints the leaves that agents
//! see. Its private key never leaves the directory (0600 in a 0700 directory).

use std::{
    collections::HashMap,
    fs::{self, Permissions},
    io::{Cursor, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::BytesMut;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;
use weir_record::replace;
use zeroize::Zeroizing;

use super::{Io, Plain, TlsError};

/// Most names that leaves are kept for; past it the cache starts anew.
const CACHED_LEAVES: usize = 256;

/// The protocol's name in TLS.
const ALPN: &[u8] = b"postgresql";

/// Mints leaves for the names that agents dial.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
    leaves: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl Authority {
    /// Loads the authority below `dir`, or makes it on first start.
    pub fn open(dir: &Path) -> Result<Self, TlsError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(file(dir))?;
        let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !key.exists() {
            make(&certificate, &key)?;
        }
        let key_pem = Zeroizing::new(fs::read_to_string(&key).map_err(file(&key))?);
        let pem = fs::read_to_string(&certificate).map_err(file(&certificate))?;
        let broken = |path: &Path| {
            let path = path.to_owned();
            move |error: rcgen::Error| TlsError::Pem {
                path,
                reason: error.to_string(),
            }
        };
        let pair = KeyPair::from_pem(&key_pem).map_err(broken(&key))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, pair).map_err(broken(&certificate))?;
        Ok(Self {
            issuer,
            certificate,
            leaves: Mutex::default(),
        })
    }

    /// The PEM file that an agent may trust to verify weir's leaves.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Terminates TLS on `io`, as `name` (a host name or an address).
    pub async fn accept(&self, io: impl Io + 'static, name: &str) -> Result<Plain, TlsError> {
        let acceptor = TlsAcceptor::from(self.server_config(name)?);
        let stream = acceptor.accept(io).await.map_err(TlsError::Handshake)?;
        Ok(Plain::encrypted(stream, None))
    }

    /// The same for who begins TLS without asking, and has sent `begun` of it. As the server does, it
    /// demands the protocol's name (ALPN): else what is meant for another protocol could be sent here.
    pub async fn accept_at_once(
        &self,
        io: impl Io + 'static,
        begun: BytesMut,
        name: &str,
    ) -> Result<Plain, TlsError> {
        let acceptor = TlsAcceptor::from(self.server_config(name)?);
        let (reader, writer) = tokio::io::split(io);
        let whole = tokio::io::join(Cursor::new(begun.freeze()).chain(reader), writer);
        let stream = acceptor.accept(whole).await.map_err(TlsError::Handshake)?;
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(TlsError::NoAlpn);
        }
        Ok(Plain::encrypted(stream, None))
    }

    fn server_config(&self, name: &str) -> Result<Arc<ServerConfig>, TlsError> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = leaves.get(name) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.mint(name)?);
        if leaves.len() >= CACHED_LEAVES {
            leaves.clear();
        }
        leaves.insert(name.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    fn mint(&self, name: &str) -> Result<ServerConfig, TlsError> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
        params.use_authority_key_identifier_extension = true;
        let pair = KeyPair::generate()?;
        let leaf = params.signed_by(&pair, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

fn make(certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "weir local authority");
    let pair = KeyPair::generate()?;
    let pem = params.self_signed(&pair)?.pem();
    // The certificate first: a key is the sign of a whole authority, so a crash between the two
    // makes it anew.
    write_new(certificate, pem.as_bytes(), 0o644)?;
    write_new(key, Zeroizing::new(pair.serialize_pem()).as_bytes(), 0o600)
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), TlsError> {
    let put = replace(path, |file| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)
    });
    put.map(drop).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_outlives_a_restart_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("ca");
        let first = Authority::open(&state).unwrap();
        let pem = fs::read(first.certificate()).unwrap();
        let again = Authority::open(&state).unwrap();
        assert_eq!(fs::read(again.certificate()).unwrap(), pem);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state.join("ca.key")), 0o600);
        assert_eq!(mode(&state), 0o700);
    }

    #[test]
    fn a_broken_key_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Authority::open(dir.path()).unwrap();
        let key = dir.path().join("ca.key");
        fs::write(&key, "nonsense").unwrap();
        let error = Authority::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("ca.key"), "{error}");
        assert_eq!(fs::read_to_string(&key).unwrap(), "nonsense");
    }

    #[test]
    fn one_leaf_serves_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path()).unwrap();
        let one = authority.server_config("db.internal").unwrap();
        assert!(Arc::ptr_eq(
            &one,
            &authority.server_config("db.internal").unwrap()
        ));
        assert!(!Arc::ptr_eq(
            &one,
            &authority.server_config("127.0.0.1").unwrap()
        ));
    }
}
