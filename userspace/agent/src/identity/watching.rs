//! One connection's view of who its workload is: taken when it is opened, and followed while it
//! lives.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};
use weir_identity::workload::{Account, Standing};
use weir_policy::Subject;

use super::{IdentityError, declared, registry::State};
use crate::{config::Identity, session::Switch};

/// How long a connection waits for its workload's very first verification.
const FIRST: Duration = Duration::from_secs(5);

/// Watches who a workload is.
#[derive(Clone, Debug)]
pub struct Watching {
    identity: Arc<Identity>,
    state: watch::Receiver<State>,
}

impl Watching {
    pub(super) fn new(identity: Arc<Identity>, state: watch::Receiver<State>) -> Self {
        Self { identity, state }
    }

    /// Who a connection of this user is of now. What changes after that is for
    /// [`follow`](Self::follow) to see.
    ///
    /// # Errors
    /// When it can't be told, or isn't to be believed.
    pub async fn subject(&mut self, uid: u32) -> Result<Subject, IdentityError> {
        let unknown = Account::unknown();
        let known = |state: &State| state.account.as_ref() != Some(&unknown);
        // Whether or not it has come by then, what is known is looked at.
        timeout(FIRST, self.state.wait_for(known)).await.ok();
        self.now(uid)
    }

    fn now(&mut self, uid: u32) -> Result<Subject, IdentityError> {
        let state = self.state.borrow_and_update().clone();
        let name = || self.identity.name.to_string();
        if state.revoked {
            return Err(IdentityError::Revoked { name: name() });
        }
        match state.account.map(|account| account.standing) {
            None => declared(&self.identity, uid),
            Some(Standing::Verified { subject, .. }) => {
                let mut subject = Subject::clone(&subject);
                // What a token says of the person goes before what is declared.
                if subject.on_behalf_of.is_none() {
                    subject.on_behalf_of.clone_from(&self.identity.on_behalf_of);
                }
                Ok(subject)
            }
            Some(Standing::Unverified(why)) => Err(IdentityError::Unverified { name: name(), why }),
        }
    }

    /// Follows who it is for as long as a session lives: other groups are told to `subject`, and
    /// when it is nobody any more, or somebody else, `switch` ends the session. Never resolves.
    pub async fn follow(
        mut self,
        uid: u32,
        known: Subject,
        subject: watch::Sender<Arc<Subject>>,
        switch: Switch,
    ) {
        let mut last = known;
        while self.state.changed().await.is_ok() {
            match self.now(uid) {
                Ok(now) if now.id == last.id && now.on_behalf_of == last.on_behalf_of => {
                    if now.groups != last.groups {
                        last = now;
                        subject.send_replace(Arc::new(last.clone()));
                    }
                }
                Ok(now) => switch.lose(format!(
                    "the workload was {} and is {} now; connect again",
                    last.id, now.id
                )),
                Err(error) => switch.lose(error.to_string()),
            }
        }
        // The engine is gone, and nobody vouches any more.
        switch.lose("weir no longer knows the workload's identity".to_owned());
        std::future::pending::<()>().await;
    }
}
