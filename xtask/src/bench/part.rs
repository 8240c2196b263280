//! The processes of a benchmark that must not be this one: in another cgroup, or without root.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use super::client::{self, Client};
use super::copier;
use super::load;
use super::measure::quantile;

/// Which of them, and what it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Part {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Connect so often, one after the other, and print the median in microseconds
    Connect { to: SocketAddr, times: u32 },
    /// Ask once and throw the answer away; print the megabytes a second, and how many there were
    Stream {
        to: SocketAddr,
        user: String,
        database: String,
        sql: String,
        #[arg(long)]
        binary: bool,
    },
    /// Open so many connections, and print the median of the last hundred in microseconds
    Hold {
        to: SocketAddr,
        user: String,
        database: String,
        count: usize,
        /// Keep them open until killed
        #[arg(long)]
        stay: bool,
    },
    /// Do a little of everything for so many seconds, and print what came of it as JSON
    Load {
        to: SocketAddr,
        user: String,
        database: String,
        clients: u32,
        seconds: u64,
        /// Values are masked there
        #[arg(long)]
        masked: bool,
    },
    /// Copy bytes between whoever connects to the one and the other
    Copy { listen: SocketAddr, to: SocketAddr },
}

/// Plays it.
#[expect(
    clippy::print_stdout,
    reason = "whoever started it reads the figure there"
)]
pub(crate) fn run(part: &Part) -> Result<()> {
    match &part.what {
        What::Connect { to, times } => println!("{}", connect(*to, *times)?),
        What::Copy { listen, to } => copier::run(*listen, *to)?,
        What::Stream {
            to,
            user,
            database,
            sql,
            binary,
        } => {
            let (rate, megabytes) = client::stream(*to, user, database, sql, *binary)?;
            println!("{rate} {megabytes}");
        }
        What::Load {
            to,
            user,
            database,
            clients,
            seconds,
            masked,
        } => {
            let to = load::To {
                addr: *to,
                user,
                database,
                masked: *masked,
            };
            let told = load::run(to, *clients, Duration::from_secs(*seconds));
            println!("{}", serde_json::to_string(&told)?);
        }
        What::Hold {
            to,
            user,
            database,
            count,
            stay,
        } => hold(*to, user, database, *count, *stay)?,
    }
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "whoever started it reads the figures there"
)]
fn hold(to: SocketAddr, user: &str, database: &str, count: usize, stay: bool) -> Result<()> {
    let (mut held, mut took) = (Vec::with_capacity(count), Vec::new());
    for number in 0..count {
        let began = Instant::now();
        held.push(Client::connect(to, user, database)?);
        if number + 100 >= count {
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    println!("{}", quantile(&took, 0.5).context("nothing was held")?);
    if stay {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}

fn connect(to: SocketAddr, times: u32) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
        // Closed by a reset, so that no port is kept waiting.
        let at_once = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once)?;
    }
    quantile(&took, 0.5).context("nothing was measured")
}
