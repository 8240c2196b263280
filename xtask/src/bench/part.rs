//! The processes of a benchmark that must not be this one: in another cgroup, or without root.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

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
}

/// Plays it.
#[expect(
    clippy::print_stdout,
    reason = "whoever started it reads the figure there"
)]
pub(crate) fn run(part: &Part) -> Result<()> {
    match part.what {
        What::Connect { to, times } => println!("{}", connect(to, times)?),
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
