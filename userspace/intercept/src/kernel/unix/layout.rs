//! Where the running kernel keeps what the program on Unix sockets reads.

use std::{fs, io, sync::OnceLock};

use thiserror::Error;
use weir_abi::UnixLayout;

use super::super::btf::{Btf, BtfError};

const PATH: &str = "/sys/kernel/btf/vmlinux";

/// Why the places can't be told.
#[derive(Debug, Error)]
pub(crate) enum Undescribed {
    /// This kernel was built without a description of its types, or hides it.
    #[error("can't read {PATH}: {0}")]
    Read(#[from] io::Error),
    /// The description is not what it should be, or lacks something.
    #[error(transparent)]
    Btf(#[from] BtfError),
}

/// The running kernel's, found once.
pub(crate) fn running() -> Result<&'static UnixLayout, &'static Undescribed> {
    static FOUND: OnceLock<Result<UnixLayout, Undescribed>> = OnceLock::new();
    FOUND.get_or_init(look).as_ref()
}

fn look() -> Result<UnixLayout, Undescribed> {
    Ok(find(&Btf::parse(&fs::read(PATH)?)?)?)
}

fn find(btf: &Btf<'_>) -> Result<UnixLayout, BtfError> {
    Ok(UnixLayout {
        known: 1,
        address: btf.offset("bpf_sock_addr_kern", "uaddr", 8)?,
        // Came with the hooks.
        address_length: btf.offset("bpf_sock_addr_kern", "uaddrlen", 4)?,
        // Not `cred`: io_uring lends a task others' for one operation, but it does not change where
        // its root directory and its mounts are.
        task_credentials: btf.offset("task_struct", "real_cred", 8)?,
        credentials_user_namespace: btf.offset("cred", "user_ns", 8)?,
        user_namespace_level: btf.offset("user_namespace", "level", 4)?,
    })
}
