//! Puts what a killed process had recorded, and not written yet, into the records it belongs to.
//!
//! The slot says what the record had come to when it was begun. What is behind that in the file is
//! the same entries, or the beginning of them: their frame was being written. It is taken away and
//! written again.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use crate::{
    frame::{Chain, HASH_LEN, Head, Kind},
    pack::pack,
    spool::{Left, Spools},
    store,
};

/// What could not be put where it belongs is kept under this name, with the time and a number.
const UNPLACED: &str = "unplaced";

/// A spool for this process, where there is room for one, once what is left in others is in its
/// records.
pub(crate) fn spools(dir: &Path) -> io::Result<Option<Arc<Spools>>> {
    let (spools, leftovers) = Spools::open(dir)?;
    for left in &leftovers.of {
        let path = store::path_of(dir, left.id);
        if !place(&path, left)? {
            // The record was removed, or is another one: what it lacks is kept for who looks into it.
            let name = format!("{UNPLACED}.{}.{}", left.id, left.before.frames);
            write_new(&dir.join(name), &left.entries)?;
        }
    }
    leftovers.forget()?;
    Ok(spools)
}

/// False where this is not the record that the entries belong to.
fn place(path: &Path, left: &Left) -> io::Result<bool> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !continues(&mut file, left)? {
        return Ok(false);
    }
    let mut body = Vec::new();
    pack(&left.entries, &mut body)?;
    let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let head = Head::new(Kind::Batch, length);
    let chain = Chain::from_bytes(left.before.chain).next(head, [&body[..]]);
    let frame = [&head.to_bytes()[..], &body, chain.stored(HASH_LEN)].concat();
    file.set_len(left.before.bytes)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(&frame)?;
    file.sync_data()?;
    Ok(true)
}

/// Whether the file is, up to there, what the slot was begun behind.
fn continues(file: &mut File, left: &Left) -> io::Result<bool> {
    let Some(hash) = left.before.bytes.checked_sub(HASH_LEN as u64) else {
        return Ok(false);
    };
    if file.metadata()?.len() < left.before.bytes {
        return Ok(false);
    }
    let mut stored = [0; HASH_LEN];
    file.seek(SeekFrom::Start(hash))?;
    file.read_exact(&mut stored)?;
    Ok(left.before.chain.starts_with(&stored))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match file {
        Ok(mut file) => file.write_all(bytes).inspect_err(|_| {
            fs::remove_file(path).ok();
        }),
        // An earlier start had come so far.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
