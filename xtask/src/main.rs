//! `cargo xtask`: everything that is done to this repository, done the same way by everybody.
//!
//! Each command does its own set-up after saying what it will install, so that a fresh machine
//! needs nothing but rustup's stable Rust, a C compiler and its package manager.

mod bench;
mod build_ebpf;
mod build_weir;
mod cgroups;
mod check;
mod demo;
mod drivers;
mod fuzz;
mod interrupt;
mod process;
mod root;
mod say;
mod setup;
mod test;
mod vm;
mod weir;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Set up, build, check, test and show weir",
    version
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building and testing weir needs, saying first what and why
    Setup {
        /// Don't ask before installing
        #[arg(long)]
        yes: bool,
    },
    /// Build the eBPF programs that the agent embeds
    BuildEbpf,
    /// Check formatting, lints, documentation, dependencies and generated files, as CI does
    Check,
    /// Run every test; those that need root are run with sudo if this isn't root
    Test {
        /// Passed on to cargo-nextest, or to `cargo test` where that isn't there
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Show a real agent's psql behind weir, and check that every promise held; needs root
    Demo(demo::Options),
    /// Measure weir beside doing without it, in one run and as ratios; needs root
    Bench(bench::Options),
    /// Run drivers' own test suites through weir and without it, and compare test by test; needs root
    Drivers(drivers::Options),
    /// Look for bytes that break what reads them, beginning with those that once did
    Fuzz(fuzz::Options),
    /// Run the kernel tests in virtual machines with the kernels that hosts run
    Vm(vm::Options),
    /// One process of a benchmark, which starts it by itself
    #[command(hide = true)]
    BenchPart(bench::Part),
}

fn main() -> ExitCode {
    // One line that says what failed: a backtrace of this program would only bury it.
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::bad(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup { yes } => setup::everything(&workspace, *yes),
        Command::BuildEbpf => build_ebpf::run(&workspace),
        Command::Check => check::run(&workspace),
        Command::Test { args } => test::run(&workspace, args),
        Command::Demo(options) => demo::run(&workspace, options),
        Command::Bench(options) => bench::run(&workspace, options),
        Command::Drivers(options) => drivers::run(&workspace, options),
        Command::Fuzz(options) => fuzz::run(&workspace, options),
        Command::Vm(options) => vm::run(&workspace, options),
        Command::BenchPart(part) => bench::part(part),
    }
}
