//! Ed25519 keys as people keep them: PEM files, or the base64 in them.

use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};

/// What stands before the 32 bytes of a public key in its DER form (RFC 8410).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// What is signed begins so, that no signature made for something else can be used here.
const CONTEXT: &[u8] = b"weir policy manifest 1\n";
/// Longest text of a key, in bytes.
const MAX_LEN: usize = 4096;

/// Checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Makes signatures.
pub struct SigningKey(Ed25519KeyPair);

/// A text that holds no key of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key in PEM")]
pub struct NotAKey;

impl FromStr for PublicKey {
    type Err = NotAKey;

    /// From PEM, or from base64 of the key or of its DER form.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        if text.len() > MAX_LEN {
            return Err(NotAKey);
        }
        let pem = if text.starts_with("-----BEGIN") {
            text.to_owned()
        } else {
            format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
        };
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| NotAKey)?;
        let bytes = der.strip_prefix(&SPKI).unwrap_or(&der);
        bytes.try_into().map(Self).map_err(|_| NotAKey)
    }
}

impl PublicKey {
    /// Whether this key signed it.
    pub(super) fn signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(&[CONTEXT, text].concat(), signature).is_ok()
    }
}

impl SigningKey {
    /// From a PEM of PKCS #8.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotAKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| NotAKey)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| NotAKey)
    }

    /// The signature, as its file has it.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let signature = self.0.sign(&[CONTEXT, text.as_bytes()].concat());
        let mut hex: String = signature
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        hex.push('\n');
        hex
    }
}

/// A new pair, private and public, each as PEM.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate() -> Result<(String, String), rcgen::Error> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    Ok((pair.serialize_pem(), pair.public_key_pem()))
}
