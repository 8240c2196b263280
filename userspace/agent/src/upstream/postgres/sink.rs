//! [`Sink`]: the bytes on their way to the target, and the only ways to add to them.
//!
//! What carries out something needs a [`RecordedPermit`]. What only moves the protocol along is a
//! [`Control`], which can hold nothing else. What stands in for a refused statement is made here,
//! from nothing that the agent sent.

use bytes::{Buf, BytesMut};
use weir_record::RecordedPermit;
use weir_wire::postgres::{
    Frame,
    frontend::{Close, Describe, Flush, ObjectKind, Parse, Query, Sync, Terminate},
};

/// Statement that every server rejects while parsing: it changes nothing, aborts the transaction if
/// one is open, and makes the target pass over the rest of a pipeline, just as a statement of the
/// agent's would that the server itself refuses.
const REJECTED: &[u8] = b"weir refused a statement here";
/// Never defined, since its text never parses.
const REJECTED_NAME: &[u8] = b"weir_refused";

/// The outgoing bytes of one session with a target.
#[derive(Debug)]
pub struct Sink {
    bytes: BytesMut,
}

/// A message that carries out nothing by itself.
#[derive(Debug)]
pub enum Control {
    /// Ends a segment of the pipeline.
    Sync(Sync),
    /// Asks for the answers so far.
    Flush(Flush),
    /// Asks what a statement or a portal returns.
    Describe(Describe),
    /// Forgets a statement or a portal.
    Close(Close),
    /// Ends the session.
    Terminate(Terminate),
}

impl Sink {
    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::with_capacity(8 * 1024),
        }
    }

    /// Forwards a message of the agent's as it came, on the proof that what it carries out was
    /// allowed and is on record.
    pub fn forward(&mut self, _proof: &RecordedPermit, frame: &Frame) {
        self.bytes.extend_from_slice(frame.raw());
    }

    /// Forwards what only moves the protocol along.
    pub fn control(&mut self, control: &Control) {
        let frame = match control {
            Control::Sync(message) => message.frame(),
            Control::Flush(message) => message.frame(),
            Control::Describe(message) => message.frame(),
            Control::Close(message) => message.frame(),
            Control::Terminate(message) => message.frame(),
        };
        self.bytes.extend_from_slice(frame.raw());
    }

    /// Asks what a portal returns, for weir itself. The name came from a message of the agent's, so
    /// it is always one that can be sent.
    pub fn probe(&mut self, portal: &[u8]) -> Result<(), weir_wire::WireError> {
        Describe::new(ObjectKind::Portal, portal)?.encode(&mut self.bytes);
        Ok(())
    }

    /// Sends, in the place of a refused Query, one that the target rejects.
    pub fn reject_query(&mut self) -> Result<(), weir_wire::WireError> {
        Query::new(REJECTED)?.encode(&mut self.bytes);
        Ok(())
    }

    /// Sends, in the place of a refused message of the extended protocol, one that the target
    /// rejects.
    pub fn reject_extended(&mut self) -> Result<(), weir_wire::WireError> {
        Parse::new(REJECTED_NAME, REJECTED, &[])?.encode(&mut self.bytes);
        Ok(())
    }

    /// What waits to be written.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes
    }

    /// Notes that the first `count` bytes of [`pending`](Self::pending) were written.
    pub fn written(&mut self, count: usize) {
        self.bytes.advance(count.min(self.bytes.len()));
    }
}
