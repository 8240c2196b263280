//! How a session's record begins.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, Mutex, Weak},
    time::Instant,
};

use super::{SessionWriter, gathering::Gathering};
use crate::{
    RecordError, Seq, SessionStart,
    borrowed::EventRef,
    file,
    header::{Anchor, Rest},
    heads::How,
    journal::{Journal, Opening, Sum},
    ledger::{Ledger, Spool},
    recorder::Host,
    store,
};

impl SessionWriter {
    /// Creates the record of a session in `dir`, and `dir` itself where it does not exist: one that
    /// is in no head file and that nobody vouches for. A host's are made by its
    /// [`Recorder`](crate::Recorder).
    ///
    /// # Errors
    ///
    /// [`RecordError::Directory`], [`RecordError::Exposed`], [`RecordError::Create`], or those of
    /// writing the first event; the file is then removed again.
    pub fn create(dir: &Path, start: &SessionStart) -> Result<Self, RecordError> {
        file::private_dir(dir)?;
        let path = store::path_of(dir, start.id);
        let opening = Opening {
            rest: Rest {
                id: start.id,
                anchor: Anchor::default(),
                envelope: None,
            },
            file_key: None,
            witness: None,
            spools: None,
        };
        let ledger = Ledger::new(path.clone(), Box::new(file::create(&path)?), None, None);
        Self::begin(ledger, None, opening, start)
    }

    /// Creates the record of a session of a host.
    pub(crate) fn hosted(host: &Arc<Host>, start: &SessionStart) -> Result<Self, RecordError> {
        let path = store::path_of(host.dir(), start.id);
        if host.room().is_tight() {
            return Err(RecordError::reserved(&path));
        }
        file::private_dir(host.dir())?;
        if fs::symlink_metadata(&path).is_ok() {
            let source = io::ErrorKind::AlreadyExists.into();
            return Err(RecordError::Create { path, source });
        }
        // Told of before it is there: a file that nothing tells of could be anybody's.
        let opening = host.begin(start.id, &path)?;
        let file: File = file::create(&path).inspect_err(|_| {
            host.over(start.id, How::Stopped, Sum::NOTHING).ok();
        })?;
        let before = Some(Arc::clone(host.heads().ledger()));
        let ledger = Ledger::new(path, Box::new(file), before, Some(host.syncing()));
        Self::begin(ledger, Some(Arc::clone(host)), opening, start)
    }

    pub(super) fn begin(
        ledger: Ledger,
        host: Option<Arc<Host>>,
        opening: Opening,
        start: &SessionStart,
    ) -> Result<Self, RecordError> {
        let began = Instant::now();
        let ledger = Arc::new(ledger);
        let path = ledger.path().to_owned();
        let spool = Spool {
            ledger: Arc::clone(&ledger),
            room: host.as_ref().map(|host| Arc::clone(host.room())),
        };
        let begun = Journal::begin(spool, path.clone(), opening).and_then(|mut journal| {
            journal.event(0, &EventRef::Start(start))?;
            Ok(journal)
        });
        let journal = begun.inspect_err(|_| {
            // Nothing was promised yet; on a full disk the empty file would only use it up.
            fs::remove_file(&path).ok();
            if let Some(host) = &host {
                host.over(start.id, How::Stopped, Sum::NOTHING).ok();
            }
        })?;
        ledger.note(journal.recorded());
        let gathering = Arc::new(Gathering {
            journal: Mutex::new(journal),
            began,
        });
        let gathered: Weak<Gathering> = Arc::downgrade(&gathering);
        if let Some(host) = &host {
            host.live().gathers(start.id, gathered.clone());
        }
        ledger.gathers(gathered);
        let observer = host.as_ref().and_then(|host| host.observer());
        let observer = observer.map(|observer| observer.begins(start));
        Ok(Self {
            id: start.id,
            observer,
            heard: None,
            gathering,
            ledger,
            host,
            over: false,
            last: Seq::NONE,
            circumstances: None,
            lookup: None,
        })
    }
}
