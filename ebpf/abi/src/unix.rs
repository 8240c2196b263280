//! What the programs must know of this kernel to tell which Unix socket is dialled.

/// Offsets in bytes within the kernel's structures, told to the programs before they are loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixLayout {
    /// One if all of the others are known. Zero refuses every Unix socket to a workload that may
    /// reach declared ones only.
    pub known: u32,
    /// `bpf_sock_addr_kern.uaddr`: the address that is dialled, the kernel's copy
    pub address: u32,
    /// `bpf_sock_addr_kern.uaddrlen`
    pub address_length: u32,
    /// `task_struct.real_cred`: the task's own, whosever it acts by
    pub task_credentials: u32,
    /// `cred.user_ns`
    pub credentials_user_namespace: u32,
    /// `user_namespace.level`: zero is the initial one
    pub user_namespace_level: u32,
}

impl UnixLayout {
    /// Nothing known.
    pub const UNKNOWN: Self = Self {
        known: 0,
        address: 0,
        address_length: 0,
        task_credentials: 0,
        credentials_user_namespace: 0,
        user_namespace_level: 0,
    };
}

const _: () = assert!(size_of::<UnixLayout>() == 24 && align_of::<UnixLayout>() == 4);
