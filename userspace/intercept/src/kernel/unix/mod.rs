//! The program on Unix sockets, which the loader has no hook for: loaded and attached by hand.
//!
//! Its two hooks are in Linux since 6.7. Where they are not, or where the kernel does not describe
//! the structures that the program reads, Unix sockets are left to the workload's mounts: that is a
//! lesser tier, told by [`Absent`], and no error.

mod layout;

use std::{ffi::CString, fs::File, io, os::fd::OwnedFd, path::Path};

use aya::Ebpf;
use thiserror::Error;

pub(crate) use layout::running as layout;

use super::{
    code::{self, Hook},
    link::Link,
};
use crate::InterceptError;

/// The name of the program in the object.
const PROGRAM: &str = "unix";

/// Its hooks: the name of the link's pin, and `enum bpf_attach_type`, include/uapi/linux/bpf.h.
const HOOKS: [(&str, u32); 2] = [("unix_connect", 49), ("unix_sendmsg", 50)];

/// The program, loaded once for each hook.
#[derive(Debug)]
pub(crate) struct UnixHooks(Vec<Loaded>);

#[derive(Debug)]
struct Loaded {
    name: &'static str,
    hook: u32,
    program: OwnedFd,
}

/// Why Unix sockets can't be guarded on this kernel.
#[derive(Debug, Error)]
pub(crate) enum Absent {
    /// What the program reads isn't described.
    #[error(transparent)]
    Layout(#[from] &'static layout::Undescribed),
    /// The object can't be read as it must be.
    #[error("the program can't be taken from the object: {0}")]
    Code(#[from] code::CodeError),
    /// The kernel refused it, as one that lacks the hook does.
    #[error("the kernel refused {name}: {source}")]
    Refused {
        /// The hook.
        name: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl UnixHooks {
    /// Puts the program through the verifier. Its maps are those of `ebpf`, none of which may have
    /// been taken out yet.
    pub(crate) fn load(ebpf: &Ebpf, object: &[u8]) -> Result<Self, Absent> {
        layout()?;
        let code = code::take(ebpf, object, PROGRAM)?;
        let loaded = HOOKS.map(|(name, hook)| {
            let label = CString::new(name).unwrap_or_default();
            let program = code.load(Hook::SocketAddress(hook), &label);
            program
                .map(|program| Loaded {
                    name,
                    hook,
                    program,
                })
                .map_err(|source| Absent::Refused { name, source })
        });
        loaded.into_iter().collect::<Result<_, _>>().map(Self)
    }

    /// Puts the program on a cgroup, its links pinned in `pins`. Where an earlier engine's is pinned,
    /// it is replaced in one step.
    pub(crate) fn stand(&self, cgroup: &File, pins: &Path) -> Result<(), InterceptError> {
        use std::os::fd::AsFd as _;
        for Loaded {
            name,
            hook,
            program,
        } in &self.0
        {
            let pin = pins.join(name);
            let stood = if pin.exists() {
                Link::open(&pin).and_then(|link| link.update(program.as_fd()))
            } else {
                Link::create(program.as_fd(), cgroup, *hook).and_then(|link| link.pin(&pin))
            };
            stood.map_err(|source| InterceptError::Pin {
                doing: "attaching",
                path: pin,
                source,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::object, *};

    #[test]
    fn this_kernel_s_verifier_accepts_it_for_both_hooks() {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test needs root, to load a program"
        );
        let ebpf = object::load(None, object::tier()).unwrap();
        let hooks = object::unix(&ebpf).unwrap();
        assert_eq!(hooks.0.len(), HOOKS.len());
    }
}
