//! What a calling process is known by, read from the kernel's own structures in the call itself: when
//! it started, its executable, its command line, its ancestors. A process that exits or calls
//! `execve` a moment later can't change what was noted.
//!
//! Every pointer is followed by helpers that check the address and fail instead of faulting, so a
//! structure that changes meanwhile gives zeroes or an old value, no worse. Every walk is bounded.
//!
//! Known limits: the command line is the process's own memory, and it may have rewritten it; a path
//! is as its mount namespace has it, longer ones lack their beginning. Where the loader did not find
//! every field ([`Layout::known`](weir_abi::Layout)), nothing is noted.

use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_user,
};
use weir_abi::{
    ANCESTORS, ARGUMENTS_BYTES, Ancestor, ConnectFacts, EXECUTABLE_BYTES, PATH_CUT, PATH_DETACHED,
    PATH_WHOLE, ProcessFacts, ProcessKey, Reason,
};

use crate::maps::{GATHERED, PROCESSES};

/// Directories of a path, and mounts that it crosses, that are walked.
const STEPS: usize = 24;

/// The longest name of a file (NAME_MAX), and what an index into a path is cut to.
const NAME: usize = EXECUTABLE_BYTES - 1;

/// Bytes of a page: what lies in one is there or not as a whole.
const PAGE: usize = 4096;

static NOTHING: ProcessFacts = ProcessFacts::NONE;

/// Where a field lies: `offset!(task_tgid)`.
macro_rules! offset {
    ($field:ident) => {{
        // SAFETY: a static of this type, which nobody writes while programs run.
        usize::try_from(unsafe { core::ptr::read_volatile(&raw const crate::maps::LAYOUT.$field) })
            .unwrap_or(0)
    }};
}

/// The value of a field of the kernel's structure at `$base`, zero if it can't be read:
/// `field!(task, task_tgid => u32)`.
macro_rules! field {
    ($base:expr, $field:ident => $kind:ty) => {{
        let mut value: $kind = 0;
        let from = $base.wrapping_add(offset!($field));
        read_kernel((&raw mut value).cast(), from, size_of::<$kind>());
        value
    }};
}

/// Copies from the kernel's memory; zeroes where it can't. It looks at no outcome: each branch in a
/// walk would be one more for the verifier to follow to the end.
#[inline(always)]
fn read_kernel(into: *mut u8, from: usize, length: usize) {
    // SAFETY: as many bytes as the caller has room for; the helper takes any source address, and
    // fills the room also where it fails.
    let _outcome = unsafe {
        bpf_probe_read_kernel(
            into.cast(),
            u32::try_from(length).unwrap_or(0),
            core::ptr::with_exposed_provenance(from),
        )
    };
}

/// Notes the calling process under the call that `facts` are of.
#[inline(always)]
pub fn note(facts: &ConnectFacts) -> Result<(), Reason> {
    if offset!(known) == 0 {
        return Ok(());
    }
    // The facts are larger than a program's stack, and what is per processor belongs to another
    // task as soon as this one is preempted; an entry of the thread's own is nobody else's.
    let thread = facts.tid;
    // By reference: a copy would not fit the stack.
    let nothing = &NOTHING;
    GATHERED
        .insert(thread, nothing, 0)
        .map_err(|_| Reason::NoRoom)?;
    let outcome = gather(facts, thread);
    // It was there, so it goes.
    let _gone = GATHERED.remove(thread);
    outcome
}

#[inline(always)]
fn gather(facts: &ConnectFacts, thread: u32) -> Result<(), Reason> {
    let into = GATHERED.get_ptr_mut(thread).ok_or(Reason::NoRoom)?;
    // SAFETY: takes nothing, returns the address of the running task.
    let task = usize::try_from(unsafe { bpf_get_current_task() }).unwrap_or(0);
    // SAFETY: a map value of this type, not null, alive while the program runs; no one else knows
    // of it.
    let known = unsafe { &mut *into };
    let leader = field!(task, task_leader => usize);
    known.start_boot_ns = field!(leader, task_start => u64);
    // The thread's own: a process's first thread may be gone, and with it its memory.
    let memory = field!(task, task_mm => usize);
    executable(known, field!(memory, mm_executable => usize));
    arguments(
        known,
        field!(memory, mm_arguments => usize),
        field!(memory, mm_arguments_end => usize),
    );
    ancestors(known, task);
    let known: &ProcessFacts = known;
    PROCESSES
        .insert(ProcessKey::of(facts), known, 0)
        .map_err(|_| Reason::NoRoom)
}

#[inline(always)]
fn executable(known: &mut ProcessFacts, file: usize) {
    if file == 0 {
        return;
    }
    let inode = field!(file, file_inode => usize);
    let filesystem = field!(inode, inode_filesystem => usize);
    known.inode = field!(inode, inode_number => u64);
    known.changed_s = field!(inode, inode_changed_s => i64);
    known.changed_ns = field!(inode, inode_changed_ns => u32);
    known.device = field!(filesystem, filesystem_device => u32);
    known.filesystem = field!(filesystem, filesystem_kind => u32);
    path(
        known,
        field!(file, file_dentry => usize),
        field!(file, file_mount => usize),
    );
}

/// Writes the path of `entry` on `mount` (a `vfsmount`), from its end to its beginning.
#[inline(always)]
fn path(known: &mut ProcessFacts, mut entry: usize, mut mount: usize) {
    let mut start = EXECUTABLE_BYTES;
    let mut state = PATH_CUT;
    for _ in 0..STEPS {
        if entry == field!(mount, mount_root => usize) {
            // What is above is on the mount that this one is mounted on.
            let this = mount.wrapping_sub(offset!(mount_inner));
            let below = field!(this, mount_parent => usize);
            if below == this {
                state = PATH_WHOLE;
                break;
            }
            entry = field!(this, mount_point => usize);
            mount = below.wrapping_add(offset!(mount_inner));
            continue;
        }
        let name = field!(entry, dentry_name => usize);
        let length = usize::try_from(field!(entry, dentry_length => u32)).unwrap_or(0);
        if length == 0 || length > NAME || length >= start {
            break;
        }
        // Never more than before. The mask tells the verifier, which compares no two unknowns.
        start = (start - length - 1) & NAME;
        put(known, start, name, length);
        let parent = field!(entry, dentry_parent => usize);
        if parent == entry {
            state = PATH_DETACHED;
            break;
        }
        entry = parent;
    }
    known.path = state;
    known.executable_length = u16::try_from(EXECUTABLE_BYTES - start).unwrap_or(0);
}

/// Puts a slash and a name of `length` bytes into the path, from index `at`.
#[inline(always)]
fn put(known: &mut ProcessFacts, at: usize, name: usize, length: usize) {
    let buffer = known.executable.as_mut_ptr();
    // The caller saw to it that all of it lies within the path. The verifier can't follow that; it
    // sees two numbers, each below the path's length, and after the path comes as much again that is
    // the same map value.
    let (slash, first, length) = (at & NAME, (at + 1) & NAME, length & NAME);
    // SAFETY: within the path, see above.
    let slash = unsafe { buffer.add(slash) };
    // SAFETY: as above.
    unsafe { slash.write(b'/') };
    // SAFETY: as above.
    let first = unsafe { buffer.add(first) };
    read_kernel(first, name, length);
}

/// Copies the command line out of the calling process.
#[inline(always)]
fn arguments(known: &mut ProcessFacts, start: usize, end: usize) {
    let whole = end.saturating_sub(start);
    let wanted = whole.min(ARGUMENTS_BYTES);
    // Its second page may be swapped out, or unmapped by a process that would rather not show it.
    let in_page = wanted.min(PAGE - start % PAGE);
    let got = if user(known, start, wanted) {
        wanted
    } else if user(known, start, in_page) {
        in_page
    } else {
        return;
    };
    known.arguments_length = u16::try_from(got).unwrap_or(0);
    known.arguments_whole = u8::from(got == whole);
}

#[inline(always)]
fn user(known: &mut ProcessFacts, from: usize, length: usize) -> bool {
    // The compiler knows that no caller asks for more, and would leave the comparison out; older
    // verifiers (5.10) know only what is compared.
    // SAFETY: a local.
    let length = unsafe { core::ptr::read_volatile(&raw const length) }.min(ARGUMENTS_BYTES);
    let length = u32::try_from(length).unwrap_or(0);
    let buffer = known.arguments.as_mut_ptr();
    // SAFETY: no more than the buffer has; the helper takes any address and reads only what the
    // process itself may.
    let outcome = unsafe {
        bpf_probe_read_user(
            buffer.cast(),
            length,
            core::ptr::with_exposed_provenance(from),
        )
    };
    outcome == 0
}

#[inline(always)]
fn ancestors(known: &mut ProcessFacts, task: usize) {
    let mut child = task;
    let mut into: *mut Ancestor = known.ancestors.as_mut_ptr();
    for _ in 0..ANCESTORS {
        // A thread of the parent: the one that forked.
        let parent = field!(child, task_parent => usize);
        let tgid = field!(parent, task_tgid => u32);
        if tgid == 0 {
            return;
        }
        let leader = field!(parent, task_leader => usize);
        let cgroups = field!(parent, task_cgroups => usize);
        let cgroup = field!(cgroups, cgroups_default => usize);
        let node = field!(cgroup, cgroup_node => usize);
        // SAFETY: one of as many elements as the loop has turns.
        let ancestor = unsafe { &mut *into };
        ancestor.tgid = tgid;
        ancestor.start_boot_ns = field!(leader, task_start => u64);
        ancestor.cgroup = field!(node, node_id => u64);
        let comm = leader.wrapping_add(offset!(task_comm));
        read_kernel(ancestor.comm.as_mut_ptr(), comm, ancestor.comm.len());
        child = parent;
        into = into.wrapping_add(1);
    }
}
