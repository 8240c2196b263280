//! Network namespaces as `/proc` shows them, and doing something inside one.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt as _},
    thread,
};

use nix::sched::{CloneFlags, setns};

use crate::Pid;

/// Which namespace, while any process or descriptor holds it. Unlike a
/// [`NetnsCookie`](crate::NetnsCookie), the number is given again to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NetnsInode {
    device: u64,
    inode: u64,
}

/// The namespace that a thread is in.
pub(crate) fn of(thread: Pid) -> io::Result<NetnsInode> {
    fs::metadata(path(thread)).map(|metadata| inode(&metadata))
}

/// The same, held: it does not end while the file is open.
pub(crate) fn open(thread: Pid) -> io::Result<(NetnsInode, File)> {
    opened(&path(thread))
}

/// The engine's own, held.
pub(crate) fn open_own() -> io::Result<(NetnsInode, File)> {
    opened("/proc/thread-self/ns/net")
}

fn opened(path: &str) -> io::Result<(NetnsInode, File)> {
    let file = File::open(path)?;
    let inode = inode(&file.metadata()?);
    Ok((inode, file))
}

fn path(thread: Pid) -> String {
    format!("/proc/{thread}/ns/net")
}

fn inode(metadata: &fs::Metadata) -> NetnsInode {
    NetnsInode {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

/// Does something inside a namespace, on a thread that lives no longer than that: none is ever left
/// where it does not belong. Takes some tens of microseconds, blocking.
pub(crate) fn within<T: Send>(
    namespace: &impl AsFd,
    act: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let namespace = namespace.as_fd();
    thread::scope(|scope| {
        thread::Builder::new()
            .name("weir-namespace".to_owned())
            .spawn_scoped(scope, move || {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                act()
            })?
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace died")))
    })
}
