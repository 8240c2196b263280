//! The compiled programs, embedded, and how they are loaded.

use std::path::Path;

use aya::{
    Ebpf, EbpfLoader,
    programs::ProgramType,
    sys::{BpfHelper, is_helper_supported},
};

use weir_abi::{Layout, UnixLayout};

use super::{
    family::{self, FamilyHook},
    layout, trace,
    unix::{self, Absent, UnixHooks},
};
use crate::{InterceptError, Tier};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/weir-programs.o"));

/// Makes the object's maps, or takes those pinned in `map_dir`, and relocates its programs. The
/// programs are not yet in the kernel.
pub(crate) fn load(map_dir: Option<&Path>, tier: Tier) -> Result<Ebpf, InterceptError> {
    raise_locked_memory();
    let level = trace::level();
    let netns_in_sock_ops = u32::from(tier == Tier::Full);
    let layout = layout::running().unwrap_or(&Layout::UNKNOWN);
    let mut loader = EbpfLoader::new();
    // What the programs read of the kernel's structures they find through a layout of our own: the
    // loader need not parse the kernel's BTF for each engine.
    loader.btf(None);
    loader.override_global("LAYOUT", layout, true);
    let unix_layout = unix::layout().unwrap_or(&UnixLayout::UNKNOWN);
    loader.override_global("UNIX_LAYOUT", unix_layout, true);
    loader.override_global("NETNS_IN_SOCK_OPS", &netns_in_sock_ops, true);
    let caller_in_setsockopt = u32::from(knows_caller_in_setsockopt());
    loader.override_global("CALLER_IN_SETSOCKOPT", &caller_in_setsockopt, true);
    loader.override_global(aya_log::LEVEL, &level, true);
    if let Some(dir) = map_dir {
        for shape in weir_abi::maps::ALL {
            loader.map_pin_path(shape.name, dir.join(shape.name));
        }
    }
    loader
        .load(OBJECT)
        .map_err(|error| InterceptError::Object(Box::new(error)))
}

/// Loads the program on Unix sockets over the maps of `ebpf`, none of which may have been taken out.
pub(crate) fn unix(ebpf: &Ebpf) -> Result<UnixHooks, Absent> {
    UnixHooks::load(ebpf, OBJECT)
}

/// Loads the program on families of sockets, under the same condition.
pub(crate) fn family(ebpf: &Ebpf) -> Result<FamilyHook, family::Absent> {
    FamilyHook::load(ebpf, OBJECT)
}

/// What this kernel lets the programs do, before they are loaded.
pub(crate) fn tier() -> Tier {
    match is_helper_supported(ProgramType::SockOps, BpfHelper::BPF_FUNC_get_netns_cookie) {
        Ok(true) => Tier::Full,
        // An error is not a proof of absence, but the lesser tier loads in either case.
        Ok(false) | Err(_) => Tier::Compatible,
    }
}

/// Whether the program on socket options may ask who calls. Where it may not, it refuses all the same.
fn knows_caller_in_setsockopt() -> bool {
    [
        BpfHelper::BPF_FUNC_get_current_pid_tgid,
        BpfHelper::BPF_FUNC_get_current_uid_gid,
        BpfHelper::BPF_FUNC_get_current_comm,
        BpfHelper::BPF_FUNC_get_current_cgroup_id,
        BpfHelper::BPF_FUNC_get_current_ancestor_cgroup_id,
    ]
    .into_iter()
    .all(|helper| {
        matches!(
            is_helper_supported(ProgramType::CgroupSockopt, helper),
            Ok(true)
        )
    })
}

/// Kernels before 5.11 count maps against the limit of locked memory, whose default is far too low.
/// Later ones ignore it, so a failure is not worth a word: a map that can't be made says so itself.
fn raise_locked_memory() {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a valid pointer to an initialised struct, read only.
    let _outcome = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
}
