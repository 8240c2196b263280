//! Descriptors and words between an agent and its accomplice.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsRawFd, FromRawFd as _, OwnedFd},
};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::aim::Aim;

/// Gives a descriptor to the other side by SCM_RIGHTS (unix(7)).
pub(crate) fn give(socket: &impl AsRawFd) -> io::Result<()> {
    give_by(&Aim::PAIR, socket)
}

pub(crate) fn give_by(by: &impl AsRawFd, socket: &impl AsRawFd) -> io::Result<()> {
    let rights = [socket.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(
        by.as_raw_fd(),
        &[IoSlice::new(b"take it")],
        &control,
        MsgFlags::empty(),
        None,
    )?;
    Ok(())
}

pub(crate) fn take() -> io::Result<OwnedFd> {
    take_by(&Aim::PAIR)
}

pub(crate) fn take_by(by: &impl AsRawFd) -> io::Result<OwnedFd> {
    let mut word = [0; 32];
    let mut slices = [IoSliceMut::new(&mut word)];
    let mut space = nix::cmsg_space!([i32; 1]);
    let message = recvmsg::<()>(
        by.as_raw_fd(),
        &mut slices,
        Some(&mut space),
        MsgFlags::empty(),
    )?;
    let descriptor = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmRights(rights) => rights.first().copied(),
        _ => None,
    });
    let descriptor = descriptor.ok_or(io::ErrorKind::UnexpectedEof)?;
    // SAFETY: the kernel has just made it for this process, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Tells the other side something.
pub(crate) fn tell(word: impl std::fmt::Display) -> io::Result<()> {
    let word = word.to_string();
    nix::sys::socket::send(Aim::PAIR, word.as_bytes(), MsgFlags::empty())?;
    Ok(())
}

/// Waits for what the other side tells.
pub(crate) fn hear() -> io::Result<String> {
    let mut word = [0; 256];
    let length = nix::sys::socket::recv(Aim::PAIR, &mut word, MsgFlags::empty())?;
    Ok(String::from_utf8_lossy(&word[..length]).into_owned())
}

/// Stays as long as the other side.
pub(crate) fn stay() -> io::Result<()> {
    while !hear()?.is_empty() {}
    Ok(())
}
