//! The one byte that answers a request for encryption. 55.2.10 "SSL Session Encryption".
//!
//! Job: that byte. Not its job: what follows it. Whoever reads the answer must find nothing after
//! it in the buffer: bytes sent before the handshake are a third party's (CVE-2021-23222).

/// The answer to a request for encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionAnswer {
    /// The handshake may begin: `S` for TLS, `G` for GSSAPI.
    Accepted,
    /// The session goes on in clear, or ends: `N`.
    Refused,
}

impl EncryptionAnswer {
    /// Reads the answer to an SSLRequest. `None` is anything else, such as the `E` of a server's
    /// ErrorResponse, whose text an unprotected connection gives no reason to believe.
    #[must_use]
    pub fn to_ssl_request(byte: u8) -> Option<Self> {
        match byte {
            b'S' => Some(Self::Accepted),
            b'N' => Some(Self::Refused),
            _ => None,
        }
    }

    /// The byte that answers an SSLRequest.
    #[must_use]
    pub fn for_ssl_request(self) -> u8 {
        match self {
            Self::Accepted => b'S',
            Self::Refused => b'N',
        }
    }

    /// The byte that answers a GSSENCRequest.
    #[must_use]
    pub fn for_gssenc_request(self) -> u8 {
        match self {
            Self::Accepted => b'G',
            Self::Refused => b'N',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EncryptionAnswer::{self, Accepted, Refused};

    #[test]
    fn only_s_and_n_answer_a_request_for_tls() {
        for byte in 0..=u8::MAX {
            let expected = match byte {
                b'S' => Some(Accepted),
                b'N' => Some(Refused),
                _ => None,
            };
            assert_eq!(EncryptionAnswer::to_ssl_request(byte), expected);
        }
    }

    #[test]
    fn answers_are_the_documented_bytes() {
        assert_eq!(
            [Accepted, Refused].map(EncryptionAnswer::for_ssl_request),
            *b"SN"
        );
        assert_eq!(
            [Accepted, Refused].map(EncryptionAnswer::for_gssenc_request),
            *b"GN"
        );
    }
}
