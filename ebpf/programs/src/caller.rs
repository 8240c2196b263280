//! Who is calling: the task that made the system call this program runs in.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
    generated::{
        bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id, bpf_get_netns_cookie,
        bpf_get_socket_cookie, bpf_ktime_get_boot_ns,
    },
};
use weir_abi::{ConnectFacts, MAX_CGROUP_DEPTH};

use crate::{context::Asked, maps::WORKLOADS};

/// The tagged cgroup the calling task is in or below. `None` when it is in none, whatever socket
/// it holds.
#[inline(always)]
pub fn workload() -> Option<u64> {
    workload_at(u32::MAX)
}

/// The same, looked for only at these levels, a bit each, the v2 root being level 0.
#[inline(always)]
pub fn workload_at(levels: u32) -> Option<u64> {
    // The root is never tagged.
    for level in 1..MAX_CGROUP_DEPTH {
        if levels & (1 << level) == 0 {
            continue;
        }
        // SAFETY: the helper takes any level and returns 0 where there is none.
        let id = unsafe { bpf_get_current_ancestor_cgroup_id(level.cast_signed()) };
        if id == 0 {
            break;
        }
        if WORKLOADS.get_ptr(id).is_some() {
            return Some(id);
        }
    }
    None
}

/// The cookie of the network namespace of the socket that `ctx`, a socket-address or socket
/// context, is about.
#[inline(always)]
pub fn netns(ctx: *mut c_void) -> u64 {
    // SAFETY: `ctx` is the context this program was called with.
    unsafe { bpf_get_netns_cookie(ctx) }
}

/// Everything known about the caller and what it asked for. A `workload` of 0 says that it is in
/// none.
#[inline(always)]
pub fn facts(ctx: *mut c_void, asked: &Asked, workload: u64) -> ConnectFacts {
    // SAFETY: `ctx` is the context this program was called with.
    let cookie = unsafe { bpf_get_socket_cookie(ctx) };
    about(asked, workload, cookie, netns(ctx))
}

/// The same where there is no socket yet: neither its cookie nor its network namespace is known.
#[inline(always)]
pub fn facts_without_socket(asked: &Asked, workload: u64) -> ConnectFacts {
    about(asked, workload, 0, 0)
}

/// What is known where the kernel lends no helper that tells of the caller: when it was.
#[inline(always)]
pub fn unknown(asked: &Asked) -> ConnectFacts {
    ConnectFacts {
        address: asked.address,
        cookie: 0,
        netns: 0,
        cgroup: 0,
        workload: 0,
        boot_ns: now(),
        tgid: 0,
        tid: 0,
        uid: 0,
        gid: 0,
        port: asked.port,
        protocol: asked.protocol,
        family: asked.family,
        kind: asked.kind,
        padding: [0; 6],
        comm: [0; 16],
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: takes nothing, returns a number.
    unsafe { bpf_ktime_get_boot_ns() }
}

#[inline(always)]
fn about(asked: &Asked, workload: u64, cookie: u64, netns: u64) -> ConnectFacts {
    let (tgid, tid) = split(bpf_get_current_pid_tgid());
    let (gid, uid) = split(bpf_get_current_uid_gid());
    // SAFETY: takes nothing, returns a number.
    let cgroup = unsafe { bpf_get_current_cgroup_id() };
    ConnectFacts {
        address: asked.address,
        cookie,
        netns,
        cgroup,
        workload,
        boot_ns: now(),
        tgid,
        tid,
        uid,
        gid,
        port: asked.port,
        protocol: asked.protocol,
        family: asked.family,
        kind: asked.kind,
        padding: [0; 6],
        comm: bpf_get_current_comm().unwrap_or_default(),
    }
}

/// The high and the low half of a pair that a helper packs into one number.
#[inline(always)]
fn split(pair: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = pair.to_be_bytes();
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}
