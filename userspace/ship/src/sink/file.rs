//! A file of one JSON object a line, rotated by size.
//!
//! A batch counts once it is on the disk. Whoever renames or removes the file, as log rotation does,
//! finds another begun with the next batch: no signal is needed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::Failure;
use crate::feed::Event;

/// A line that was cut off is looked for within so many bytes of the end.
const LONGEST_LINE: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct JsonLines {
    path: PathBuf,
    rotate_at: u64,
    keep: u32,
    file: Option<File>,
}

impl JsonLines {
    pub(super) fn new(path: &Path, rotate_at: u64, keep: u32) -> Self {
        Self {
            path: path.to_owned(),
            rotate_at,
            keep,
            file: None,
        }
    }

    pub(super) async fn deliver(&mut self, events: &[Event]) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for event in events {
            lines.extend_from_slice(event.json.as_bytes());
            lines.push(b'\n');
        }
        let (path, rotate_at, keep) = (self.path.clone(), self.rotate_at, self.keep);
        let file = self.file.take();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = current(file, &path, rotate_at, keep)?;
            write(&mut file, &lines)?;
            Ok::<_, io::Error>(file)
        });
        let written = written.await.map_err(io::Error::other).flatten();
        let told = |error| Failure::Later(format!("can't write {}: {error}", self.path.display()));
        self.file = Some(written.map_err(told)?);
        Ok(())
    }
}

/// The file to write to: the one that is open if it still bears the name and has room.
fn current(file: Option<File>, path: &Path, rotate_at: u64, keep: u32) -> io::Result<File> {
    let file = match file {
        Some(file) if bears(&file, path)? => file,
        _ => open(path)?,
    };
    let length = file.metadata()?.len();
    if length < rotate_at {
        return Ok(file);
    }
    rotate(path, keep)?;
    open(path)
}

fn bears(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens it, without the part of a line that a stopped writer left at its end: that event is sent
/// again.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    (&file).take(LONGEST_LINE).read_to_end(&mut tail)?;
    let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
    if torn > 0 && (torn < LONGEST_LINE || from == 0) {
        file.set_len(length - torn)?;
    }
    Ok(file)
}

/// All of the lines or none.
fn write(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    file.write_all(lines)
        .and_then(|()| file.sync_data())
        .inspect_err(|_| {
            if let Err(error) = file.set_len(before) {
                tracing::warn!(%error, "a part of a batch stays in the file");
            }
        })
}

/// `path` becomes `path.1`, that `path.2`, and so on; the last one goes.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cursor::Mark, sink::Failure};

    fn event(number: usize) -> Event {
        Event {
            json: format!("{{\"number\":{number}}}"),
            uid: number.to_string(),
            time: 0,
            severity: 1,
            mark: Mark::Audit(0),
        }
    }

    async fn deliver(sink: &mut JsonLines, numbers: std::ops::Range<usize>) -> Result<(), Failure> {
        let events: Vec<Event> = numbers.map(event).collect();
        sink.deliver(&events).await
    }

    #[tokio::test]
    async fn a_file_that_is_moved_away_is_begun_anew_without_a_signal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut sink = JsonLines::new(&path, 1 << 20, 2);
        deliver(&mut sink, 0..2).await.unwrap();
        fs::rename(&path, dir.path().join("moved")).unwrap();
        deliver(&mut sink, 2..3).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"number\":2}\n");
        fs::remove_file(&path).unwrap();
        deliver(&mut sink, 3..4).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"number\":3}\n");
    }

    #[tokio::test]
    async fn it_is_rotated_by_size_and_so_many_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut sink = JsonLines::new(&path, 20, 2);
        for number in 0..10 {
            deliver(&mut sink, number..number + 1).await.unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("events.jsonl"), "{\"number\":8}\n{\"number\":9}\n");
        assert_eq!(read("events.jsonl.1"), "{\"number\":6}\n{\"number\":7}\n");
        assert_eq!(read("events.jsonl.2"), "{\"number\":4}\n{\"number\":5}\n");
        assert!(!dir.path().join("events.jsonl.3").exists());
    }

    #[tokio::test]
    async fn what_a_killed_writer_left_of_a_line_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        fs::write(&path, "{\"number\":0}\n{\"num").unwrap();
        let mut sink = JsonLines::new(&path, 1 << 20, 2);
        deliver(&mut sink, 1..2).await.unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"number\":0}\n{\"number\":1}\n"
        );
    }

    #[tokio::test]
    async fn a_full_disk_delays_and_leaves_no_half_of_a_batch() {
        let mut sink = JsonLines::new(Path::new("/dev/full/none"), 1 << 20, 2);
        let failure = deliver(&mut sink, 0..1).await.unwrap_err();
        assert!(matches!(failure, Failure::Later(_)), "{failure}");
    }
}
