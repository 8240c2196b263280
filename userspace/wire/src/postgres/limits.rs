//! How much one message may hold.

/// The most bytes that may follow a length field, by kind of message.
///
/// The caller may lower `message` while a peer is not yet trusted: the server itself takes no
/// more than 65,535 bytes in an answer to an authentication request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Startup packets; the server's own limit is 10,000.
    pub startup: usize,
    /// Messages with a type byte. PostgreSQL's own limit is near 1 GiB, so a larger value in one
    /// row needs this raised.
    pub message: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            startup: 10_000,
            message: 64 * 1024 * 1024,
        }
    }
}
