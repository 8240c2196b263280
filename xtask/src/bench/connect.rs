//! What `connect()` costs a process that weir does not govern, with weir and without, and one that
//! it does.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result};
use testbed::{Identity, Spawn};

use super::report::Report;
use super::stage::Stage;
use crate::{interrupt, say};

const SECTION: &str = "connect";
/// How often an ungoverned process connects in a round.
const TIMES: u32 = 4000;
/// How often a governed one does: each is put on record.
const GOVERNED_TIMES: u32 = 500;

/// Measures it so many times.
pub(super) fn measure(weir: &Path, rounds: u32, report: &mut Report) -> Result<()> {
    let to = listener()?.to_string();
    let stage = Stage::raise()?;
    let connecting = |times: u32| stage.part(&["connect", to.as_str(), times.to_string().as_str()]);
    let (mut without, mut with, mut governed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        interrupt::check()?;
        say::line(format_args!("{SECTION}: round {round} of {rounds}"));
        without.push(median(connecting(TIMES))?);
        let mut running = stage.weir(weir, "", "")?;
        with.push(median(connecting(TIMES))?);
        let agent = connecting(GOVERNED_TIMES)
            .in_cgroup(stage.cgroups.agent())
            .as_user(Identity::nobody());
        governed.push(median(agent)?);
        running.stop()?;
        running.lift()?;
    }
    let mut add = |what, values: &[f64], base| report.add(SECTION, what, "µs", values, base);
    add("an ungoverned process, without weir", &without, None);
    add("an ungoverned process, beside weir", &with, Some(&without));
    add("a governed process", &governed, Some(&without));
    Ok(())
}

/// Something that takes connections and drops them.
fn listener() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let at = listener.local_addr().context("cannot listen")?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream);
        }
    });
    Ok(at)
}

/// What it prints.
fn median(spawn: Spawn) -> Result<f64> {
    let output = spawn.run_ok()?;
    let text = output.stdout_text();
    text.trim()
        .parse()
        .with_context(|| format!("{text:?} is no figure"))
}
