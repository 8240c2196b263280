//! `cargo xtask bench`: what weir costs, beside doing without it.
//!
//! Job: run everything that is compared in one run, interleaved (A B A B …), and print ratios with
//! their spread, so that a noisy machine still tells the truth. Not its job: passing or failing; a
//! figure is never asserted.
//!
//! Known limits: a ratio of two things that ran one after the other still holds what the machine
//! did in between; read the spread before the figure.

mod client;
mod connect;
mod connections;
mod copier;
mod database;
mod idle;
mod load;
mod measure;
mod part;
mod peers;
mod pgbench;
mod record;
mod report;
mod scene;
mod soak;
mod stage;
mod stream;
mod usage;
mod verdict;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;

use crate::build_weir::Profile;
use crate::setup::{self, Part as Needed};
use crate::workspace::Workspace;
use crate::{build_ebpf, build_weir, interrupt, say};
use report::Report;

pub(crate) use part::{Part, run as part};

/// How the benchmark is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to measure; everything if none is named
    sections: Vec<Section>,
    /// How often each thing is measured, in turns
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Keep the run in this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Compare with a run that was kept
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// How many seconds each of pgbench's runs takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// With so many of pgbench's clients; 1, 8 and 32 if none is named
    #[arg(long, value_name = "COUNT", value_delimiter = ',')]
    clients: Vec<u32>,
    /// In this of pgbench's query modes; all if none is named
    #[arg(long, value_enum, value_delimiter = ',')]
    modes: Vec<pgbench::Mode>,
    /// How many idle connections are held
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// How many seconds the soak takes
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    soak: u32,
    /// Measure this weir instead of building one
    #[arg(long, value_name = "PATH")]
    weir: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Section {
    /// What a short transaction costs, beside other proxies
    Pgbench,
    /// What many rows cost, masked and not
    Stream,
    /// New connections, one for each transaction
    Connecting,
    /// What an idle connection holds, and a new one takes among many
    Idle,
    /// Mixed load, with policies loaded anew each second and a kill -9 each minute
    Soak,
    /// What connect() costs a process that weir does not govern, and one that it does
    Connect,
    /// What recording a statement costs, and what the disk has of it
    Record,
    /// What judging a statement costs, with many policies
    Verdict,
}

impl Section {
    const ALL: [Self; 8] = [
        Self::Pgbench,
        Self::Stream,
        Self::Connecting,
        Self::Idle,
        Self::Soak,
        Self::Connect,
        Self::Record,
        Self::Verdict,
    ];
}

/// The weir that is measured, where it runs as a whole.
fn weir(workspace: &Workspace, options: &Options) -> Result<PathBuf> {
    if !geteuid().is_root() {
        bail!("this benchmark loads eBPF programs and makes cgroups: run it as root");
    }
    match &options.weir {
        Some(weir) => weir
            .canonicalize()
            .with_context(|| format!("no weir at {}", weir.display())),
        None => {
            setup::parts(workspace, &[Needed::Ebpf])?;
            build_ebpf::run(workspace)?;
            build_weir::run(workspace, Profile::Release)
        }
    }
}

/// Builds what it needs, measures, and prints a table.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let sections = match &options.sections[..] {
        [] => &Section::ALL[..],
        named => named,
    };
    let before = options.against.as_deref().map(Report::read).transpose()?;
    interrupt::watch()?;
    let mut report = Report::new(options.rounds);
    for section in sections {
        match section {
            Section::Pgbench
            | Section::Stream
            | Section::Connecting
            | Section::Idle
            | Section::Soak => {
                setup::parts(workspace, &[Needed::Postgres, Needed::Proxies])?;
                let weir = weir(workspace, options)?;
                let measure = match section {
                    Section::Stream => stream::measure,
                    Section::Connecting => connections::measure,
                    Section::Idle => idle::measure,
                    Section::Soak => soak::measure,
                    _ => pgbench::measure,
                };
                measure(workspace, &weir, options, &mut report)?;
            }
            Section::Connect => {
                let weir = weir(workspace, options)?;
                connect::measure(&weir, options.rounds, &mut report)?;
            }
            Section::Record => record::measure(workspace, options.rounds, &mut report)?,
            Section::Verdict => verdict::measure(workspace, options.rounds, &mut report)?,
        }
    }
    report.print(before.as_ref());
    if let Some(file) = &options.json {
        report.keep(file)?;
        say::good(format_args!("kept in {}", file.display()));
    }
    Ok(())
}
