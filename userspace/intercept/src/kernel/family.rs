//! The program on families of sockets, which the loader can bind only after it has read the whole of
//! the kernel's description of itself: loaded and attached by hand.
//!
//! Its hook is in Linux since 6.0, and is asked only where `bpf` is among the security modules of the
//! boot. Where it is not, other families are left to the filter that an agent is started with: that
//! is a lesser tier, told by [`Absent`], and no error.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    sync::OnceLock,
};

use aya::Ebpf;
use thiserror::Error;

use super::{
    btf::{Btf, BtfError},
    code::{self, Hook, LSM_CGROUP},
    link::Link,
};
use crate::InterceptError;

/// The program in the object, and its link's pin.
pub(crate) const PROGRAM: &str = "family";

/// What the kernel's function at the hook is called.
const FUNCTION: &str = "bpf_lsm_socket_create";

const BTF: &str = "/sys/kernel/btf/vmlinux";

/// The security modules of the boot, with commas between them.
const MODULES: &str = "/sys/kernel/security/lsm";

/// The program, loaded.
#[derive(Debug)]
pub(crate) struct FamilyHook(OwnedFd);

/// Why families can't be guarded on this kernel.
#[derive(Debug, Error)]
pub(crate) enum Absent {
    /// The programs in the place of security modules are not asked.
    #[error("`bpf` is not among the security modules of this boot ({0})")]
    Unasked(String),
    /// Whether they are can't be told.
    #[error("can't read {MODULES}: {0}")]
    Unknown(io::Error),
    /// The kernel doesn't describe the hook.
    #[error(transparent)]
    Hook(&'static BtfError),
    /// The object can't be read as it must be.
    #[error("the program can't be taken from the object: {0}")]
    Code(#[from] code::CodeError),
    /// The kernel refused the program, as one that lacks the hook does.
    #[error("the kernel refused it: {0}")]
    Refused(io::Error),
}

impl FamilyHook {
    /// Puts the program through the verifier. Its maps are those of `ebpf`, none of which may have
    /// been taken out yet.
    pub(crate) fn load(ebpf: &Ebpf, object: &[u8]) -> Result<Self, Absent> {
        asked()?;
        let function = function().map_err(Absent::Hook)?;
        code::take(ebpf, object, PROGRAM)?
            .load(Hook::Security(function), c"family")
            .map(Self)
            .map_err(Absent::Refused)
    }

    /// Puts the program on a cgroup, its link pinned in `pins`. Where an earlier engine's is pinned,
    /// it is replaced in one step.
    pub(crate) fn stand(&self, cgroup: &File, pins: &Path) -> Result<(), InterceptError> {
        let pin = pins.join(PROGRAM);
        let program = self.0.as_fd();
        let stood = if pin.exists() {
            Link::open(&pin).and_then(|link| link.update(program))
        } else {
            Link::create(program, cgroup, LSM_CGROUP).and_then(|link| link.pin(&pin))
        };
        stood.map_err(|source| InterceptError::Pin {
            doing: "attaching",
            path: pin,
            source,
        })
    }
}

/// Attached to a kernel that asks no program, it would refuse nothing and look as if it did.
fn asked() -> Result<(), Absent> {
    let modules = fs::read_to_string(MODULES).map_err(Absent::Unknown)?;
    let modules = modules.trim();
    if modules.split(',').any(|module| module == "bpf") {
        return Ok(());
    }
    Err(Absent::Unasked(modules.to_owned()))
}

/// The number of the kernel's function at the hook, found once: it can't change.
fn function() -> Result<u32, &'static BtfError> {
    static FOUND: OnceLock<Result<u32, BtfError>> = OnceLock::new();
    let look = || Btf::parse(&fs::read(BTF)?)?.function(FUNCTION);
    FOUND.get_or_init(look).as_ref().copied()
}
