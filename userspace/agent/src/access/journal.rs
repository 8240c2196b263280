//! The journal: each line a request as it became, the last of an id being what it is.
//!
//! A line is on disk before what it says holds. One that a crash cut off says nothing yet, and goes.
//! Anything else that isn't whole stops the daemon from starting: who could be granted what must
//! not be guessed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use weir_record::replace;

use super::{AccessError, AccessRequest};

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens it, forgets what needn't be kept, and gives what is.
    pub(super) fn open(
        path: &Path,
        keep: impl Fn(&AccessRequest) -> bool,
    ) -> Result<(Self, BTreeMap<String, AccessRequest>), AccessError> {
        let failed = |source| AccessError::Journal {
            path: path.to_owned(),
            source,
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        let mut requests = BTreeMap::new();
        let whole = text.rfind('\n').map_or("", |end| {
            let (whole, _) = text.split_at(end);
            whole
        });
        for (number, line) in whole.lines().enumerate() {
            let request: AccessRequest =
                serde_json::from_str(line).map_err(|error| AccessError::Broken {
                    path: path.to_owned(),
                    line: number + 1,
                    problem: error.to_string(),
                })?;
            requests.insert(request.id.clone(), request);
        }
        requests.retain(|_, request| keep(request));
        let file = rewritten(path, &requests).map_err(failed)?;
        let path = path.to_owned();
        Ok((Self { path, file }, requests))
    }

    /// Puts one more line on disk.
    pub(super) fn append(&mut self, request: &AccessRequest) -> Result<(), AccessError> {
        let length = self.file.metadata().map(|facts| facts.len());
        let written = length.and_then(|length| {
            let kept = self
                .file
                .write_all(&line(request)?)
                .and_then(|()| self.file.sync_data());
            if kept.is_err() {
                // Half a line would run into the next one.
                self.file.set_len(length)?;
            }
            kept
        });
        written.map_err(|source| AccessError::Journal {
            path: self.path.clone(),
            source,
        })
    }
}

fn line(request: &AccessRequest) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    Ok(line)
}

/// What is kept, in a file that takes the journal's place in one step.
fn rewritten(path: &Path, requests: &BTreeMap<String, AccessRequest>) -> io::Result<File> {
    replace(path, |file| {
        let mut requests = requests.values();
        requests.try_for_each(|request| file.write_all(&line(request)?))
    })
}
