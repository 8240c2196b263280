//! Who each declared identity is now, and whether an operator has revoked it.
//!
//! What was revoked stays so over restarts, in a file beside the records.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;
use weir_identity::workload::{Account, Keeper, Standing};
use weir_record::replace;

use super::{acting::Acting, setup, watching::Watching};
use crate::config::{Config, Identity, IdentityName};

/// Why identities can't be set up, or one can't be revoked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A provider can't be used.
    #[error("provider `{name}`: {problem}")]
    Provider {
        /// Its name.
        name: String,
        /// Why.
        problem: String,
    },
    /// What is revoked can't be read or written.
    #[error("can't keep what is revoked in {}: {source}", path.display())]
    Revoked {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No such identity.
    #[error("no identity is called `{0}`")]
    Unknown(String),
}

/// An identity's state, as sessions watch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// None where nothing has to be verified.
    pub(super) account: Option<Account>,
    /// Whether an operator has revoked it.
    pub(super) revoked: bool,
}

/// The declared identities.
#[derive(Debug)]
pub struct Registry {
    identities: BTreeMap<IdentityName, Declared>,
    file: PathBuf,
    writing: Mutex<()>,
    acting: Arc<Acting>,
}

#[derive(Debug)]
pub(super) struct Declared {
    pub(super) identity: Arc<Identity>,
    pub(super) state: watch::Sender<State>,
    keeper: Option<Arc<Keeper>>,
}

impl Registry {
    /// Those of a configuration. Nothing is asked for before [`keep`](Self::keep).
    ///
    /// # Errors
    /// When a provider can't be used, or what is revoked can't be read.
    pub fn new(config: &Config, providers: &setup::Providers) -> Result<Self, RegistryError> {
        let file = config.engine.state.join("revoked-identities");
        let revoked = read(&file)?;
        let mut identities = BTreeMap::new();
        // A workload's own may be declared nowhere else: the embedded one is not.
        let of_workloads = config.workloads.iter().map(|workload| &workload.identity);
        for identity in config.identities.iter().chain(of_workloads) {
            if identities.contains_key(&identity.name) {
                continue;
            }
            let keeper = setup::keeper(identity, providers)?.map(Arc::new);
            let state = State {
                account: keeper.as_ref().map(|_| Account::unknown()),
                revoked: revoked.contains(identity.name.as_str()),
            };
            let declared = Declared {
                identity: Arc::clone(identity),
                state: watch::Sender::new(state),
                keeper,
            };
            identities.insert(identity.name.clone(), declared);
        }
        Ok(Self {
            identities,
            file,
            writing: Mutex::default(),
            acting: Arc::new(Acting::declared(config)),
        })
    }

    /// Keeps one identity fresh each, for as long as they run.
    pub fn keep(&self) -> impl Iterator<Item = impl Future<Output = ()> + Send + 'static> {
        self.identities.values().filter_map(|declared| {
            let keeper = Arc::clone(declared.keeper.as_ref()?);
            let state = declared.state.clone();
            let acting = Arc::clone(&self.acting);
            Some(async move {
                let tell = |account: Account| {
                    // Known before any session of it can be.
                    if let Standing::Verified { subject, .. } = &account.standing {
                        acting.hear(subject);
                    }
                    state.send_modify(|state| state.account = Some(account));
                };
                keeper.keep(tell).await;
            })
        })
    }

    /// For whom subjects act.
    #[must_use]
    pub fn acting(&self) -> &Arc<Acting> {
        &self.acting
    }

    /// Watches one identity. One that isn't among these is nobody, and no revocation to take back.
    #[must_use]
    pub fn watch(&self, identity: &Arc<Identity>) -> Watching {
        let state = self.identities.get(&identity.name).map_or_else(
            || {
                let why = "it is not declared; restart weir with a configuration that has it";
                let nobody = State {
                    account: Some(Account::unverified(why)),
                    revoked: false,
                };
                watch::Sender::new(nobody).subscribe()
            },
            |declared| declared.state.subscribe(),
        );
        Watching::new(Arc::clone(identity), state)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Declared> {
        self.identities.values()
    }

    /// Revokes an identity, or takes that back: true if anything changed. Live sessions end at
    /// once; it is on disk first.
    ///
    /// # Errors
    /// When there is none of this name, or it can't be kept.
    pub fn revoke(&self, name: &str, revoked: bool) -> Result<bool, RegistryError> {
        let found = self.identities.iter().find(|(n, _)| n.as_str() == name);
        let (_, declared) = found.ok_or_else(|| RegistryError::Unknown(name.to_owned()))?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = read(&self.file)?;
        if revoked {
            all.insert(name.to_owned());
        } else {
            all.remove(name);
        }
        write(&self.file, &all)?;
        Ok(declared.state.send_if_modified(|state| {
            let changed = state.revoked != revoked;
            state.revoked = revoked;
            changed
        }))
    }
}

fn read(path: &Path) -> Result<BTreeSet<String>, RegistryError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(source) => Err(kept(path, source)),
    }
}

/// Whole or not at all: a file that is cut off would let somebody in again.
fn write(path: &Path, names: &BTreeSet<String>) -> Result<(), RegistryError> {
    let text: String = names.iter().map(|name| format!("{name}\n")).collect();
    replace(path, |file| file.write_all(text.as_bytes())).map_err(|source| kept(path, source))?;
    Ok(())
}

fn kept(path: &Path, source: io::Error) -> RegistryError {
    RegistryError::Revoked {
        path: path.to_owned(),
        source,
    }
}
