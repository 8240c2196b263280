//! Room on the disk that is kept for the ends: when it gets tight, no command is taken any more,
//! and what sessions have to say at their end still finds a place.
//!
//! A file of the reserve's size keeps others from using it up. It is given up when a write would
//! fail otherwise, and made again once there is room for it and as much besides.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::{fcntl::posix_fallocate, sys::statvfs::statvfs};

/// The reserve of a directory of records.
#[derive(Debug)]
pub(crate) struct Room {
    dir: PathBuf,
    size: u64,
    tight: AtomicBool,
    /// Whether the file is there.
    held: Mutex<bool>,
}

impl Room {
    pub(crate) fn new(dir: &Path, size: u64) -> Self {
        let room = Self {
            dir: dir.to_owned(),
            size,
            tight: AtomicBool::new(false),
            held: Mutex::new(false),
        };
        room.look();
        room
    }

    /// Whether no command should be taken.
    pub(crate) fn is_tight(&self) -> bool {
        self.tight.load(Ordering::Acquire)
    }

    /// Whether so much of a new command or its answer should be taken: what would use up most of the
    /// reserve where the disk is full already is not even begun.
    pub(crate) fn takes(&self, length: usize) -> bool {
        let length = length as u64;
        let spares = length <= self.size / 4 || self.size == 0;
        !self.is_tight() && (spares || self.free().is_ok_and(|free| free >= length))
    }

    /// Gives the reserve up. False where there is none any more.
    pub(crate) fn give_up(&self) -> bool {
        // Who keeps none has nothing to take again, and stops for as long as writes fail.
        if self.size == 0 {
            return false;
        }
        let mut held = self.held();
        self.tight.store(true, Ordering::Release);
        let given = *held && fs::remove_file(self.file()).is_ok();
        *held = false;
        given
    }

    /// Looks how much room there is, and takes the reserve again where it can.
    pub(crate) fn look(&self) {
        if self.size == 0 {
            return;
        }
        let mut held = self.held();
        let Ok(free) = self.free() else {
            return;
        };
        if !*held && free >= self.size.saturating_mul(2) {
            *held = self.reserve().is_ok();
        }
        let tight = !*held || free < self.size;
        self.tight.store(tight, Ordering::Release);
    }

    fn free(&self) -> io::Result<u64> {
        let found = statvfs(&self.dir)?;
        Ok(found
            .blocks_available()
            .saturating_mul(found.fragment_size()))
    }

    fn reserve(&self) -> io::Result<()> {
        let path = self.file();
        let take = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)?;
            let size = i64::try_from(self.size).map_err(io::Error::other)?;
            posix_fallocate(&file, 0, size)?;
            Ok(())
        };
        let taken = take();
        if taken.is_err() {
            fs::remove_file(&path).ok();
        }
        taken
    }

    fn file(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    fn held(&self) -> MutexGuard<'_, bool> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
