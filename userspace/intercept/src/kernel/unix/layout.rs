//! Where the running kernel keeps what the program on Unix sockets reads.

use std::{fs, sync::OnceLock};

use weir_abi::UnixLayout;

use super::super::btf::{Btf, BtfError};

const PATH: &str = "/sys/kernel/btf/vmlinux";

/// The running kernel's, found once.
pub(crate) fn running() -> Result<&'static UnixLayout, &'static BtfError> {
    static FOUND: OnceLock<Result<UnixLayout, BtfError>> = OnceLock::new();
    FOUND
        .get_or_init(|| find(&Btf::parse(&fs::read(PATH)?)?))
        .as_ref()
}

fn find(btf: &Btf<'_>) -> Result<UnixLayout, BtfError> {
    Ok(UnixLayout {
        known: 1,
        address: btf.offset("bpf_sock_addr_kern", "uaddr", 8)?,
        // Came with the hooks.
        address_length: btf.offset("bpf_sock_addr_kern", "uaddrlen", 4)?,
        task_credentials: btf.offset("task_struct", "cred", 8)?,
        credentials_user_namespace: btf.offset("cred", "user_ns", 8)?,
        user_namespace_level: btf.offset("user_namespace", "level", 4)?,
    })
}
