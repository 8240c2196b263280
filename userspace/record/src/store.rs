//! The sessions of a directory: an index that can always be rebuilt from the records.
//!
//! For now there is none to rebuild: listing reads and verifies every record from end to end, so
//! its cost grows with all that was ever recorded there.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
};

use crate::{FindError, ReadError, SessionId, Summary};

const EXTENSION: &str = "weir";

/// Where the record of a session is.
#[must_use]
pub fn path_of(dir: &Path, id: SessionId) -> PathBuf {
    dir.join(format!("{id}.{EXTENSION}"))
}

/// Summaries of all sessions of a directory, newest first. A record that can't be read is an
/// error in its place and does not hide the others; what is no record comes last.
///
/// # Errors
///
/// [`ReadError::Open`] and [`ReadError::Read`] of the directory.
pub fn list(dir: &Path) -> Result<Vec<Result<Summary, ReadError>>, ReadError> {
    let Names { ids, strays } = names(dir)?;
    let summaries = ids.into_iter().map(|id| summary(dir, id));
    let strays = strays.into_iter().map(|(path, problem)| {
        Err(ReadError::Stray {
            path,
            problem: problem.to_owned(),
        })
    });
    Ok(summaries.chain(strays).collect())
}

/// The record of the session whose id begins with `prefix`.
///
/// # Errors
///
/// [`FindError::NotFound`], [`FindError::Ambiguous`], [`FindError::Invalid`] for a text that
/// begins no id, [`FindError::Directory`].
pub fn find(dir: &Path, prefix: &str) -> Result<PathBuf, FindError> {
    if !SessionId::is_prefix(prefix) {
        return Err(FindError::Invalid {
            prefix: prefix.to_owned(),
        });
    }
    let mut candidates = names(dir)?.ids;
    candidates.retain(|id| id.to_string().starts_with(prefix));
    match candidates.as_slice() {
        [] => Err(FindError::NotFound {
            prefix: prefix.to_owned(),
            dir: dir.to_owned(),
        }),
        [id] => Ok(path_of(dir, *id)),
        _ => Err(FindError::Ambiguous {
            prefix: prefix.to_owned(),
            candidates,
        }),
    }
}

/// A record says itself which session it is of; a copy under another's name is not that other.
fn summary(dir: &Path, id: SessionId) -> Result<Summary, ReadError> {
    let path = path_of(dir, id);
    let summary = Summary::read(&path)?;
    if summary.start.id != id {
        let problem = format!("it is the record of {}", summary.start.id);
        return Err(ReadError::Stray { path, problem });
    }
    Ok(summary)
}

/// What there is in a directory of records.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Newest first.
    pub ids: Vec<SessionId>,
    /// What bears a record's extension and is none, and why.
    pub strays: Vec<(PathBuf, &'static str)>,
}

/// What there is in a directory of records, by the names of the files alone.
///
/// # Errors
///
/// [`ReadError::Open`] of the directory.
pub fn names(dir: &Path) -> Result<Names, ReadError> {
    let blame = |source| ReadError::Open {
        path: dir.to_owned(),
        source,
    };
    let mut names = Names {
        ids: Vec::new(),
        strays: Vec::new(),
    };
    for entry in fs::read_dir(dir).map_err(blame)? {
        let entry = entry.map_err(blame)?;
        let path = entry.path();
        if path
            .extension()
            .is_none_or(|extension| extension != EXTENSION)
        {
            continue;
        }
        // Neither a directory nor a pipe, which would keep the reader waiting, is a record.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        match path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::parse)
        {
            _ if !is_file => names.strays.push((path, "it is not a regular file")),
            Some(Ok(id)) => names.ids.push(id),
            _ => names.strays.push((path, "its name is not a session id")),
        }
    }
    names.ids.sort_unstable_by_key(|id| Reverse(*id));
    names.strays.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
