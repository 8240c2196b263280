//! Processes outside that act for the agent, willingly or not. Outside the promise: a user's processes
//! can do to each other what they like, and weir stands only before those in a workload.

use std::{
    io,
    os::unix::fs::FileExt as _,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use crate::{
    aim::Aim,
    trick::{self, pass},
    vector::{Attempt, Ends, Vector},
};

const OUTSIDE: Ends = Ends::Open(
    "outside the promise: a process of the agent's own user that nobody governs; give each agent a \
     user of its own",
);

pub(super) const VECTOR: Vector = Vector {
    name: "a process outside",
    attempts: &[
        Attempt::new("dials for the agent", |_| {
            pass::tell("go")?;
            pass::hear().map(drop)
        })
        .helped_by(|aim| {
            pass::hear()?;
            act(aim)
        })
        .ends(OUTSIDE),
        Attempt::new("is written to by /proc/PID/mem", |_| {
            let told = pass::hear()?;
            let (pid, place) = told.split_once(' ').expect("two numbers");
            let memory = std::fs::OpenOptions::new()
                .write(true)
                .open(format!("/proc/{pid}/mem"))?;
            let place = place.parse().expect("an address");
            memory.write_all_at(&1u32.to_ne_bytes(), place)?;
            pass::hear().map(drop)
        })
        .helped_by(obey)
        .ends(OUTSIDE),
        Attempt::new("is traced", |_| {
            let told = pass::hear()?;
            let (pid, place) = told.split_once(' ').expect("two numbers");
            let pid: i32 = pid.parse().expect("a pid");
            let place: usize = place.parse().expect("an address");
            // SAFETY: numbers; the tracee is stopped and let go, its memory written in between.
            let attached = unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0) };
            trick::done(i32::try_from(attached).expect("small"))?;
            nix::sys::wait::waitpid(
                nix::unistd::Pid::from_raw(pid),
                Some(nix::sys::wait::WaitPidFlag::__WALL),
            )?;
            // SAFETY: as above.
            let poked = unsafe { libc::ptrace(libc::PTRACE_POKEDATA, pid, place, 1usize) };
            // SAFETY: as above.
            unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0) };
            trick::done(i32::try_from(poked).expect("small"))?;
            pass::hear().map(drop)
        })
        .helped_by(obey)
        .ends(OUTSIDE),
    ],
};

fn act(aim: &Aim) -> io::Result<()> {
    let _answered = trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim);
    pass::tell("done")
}

/// Two words: a tracer writes no less.
static ORDER: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// Does nothing until its memory says otherwise.
fn obey(aim: &Aim) -> io::Result<()> {
    let place = ORDER.as_ptr().expose_provenance();
    pass::tell(format!("{} {place}", std::process::id()))?;
    for _ in 0..200 {
        if ORDER[0].load(Ordering::Relaxed) != 0 {
            return act(aim);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(io::ErrorKind::TimedOut.into())
}
