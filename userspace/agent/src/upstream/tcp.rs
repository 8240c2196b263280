//! Open a connection to pass bytes on: dial on a [`Passage`], and let nothing be sent before the
//! intent is on record.

use tokio::net::TcpStream;
use weir_record::{RecordError, RecordedPermit};

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
    /// Gives the connection up to be used, for the proof that its intent is on record, once that is
    /// as durable as is demanded.
    ///
    /// # Errors
    /// [`RecordError::Sync`] when the disk did not take it.
    pub async fn release(self, recorded: &RecordedPermit) -> Result<TcpStream, RecordError> {
        recorded.commit().await?;
        Ok(self.0)
    }
}
