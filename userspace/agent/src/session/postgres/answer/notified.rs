//! Notifications: what other sessions, and triggers, say to whoever listens.
//!
//! A payload may quote anything that its sender may read, and nothing tells what it was made of. So
//! where the database has a sensitive column that the agent may not see clear, it is masked as a
//! whole, unless the masking rules say that its channel carries nothing sensitive. What detectors find in
//! one is masked on every channel.

use weir_wire::postgres::{Frame, backend::NotificationResponse};

use super::decode;
use crate::{
    mask::{exposure::Exposure, sift::Form, value::REDACTED},
    session::postgres::governed::{Governed, SessionError},
};

impl Governed {
    pub(super) fn notified(&mut self, frame: Frame) -> Result<(), SessionError> {
        let told = decode(NotificationResponse::decode(frame))?;
        let seq = self.pipeline.current_seq();
        if told.payload().is_empty() {
            return self.show(seq, told.frame().raw());
        }
        let masked = if self.may_quote(&told) {
            Some(REDACTED.as_bytes().to_vec())
        } else {
            self.sifted(told.payload(), Form::Untyped)
        };
        let Some(masked) = masked else {
            return self.show(seq, told.frame().raw());
        };
        let masked = NotificationResponse::new(told.pid(), told.channel(), &masked);
        self.show(seq, decode(masked)?.frame().raw())
    }

    /// Whether a payload may quote what the agent may not see.
    fn may_quote(&self, told: &NotificationResponse) -> bool {
        let target = self.judge.target();
        let rules = self.judge.policies().masking();
        let harmless = std::str::from_utf8(told.channel())
            .is_ok_and(|channel| rules.tells_nothing(&target.name, &target.database, channel));
        let hidden = || Exposure::everything(&self.lineage, &self.judge.clear());
        !harmless && hidden().touches
    }
}
