//! Open a connection to pass bytes on: dial on a [`Passage`], and let nothing be sent before the
//! intent is on record.

use tokio::net::TcpStream;
use weir_record::RecordedPermit;

use super::{UpstreamError, dial};
use crate::admit::Passage;

/// A connection that is open, and that nobody can send anything on or read anything from yet.
#[derive(Debug)]
pub struct Held(TcpStream);

/// Dials. The proof says where to.
///
/// # Errors
/// [`UpstreamError::Unreachable`] or [`UpstreamError::Silent`].
pub async fn open(passage: &Passage) -> Result<Held, UpstreamError> {
    dial(passage.upstream(), passage.namespace())
        .await
        .map(Held)
}

impl Held {
    /// Gives the connection up to be used, for the proof that its intent is on record.
    #[must_use]
    pub fn release(self, _recorded: &RecordedPermit) -> TcpStream {
        self.0
    }
}
