//! Where entries are until they are packed: memory that is a file's, so that what is in it outlives
//! this process, however that ends.
//!
//! A session takes a slot when it has something to say, and gives it back once that is in its
//! record. What a killed process left in its slots is put into the records by the next that opens
//! the directory. Each process has a spool of its own, locked as long as it lives.
//!
//! Not its job: what survives the kernel. Pages reach the disk in no order, so a spool that was
//! written under an earlier boot is passed over; whoever needs more waits for a sync of the record.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::posix_fallocate;

use crate::{
    SessionId,
    batch::{self, EntryKind},
    journal::Sum,
};

/// What a spool's first page begins with; the boot's id follows.
const MAGIC: &[u8; 16] = b"weir\x89spool\0\0\0\0\0\x01";
/// How much of the file comes before the slots.
const FIRST: usize = 4 << 10;
/// How much a slot has.
const SLOT: usize = 64 << 10;
/// How many there are: of sessions that have said something in the last moment.
const SLOTS: usize = 128;
/// How much of a slot says whose it is: how many bytes of entries there are, the session, and what
/// its record came to before them.
const SLOT_HEAD: usize = 8 + SessionId::LENGTH + 8 + 8 + 32;
/// How many processes may record into one directory.
const SPOOLS: u32 = 64;
/// Tells one boot from another (random(4)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The spool of this process.
#[derive(Debug)]
pub(crate) struct Spools {
    map: MmapRaw,
    free: Mutex<Vec<usize>>,
    path: PathBuf,
    /// Locked while it is open.
    _file: File,
}

/// A slot that a session writes to. Dropped without [`clear`](Self::clear), what is in it stays
/// there for the next process.
#[derive(Debug)]
pub(crate) struct Slot {
    spools: Arc<Spools>,
    number: usize,
    length: usize,
    entries: u32,
}

/// What a killed process left of a session.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) id: SessionId,
    /// What the record had come to.
    pub(crate) before: Sum,
    pub(crate) entries: Vec<u8>,
}

impl Spools {
    /// Opens a spool in a directory of records, and takes out what dead processes left in theirs.
    /// Their files go once that is safe: [`forget`](Leftovers::forget). There is none where there is no
    /// room for one.
    pub(crate) fn open(dir: &Path) -> io::Result<(Option<Arc<Self>>, Leftovers)> {
        let boot = fs::read(BOOT)?;
        let mut leftovers = Leftovers::default();
        let mut ours = None;
        for number in 0..SPOOLS {
            let path = dir.join(format!("spool.{number}"));
            let exists = path.try_exists()?;
            if !exists && ours.is_some() {
                continue;
            }
            let Some(file) = lock(&path)? else { continue };
            if exists {
                leftovers.take(&path, file, &boot)?;
            } else {
                ours = Some((file, path));
            }
        }
        let (file, path) =
            ours.ok_or_else(|| io::Error::other("too many processes record here"))?;
        let begun = Self::begin(file, &path, &boot).inspect_err(|_| {
            fs::remove_file(&path).ok();
        });
        match begun {
            Ok(spools) => Ok((Some(Arc::new(spools)), leftovers)),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok((None, leftovers)),
            Err(error) => Err(error),
        }
    }

    fn begin(mut file: File, path: &Path, boot: &[u8]) -> io::Result<Self> {
        let length = FIRST + SLOTS * SLOT;
        // There must be room for all of it, now: a full disk must not kill who writes to the map.
        let mut first = [0; FIRST];
        let (magic, rest) = first.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        for (to, from) in rest.iter_mut().zip(boot) {
            *to = *from;
        }
        file.write_all(&first)?;
        posix_fallocate(&file, 0, i64::try_from(length).map_err(io::Error::other)?)?;
        let map = MmapOptions::new().len(length).map_raw(&file)?;
        Ok(Self {
            map,
            free: Mutex::new((0..SLOTS).rev().collect()),
            path: path.to_owned(),
            _file: file,
        })
    }

    /// A slot for what a session says from here on, or nothing where all are in use.
    pub(crate) fn take(self: &Arc<Self>, id: SessionId, before: &Sum) -> Option<Slot> {
        let number = self.free().pop()?;
        let slot = Slot {
            spools: Arc::clone(self),
            number,
            length: 0,
            entries: 0,
        };
        let mut head = [0; SLOT_HEAD - 8];
        let fields = [
            &id.ascii()[..],
            &before.frames.to_le_bytes(),
            &before.bytes.to_le_bytes(),
            &before.chain,
        ];
        for (to, from) in head.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        slot.put(8, &head);
        Some(slot)
    }

    fn free(&self) -> MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spools {
    fn drop(&mut self) {
        // Nothing is in it, and the lock is still held.
        if self.free().len() == SLOTS {
            fs::remove_file(&self.path).ok();
        }
    }
}

impl Slot {
    /// Whether an entry whose content is so long fits an empty one.
    pub(crate) fn could_hold(length: usize) -> bool {
        length <= SLOT - SLOT_HEAD - batch::ENTRY_HEAD
    }

    /// Puts an entry behind the others. False where it doesn't fit.
    pub(crate) fn push(&mut self, kind: EntryKind, content: [&[u8]; 3]) -> bool {
        let Some(head) = batch::head(kind, content) else {
            return false;
        };
        let [a, b, c] = content;
        let parts = [&head[..], a, b, c];
        let end = self.length + parts.iter().map(|part| part.len()).sum::<usize>();
        if end > SLOT - SLOT_HEAD {
            return false;
        }
        let mut at = SLOT_HEAD + self.length;
        for part in parts {
            self.put(at, part);
            at += part.len();
        }
        self.length = end;
        self.entries += 1;
        // Behind the bytes: whatever is counted is there.
        self.counter().store(end as u64, Ordering::Release);
        true
    }

    /// How many entries there are.
    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    /// All of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the slot lies within the map (`at`), its first `length` bytes of entries were
        // written by this value, and nobody else writes to a slot that is taken.
        unsafe { std::slice::from_raw_parts(self.at(SLOT_HEAD), self.length) }
    }

    /// Gives the slot back: what is in it is in the record.
    pub(crate) fn clear(self) {
        self.counter().store(0, Ordering::Release);
        self.spools.free().push(self.number);
    }

    fn put(&self, at: usize, bytes: &[u8]) {
        debug_assert!(at + bytes.len() <= SLOT, "within the slot");
        // SAFETY: `at` lies within this slot and so do the bytes from there on, as the callers see
        // to; nobody else reads or writes a slot that is taken.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(at), bytes.len()) }
    }

    fn at(&self, at: usize) -> *mut u8 {
        let start = FIRST + self.number * SLOT;
        // SAFETY: a slot's number is below SLOTS and `at` below SLOT, so that this is within the map.
        unsafe { self.spools.map.as_mut_ptr().add(start + at) }
    }

    fn counter(&self) -> &AtomicU64 {
        // SAFETY: a slot begins at a multiple of 4 KiB of a map that begins at a page, so this is
        // aligned; it is within the map, lives as long as that, and is only used as an atomic.
        unsafe { AtomicU64::from_ptr(self.at(0).cast()) }
    }
}

/// What dead processes left, and their files.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    pub(crate) of: Vec<Left>,
    files: Vec<(PathBuf, File)>,
}

impl Leftovers {
    fn take(&mut self, path: &Path, file: File, boot: &[u8]) -> io::Result<()> {
        let bytes = fs::read(path)?;
        let ours = bytes
            .strip_prefix(MAGIC)
            .is_some_and(|rest| rest.starts_with(boot));
        let slots = bytes.get(FIRST..).unwrap_or_default().chunks_exact(SLOT);
        self.of.extend(slots.filter(|_| ours).filter_map(left));
        self.files.push((path.to_owned(), file));
        Ok(())
    }

    /// Removes the files: what was in them is in the records.
    pub(crate) fn forget(self) -> io::Result<()> {
        for (path, _locked) in self.files {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn left(slot: &[u8]) -> Option<Left> {
    let (length, slot) = slot.split_first_chunk()?;
    let (id, slot) = slot.split_first_chunk::<{ SessionId::LENGTH }>()?;
    let (frames, slot) = slot.split_first_chunk()?;
    let (bytes, slot) = slot.split_first_chunk()?;
    let (chain, slot) = slot.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let entries = slot.get(..length).filter(|entries| !entries.is_empty())?;
    Some(Left {
        id: str::from_utf8(id).ok()?.parse().ok()?,
        before: Sum {
            chain: *chain,
            frames: u64::from_le_bytes(*frames),
            bytes: u64::from_le_bytes(*bytes),
        },
        entries: entries.to_vec(),
    })
}

/// The file, locked by us; nothing where another process has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
