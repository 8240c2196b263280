//! Why a response makes nobody known.

/// Why a response was refused, in words for the person and whoever runs the provider. What it
/// quotes is cut short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More than is read.
    #[error("the SAML response is larger than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// Not base64 of UTF-8.
    #[error("the SAML response is not base64 of UTF-8 text")]
    NotText,
    /// Not well-formed, too deep, or with a document type.
    #[error("the SAML response is not XML that weir takes: {0}")]
    NotXml(String),
    /// What XML allows and no response has.
    #[error("the SAML response has {0}, which weir does not take")]
    Exotic(&'static str),
    /// Not what the specification says, or more than weir needs.
    #[error("the SAML response is not one that weir takes: {0}")]
    Shape(String),
    /// Encrypted for somebody.
    #[error(
        "the SAML response has an encrypted {0}, and weir has no key to decrypt with: turn \
         encryption off for this service at the identity provider"
    )]
    Encrypted(&'static str),
    /// Signed by nobody.
    #[error(
        "neither the SAML response nor its assertion is signed: turn signing on for this service"
    )]
    Unsigned,
    /// Signed in a way that isn't taken.
    #[error(
        "the SAML signature uses {algorithm}, which weir does not take: have the identity provider use exclusive canonicalisation and RSA or ECDSA with SHA-256 or better"
    )]
    Algorithm {
        /// What it uses.
        algorithm: String,
    },
    /// A signature that covers what it shouldn't, or is put together oddly.
    #[error("the SAML signature is not one that weir takes: {0}")]
    SignatureShape(&'static str),
    /// Changed on the way, or signed by somebody else.
    #[error("the SAML signature does not verify with any key of the identity provider")]
    BadSignature,
    /// The provider says no.
    #[error("the identity provider did not sign the person in: {0}")]
    Status(String),
    /// Somebody else's word.
    #[error("the SAML response is from {found}, not from the declared identity provider")]
    Issuer {
        /// Whose it says it is.
        found: String,
    },
    /// Meant for another service.
    #[error("the SAML assertion is for {found}, not for this service")]
    Audience {
        /// For whom.
        found: String,
    },
    /// Sent somewhere else.
    #[error("the SAML response was to be sent to {found}, not to this service")]
    Recipient {
        /// Where.
        found: String,
    },
    /// Nobody confirms that whoever brings it may.
    #[error("the SAML assertion is not for whoever brings it (no bearer confirmation)")]
    NotBearer,
    /// It answers something else, or nothing.
    #[error("the SAML response does not answer this sign-in")]
    NotOurs,
    /// No such sign-in is under way.
    #[error("this sign-in is not under way: it was finished, took too long, or never began")]
    UnknownRequest,
    /// From the future.
    #[error("the SAML assertion holds from {from} on; do the clocks differ?")]
    Early {
        /// From when on it holds.
        from: jiff::Timestamp,
    },
    /// Over.
    #[error("the SAML assertion or session ended at {until}; do the clocks differ?")]
    Late {
        /// Since when it doesn't hold.
        until: jiff::Timestamp,
    },
    /// Shown before.
    #[error("this SAML assertion was used before")]
    Replayed,
    /// Nothing that would mean the same person the next time.
    #[error(
        "the SAML response names the person by a passing name (transient NameID): have the identity provider send a persistent one, or declare `id_attribute`"
    )]
    Transient,
    /// An attribute that can't be used.
    #[error("the SAML attribute `{name}` {problem}")]
    Attribute {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The metadata's own end has passed.
    #[error("the identity provider's metadata ended at {until}: get it anew")]
    StaleMetadata {
        /// When.
        until: jiff::Timestamp,
    },
    /// As much is under way as can be. A retry helps.
    #[error("too many sign-ins are under way; try again in some minutes")]
    Full,
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    Random,
}

/// What a stranger wrote, fit to be quoted.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    format!("{short:?}")
}
