//! A certificate authority and one server certificate, new for each server.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::Result;

/// All in PEM.
pub(super) struct Certificates {
    /// The authority's own certificate: what a client must trust.
    pub(super) ca: String,
    /// The server's certificate, for `localhost` and both loopback addresses.
    pub(super) chain: String,
    /// The server's key.
    pub(super) key: String,
}

impl Certificates {
    pub(super) fn generate() -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "weir testbed authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut server = CertificateParams::new(names)?;
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        server.is_ca = IsCa::ExplicitNoCa;
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let chain = server.signed_by(&key, &authority)?;

        Ok(Self {
            ca: authority.pem(),
            chain: chain.pem(),
            key: key.serialize_pem(),
        })
    }
}
