//! The index: brought up to date with a directory of records, asked, emptied.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use weir_record::{
    SessionId,
    store::{Names, names, path_of},
};

use crate::{StoreError, Wanted, query, query::Sessions, read, schema};

/// The index of one directory of records.
#[derive(Debug)]
pub struct Index {
    db: Connection,
    /// How much of each record was there when it was last read; what is not longer has nothing
    /// new. Nothing for those that have ended.
    seen: BTreeMap<SessionId, Option<u64>>,
}

/// What one look at the directory came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Records of which something was new.
    pub read: usize,
    /// Records that are to be looked at yet.
    pub pending: usize,
    /// Sessions that left the index, since their records are gone.
    pub gone: usize,
}

impl Index {
    /// Opens the index in a file; an index that is of no use is thrown away.
    ///
    /// # Errors
    /// When the file can be neither used nor replaced.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        match schema::open(path).and_then(Self::of) {
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "the index is thrown away and made anew");
                schema::remove(path)?;
                Self::of(schema::open(path)?)
            }
            opened => opened,
        }
    }

    /// An index that is gone with the process.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::of(schema::in_memory()?)
    }

    /// Opens the index in a file only to ask it.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`]; so where there is none.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            db: schema::open_to_read(path)?,
            seen: BTreeMap::new(),
        })
    }

    fn of(db: Connection) -> Result<Self, StoreError> {
        let mut index = Self {
            db,
            seen: BTreeMap::new(),
        };
        let known: Vec<(SessionId, Option<u64>)> = index
            .db
            .prepare("SELECT id, position FROM sessions")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .map(|row| {
                let (id, position): (String, String) = row?;
                let position = read::position(&position)?;
                let id = serde_json::from_value(id.into())?;
                let seen = (!position.is_end()).then_some(position.offset());
                Ok((id, seen))
            })
            .collect::<Result<_, StoreError>>()?;
        index.seen.extend(known);
        Ok(index)
    }

    /// Takes in what the directory has and the index has not, and lets go of what is gone.
    ///
    /// # Errors
    /// When the index or the directory can't be used. A record that can't be read is one of the
    /// [`Sessions::unreadable`] and keeps no other from being read.
    pub fn update(&mut self, dir: &Path) -> Result<Pass, StoreError> {
        self.update_while(dir, |_| true)
    }

    /// The same, while `go_on` says so; it is told after each record how many are left.
    pub(crate) fn update_while(
        &mut self,
        dir: &Path,
        mut go_on: impl FnMut(usize) -> bool,
    ) -> Result<Pass, StoreError> {
        let Names { ids, strays } = if dir.exists() {
            names(dir)?
        } else {
            // Made with the first record.
            Names::default()
        };
        let mut pass = Pass {
            gone: self.forget_all_but(&ids)?,
            ..Pass::default()
        };
        self.tell_strays(dir, &strays)?;
        let fresh: Vec<(SessionId, PathBuf, u64)> = ids
            .into_iter()
            .filter_map(|id| self.is_fresh(dir, id))
            .collect();
        pass.pending = fresh.len();
        // The newest first: they are asked for first.
        for (id, path, length) in fresh {
            let ended = read::session(&mut self.db, id, &path)?;
            self.seen.insert(id, (!ended).then_some(length));
            pass.read += 1;
            pass.pending -= 1;
            if !go_on(pass.pending) {
                break;
            }
        }
        Ok(pass)
    }

    /// Takes in what is new in these sessions' records, without a look at the directory.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub(crate) fn update_of(
        &mut self,
        dir: &Path,
        sessions: &[SessionId],
    ) -> Result<(), StoreError> {
        for id in sessions {
            if let Some((id, path, length)) = self.is_fresh(dir, *id) {
                let ended = read::session(&mut self.db, id, &path)?;
                self.seen.insert(id, (!ended).then_some(length));
            }
        }
        Ok(())
    }

    /// Its record, and how long that is, where there is something new in it.
    fn is_fresh(&self, dir: &Path, id: SessionId) -> Option<(SessionId, PathBuf, u64)> {
        let seen = self.seen.get(&id);
        if seen == Some(&None) {
            return None;
        }
        let path = path_of(dir, id);
        // One that has gone meanwhile is forgotten with the next look.
        let length = fs::metadata(&path).ok()?.len();
        (seen.copied().flatten() != Some(length)).then_some((id, path, length))
    }

    fn forget_all_but(&mut self, ids: &[SessionId]) -> Result<usize, StoreError> {
        let there: BTreeSet<&SessionId> = ids.iter().collect();
        let known: BTreeSet<SessionId> = self.seen.keys().copied().collect();
        let gone: Vec<SessionId> = known.into_iter().filter(|id| !there.contains(id)).collect();
        for id in &gone {
            read::forget(&mut self.db, *id)?;
            self.seen.remove(id);
        }
        Ok(gone.len())
    }

    /// What bears a record's extension and is none.
    fn tell_strays(
        &mut self,
        dir: &Path,
        strays: &[(PathBuf, &'static str)],
    ) -> Result<(), StoreError> {
        let told: Vec<String> = self
            .db
            .prepare_cached("SELECT path FROM problems")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut there: BTreeSet<String> = self
            .seen
            .keys()
            .map(|id| path_of(dir, *id).to_string_lossy().into_owned())
            .collect();
        for (path, problem) in strays {
            let path = path.to_string_lossy().into_owned();
            let problem = format!("{path}: {problem}");
            read::tell(&self.db, &path, &problem)?;
            there.insert(path);
        }
        for path in told.into_iter().filter(|path| !there.contains(path)) {
            self.db
                .prepare_cached("DELETE FROM problems WHERE path = ?")?
                .execute([path])?;
        }
        Ok(())
    }

    /// Sessions that are wanted.
    ///
    /// # Errors
    /// When the index can't be used.
    pub fn list(&self, wanted: &Wanted) -> Result<Sessions, StoreError> {
        query::list(&self.db, wanted)
    }

    /// The session whose id begins so, where it is the only one.
    pub(crate) fn beginning(&self, prefix: &str) -> Result<Vec<SessionId>, StoreError> {
        query::beginning(&self.db, prefix)
    }

    /// Empties it, so that the next [`update`](Self::update) makes it anew.
    ///
    /// # Errors
    /// When the index can't be used.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        schema::clear(&self.db)?;
        self.seen.clear();
        Ok(())
    }

    /// Everything that it holds, as text, in an order of its own: two indexes of the same records
    /// have the same, whatever the way that each came to it.
    ///
    /// # Errors
    /// When the index can't be used.
    pub fn dump(&self) -> Result<String, StoreError> {
        let mut dump = String::new();
        for sql in [
            "SELECT json_array(id, started, last, workload, subject, target, refused, summary, position)
             FROM sessions ORDER BY id",
            "SELECT json_array(s.id, second, hex(kind), seq, c.first, c.last, count, verbs, verdict, rule,
                               approvers, policy_version, searched)
             FROM commands AS c JOIN sessions AS s ON s.number = c.session ORDER BY s.id, seq",
            "SELECT json_array(s.id, seq, access, name, o.last)
             FROM objects AS o JOIN commands AS c ON c.number = o.command
                               JOIN sessions AS s ON s.number = c.session
             ORDER BY s.id, seq, access, name",
            "SELECT json_array(s.id, seq) FROM texts JOIN commands AS c ON c.number = texts.rowid
                               JOIN sessions AS s ON s.number = c.session ORDER BY s.id, seq",
            "SELECT json_array(path, problem) FROM problems ORDER BY path",
        ] {
            let mut rows = self.db.prepare(sql)?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                dump.push_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
                dump.push('\n');
            }
        }
        Ok(dump)
    }
}
