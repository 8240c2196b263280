//! What the agent is about to see, and that it is on record before it does.

use bytes::{Buf, BytesMut};
use weir_record::{RecordError, Seq, SessionWriter};

/// How much room there is for at once: for a short answer, so that it is made but once.
const LEAST: usize = 1 << 10;

/// The bytes on their way to the agent.
#[derive(Debug)]
pub(super) struct Shown {
    bytes: BytesMut,
    /// From here on nothing is on record yet; all of it belongs to `seq`.
    unrecorded: usize,
    seq: Option<Seq>,
}

impl Shown {
    /// Nothing yet.
    #[must_use]
    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            unrecorded: 0,
            seq: None,
        }
    }

    /// The buffer, for bytes that answer `seq`.
    pub(super) fn answering(
        &mut self,
        seq: Option<Seq>,
        record: &mut SessionWriter,
    ) -> Result<&mut BytesMut, RecordError> {
        if self.seq != seq {
            self.settle(record)?;
            self.seq = seq;
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(LEAST);
        }
        Ok(&mut self.bytes)
    }

    /// Records what isn't yet. One write for all that was shown since the last time.
    pub(super) fn settle(&mut self, record: &mut SessionWriter) -> Result<(), RecordError> {
        let fresh = self.bytes.get(self.unrecorded..).unwrap_or_default();
        if let Some(seq) = self.seq
            && !fresh.is_empty()
        {
            record.response(seq, fresh)?;
        }
        self.unrecorded = self.bytes.len();
        Ok(())
    }

    /// What is on record and waits to be written.
    #[must_use]
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(..self.unrecorded).unwrap_or_default()
    }

    /// Notes that the first `count` bytes of [`pending`](Self::pending) were written.
    pub(super) fn written(&mut self, count: usize) {
        let count = count.min(self.unrecorded);
        self.bytes.advance(count);
        self.unrecorded -= count;
        if self.bytes.is_empty() {
            // How much memory it still has doesn't show.
            self.bytes = BytesMut::new();
        }
    }

    /// How much waits, recorded or not.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}
