//! The keys that sign, and the algorithms that each takes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::{parse_x509_certificate, public_key::PublicKey};

/// An identity provider's public key. The certificate that it came in is no more than its wrapping:
/// whoever declared it vouches for it, and its dates say nothing (saml-metadata-2.0 leaves them to
/// the reader).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// PKCS#1 `RSAPublicKey`.
    Rsa(Vec<u8>),
    /// An uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
}

/// A certificate without a key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate.
    #[error("this is not an X.509 certificate in PEM or base64")]
    NotACertificate,
    /// Of another kind, or too short.
    #[error(
        "the certificate's key is neither RSA of 2048 to 8192 bits nor ECDSA on P-256 or P-384"
    )]
    Unsupported,
}

impl Key {
    /// The key in a certificate: PEM, or the bare base64 of metadata.
    ///
    /// # Errors
    /// When it is none, or holds no key that weir takes.
    pub fn from_certificate(text: &str) -> Result<Self, CertificateError> {
        let base64: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("-----"))
            .flat_map(str::chars)
            .filter(|c| !c.is_whitespace())
            .collect();
        let der = STANDARD
            .decode(base64)
            .map_err(|_| CertificateError::NotACertificate)?;
        let (rest, certificate) =
            parse_x509_certificate(&der).map_err(|_| CertificateError::NotACertificate)?;
        if !rest.is_empty() {
            return Err(CertificateError::NotACertificate);
        }
        let info = certificate.public_key();
        let bytes = info.subject_public_key.data.to_vec();
        match info.parsed() {
            Ok(PublicKey::RSA(key)) if (2048..=8192).contains(&key.key_size()) => {
                Ok(Self(Kind::Rsa(bytes)))
            }
            Ok(PublicKey::EC(point)) => match point.key_size() {
                256 => Ok(Self(Kind::P256(bytes))),
                384 => Ok(Self(Kind::P384(bytes))),
                _ => Err(CertificateError::Unsupported),
            },
            _ => Err(CertificateError::Unsupported),
        }
    }

    /// Whether it made this signature, by this method. A key takes the methods of its own kind
    /// only, whatever a message says.
    pub(super) fn verifies(&self, method: Method, data: &[u8], signature: &[u8]) -> bool {
        let Self(kind) = self;
        let (key, algorithm): (_, &'static dyn VerificationAlgorithm) = match (kind, method) {
            (Kind::Rsa(key), Method::RsaSha256) => (key, &RSA_PKCS1_2048_8192_SHA256),
            (Kind::Rsa(key), Method::RsaSha384) => (key, &RSA_PKCS1_2048_8192_SHA384),
            (Kind::Rsa(key), Method::RsaSha512) => (key, &RSA_PKCS1_2048_8192_SHA512),
            (Kind::P256(key), Method::EcdsaSha256) => (key, &ECDSA_P256_SHA256_FIXED),
            (Kind::P384(key), Method::EcdsaSha384) => (key, &ECDSA_P384_SHA384_FIXED),
            _ => return false,
        };
        let key = UnparsedPublicKey::new(algorithm, key);
        key.verify(data, signature).is_ok()
    }
}

/// A signature method that is taken (RFC 9231, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    EcdsaSha384,
}

impl Method {
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#")? {
            "rsa-sha256" => Some(Self::RsaSha256),
            "rsa-sha384" => Some(Self::RsaSha384),
            "rsa-sha512" => Some(Self::RsaSha512),
            "ecdsa-sha256" => Some(Self::EcdsaSha256),
            "ecdsa-sha384" => Some(Self::EcdsaSha384),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
    };

    use super::*;

    fn certificate(pair: &KeyPair) -> String {
        let parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.self_signed(pair).unwrap().pem()
    }

    #[test]
    fn an_ecdsa_key_takes_its_own_method_and_no_other() {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = Key::from_certificate(&certificate(&pair)).unwrap();
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let signing = EcdsaKeyPair::from_pkcs8(algorithm, &pair.serialize_der(), &random).unwrap();
        let signature = signing.sign(&random, b"data").unwrap();
        let holds = |method, data| key.verifies(method, data, signature.as_ref());
        assert!(holds(Method::EcdsaSha256, b"data"));
        assert!(!holds(Method::EcdsaSha256, b"other"));
        for other in [Method::EcdsaSha384, Method::RsaSha256, Method::RsaSha512] {
            assert!(!holds(other, b"data"), "{other:?}");
        }
    }

    #[test]
    fn what_holds_no_key_that_is_taken_is_refused() {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let other = Key::from_certificate(&certificate(&pair));
        assert_eq!(other, Err(CertificateError::Unsupported));
        for text in ["", "AAAA", "%", &pair.serialize_pem()] {
            let refused = Key::from_certificate(text);
            assert_eq!(refused, Err(CertificateError::NotACertificate), "{text}");
        }
    }
}
