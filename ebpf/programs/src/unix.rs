//! `connect()` and `sendmsg()` on Unix sockets: a workload that may reach only declared ones
//! reaches no other.
//!
//! One program for both hooks, which the kernel has since 6.7. It looks at the task, on the v2 root,
//! so that it is asked of sockets that were handed to a workload, too; for a process in no workload
//! it ends as soon as [`root`](crate::root) does. The section it is compiled into is another hook's,
//! because the loader knows none of these; `weir-intercept` loads and attaches it itself.
//!
//! The kernel shows these hooks no path. But what a program is called with lies in the kernel's
//! memory as `struct bpf_sock_addr_kern`, whatever the verifier lets it be seen as, and reading the
//! kernel's memory is allowed; the address in it is the kernel's copy, which the caller can't change
//! any more.
//!
//! Known limits: it compares names. A link, or a mount made by root, at a declared path leads where
//! it leads, so a declared socket belongs in a directory that the workload can't write. In a user
//! namespace of its own a task can mount what it likes: there every name is refused. A socket that
//! was connected outside the workload and handed in isn't asked about.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_kernel_str},
    macros::cgroup_sock_addr,
    programs::SockAddrContext,
};
use weir_abi::{Address, FAMILY_NONE, Hook, Reason, UNIX_PATH, UnixKey, workload};

use crate::{
    caller,
    context::{Asked, narrow8, read},
    maps::{self, UNIX, UNIX_LAYOUT, WORKLOADS},
    refuse,
};

/// Bytes of an address before its path: the family.
const FAMILY: u32 = 2;
/// The longest path.
const LONGEST: u32 = 108;
const _: () = assert!(UNIX_PATH == 108);

/// Where a field lies: `offset!(address)`.
macro_rules! offset {
    ($field:ident) => {{
        // SAFETY: a static of this type, which nobody writes while programs run.
        usize::try_from(unsafe { core::ptr::read_volatile(&raw const UNIX_LAYOUT.$field) })
            .unwrap_or(0)
    }};
}

#[cgroup_sock_addr(connect4)]
pub fn unix(ctx: SockAddrContext) -> i32 {
    let kind = read!(ctx.sock_addr => type_);
    let Some(workload) = caller::workload_at(maps::settings().levels) else {
        return 1;
    };
    // Gone since: then nothing is declared for it either.
    // SAFETY: one word, which userspace replaces as a whole.
    let flags = unsafe { WORKLOADS.get(workload) }
        .copied()
        .unwrap_or(workload::UNIX_DECLARED);
    if flags & workload::UNIX_DECLARED == 0 || is_declared(&ctx, workload).is_some() {
        return 1;
    }
    let asked = Asked {
        address: Address::UNSPECIFIED,
        port: 0,
        protocol: 0,
        family: FAMILY_NONE,
        kind: narrow8(kind),
    };
    let facts = caller::facts(ctx.as_ptr(), &asked, workload);
    refuse::tell(facts, Hook::Unix, Reason::UnixSocket);
    0
}

/// Something only if the name is declared, and means what it does on the host.
#[inline(always)]
fn is_declared(ctx: &SockAddrContext, workload: u64) -> Option<()> {
    if offset!(known) == 0 || user_namespace_level()? != 0 {
        return None;
    }
    let at = ctx.as_ptr().addr();
    let address: u64 = value(at.wrapping_add(offset!(address)))?;
    let length: u32 = value(at.wrapping_add(offset!(address_length)))?;
    // With the NUL that marks its end. Read back from memory, so that it is this very number that is
    // compared and then given to the helper: the verifier follows no other.
    let size = length.wrapping_sub(FAMILY).wrapping_add(1);
    // SAFETY: a number of our own.
    let size = unsafe { core::ptr::read_volatile(&raw const size) };
    if size > LONGEST + 1 {
        return None;
    }
    let mut key = UnixKey {
        workload,
        path: [0; UNIX_PATH],
        padding: 0,
    };
    let from = usize::try_from(address).ok()?.wrapping_add(2);
    // The name need not be marked by a NUL, so no more than the name is read; the call adds one, for
    // which there is room in the padding, where it changes nothing.
    let path = (&raw mut key).wrapping_byte_add(core::mem::offset_of!(UnixKey, path));
    let from = core::ptr::with_exposed_provenance(from);
    // SAFETY: at most 109 bytes, and 112 from the path to the end of the key.
    let copied = unsafe { bpf_probe_read_kernel_str(path.cast(), size, from) };
    if copied < 0 {
        return None;
    }
    UNIX.get_ptr(key).map(drop)
}

/// How far below the initial user namespace the calling task's is.
#[inline(always)]
fn user_namespace_level() -> Option<u32> {
    // SAFETY: takes nothing, returns the address of a structure.
    let task = usize::try_from(unsafe { bpf_get_current_task() }).ok()?;
    let credentials: usize = value(task.wrapping_add(offset!(task_credentials)))?;
    let namespace: usize = value(credentials.wrapping_add(offset!(credentials_user_namespace)))?;
    value(namespace.wrapping_add(offset!(user_namespace_level)))
}

/// A number in the kernel's memory; `None` if it can't be read.
#[inline(always)]
fn value<T: Copy + Default>(from: usize) -> Option<T> {
    let mut value = T::default();
    let size = u32::try_from(size_of::<T>()).ok()?;
    // SAFETY: as many bytes as the value has; the helper takes any source address.
    let outcome = unsafe {
        bpf_probe_read_kernel(
            (&raw mut value).cast(),
            size,
            core::ptr::with_exposed_provenance(from),
        )
    };
    (outcome == 0).then_some(value)
}
