//! Programs, run to their end by a PID 1: meanwhile every orphan of the machine is its child.

use std::{
    io,
    process::{Command, ExitStatus},
};

/// Runs it to its end, and reaps whatever else ends in the meantime: a test that waits for a process
/// to be gone must not wait for its ghost.
pub(crate) fn run(command: &mut Command) -> io::Result<ExitStatus> {
    use std::os::unix::process::ExitStatusExt as _;
    let child = command.spawn()?;
    loop {
        let mut status = 0;
        // SAFETY: any child, and a place for its status.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if ended < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        if u32::try_from(ended).ok() == Some(child.id()) {
            return Ok(ExitStatus::from_raw(status));
        }
    }
}
