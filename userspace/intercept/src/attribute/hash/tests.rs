//! Real files, and those that are not what they were.

use std::{fs, path::PathBuf};

use super::*;

/// A directory that goes with the test.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-hash-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, content: &[u8]) -> PathBuf {
        let path = self.0.join("file");
        fs::write(&path, content).expect("a file");
        path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it was made");
    }
}

fn id(path: &std::path::Path) -> FileId {
    FileId::stat(&File::open(path).expect("a file")).expect("a regular file")
}

async fn by_path(id: FileId, path: PathBuf) -> Outcome {
    Hashes::default()
        .get(id, move || file::open(&id, None, Some(&path)))
        .await
}

#[tokio::test]
async fn a_file_has_the_hash_of_its_content() {
    let room = Room::new("content");
    for content in [b"".as_slice(), b"#!/bin/sh\n", &vec![7; 300_000]] {
        let path = room.file(content);
        let wanted = ExeHash(*blake3::hash(content).as_bytes());
        assert_eq!(by_path(id(&path), path.clone()).await, Ok(wanted));
        let handle = handle(&path, 0).expect("a handle");
        assert_eq!(of_handle(handle).await, Ok(wanted));
        assert_eq!(wanted.to_string(), blake3::hash(content).to_string());
    }
}

#[tokio::test]
async fn a_file_that_its_owner_holds_a_lease_on_is_not_waited_for() {
    let room = Room::new("lease");
    let path = room.file(b"leased");
    let ran = id(&path);
    let owner = File::options().write(true).open(&path).expect("a file");
    // The kernel tells by a signal that somebody else wants the file; by default it kills.
    // SAFETY: ignores a signal; no handler is run.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    // SAFETY: an open descriptor, and numbers.
    let leased = unsafe {
        libc::fcntl(
            std::os::fd::AsRawFd::as_raw_fd(&owner),
            libc::F_SETLEASE,
            libc::F_WRLCK,
        )
    };
    assert_eq!(leased, 0, "{}", std::io::Error::last_os_error());
    assert_eq!(by_path(ran, path.clone()).await, Err(Unhashed::Unreadable));
    drop(owner);
    assert!(by_path(ran, path).await.is_ok(), "nothing else stops it");
}

#[tokio::test]
async fn another_file_at_the_path_is_not_hashed() {
    let room = Room::new("other");
    let path = room.file(b"what ran");
    let ran = id(&path);
    fs::rename(&path, room.0.join("aside")).expect("a rename");
    assert_eq!(by_path(ran, path.clone()).await, Err(Unhashed::Gone));
    fs::write(&path, "what ran").expect("a file");
    assert_eq!(by_path(ran, path.clone()).await, Err(Unhashed::Gone));
    std::os::unix::fs::symlink(room.0.join("aside"), room.0.join("link")).expect("a link");
    assert_eq!(by_path(ran, room.0.join("link")).await, Err(Unhashed::Gone));
}

#[tokio::test]
async fn a_file_that_was_written_to_is_another() {
    let room = Room::new("written");
    let path = room.file(b"good");
    let ran = id(&path);
    // The next clock tick: within one, a change is not seen.
    tokio::time::sleep(Duration::from_millis(20)).await;
    fs::write(&path, "evil").expect("a write");
    let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    let file = File::options().write(true).open(&path).expect("a file");
    file.set_times(times).expect("a time");
    assert_eq!(by_path(ran, path).await, Err(Unhashed::Gone));
}

#[tokio::test]
async fn a_pipe_in_its_place_makes_nobody_wait() {
    let room = Room::new("pipe");
    let path = room.file(b"what ran");
    let ran = id(&path);
    fs::remove_file(&path).expect("it was there");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert_eq!(by_path(ran, path).await, Err(Unhashed::Gone));
}

/// Whoever serves it can let one read see what ran, and the next one something else.
#[tokio::test]
async fn a_file_that_a_process_serves_is_not_opened() {
    let raw = weir_abi::ProcessFacts {
        inode: 1,
        filesystem: 0x6573_5546,
        ..weir_abi::ProcessFacts::NONE
    };
    let caller = super::super::Caller::from(&raw);
    let executable = caller.executable.expect("one");
    assert_eq!(of(&executable, None).await, Err(Unhashed::Served));
}

#[tokio::test]
async fn too_large_a_file_says_so() {
    let room = Room::new("large");
    let path = room.file(b"");
    let file = File::options().write(true).open(&path).expect("a file");
    file.set_len(MOST_BYTES + 1).expect("a hole");
    assert_eq!(by_path(id(&path), path).await, Err(Unhashed::TooLarge));
}

#[tokio::test]
async fn a_file_is_read_once_for_all_who_ask() {
    let room = Room::new("once");
    let path = room.file(b"content");
    let (hashes, id) = (Hashes::default(), id(&path));
    let opened = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let ask = || {
        let (opened, path) = (Arc::clone(&opened), path.clone());
        hashes.get(id, move || {
            opened.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            file::open(&id, None, Some(&path))
        })
    };
    let (a, b, c) = tokio::join!(ask(), ask(), ask());
    assert!(a.is_ok() && a == b && b == c, "{a:?} {b:?} {c:?}");
    assert_eq!(opened.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let room = Room::new("again");
    let path = room.file(b"content");
    let (hashes, id) = (Hashes::default(), id(&path));
    let failed = hashes.get(id, || Err(Unhashed::Gone)).await;
    assert_eq!(failed, Err(Unhashed::Gone));
    let tried = hashes.get(id, move || file::open(&id, None, Some(&path)));
    assert!(tried.await.is_ok());
}

#[test]
fn a_reader_that_went_away_with_its_runtime_is_not_waited_for() {
    let room = Room::new("away");
    let path = room.file(b"content");
    let (hashes, id) = (Hashes::default(), id(&path));
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let first = runtime();
    let entered = first.enter();
    // Spawned, and never run.
    drop(hashes.find_or_read(id, || Err(Unhashed::Gone)));
    drop(entered);
    drop(first);
    let open = move || file::open(&id, None, Some(&path));
    assert!(runtime().block_on(hashes.get(id, open)).is_ok());
}

#[test]
fn no_more_is_remembered_than_there_is_room_for() {
    let room = Room::new("room");
    let first = id(&room.file(b""));
    let mut known = Known::default();
    for _ in 0..3 {
        known.put(first, watch::channel(None).1);
    }
    assert_eq!((known.outcomes.len(), known.order.len()), (1, 1));
    for inode in 0..u64::try_from(REMEMBERED).expect("few") + 5 {
        known.put(FileId { inode, ..first }, watch::channel(None).1);
    }
    assert_eq!(known.outcomes.len(), REMEMBERED);
    assert_eq!(known.order.len(), REMEMBERED);
    assert!(!known.outcomes.contains_key(&first));
}
