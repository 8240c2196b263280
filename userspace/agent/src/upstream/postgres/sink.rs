//! [`Sink`]: the bytes on their way to the target, and the only ways to add to them.
//!
//! What carries out something needs a [`RecordedPermit`]. What only moves the protocol along is a
//! [`Control`], which can hold nothing else. What stands in for a refused statement is made here,
//! from nothing that the agent sent.
//!
//! Bytes leave once the intents that they carry out are as durable as is demanded; what comes
//! behind them waits with them, so that the order holds.

use bytes::{Buf, BytesMut};
use weir_record::{Commit, RecordError, RecordedPermit};
use weir_wire::postgres::{
    Formats, Frame,
    frontend::{Bind, Close, Describe, Execute, Flush, ObjectKind, Parse, Query, Sync, Terminate},
};

/// Statement that every server rejects while parsing: it changes nothing, aborts the transaction if
/// one is open, and makes the target pass over the rest of a pipeline, just as a statement of the
/// agent's would that the server itself refuses.
const REJECTED: &[u8] = b"weir refused a statement here";
/// How much room there is for at once: for a short pipeline, so that it is made but once.
const LEAST: usize = 512;
/// Never defined, since its text never parses.
const REJECTED_NAME: &[u8] = b"weir_refused";

/// What the search path stands for: the schemas that there are and may be used, the implicit ones
/// among them.
const PATH: &[u8] = b"SELECT pg_catalog.unnest(pg_catalog.current_schemas(true))";
/// Not the unnamed ones, which are the agent's.
const PATH_NAME: &[u8] = b"weir_path";

/// The outgoing bytes of one session with a target.
#[derive(Debug)]
pub struct Sink {
    bytes: BytesMut,
    /// How many of them may leave.
    ready: usize,
    /// What is waited for, and up to where the bytes may leave then.
    due: Option<(Commit, usize)>,
    /// What is waited for after that, for the rest.
    next: Option<Commit>,
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
            bytes: BytesMut::new(),
            ready: 0,
            due: None,
            next: None,
        }
    }

    /// One that leads to no target.
    #[cfg(test)]
    pub(crate) fn simulated() -> Self {
        Self::new()
    }

    /// Forwards a message of the agent's as it came, on the proof that what it carries out was
    /// allowed and is on record.
    pub fn forward(&mut self, proof: &RecordedPermit, frame: &Frame) {
        self.next = Some(proof.commit());
        self.put(frame.raw());
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
        self.put(frame.raw());
    }

    /// Asks what a portal returns, for weir itself. The name came from a message of the agent's, so
    /// it is always one that can be sent.
    pub fn probe(&mut self, portal: &[u8]) -> Result<(), weir_wire::WireError> {
        Describe::put(ObjectKind::Portal, portal, &mut self.bytes)
    }

    /// Asks for the schemas in the search path, for weir itself. To be called between transactions
    /// alone, and where nothing of the extended protocol waits for its Sync.
    pub fn ask_path(&mut self) -> Result<(), weir_wire::WireError> {
        let (none, bytes) = (Formats::None, &mut self.bytes);
        Parse::new(PATH_NAME, PATH, &[])?.encode(bytes);
        Bind::new(PATH_NAME, PATH_NAME, &none, &[], &none)?.encode(bytes);
        Execute::new(PATH_NAME, 0)?.encode(bytes);
        for kind in [ObjectKind::Portal, ObjectKind::Statement] {
            Close::new(kind, PATH_NAME)?.encode(bytes);
        }
        Sync::new().encode(bytes);
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

    fn put(&mut self, raw: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(LEAST.max(raw.len()));
        }
        self.bytes.extend_from_slice(raw);
    }

    /// How much waits, whether it may leave or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Lets leave what is durable by now. Gives back what the rest waits for.
    ///
    /// # Errors
    /// [`RecordError::Sync`] when the disk did not take an intent: what waits must never leave.
    pub fn settle(&mut self) -> Result<Option<Commit>, RecordError> {
        loop {
            match (self.due.take(), self.next.take()) {
                (Some((commit, upto)), next) => {
                    self.next = next;
                    if !commit.settled()? {
                        let waits = commit.clone();
                        self.due = Some((commit, upto));
                        return Ok(Some(waits));
                    }
                    self.ready = upto;
                }
                (None, Some(commit)) => self.due = Some((commit, self.bytes.len())),
                (None, None) => {
                    self.ready = self.bytes.len();
                    return Ok(None);
                }
            }
        }
    }

    /// What may be written.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(..self.ready).unwrap_or_default()
    }

    /// Notes that the first `count` bytes of [`pending`](Self::pending) were written.
    pub fn written(&mut self, count: usize) {
        let count = count.min(self.ready);
        self.bytes.advance(count);
        self.ready -= count;
        if self.bytes.is_empty() {
            // How much memory it still has doesn't show.
            self.bytes = BytesMut::new();
        }
        if let Some((_, upto)) = &mut self.due {
            *upto -= count;
        }
    }
}
