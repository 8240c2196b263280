//! Signatures that are taken.

use openidconnect::core::CoreJwsSigningAlgorithm;

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037). All have a public key: `none` signs
/// nothing, and an `HS…` key is whoever's who can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "these are the registered names")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// All, by their registered names.
    pub const ALL: [(&str, Self); 9] = [
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, algorithm)| *algorithm == self);
        found.map_or("", |(name, _)| name)
    }
}

impl From<Algorithm> for CoreJwsSigningAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::RsaSsaPkcs1V15Sha256,
            Algorithm::Rs384 => Self::RsaSsaPkcs1V15Sha384,
            Algorithm::Rs512 => Self::RsaSsaPkcs1V15Sha512,
            Algorithm::Ps256 => Self::RsaSsaPssSha256,
            Algorithm::Ps384 => Self::RsaSsaPssSha384,
            Algorithm::Ps512 => Self::RsaSsaPssSha512,
            Algorithm::Es256 => Self::EcdsaP256Sha256,
            Algorithm::Es384 => Self::EcdsaP384Sha384,
            Algorithm::EdDsa => Self::EdDsa,
        }
    }
}
