//! The programs by name: load, attach, pin.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, BorrowedFd},
    path::Path,
};

use aya::{
    Ebpf,
    programs::{CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError, links::FdLink},
};

use super::link::Link;
use crate::InterceptError;

/// What is attached to every tagged cgroup, in this order: the backstop first, so that there is no
/// moment in which some hooks stand and a packet still passes beside them.
pub(crate) const WORKLOAD: [&str; 16] = [
    "egress",
    "flow_open",
    "connect4",
    "connect6",
    "sendmsg4",
    "sendmsg6",
    "sock_create",
    "setsockopt",
    "bind4",
    "bind6",
    "post_bind4",
    "post_bind6",
    "getpeername4",
    "getpeername6",
    "recvmsg4",
    "recvmsg6",
];

/// `BPF_CGROUP_SETSOCKOPT` of `enum bpf_attach_type`, include/uapi/linux/bpf.h.
const SETSOCKOPT: u32 = 22;

/// What is attached to the engine's own cgroup.
pub(crate) const ENGINE: &str = "flow_accept";

/// What is attached to the v2 root, as long as the instance is installed.
pub(crate) const ROOT: [&str; 6] = [
    "root_connect4",
    "root_connect6",
    "root_sendmsg4",
    "root_sendmsg6",
    "root_bind4",
    "root_bind6",
];

/// Every program of the object.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    WORKLOAD.into_iter().chain(ROOT).chain([ENGINE])
}

/// Puts a program through the verifier.
pub(crate) fn load(ebpf: &mut Ebpf, name: &'static str) -> Result<(), InterceptError> {
    let outcome = match program(ebpf, name)? {
        Program::CgroupSkb(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::SockOps(program) => program.load(),
        Program::CgroupSockopt(program) => program.load(),
        _ => return Err(InterceptError::ObjectLacks(name)),
    };
    outcome.map_err(refused(name))
}

/// The descriptor of a loaded program.
fn fd<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<BorrowedFd<'a>, InterceptError> {
    program(ebpf, name)?
        .fd()
        .map(|fd| fd.as_fd())
        .map_err(refused(name))
}

/// Puts loaded programs on a cgroup, in this order, their links pinned in `pins` under their names.
/// One whose link an earlier engine pinned there is replaced in one step.
pub(crate) fn stand(
    ebpf: &mut Ebpf,
    names: &[&'static str],
    cgroup: &File,
    pins: &Path,
) -> Result<(), InterceptError> {
    for name in names {
        let pin = pins.join(name);
        if !pin.exists() {
            attach(ebpf, name, cgroup, &pin)?;
            continue;
        }
        replace(ebpf, name, &pin).map_err(|source| InterceptError::Pin {
            doing: "updating",
            path: pin,
            source,
        })?;
    }
    Ok(())
}

/// Puts a loaded program in the place of the one whose link is pinned at `pin`, in one step.
pub(crate) fn replace(ebpf: &mut Ebpf, name: &'static str, pin: &Path) -> io::Result<()> {
    let program = fd(ebpf, name).map_err(io::Error::other)?;
    Link::open(pin)?.update(program)
}

/// Attaches a loaded program to a cgroup and pins the link at `pin`. It stays attached until the
/// pin is removed or the cgroup is.
pub(crate) fn attach(
    ebpf: &mut Ebpf,
    name: &'static str,
    cgroup: &File,
    pin: &Path,
) -> Result<(), InterceptError> {
    let program = program(ebpf, name)?;
    if let Program::CgroupSockopt(program) = program {
        // The loader can attach it, but not pin it.
        let program = program.fd().map_err(refused(name))?.as_fd();
        return Link::create(program, cgroup, SETSOCKOPT)
            .and_then(|link| link.pin(pin))
            .map_err(|source| InterceptError::Pin {
                doing: "attaching",
                path: pin.to_path_buf(),
                source,
            });
    }
    let link = link(program, name, cgroup).map_err(refused(name))?;
    let pinned = link.pin(pin).map_err(|source| InterceptError::PinLink {
        path: pin.to_path_buf(),
        source: Box::new(source),
    })?;
    // Closes our descriptor; the pin holds the link.
    drop(pinned);
    Ok(())
}

fn link(program: &mut Program, name: &str, cgroup: &File) -> Result<FdLink, ProgramError> {
    // Links are always of the kind that lives beside others; the mode only speaks of older kernels.
    const MODE: CgroupAttachMode = CgroupAttachMode::Single;
    match program {
        Program::CgroupSkb(program) => {
            let id = program.attach(cgroup, CgroupSkbAttachType::Egress, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        Program::CgroupSock(program) => {
            let id = program.attach(cgroup, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(cgroup, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        Program::SockOps(program) => {
            let id = program.attach(cgroup, MODE)?;
            FdLink::try_from(program.take_link(id)?)
        }
        _ => return Err(ProgramError::UnexpectedProgramType),
    }
    .map_err(|error| {
        tracing::debug!(program = name, %error, "the attachment is not a link");
        ProgramError::NotAttached
    })
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Program, InterceptError> {
    ebpf.program_mut(name)
        .ok_or(InterceptError::ObjectLacks(name))
}

fn refused(program: &'static str) -> impl FnOnce(ProgramError) -> InterceptError {
    move |source| InterceptError::Program {
        program,
        source: Box::new(source),
    }
}
