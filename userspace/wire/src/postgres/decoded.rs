//! What reading from a growing buffer gives.

/// What reading from a growing buffer gives: not having all bytes yet is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<T> {
    /// One whole message; its bytes have left the buffer.
    Complete(T),
    /// The buffer, untouched, doesn't hold a whole message yet.
    Incomplete {
        /// At least so many bytes more, never 0. This is the peer's claim (within the limit): it
        /// says when to look again, and is no reason to allocate so much at once.
        need: usize,
    },
}
