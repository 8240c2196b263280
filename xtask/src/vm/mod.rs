//! `cargo xtask vm`: the kernel tests inside the kernels that hosts run, each in a virtual machine.
//!
//! Job: fetch kernels and an emulator into `target/vm`, make each kernel a file system with the tests
//! in it, boot them one after the other, and print what passed where. Nothing is installed and
//! nothing needs root.
//!
//! Known limits: Debian's kernels for x86-64, fetched with apt. Emulated, so slow: a machine has
//! [`Options::minutes`] for all its suites, and what it didn't come to is told as such. Containers
//! are not tried there: the initial file system can't be pivoted away from.

mod apt;
mod boot;
mod cpio;
mod emulator;
mod files;
mod image;
mod kernel;
mod report;
mod suites;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;
use crate::{build_ebpf, say};

pub(crate) use kernel::Kernel;

/// What `cargo xtask vm` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The kernels; all of them if none is named
    #[arg(value_enum)]
    kernels: Vec<Kernel>,
    /// Only the tests of the suite `kernel` whose names contain one of these
    #[arg(long)]
    only: Vec<String>,
    /// Only the suite of this name: kernel or bypass
    #[arg(long)]
    suite: Option<String>,
    /// Only the ways around whose names contain this word
    #[arg(long)]
    vector: Option<String>,
    /// Build the tests optimised, in a directory of their own: slower to build, faster there
    #[arg(long)]
    optimised: bool,
    /// How long one kernel may take for all of it
    #[arg(long, default_value_t = 20)]
    minutes: u32,
}

/// Boots them one after the other.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!("the kernels are x86-64's; this machine is another");
    }
    build_ebpf::run(workspace)?;
    let suites = suites::build(workspace, options)?;
    let dir = workspace.root().join("target").join("vm");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let emulator = emulator::find(&dir)?;
    let kernels: &[Kernel] = match options.kernels.as_slice() {
        [] => &Kernel::ALL,
        some => some,
    };
    let mut reports = Vec::new();
    for kernel in kernels {
        say::heading(format_args!("Linux {kernel}"));
        let fetched = kernel::fetch(*kernel, &dir)?;
        let image = image::make(&fetched, &suites)?;
        let console = boot::boot(&emulator, &fetched, &image, options.minutes)?;
        let report = report::Report::read(*kernel, &suites, &console);
        for line in report.details() {
            say::line(line);
        }
        reports.push(report);
    }
    say::heading("kernel x suite");
    for line in report::table(&reports) {
        say::line(line);
    }
    if !reports.iter().all(report::Report::is_good) {
        bail!(
            "not every test passed on every kernel; the consoles are in {}",
            dir.display()
        );
    }
    Ok(())
}
