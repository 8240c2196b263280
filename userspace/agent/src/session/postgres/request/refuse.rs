//! What goes to the target in the place of a refused message.

use bytes::Bytes;
use weir_policy::Refusal;
use weir_record::CommandText;

use super::text;
use crate::session::postgres::{
    governed::{Governed, SessionError},
    pipeline::Expected,
    prepared::Prepared,
    refusal::{INEXACT_NAME, NAME_CHANGED, UNKNOWN_PORTAL, UNKNOWN_STATEMENT},
};

/// Longest excerpt of a refused text that is recorded, in bytes.
const REFUSED_EXCERPT: usize = 64 * 1024;

impl Governed {
    pub(super) fn refuse(
        &mut self,
        refusal: &Refusal,
        prepared: &Prepared,
        parameters: Option<&[Option<String>]>,
        simple: bool,
    ) -> Result<(), SessionError> {
        let bytes = prepared.text();
        let text = match bytes.get(..REFUSED_EXCERPT) {
            Some(excerpt) => {
                format!(
                    "{} … ({} bytes in all)",
                    String::from_utf8_lossy(excerpt),
                    bytes.len()
                )
            }
            None => text(prepared).into_owned(),
        };
        if !is_about_names(&refusal.rule) {
            let prints = std::iter::once(prepared.footprint());
            self.judge.count_refused(refusal, &prints);
        }
        let signals = self.judge.figures();
        let meant = prepared.meant();
        let command = CommandText {
            text: &text,
            parameters: parameters.unwrap_or_default(),
            statements: (&meant).into(),
            signals: &signals,
        };
        let seq = self.record.refused(refusal, command)?;
        if simple {
            self.sink.reject_query()?;
        } else {
            self.sink.reject_extended()?;
            self.refused_in = Some(self.segment);
        }
        let expected = Expected::Refused {
            refusal: refusal.clone(),
            signals,
            simple,
        };
        self.pipeline.push(expected, Some(seq), self.now);
        Ok(())
    }

    /// Refuses a message for a name that nothing has. Behind a refusal of weir's the target passes
    /// over everything anyway, and such a message most often follows from that refusal: it would
    /// only stand in the record as a second one.
    pub(super) fn refuse_unknown(
        &mut self,
        rule: &str,
        message: String,
    ) -> Result<(), SessionError> {
        if self.refused_in == Some(self.segment) {
            return Ok(());
        }
        let refusal = self.refusal(rule, message);
        let nothing = Prepared::of(Bytes::new(), Vec::new());
        self.refuse(&refusal, &nothing, None, false)
    }

    /// A refusal by a rule of weir's own.
    pub(in crate::session::postgres) fn refusal(&self, rule: &str, message: String) -> Refusal {
        Refusal {
            rule: rule.to_owned(),
            message,
            deciding: Vec::new(),
            version: self.judge.version().clone(),
        }
    }
}

/// Whether a message is refused for a name that means nothing, which asks for nothing either.
fn is_about_names(rule: &str) -> bool {
    [
        UNKNOWN_STATEMENT,
        UNKNOWN_PORTAL,
        NAME_CHANGED,
        INEXACT_NAME,
    ]
    .contains(&rule)
}
