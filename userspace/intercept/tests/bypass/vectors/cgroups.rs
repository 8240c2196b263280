//! Leaving the workload by way of the cgroup tree (cgroups(7), "Delegation containment").

use std::{fs, io, path::Path};

use crate::{
    trick,
    vector::{Attempt, Ends, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "cgroups",
    attempts: &[
        Attempt::new("into its user's own cgroup", |aim| {
            move_to(Path::new(&aim.outside))?;
            trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
        })
        .ends(Ends::ByKernel),
        Attempt::new("into the cgroup above", |aim| {
            let above = Path::new(&aim.cgroup).parent().expect("it has one");
            move_to(above)?;
            trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
        })
        .ends(Ends::ByKernel),
        Attempt::new("one thread into another", |aim| {
            fs::write(Path::new(&aim.outside).join("cgroup.threads"), "0")?;
            trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
        })
        .ends(Ends::ByKernel),
        Attempt::new("born elsewhere by CLONE_INTO_CGROUP", |aim| {
            born_in(Path::new(&aim.outside), || {
                trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
            })
        })
        .ends(Ends::ByKernel),
        Attempt::new("below its own, delegated", |aim| {
            let below = Path::new(&aim.cgroup).join("below");
            fs::create_dir(&below)?;
            move_to(&below)?;
            trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
        })
        .delegated(),
        Attempt::new("born below its own, delegated", |aim| {
            let below = Path::new(&aim.cgroup).join("below");
            fs::create_dir(&below)?;
            born_in(&below, || {
                trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
            })
        })
        .delegated(),
        Attempt::new("far below its own, delegated", |aim| {
            let mut below = Path::new(&aim.cgroup).to_owned();
            for _ in 0..24 {
                below.push("b");
                fs::create_dir(&below)?;
            }
            move_to(&below)?;
            trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
        })
        .delegated(),
    ],
};

fn move_to(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.procs"), "0")
}

/// `struct clone_args` of include/uapi/linux/sched.h, as far as `cgroup`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Acts in a child that was never in the caller's cgroup.
fn born_in(cgroup: &Path, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    let directory = fs::File::open(cgroup)?;
    let args = CloneArgs {
        flags: CLONE_INTO_CGROUP,
        exit_signal: u64::from(libc::SIGCHLD.unsigned_abs()),
        cgroup: u64::from(directory.as_raw_fd().unsigned_abs()),
        ..CloneArgs::default()
    };
    // SAFETY: as fork(): the other thread only waits for this one, and the child exits without
    // unwinding into the runner.
    let child = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
    let child = i32::try_from(child).expect("a pid");
    trick::done(child)?;
    if child == 0 {
        trick::user::leave(act());
    }
    trick::user::wait_for(child)
}
