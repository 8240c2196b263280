//! Files that are put in the place of others, whole or not at all: also for the state that other rooms
//! keep beside the record.
//!
//! Not its job: keeping two writers of one file apart.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Puts what `write` writes in the place of what is at `path`, for its owner alone (mode 0600). Whoever reads
/// finds the one or the other whole, also after the power failed. Gives the file, to be appended to.
///
/// # Errors
/// When a step fails. Then what was there still is, or, where only the last step failed, may be again
/// after a power failure.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<File> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    // Of one that was killed, or had other rights.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let put = write(&mut file)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, path));
    if let Err(error) = put {
        fs::remove_file(&draft).ok();
        return Err(error);
    }
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => sync_names(dir)?,
        _ => sync_names(Path::new("."))?,
    }
    Ok(file)
}

/// Waits until the disk has what is in a directory, and by which names.
pub(crate) fn sync_names(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn what_fails_leaves_what_was_there_and_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        replace(&path, |file| file.write_all(b"old")).unwrap();
        replace(&path, |file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_file_is_its_owner_s_whatever_was_there_and_takes_more_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        for left in [&path, &dir.path().join("state.json.new")] {
            fs::write(left, "somebody's").unwrap();
            fs::set_permissions(left, fs::Permissions::from_mode(0o666)).unwrap();
        }
        let mut file = replace(&path, |file| file.write_all(b"a\n")).unwrap();
        file.write_all(b"b\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a\nb\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_in_the_draft_s_place_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("state"), dir.path().join("victim"));
        fs::write(&victim, "untouched").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("state.new")).unwrap();
        replace(&path, |file| file.write_all(b"x")).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
