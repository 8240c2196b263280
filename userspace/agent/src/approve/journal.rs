//! What outlives the daemon: one JSON object a line, written before what it says takes effect.
//!
//! It is for telling, not for going on: what waited when a daemon ended is told as refused by the
//! next one, and an answer in it approves nothing any more. The file is rewritten when it has grown
//! to [`MOST`], with what waits and what was settled last.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use weir_record::replace;

use super::request::{Given, Request, SettledAt};

/// How large the file may grow before it is rewritten, in bytes.
const MOST: u64 = 16 << 20;
/// Longest line, in bytes; a longer one is not weir's.
const LONGEST: u64 = 1 << 20;

/// Why the journal can't be used. The disk's or the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused a step.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and never kept")]
pub(super) enum Entry<'a> {
    Asked(std::borrow::Cow<'a, Request>),
    Answered { id: String, given: Given },
    Settled { id: String, settled: SettledAt },
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    size: u64,
    /// What it may grow to: twice what a rewrite left, at least.
    most: u64,
}

impl Journal {
    /// Opens the journal, made with mode 0600 if it isn't there, and gives back what it holds.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Request>), JournalError> {
        let requests = match File::open(path) {
            Ok(file) => read(file).map_err(at(path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(at(path)(error)),
        };
        let file = append(path).map_err(at(path))?;
        let size = file.metadata().map_err(at(path))?.len();
        let journal = Self {
            file,
            path: path.to_owned(),
            size,
            most: MOST,
        };
        Ok((journal, requests))
    }

    /// Puts an entry in the kernel's hands.
    pub(super) fn write(&mut self, entry: &Entry<'_>) -> Result<(), JournalError> {
        let line = line(entry).map_err(at(&self.path))?;
        if let Err(error) = self.file.write_all(&line) {
            // Half a line must not swallow the next one.
            self.file.set_len(self.size).ok();
            return Err(at(&self.path)(error));
        }
        self.size += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Whether it should be rewritten.
    pub(super) fn is_full(&self) -> bool {
        self.size > self.most
    }

    /// Rewrites it with these alone, in one step.
    pub(super) fn rewrite<'a>(
        &mut self,
        requests: impl Iterator<Item = &'a Request>,
    ) -> Result<(), JournalError> {
        let mut size = 0;
        let written = replace(&self.path, |file| {
            for request in requests {
                let line = line(&Entry::Asked(std::borrow::Cow::Borrowed(request)))?;
                file.write_all(&line)?;
                size += u64::try_from(line.len()).unwrap_or(u64::MAX);
            }
            Ok(())
        });
        self.file = match written {
            Ok(file) => file,
            Err(error) => {
                // It may have been put in place all the same.
                self.file = append(&self.path).map_err(at(&self.path))?;
                return Err(at(&self.path)(error));
            }
        };
        self.size = size;
        self.most = MOST.max(size.saturating_mul(2));
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn line(entry: &Entry<'_>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Io { path, source }
}

/// All requests, in the order in which they were asked. A line that makes no sense is passed over:
/// most often the last one, cut off when the power failed.
fn read(file: File) -> io::Result<Vec<Request>> {
    let mut requests: Vec<Request> = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = io::Read::take(&mut reader, LONGEST);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(requests);
        }
        let Ok(entry) = serde_json::from_slice::<Entry<'_>>(&line) else {
            tracing::warn!("a line of the approvals' journal makes no sense");
            continue;
        };
        match entry {
            Entry::Asked(request) => {
                let request = request.into_owned();
                match find(&mut requests, &request.id) {
                    // Asked anew, under another policy.
                    Some(known) => *known = request,
                    None => requests.push(request),
                }
            }
            Entry::Answered { id, given } => {
                if let Some(request) = find(&mut requests, &id) {
                    request.answers.push(given);
                }
            }
            Entry::Settled { id, settled } => {
                if let Some(request) = find(&mut requests, &id) {
                    request.settled = Some(settled);
                }
            }
        }
    }
}

fn find<'a>(requests: &'a mut [Request], id: &str) -> Option<&'a mut Request> {
    requests.iter_mut().rev().find(|request| request.id == id)
}
