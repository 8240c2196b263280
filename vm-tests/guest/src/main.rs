//! PID 1 of a virtual machine that has one kernel to show and nothing else to do: it makes what a
//! host has (file systems, modules, loopback), tells what the doctor finds, runs the test binaries
//! that lie in `/suites`, and turns the machine off.
//!
//! Speaks to `cargo xtask vm` over the console, in lines that begin with [`MARK`]. Not its job:
//! judging what the tests say.
//!
//! Known limits: the root is the initial file system, which can't be pivoted away from.

mod child;
mod limits;
mod mounts;

use std::{
    fs,
    io::{self, Write as _},
    process::{Command, Stdio},
};

use weir_intercept::doctor::{self, Outcome};

/// How a line to `cargo xtask vm` begins.
const MARK: &str = "weir-vm:";

/// A suite a line: its name, its program and the program's arguments, parted by spaces.
const SUITES: &str = "/suites";

/// Modules to be loaded ahead, a line each. The kernel asks for others itself.
const MODULES: &str = "/modules";

fn main() {
    if std::process::id() != 1 {
        tell("this is for a virtual machine's PID 1 alone");
        return;
    }
    if let Err(error) = run() {
        tell(&format!("error {error}"));
    }
    turn_off();
}

fn run() -> io::Result<()> {
    mounts::make()?;
    limits::raise()?;
    for module in fs::read_to_string(MODULES)?.lines() {
        // A kernel that lacks it has it built in, or lacks what the tests then find lacking.
        let _lacking = child::run(Command::new("modprobe").args(["-q", module]));
    }
    child::run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    tell(&format!("kernel {}", release.trim()));
    for probe in doctor::probe() {
        let outcome = match probe.outcome {
            Outcome::Ok => "ok",
            Outcome::Degraded => "degraded",
            Outcome::Missing => "missing",
            Outcome::Untried => "untried",
        };
        tell(&format!("probe {outcome} {}: {}", probe.name, probe.detail));
    }
    for suite in fs::read_to_string(SUITES)?.lines() {
        let mut words = suite.split(' ');
        let (Some(name), Some(program)) = (words.next(), words.next()) else {
            continue;
        };
        tell(&format!("start {name}"));
        let mut command = Command::new(program);
        command.args(words).env("RUST_BACKTRACE", "0");
        // What a test's children complain of would stand between its name and its outcome.
        match child::run(command.stderr(Stdio::null())) {
            Ok(status) => tell(&format!("end {name} {status}")),
            Err(error) => tell(&format!("error {name}: {error}")),
        }
    }
    tell("done");
    Ok(())
}

/// One line on the console, whatever a test has left unfinished there.
fn tell(line: &str) {
    // Nobody is left to be told of a console that is gone.
    let _written = writeln!(io::stdout(), "\n{MARK} {line}");
}

fn turn_off() {
    // SAFETY: takes nothing.
    unsafe { libc::sync() };
    // SAFETY: a command that takes no argument. It does not return.
    unsafe { libc::reboot(libc::LINUX_REBOOT_CMD_POWER_OFF) };
}
