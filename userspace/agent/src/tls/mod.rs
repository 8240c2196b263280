//! TLS on both sides: terminate the agent's with a minted leaf, open the target's and verify it.
//!
//! Its job ends at [`Plain`]: plaintext bytes, with what the handshake proved. Deciding whether a
//! side must use TLS belongs to the protocol's session, which speaks the protocol's own
//! negotiation.

mod authority;
mod client;
mod plain;

use std::path::PathBuf;

pub use authority::Authority;
pub use client::{Connector, client_config, end_point_hash};
pub use plain::{Io, Plain};

/// Why TLS could not be set up or spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of the authority or a configured CA could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A PEM file holds no usable certificate or key.
    #[error("{path}: no usable certificate or key in this PEM file: {reason}")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("can't mint a certificate: {0}")]
    Mint(#[from] rcgen::Error),
    /// The library refuses the parameters.
    #[error("tls: {0}")]
    Parameters(#[from] rustls::Error),
    /// A verifier could not be built from the roots.
    #[error("tls roots: {0}")]
    Roots(#[from] rustls::client::VerifierBuilderError),
    /// Who began TLS at once didn't say for which protocol.
    #[error("TLS without a request for it names no protocol (ALPN `postgresql`)")]
    NoAlpn,
    /// A name that can't be a TLS server name.
    #[error("`{0}` is no valid TLS server name")]
    ServerName(String),
    /// No system root certificate was found.
    #[error("no system root certificates found; set `tls.ca` of the target to the CA's PEM file")]
    NoSystemRoots,
    /// The handshake failed: refused certificate, wrong name, or a broken peer.
    #[error("tls handshake: {0}")]
    Handshake(std::io::Error),
}
