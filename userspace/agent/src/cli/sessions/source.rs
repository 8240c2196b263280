//! Where sessions are read from: the daemon, or a directory of records.

use std::{
    collections::BTreeSet,
    fs::File,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use weir_record::{Entry, Event, Identities, ReadError, SessionReader, SessionStart};
use weir_store::Index;

use super::{
    super::{args::Reach, error::CliError, runtime},
    masks::Masks,
};
use crate::control::{Sessions, Wanted, client::Client};

/// How many sessions are asked for at once, where all are wanted.
const PAGE: usize = 500;

/// Where sessions are read from.
pub(in crate::cli) enum Source {
    Daemon(Client),
    Records(PathBuf),
}

/// One session's record, open, with its start already read.
pub(in crate::cli) struct Recorded {
    pub(in crate::cli) start: SessionStart,
    pub(in crate::cli) entries: SessionReader,
    /// The copy that the daemon gave; it goes with this.
    _copy: Option<File>,
    identities: Option<Identities>,
}

impl Source {
    pub(in crate::cli) fn new(reach: &Reach) -> Self {
        match &reach.records {
            Some(dir) => Self::Records(dir.clone()),
            None => Self::Daemon(Client::new(&reach.daemon.socket)),
        }
    }

    /// Sessions, newest first.
    pub(in crate::cli) fn list(&self, wanted: &Wanted) -> Result<Sessions, CliError> {
        match self {
            Self::Daemon(client) => runtime::small()?
                .block_on(client.sessions(wanted))
                .map_err(CliError::Asked),
            Self::Records(dir) => Ok(index_of(dir)?.list(wanted)?),
        }
    }

    /// All sessions that are wanted, oldest first, and what may be missing from them.
    pub(in crate::cli) fn all(&self, wanted: Wanted) -> Result<Sessions, CliError> {
        let index = match self {
            Self::Daemon(_) => None,
            Self::Records(dir) => Some(index_of(dir)?),
        };
        let mut page = Wanted {
            limit: Some(PAGE),
            ..wanted
        };
        let mut all = Vec::new();
        loop {
            let listed = match &index {
                Some(index) => index.list(&page)?,
                None => self.list(&page)?,
            };
            all.extend(listed.sessions);
            let Some(next) = listed.next else {
                all.reverse();
                return Ok(Sessions {
                    sessions: all,
                    ..listed
                });
            };
            page.before = Some(next);
        }
    }

    /// The sessions that the daemon is driving now; from records alone that can't be told.
    pub(in crate::cli) fn live(&self) -> Result<Option<BTreeSet<String>>, CliError> {
        match self {
            Self::Daemon(client) => {
                let asked = runtime::small()?.block_on(client.status());
                let status = asked.map_err(CliError::Asked)?;
                Ok(Some(
                    status
                        .sessions
                        .into_iter()
                        .map(|session| session.id)
                        .collect(),
                ))
            }
            Self::Records(_) => Ok(None),
        }
    }

    /// The record of one session, by the beginning of its id.
    pub(in crate::cli) fn open(&self, id: &str) -> Result<Recorded, CliError> {
        self.open_with(id, None)
    }

    /// The same, decrypted with an identity file where it is encrypted.
    pub(in crate::cli) fn open_with(
        &self,
        id: &str,
        identity: Option<&Path>,
    ) -> Result<Recorded, CliError> {
        self.opened(id, identity, false)
    }

    /// The same, and without an identity the outline of an encrypted one.
    pub(in crate::cli) fn survey(
        &self,
        id: &str,
        identity: Option<&Path>,
    ) -> Result<Recorded, CliError> {
        self.opened(id, identity, identity.is_none())
    }

    fn opened(
        &self,
        id: &str,
        identity: Option<&Path>,
        outline: bool,
    ) -> Result<Recorded, CliError> {
        let identities = identity.map(identities).transpose()?;
        match self {
            Self::Daemon(client) => {
                // Without a name, so that it goes with the process, however that ends.
                let mut copy = tempfile::tempfile().map_err(CliError::Spool)?;
                let asked = runtime::small()?.block_on(client.record(id, &mut copy));
                asked.map_err(CliError::Asked)?;
                let path = PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd()));
                let opened = Recorded::open(&path, identities, outline)?;
                Ok(Recorded {
                    _copy: Some(copy),
                    ..opened
                })
            }
            Self::Records(dir) => Recorded::open(&weir_record::find(dir, id)?, identities, outline),
        }
    }
}

fn identities(path: &Path) -> Result<Identities, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    text.parse().map_err(|source| CliError::Identity {
        path: path.to_owned(),
        source,
    })
}

/// An index of a directory of records, for as long as it takes to ask it.
fn index_of(dir: &Path) -> Result<Index, CliError> {
    // A name that was typed wrong must not look like a directory without sessions.
    weir_record::store::names(dir)?;
    let mut index = Index::in_memory()?;
    index.update(dir)?;
    Ok(index)
}

impl Recorded {
    #[cfg(test)]
    pub(in crate::cli) fn of(start: SessionStart, entries: SessionReader) -> Self {
        Self {
            start,
            entries,
            _copy: None,
            identities: None,
        }
    }

    /// Where its values are masked.
    pub(super) fn masks(&self) -> Masks {
        Masks::ahead(self.entries.path(), self.identities.as_ref())
    }

    fn open(path: &Path, identities: Option<Identities>, outline: bool) -> Result<Self, CliError> {
        let mut entries = if outline {
            SessionReader::survey(path)?
        } else {
            SessionReader::open_with(path, identities.as_ref())?
        };
        match entries.next().transpose()? {
            Some(Entry::Event(Event::Start(start))) => Ok(Self {
                start,
                entries,
                _copy: None,
                identities,
            }),
            _ => Err(ReadError::Empty {
                path: path.to_owned(),
            }
            .into()),
        }
    }
}
