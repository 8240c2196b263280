//! Putting other policies in force.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Loaded, ReloadError, Reloaded,
    watch::{Print, watch},
};
use crate::{audit::AuditEvent, engine::Engine};

impl Engine {
    /// Reads the policies anew. When they are bad, the old ones stay in force; when they are good,
    /// every live session is judged again by them.
    ///
    /// # Errors
    /// When they don't load.
    pub fn reload_policies(&self) -> Result<Reloaded, ReloadError> {
        let loaded = self.0.files.read();
        self.take(loaded)
    }

    /// The same, where what is on disk is other than what is in force.
    pub(super) fn reload_changed_policies(&self) -> Result<Option<Reloaded>, ReloadError> {
        let loaded = self.0.files.read();
        let in_force = self.ungranted_version();
        match &loaded {
            Ok(loaded) if *loaded.policies.version() == in_force => Ok(None),
            _ => self.take(loaded).map(Some),
        }
    }

    /// Takes changed policies by itself for as long as it is polled, where that is configured.
    pub async fn watch_policies(self) {
        if self.0.config.policies.watch {
            watch(self).await;
        }
    }

    /// What the policy files look like; none where they can't change.
    pub(super) fn policy_print(&self) -> Option<Print> {
        self.0.files.print()
    }

    fn take(&self, loaded: Result<Loaded, ReloadError>) -> Result<Reloaded, ReloadError> {
        let inner = &self.0;
        let from = inner.policies.borrow().version().to_string();
        let noted = loaded.and_then(|loaded| {
            inner.files.note(&loaded)?;
            Ok(loaded)
        });
        let fresh = match noted {
            Ok(loaded) => loaded.policies,
            Err(error) => {
                inner.telemetry.meters().reloaded(false);
                let reason = error.to_string();
                inner.audit.write(&AuditEvent::PolicyRejected {
                    reason: &reason,
                    kept: &from,
                });
                return Err(error);
            }
        };
        let warnings = fresh.warnings().iter().map(ToString::to_string).collect();
        let to = self.put_in_force(fresh);
        inner.loaded.store(Arc::new(Timestamp::now()));
        inner.telemetry.meters().reloaded(true);
        inner.audit.write(&AuditEvent::PolicyLoaded {
            from: &from,
            to: &to,
        });
        Ok(Reloaded {
            from,
            to,
            warnings,
            rejudged: inner.live.count(),
        })
    }
}
