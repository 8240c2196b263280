//! Starting a virtual machine, and reading its console to the end.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::emulator::Emulator;
use super::kernel::Fetched;
use crate::say;

/// Says little of its own; programs may be attached to the checks of security modules.
const KERNEL: &str = "console=ttyS0 panic=-1 quiet loglevel=1 lsm=landlock,lockdown,yama,bpf";

/// All that it can emulate, but one: QEMU 7.2 spoils the flags when an interrupt meets cmpxchg16b, and
/// the kernel dies of it. It allocates memory in another way without.
const CPU: &str = "max,-cx16";

/// Runs it for at most so many minutes. What it said, also kept in the kernel's directory.
pub(super) fn boot(
    emulator: &Emulator,
    kernel: &Fetched,
    image: &Path,
    minutes: u32,
) -> Result<String> {
    // A machine that hangs has nobody to ask.
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", &format!("{minutes}m"), "nice", "-n", "10"])
        .args(emulator.words())
        .args([
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            CPU,
            "-smp",
            "2",
            "-m",
            "2048",
        ])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
        .args(["-nic", "none", "-no-reboot", "-append", KERNEL])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(image)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    emulator.prepare(&mut command);
    say::line(format_args!("booting {}", kernel.release));
    let mut machine = command.spawn().context("cannot start QEMU")?;
    let console = machine.stdout.take().context("QEMU without a console")?;
    let mut log = File::create(kernel.dir.join("console.log"))?;
    let mut said = String::new();
    for line in BufReader::new(console).split(b'\n') {
        let line = String::from_utf8_lossy(&line?)
            .trim_end_matches('\r')
            .to_owned();
        writeln!(log, "{line}")?;
        if line.starts_with("test ") || line.starts_with("weir-vm: ") {
            say::line(&line);
        }
        said.push_str(&line);
        said.push('\n');
    }
    machine.wait().context("QEMU can't be waited for")?;
    fs::remove_file(image).context("cannot remove the file system")?;
    Ok(said)
}
