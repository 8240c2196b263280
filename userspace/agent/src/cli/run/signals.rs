//! Signals meant for the command: received with their sender, so that none reaches it twice.
//!
//! The command shares weir's process group, so what a terminal sends (Ctrl-C, Ctrl-Z) reaches both
//! by itself and job control works as without weir. What another process sends to weir alone is
//! passed on.

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::Pid,
};
use tokio::io::unix::AsyncFd;

use super::error::RunError;

/// What is passed on. `SIGTSTP` is left alone: weir stops with the command, and goes on with it.
const PASSED_ON: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Sent by the kernel on its own account: the terminal's keys, a hang-up.
const SI_KERNEL: i32 = 0x80;

/// Proof that the signals are blocked in the thread whose descendants will all have them blocked.
pub(super) struct Blocked(SigSet);

/// The signals, one by one.
pub(super) struct Signals(AsyncFd<SignalFd>);

impl Blocked {
    /// Blocks the signals. To be called before any other thread is there.
    pub(super) fn now() -> Result<Self, RunError> {
        let set: SigSet = PASSED_ON.into_iter().collect();
        set.thread_block()
            .map_err(|errno| RunError::Signals(errno.into()))?;
        Ok(Self(set))
    }

    /// Starts to receive them; on the runtime.
    pub(super) fn listen(&self) -> Result<Signals, RunError> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&self.0, flags)
            .map_err(|errno| RunError::Signals(errno.into()))?;
        // SAFETY: a `SignalFd` owns its one descriptor, gives the same each time, and the
        // `AsyncFd` owns the `SignalFd`.
        let registered = unsafe { AsyncFd::register(fd) };
        registered
            .map(Signals)
            .map_err(|error| RunError::Signals(error.into()))
    }
}

impl Signals {
    /// The next signal that another process sent to weir alone.
    pub(super) async fn next(&mut self) -> Result<Signal, RunError> {
        loop {
            let mut ready = self.0.readable().await.map_err(RunError::Signals)?;
            let read = ready.try_io(|fd| match fd.get_ref().read_signal() {
                Ok(Some(info)) => Ok(info),
                Ok(None) => Err(Errno::EWOULDBLOCK.into()),
                Err(errno) => Err(errno.into()),
            });
            let Ok(info) = read else { continue };
            let info = info.map_err(RunError::Signals)?;
            let signal = i32::try_from(info.ssi_signo).ok().map(Signal::try_from);
            if let Some(Ok(signal)) = signal
                && info.ssi_code != SI_KERNEL
            {
                return Ok(signal);
            }
        }
    }
}

/// Passes a signal on to the command.
pub(super) fn pass_on(signal: Signal, pid: Option<u32>) {
    let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) else {
        return;
    };
    if let Err(errno) = nix::sys::signal::kill(Pid::from_raw(pid), signal) {
        tracing::warn!(%errno, %signal, "can't pass a signal on to the command");
    }
}

#[cfg(test)]
mod tests {
    use nix::{sys::signal::raise, unistd::gettid};

    use super::*;

    /// Sends this thread a signal as the kernel does for a terminal; a process may lie so to
    /// itself alone.
    fn press_ctrl_c() {
        // SAFETY: siginfo_t is plain data, for which zeros are a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        info.si_signo = libc::SIGINT;
        info.si_code = SI_KERNEL;
        // SAFETY: the call reads `info`, which lives through it.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                Pid::this().as_raw(),
                gettid().as_raw(),
                libc::SIGINT,
                &raw const info,
            )
        };
        assert_eq!(sent, 0);
    }

    /// Signals to the thread itself, since the other threads of a test block nothing.
    #[tokio::test]
    async fn what_another_process_sends_is_passed_on_and_a_terminal_s_is_not() {
        let mut signals = Blocked::now().unwrap().listen().unwrap();
        press_ctrl_c();
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(signals.next().await.unwrap(), Signal::SIGTERM);
        raise(Signal::SIGINT).unwrap();
        assert_eq!(signals.next().await.unwrap(), Signal::SIGINT);
    }
}
